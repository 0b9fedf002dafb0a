"""A million messages of mixed sizes, 0 bytes to 1 MiB, between a C program on this host and a pynng program: none lost, none
doubled, in order, bytes equal."""

import json
import time

from stream import Stream
from support import note, tcp

MESSAGES = 1_000_000


def test_a_million_messages_reach_a_remote_puller_unchanged(house, gateway, pynng):
    url = tcp()
    producer = house.produce("big", "--count", MESSAGES, "--policy", "block", "--capacity", 16 << 20, "--readers", 1)
    running = gateway(f"""
        [bridge.big]
        pattern = pipeline
        direction = out
        channel = shm://big
        listen = {url}
        """)
    stream, started = Stream(seed=1), time.monotonic()
    with pynng.Pull0(dial=url, recv_timeout=60_000) as puller:
        for index in range(MESSAGES):
            assert stream.matches(index, puller.recv_msg().bytes), f"message {index} is lost, doubled, out of order or damaged"
        note(f"{MESSAGES} messages of mixed sizes to pynng, each compared: {time.monotonic() - started:.0f} s")
        assert int(producer.communicate()[0]) == MESSAGES
        [lane] = running.wait_for_balance("big")
        assert lane["read"] == lane["forwarded"] == MESSAGES
        puller.recv_timeout = 200
        try:
            assert not puller.recv_msg(), "more came than was sent"
        except pynng.Timeout:
            pass


def test_a_million_messages_from_a_remote_pusher_reach_a_local_reader_unchanged(house, gateway, pynng):
    url = tcp()
    running = gateway(f"""
        [bridge.big]
        pattern = pipeline
        direction = in
        channel = shm://big
        listen = {url}
        shm.policy = block
        shm.capacity = 16MiB
        """)
    consumer = house.consume("big", "--count", MESSAGES)
    stream, started = Stream(seed=1), time.monotonic()
    with pynng.Push0(dial=url, send_timeout=60_000) as pusher:
        for index in range(MESSAGES):
            pusher.send(stream.message(index))
        answer = json.loads(consumer.communicate(timeout=120)[0])
    note(f"{MESSAGES} messages of mixed sizes from pynng, each compared: {time.monotonic() - started:.0f} s")
    assert answer["wrong"] == "", f"message {answer['wrong_at']}: {answer['wrong']}"
    assert answer["messages"] == MESSAGES
    [lane] = running.wait_for_balance("big")
    assert lane["read"] == lane["forwarded"] == MESSAGES
