"""A struct that a C++ program publishes into a channel arrives byte for byte at a Python program far away, and back."""

import struct
import subprocess

import pytest

from support import BUILD, tcp

COUNT = 100
DATA = struct.Struct("@i4xqd20i")  # struct Data of sdk/examples/cpp/quotes.cc, padding included


def quote(number):
    return DATA.pack(number, number * 100, number * 111.1, *[number * 1000 + i for i in range(20)])


def url_of(house, kind):
    return house.ipc("quotes") if kind == "ipc" else tcp()


@pytest.mark.parametrize("kind", ["ipc", "tcp"])
def test_from_cpp_on_the_channel_to_a_subscriber_in_python(house, gateway, pynng, kind):
    url = url_of(house, kind)
    running = gateway(f"""
        [bridge.quotes]
        pattern = pubsub
        direction = out
        channel = shm://quotes
        listen = {url}
        """)
    with pynng.Sub0(dial=url, topics=b"", recv_timeout=20_000) as subscriber:
        running.wait_for_peers("quotes", 1)
        assert house.run(BUILD / "bin/example_quotes", "produce", "quotes", COUNT).returncode == 0
        assert [subscriber.recv() for _ in range(COUNT)] == [quote(number) for number in range(COUNT)]


@pytest.mark.parametrize("kind", ["ipc", "tcp"])
def test_from_a_pusher_in_python_to_cpp_on_the_channel(house, gateway, pynng, kind):
    url = url_of(house, kind)
    gateway(f"""
        [bridge.quotes]
        pattern = pipeline
        direction = in
        channel = shm://quotes
        listen = {url}
        """)
    house.reader("quotes")
    consumer = house.start(BUILD / "bin/example_quotes", "consume", "quotes", COUNT, stdout=subprocess.PIPE)
    assert consumer.stdout.readline() == "ready\n"
    with pynng.Push0(dial=url, send_timeout=20_000) as pusher:
        for number in range(COUNT):
            pusher.send(quote(number))
        printed = consumer.communicate(timeout=20)[0].splitlines()
    assert printed == [f"{number} as it was" for number in range(COUNT)]
