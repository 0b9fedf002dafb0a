"""The books of each peer: what a subscriber was offered, sent and lost, since when; unknown where nobody can know."""

import shutil
import socket
import ssl

import pytest

from certificates import Authority
from channel import BLOCK
from sp import SUB, Connection
from support import LEAT, LEATD, drops, free_port, tcp, wait_until

LARGE = b"x" * 32_768


def take_all(connection, quiet=0.5):
    """Everything that a subscriber finds, until nothing comes for a while."""
    taken = []
    connection.sock.settimeout(quiet)
    try:
        while True:
            whole = connection.receive()
            assert whole is not None, f"the connection was closed after {len(taken)} messages"
            taken += whole
    except socket.timeout:
        pass
    return taken


def peers(gateway, bridge="quotes"):
    """Those that are there, by how many messages they have lost; None last."""
    return sorted((p for p in gateway.bridge(bridge)["peers_shown"] if p["until_ns"] == 0), key=lambda p: p["lost"] or 0)


def wait_for_settled(gateway, lost):
    """The peer that has lost so many and for which nothing waits: what was in doubt is told once it has caught up."""
    found = lambda: [p for p in peers(gateway) if p["lost"] == lost and p["queued"] == 0]  # noqa: E731
    return wait_until(found, f"a peer has caught up and lost {lost}: {peers(gateway)}")[0]


def bridge(urls, *lines):
    return "\n".join(["[bridge.quotes]", "pattern = pubsub", "direction = out", "channel = shm://quotes", f"listen = {urls}", *lines])


def test_a_slow_subscribers_loss_is_known_to_the_message_and_another_one_has_none(house, gateway):
    url = tcp()
    writer = house.writer("quotes")
    running = gateway(bridge(url, "pubsub.queue = 50"))
    slow, quick = Connection.dial(url, SUB), Connection.dial(url, SUB)
    running.wait_for_peers("quotes", 2)
    taken = 0
    for _ in range(20):
        for _ in range(50):
            writer.publish(LARGE)
        while taken % 50 or not taken:
            taken += len(quick.receive())
        taken = 0

    def counted():
        both = peers(running)
        return both if len(both) == 2 and both[1]["offered"] == 1000 and both[0]["sent"] == 1000 else None

    best, worst = wait_until(counted, "both are offered a thousand messages, and one has them all")
    assert (best["lost"], best["queued"]) == (0, 0) and worst["lost"] > 500 and worst["lost_since_ns"] > 0
    assert worst["lost_bytes"] == worst["lost"] * len(LARGE)
    running_bridge = running.bridge("quotes")
    assert running_bridge["state"] == "running" and running_bridge["reason"] == f"peer {worst['address']} is too slow and loses messages"
    taken = len(take_all(slow, 2))
    settled = wait_for_settled(running, 1000 - taken)
    assert settled["sent"] == taken and worst["lost"] <= settled["lost"] <= worst["lost"] + worst["queued"]
    [lane] = running.wait_for_balance("quotes")
    assert lane["forwarded"] == 1000 and not drops(lane) and lane["latency"]["count"] > 0
    quick.close()
    slow.close()


def test_a_peer_that_begins_to_lose_is_an_event_and_so_is_its_end(house, gateway):
    url = tcp()
    writer = house.writer("quotes", policy=BLOCK)
    running = gateway(bridge(url, "pubsub.queue = 10"))
    slow = Connection.dial(url, SUB)
    running.wait_for_peers("quotes", 1)
    wait_until(lambda: running.bridge("quotes")["state"] == "running", "the channel is open")
    for _ in range(500):
        writer.publish(LARGE)
    wait_until(lambda: "is too slow and loses messages" in running.log(), "the log says that a peer loses")
    slow.close()
    wait_until(lambda: running.bridge("quotes")["reason"] == "", "the state says nothing of it any more")
    [left] = [peer for peer in running.bridge("quotes")["peers_shown"] if peer["until_ns"]]
    assert left["lost"] > 100 and left["lost_since_ns"] == 0 < left["lost_last_ns"]
    traffic = running.bridge("quotes")["traffic"]
    assert (traffic["offered"], traffic["lost"]) == (left["offered"], left["lost"])
    events = (house.shm / "leat-gateway.test").read_bytes()
    assert b"is too slow and loses messages, " in events and b"has left; it lost " in events


def test_what_nobody_counts_is_unknown_and_not_zero(house, gateway, pynng):
    url = f"ws://127.0.0.1:{free_port()}/quotes"
    writer = house.writer("quotes")
    running = gateway(bridge(url))
    with pynng.Sub0(dial=url, topics=b"", recv_timeout=20_000) as subscriber:
        running.wait_for_peers("quotes", 1)
        writer.publish(b"one")
        assert subscriber.recv() == b"one"
        [peer] = wait_until(lambda: [p for p in peers(running) if p["offered"] == 1], "it was offered a message")
        assert peer["sent"] is None and peer["lost"] is None and not peer["counted"]
        assert running.bridge("quotes")["peers_uncounted"] == 1
        assert "unknown" in house.run(LEAT, "ledger").stdout


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_a_subscriber_over_tls_has_books_like_others(house, gateway, tmp_path):
    port = free_port()
    authority = Authority(tmp_path, "test-ca")
    identity = authority.issue("localhost", "DNS:localhost")
    running = gateway(
        bridge(f"tls+tcp://127.0.0.1:{port}", f"tls.cert = {identity.certificate}", f"tls.key = {identity.key}", "pubsub.queue = 50")
    )
    writer = house.writer("quotes", policy=BLOCK)
    context = ssl.create_default_context(cafile=authority.certificate)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            subscriber = Connection(sock, SUB)
            running.wait_for_peers("quotes", 1)
            wait_until(lambda: running.bridge("quotes")["state"] == "running", "the channel is open")
            for _ in range(1000):
                writer.publish(LARGE)
            [peer] = wait_until(lambda: [p for p in peers(running) if p["offered"] == 1000], "it was offered all")
            assert peer["counted"] and peer["lost"] > 300
            taken = len(take_all(subscriber, 2))
            assert wait_for_settled(running, 1000 - taken)["sent"] == taken


def test_of_a_crowd_sixty_four_are_shown_and_all_are_summed(house, gateway):
    url = tcp()
    writer = house.writer("quotes")
    running = gateway(bridge(url))
    crowd = [Connection.dial(url, SUB) for _ in range(100)]
    running.wait_for_peers("quotes", 100)
    for _ in range(10):
        writer.publish(b"hello")
    wait_until(lambda: running.bridge("quotes")["traffic"]["sent"] == 1000, "ten messages for a hundred peers are sent")
    assert len(peers(running)) == 64 and running.bridge("quotes")["peers_ever"] == 100
    assert "36 more peers are not shown" in house.run(LEAT, "ledger").stdout
    for connection in crowd[:90]:
        connection.close()
    wait_until(lambda: len(peers(running)) == 10, "those that stay are shown")
    assert running.bridge("quotes")["traffic"]["sent"] == 1000
    for connection in crowd[90:]:
        connection.close()


@pytest.mark.parametrize("scheme", ["tcp", "ipc"])
def test_a_publisher_that_waits_loses_nothing_and_its_producer_feels_it(house, gateway, scheme):
    url = tcp() if scheme == "tcp" else house.ipc("quotes")
    writer = house.writer("quotes", policy=BLOCK, capacity=1 << 20)
    running = gateway(bridge(url, "pubsub.slow_consumer = wait", "pubsub.queue_bytes = 1MiB"))
    slow, quick = Connection.dial(url, SUB), Connection.dial(url, SUB)
    running.wait_for_peers("quotes", 2)
    published = 0
    with pytest.raises(TimeoutError):
        while published < 5000:
            writer.publish(LARGE[:8192], seconds=3)
            published += 1
    reason = wait_until(lambda: running.bridge("quotes")["reason"], "the state says whom it waits for")
    assert "takes nothing, and messages wait for it" in reason
    slow_takes, quick_takes = [], []
    for _ in range(40):  # they take in turns, and so both get everything
        slow_takes += take_all(slow, 0.05)
        quick_takes += take_all(quick, 0.05)
        if len(slow_takes) == len(quick_takes) == published:
            break
    assert len(slow_takes) == len(quick_takes) == published
    [lane] = running.wait_for_balance("quotes")
    assert not drops(lane)
    assert all(peer["lost"] == 0 for peer in running.bridge("quotes")["peers_shown"])
    slow.close()
    quick.close()


def test_waiting_is_for_publishers(house):
    configuration = house.path("wrong.ini")
    configuration.write_text(bridge(tcp(), "pubsub.slow_consumer = wait").replace("direction = out", "direction = in").replace("listen", "dial"))
    answer = house.run(LEATD, "--check", "-c", configuration)
    assert answer.returncode == 78 and "pubsub.slow_consumer" in answer.stderr
