"""A channel reaches a remote nng program, and back: the product's shortest story."""

import signal

from sp import PUSH, SUB, Connection
from support import tcp


def test_a_published_message_reaches_a_remote_subscriber(house, gateway):
    url = tcp()
    writer = house.writer("quotes")
    running = gateway(f"""
        [bridge.quotes]
        pattern = pubsub
        direction = out
        channel = shm://quotes
        listen = {url}
        """)
    subscriber = Connection.dial(url, SUB)
    running.wait_for_peers("quotes", 1)

    writer.publish(b"EURUSD 1.0831")

    assert next(subscriber.messages()) == b"EURUSD 1.0831"
    [lane] = running.wait_for_balance("quotes")
    assert lane["forwarded"] == 1
    assert running.stop() == 0


def test_a_message_from_a_remote_pusher_reaches_a_local_reader(house, gateway):
    url = tcp()
    running = gateway(f"""
        [bridge.orders]
        pattern = pipeline
        direction = in
        channel = shm://orders
        listen = {url}
        """)
    reader = house.reader("orders")

    Connection.dial(url, PUSH).send(b"buy 100")

    assert reader.read() == (b"buy 100", 0)
    assert running.stop(signal.SIGINT) == 0
