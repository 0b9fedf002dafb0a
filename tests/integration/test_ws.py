"""WebSocket: pynng and raw HTTP clients against bridges that listen and dial."""

import pytest

from support import free_port

BIG = bytes(range(256)) * (4 * 4096)  # 4 MiB: above every frame limit that nng has by itself


def ws(path="/quotes", scheme="ws", host="127.0.0.1"):
    return f"{scheme}://{host}:{free_port()}{path}"


@pytest.mark.parametrize("listens", ["bridge", "peer"])
@pytest.mark.parametrize("path", ["", "/", "/quotes", "/site-7/quotes.live"])
def test_messages_go_out_whoever_listens(house, gateway, pynng, listens, path):
    url = ws(path)
    writer = house.writer("quotes", capacity=16 << 20)
    how = {"listen" if listens == "peer" else "dial": url, "topics": b"", "recv_timeout": 20_000}
    with pynng.Sub0(**how, block_on_dial=False, reconnect_time_min=10) as subscriber:
        running = gateway(f"""
            [bridge.quotes]
            pattern = pubsub
            direction = out
            channel = shm://quotes
            {"listen" if listens == "bridge" else "dial"} = {url}
            """)
        running.wait_for_peers("quotes", 1)
        for message in (b"gold 1", BIG):
            writer.publish(message)
            assert subscriber.recv() == message


@pytest.mark.parametrize("listens", ["bridge", "peer"])
def test_messages_come_in_whoever_listens(house, gateway, pynng, listens):
    url = ws()
    with pynng.Push0(**{"listen" if listens == "peer" else "dial": url}, block_on_dial=False, reconnect_time_min=10) as pusher:
        running = gateway(f"""
            [bridge.orders]
            pattern = pipeline
            direction = in
            channel = shm://orders
            shm.capacity = 16MiB
            receive_limit = 5MiB
            {"listen" if listens == "bridge" else "dial"} = {url}
            """)
        reader = house.reader("orders", room=len(BIG))
        running.wait_for_peers("orders", 1)
        for message in (b"buy 1", b"", BIG):
            pusher.send(message)
            assert reader.read()[0] == message
