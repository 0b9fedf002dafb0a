"""A pair joins a channel to one peer, both ways, and nothing comes back to where it came from."""

import contextlib
import os
import signal

import pytest

from support import drops, tcp, wait_until

MESSAGES = 200


def pair(url, version, reply_channel=True):
    return f"""
        [bridge.link]
        pattern = pair
        direction = both
        channel = shm://link
        {"reply_channel = shm://link.in" if reply_channel else ""}
        listen = {url}
        pair.version = {version}
        shm.capacity = 64MiB
        """


@pytest.fixture(params=[0, 1])
def version(request):
    return request.param


@pytest.fixture
def dial(pynng, version):
    """dial(url) -> a peer of that version."""
    return lambda url: (pynng.Pair0, pynng.Pair1)[version](dial=url, recv_timeout=20_000)


def messages(prefix, first=0):
    return [f"{prefix}{i}".encode() for i in range(first, first + MESSAGES)]


def heard(reader, prefix):
    """The next message of that kind that a reader of the channel gets."""
    while not (message := reader.read(20)[0]).startswith(prefix):
        pass
    return message


def is_silent(pynng, peer):
    """Nothing more comes: what would have come back had to come before the answer to one more message."""
    try:
        peer.recv(block=False)
    except pynng.TryAgain:
        return True
    return False


@pytest.mark.parametrize("reply_channel", [True, False], ids=["two channels", "one channel"])
def test_both_ways_at_once_and_nothing_comes_back(house, gateway, pynng, version, dial, reply_channel):
    url = tcp()
    running = gateway(pair(url, version, reply_channel))
    writer = house.writer("link", capacity=64 << 20)
    with dial(url) as peer:
        reader = house.reader("link.in" if reply_channel else "link")
        for here, there in zip(messages("here "), messages("there ")):
            writer.publish(here)
            peer.send(there)
        assert [peer.recv() for _ in range(MESSAGES)] == messages("here ")
        assert [heard(reader, b"there") for _ in range(MESSAGES)] == messages("there ")
        writer.publish(b"end")
        assert peer.recv() == b"end"
        out, come_in = running.wait_for_balance("link")
        assert is_silent(pynng, peer)
    assert come_in["forwarded"] == MESSAGES and drops(come_in) == {}
    assert out["forwarded"] == MESSAGES + 1
    assert drops(out) == ({} if reply_channel else {"loop": MESSAGES})


def test_what_is_said_while_nobody_is_there_waits_in_the_channel(house, gateway, version, dial):
    url = tcp()
    running = gateway(pair(url, version))
    writer = house.writer("link", capacity=64 << 20)
    for first in (0, MESSAGES):
        for message in messages("m", first):
            writer.publish(message)
        with dial(url) as peer:
            assert [peer.recv() for _ in range(MESSAGES)] == messages("m", first)
        running.wait_for_peers("link", 0)


def test_a_second_peer_is_turned_away_while_the_first_is_there(house, gateway, pynng, version, dial):
    url = tcp()
    running = gateway(pair(url, version))
    writer = house.writer("link", capacity=64 << 20)
    with dial(url) as first, dial(url) as second:
        running.wait_for_peers("link", 1)
        first.recv_timeout = second.recv_timeout = 100

        def heard_by(peer):
            with contextlib.suppress(pynng.Timeout):
                return peer.recv() == b"for one"

        writer.publish(b"for one")
        talks = wait_until(lambda: next(filter(heard_by, (first, second)), None), "one of them hears it")
        assert not heard_by(second if talks is first else first)


def test_what_came_in_before_the_worker_died_is_not_sent_back_by_the_next(house, gateway, version, dial):
    """A peer that does not read holds back what is before its own messages, so that the next worker reads those again."""
    url = tcp()
    running = gateway(pair(url, version, reply_channel=False))
    writer = house.writer("link", capacity=64 << 20)
    with dial(url) as peer:
        reader = house.reader("link")
        for _ in range(40):
            writer.publish(b"here" + bytes(512 << 10))
        for message in messages("there "):
            peer.send(message)
        assert [heard(reader, b"there") for _ in range(MESSAGES)] == messages("there ")
        worker = running.bridge("link")["worker_pid"]
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: running.bridge("link")["worker_pid"] not in (0, worker), "there is another worker")
        writer.publish(b"here end")
        while (message := peer.recv()) != b"here end":
            assert message.startswith(b"here"), message[:20]
        assert drops(running.wait_for_balance("link")[0])["loop"] >= MESSAGES
