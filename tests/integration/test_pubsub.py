"""Publish and subscribe, out to and in from pynng programs."""

import contextlib

import pytest

from support import tcp

TOPICS = (b"metal/", b"crop/", b"metal/gold/")
MESSAGES = 20_000


def messages():
    return [TOPICS[index % 3] + str(index).encode() for index in range(MESSAGES)]


def receive(subscriber, count):
    return [subscriber.recv() for _ in range(count)]


def test_one_channel_reaches_four_subscribers_and_the_books_balance(house, gateway, pynng):
    url, ipc = tcp(), house.ipc("metals")
    writer = house.writer("metals")
    running = gateway(f"""
        [bridge.metals]
        pattern = pubsub
        direction = out
        channel = shm://metals
        listen = {url}, {ipc}
        """)
    with contextlib.ExitStack() as stack:

        def subscriber(where, topic):
            how = {"dial": where, "topics": topic, "recv_timeout": 20_000, "recv_buffer_size": 8192}
            return stack.enter_context(pynng.Sub0(**how))

        everything = [subscriber(url, b""), subscriber(url, b""), subscriber(ipc, b"")]
        filtered = subscriber(url, b"metal/")
        running.wait_for_peers("metals", 4)

        received = [[] for _ in range(4)]
        expected = messages()
        for start in range(0, MESSAGES, 2000):
            for message in expected[start : start + 2000]:
                writer.publish(message)
            for index, one in enumerate(everything):
                received[index] += receive(one, 2000)
            received[3] += receive(filtered, sum(m.startswith(b"metal/") for m in expected[start : start + 2000]))

        assert received[:3] == [expected] * 3
        assert received[3] == [message for message in expected if message.startswith(b"metal/")]
    [lane] = running.wait_for_balance("metals")
    assert lane["read"] == lane["forwarded"] == MESSAGES


def test_a_prefix_goes_before_each_message(house, gateway, pynng):
    url = tcp()
    writer = house.writer("metals")
    running = gateway(f"""
        [bridge.metals]
        pattern = pubsub
        direction = out
        channel = shm://metals
        listen = {url}
        pubsub.prefix = site7/
        """)
    with pynng.Sub0(dial=url, topics=b"site7/", recv_timeout=20_000) as subscriber:
        running.wait_for_peers("metals", 1)
        writer.publish(b"gold 1")
        assert subscriber.recv() == b"site7/gold 1"


def test_many_channels_share_a_socket_each_under_its_own_prefix(house, gateway, pynng):
    url = tcp()
    gold, corn = house.writer("gold"), house.writer("corn")
    running = gateway(f"""
        [bridge.all]
        pattern = pubsub
        direction = out
        channel = shm://gold, shm://corn
        listen = {url}
        pubsub.prefix = gold/, corn/
        """)
    with pynng.Sub0(dial=url, topics=b"", recv_timeout=20_000) as subscriber:
        running.wait_for_peers("all", 1)
        gold.publish(b"1900")
        corn.publish(b"440")
        assert {subscriber.recv(), subscriber.recv()} == {b"gold/1900", b"corn/440"}
    for lane in running.wait_for_balance("all"):
        assert lane["read"] == lane["forwarded"] == 1


def test_a_remote_publisher_reaches_a_local_reader_without_what_it_did_not_ask_for(house, gateway, pynng):
    url = tcp()
    with pynng.Pub0(listen=url) as publisher:
        running = gateway(f"""
            [bridge.metals]
            pattern = pubsub
            direction = in
            channel = shm://metals
            dial = {url}
            pubsub.topics = metal/
            """)
        reader = house.reader("metals")
        running.wait_for_peers("metals", 1)
        for message in messages()[:6]:
            publisher.send(message)
        received = [reader.read()[0] for _ in range(4)]
    assert received == [message for message in messages()[:6] if message.startswith(b"metal/")]
    [lane] = running.wait_for_balance("metals")
    assert lane["forwarded"] == 4


@pytest.mark.parametrize("listens", ["bridge", "peer"])
def test_either_end_may_listen(house, gateway, pynng, listens):
    url = tcp()
    writer = house.writer("metals")
    how = {"listen" if listens == "peer" else "dial": url, "topics": b"", "recv_timeout": 20_000}
    with pynng.Sub0(**how, block_on_dial=False, reconnect_time_min=10) as subscriber:
        running = gateway(f"""
            [bridge.metals]
            pattern = pubsub
            direction = out
            channel = shm://metals
            {"listen" if listens == "bridge" else "dial"} = {url}
            """)
        running.wait_for_peers("metals", 1)
        writer.publish(b"gold 1")
        assert subscriber.recv() == b"gold 1"
