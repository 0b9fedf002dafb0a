"""WebSocket: pynng and clients made by hand against bridges that listen and dial."""

import contextlib
import ctypes
import json
import random

import pytest

import handshake
from handshake import BINARY, CONTINUATION, PING, PONG, TEXT
from support import LEATD, free_port, wait_until

BIG = bytes(range(256)) * (4 * 4096)  # 4 MiB: above every frame limit that nng has by itself


def ws(path="/quotes", scheme="ws", host="127.0.0.1", port=None):
    return f"{scheme}://{host}:{port or free_port()}{path}"


def publishes(url, *more, name="quotes", key="listen"):
    lines = [f"[bridge.{name}]", "pattern = pubsub", "direction = out", f"channel = shm://{name}", f"{key} = {url}"]
    return "\n".join([*lines, *more]) + "\n"


def pulls(url, *more, key="listen"):
    lines = ["[bridge.orders]", "pattern = pipeline", "direction = in", "channel = shm://orders", f"{key} = {url}"]
    return "\n".join([*lines, *more]) + "\n"


@pytest.fixture
def writer(house):
    return house.writer("quotes", capacity=16 << 20)


def expect_service(running, writer, url, message=b"still here"):
    """A new subscriber is served: the bridge works."""
    with contextlib.closing(handshake.dial(url)) as subscriber:
        running.wait_for_peers("quotes", 1)
        writer.publish(message)
        assert subscriber.receive() == (BINARY, True, message)
    running.wait_for_peers("quotes", 0)


# ---- with pynng


@pytest.mark.parametrize("listens", ["bridge", "peer"])
@pytest.mark.parametrize("path", ["", "/", "/quotes", "/site-7/quotes.live"])
def test_messages_go_out_whoever_listens(gateway, pynng, writer, listens, path):
    url = ws(path)
    how = {"listen" if listens == "peer" else "dial": url, "topics": b"", "recv_timeout": 20_000}
    with pynng.Sub0(**how, block_on_dial=False, reconnect_time_min=10) as subscriber:
        running = gateway(publishes(url, key="listen" if listens == "bridge" else "dial"))
        running.wait_for_peers("quotes", 1)
        for message in (b"gold 1", BIG):
            writer.publish(message)
            assert subscriber.recv() == message


@pytest.mark.parametrize("listens", ["bridge", "peer"])
def test_messages_come_in_whoever_listens(house, gateway, pynng, listens):
    url = ws()
    with pynng.Push0(**{"listen" if listens == "peer" else "dial": url}, block_on_dial=False, reconnect_time_min=10) as pusher:
        key = "listen" if listens == "bridge" else "dial"
        running = gateway(pulls(url, "shm.capacity = 16MiB", "receive_limit = 5MiB", key=key))
        reader = house.reader("orders", room=len(BIG))
        running.wait_for_peers("orders", 1)
        for message in (b"buy 1", b"", BIG):
            pusher.send(message)
            assert reader.read()[0] == message


@pytest.mark.parametrize("scheme, host", [("ws4", "127.0.0.1"), ("ws6", "[::1]"), ("ws", "[::1]"), ("ws", "localhost")])
def test_either_family(gateway, pynng, writer, scheme, host):
    url = ws(scheme=scheme, host=host)
    running = gateway(publishes(url))
    with pynng.Sub0(dial=url, topics=b"", recv_timeout=20_000) as subscriber:
        running.wait_for_peers("quotes", 1)
        writer.publish(b"gold 1")
        assert subscriber.recv() == b"gold 1"


def test_two_bridges_of_one_worker_share_a_port(house, gateway, pynng, writer):
    port = free_port()
    quotes, orders = ws("/quotes", port=port), ws("/orders", port=port)
    running = gateway(publishes(quotes, "worker = web") + pulls(orders, "worker = web"))
    reader = house.reader("orders")
    with (
        pynng.Sub0(dial=quotes, topics=b"", recv_timeout=20_000) as subscriber,
        pynng.Push0(dial=orders, send_timeout=20_000) as pusher,
    ):
        running.wait_for_peers("quotes", 1)
        running.wait_for_peers("orders", 1)
        writer.publish(b"gold 1")
        assert subscriber.recv() == b"gold 1"
        pusher.send(b"buy 1")
        assert reader.read()[0] == b"buy 1"
    with pytest.raises(handshake.Refused) as refused:
        handshake.dial(ws("/nothing", port=port))
    assert refused.value.status == 404


def test_one_bridge_listens_at_two_paths_of_a_port_and_at_tcp(gateway, pynng, writer):
    port = free_port()
    urls = [ws("/a", port=port), ws("/b", port=port), f"tcp://127.0.0.1:{free_port()}"]
    running = gateway(publishes(", ".join(urls)))
    with contextlib.ExitStack() as stack:
        subscribers = [stack.enter_context(pynng.Sub0(dial=url, topics=b"", recv_timeout=20_000)) for url in urls]
        running.wait_for_peers("quotes", 3)
        writer.publish(b"gold 1")
        assert [subscriber.recv() for subscriber in subscribers] == [b"gold 1"] * 3


def test_any_free_port_is_told(gateway, writer):
    running = gateway(publishes("ws://127.0.0.1:0/quotes"))
    line = wait_until(lambda: next((line for line in running.log().splitlines() if "listens on port" in line), None), "the port is told")
    expect_service(running, writer, ws(port=int(line.rsplit(" ", 1)[1])))


# ---- --check


def has_unsafe_nng():
    nng = ctypes.CDLL("libnng.so.1")
    nng.nng_version.restype = ctypes.c_char_p
    return tuple(map(int, nng.nng_version().split(b".")[:2])) < (1, 6)


@pytest.mark.parametrize("host", ["0.0.0.0", "*", "", "[::]"])
def test_an_unsafe_nng_does_not_listen_where_others_reach_it(house, host):
    file = house.path("wide.ini")
    file.write_text(publishes(ws(host=host)))
    refused = house.run(LEATD, "--check", "-c", file)
    if not has_unsafe_nng():
        assert refused.returncode == 0, refused.stderr
        return
    assert refused.returncode == 78
    assert "can corrupt the memory of the bridge's process (mended in nng 1.6)" in refused.stderr
    assert "ws.accept_unsafe_nng = yes" in refused.stderr
    file.write_text(publishes(ws(host=host), "ws.accept_unsafe_nng = yes"))
    accepted = house.run(LEATD, "--check", "-c", file)
    assert accepted.returncode == 0, accepted.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "[::1]", "localhost"])
def test_loopback_is_always_allowed(house, host):
    file = house.path("narrow.ini")
    file.write_text(publishes(ws(host=host)))
    checked = house.run(LEATD, "--check", "-c", file)
    assert checked.returncode == 0, checked.stderr


def test_every_name_will_do_where_every_address_is_listened_at(gateway, writer):
    port = free_port()
    running = gateway(publishes(ws(host="0.0.0.0", port=port), "ws.accept_unsafe_nng = yes"))
    handshake.dial(ws(port=port), Host="gateway.example:80").close()
    expect_service(running, writer, ws(port=port))


# ---- what a client must say


@pytest.mark.parametrize("words, status", [
    ({"path": "/other"}, 404),
    ({"path": "/quotes/deeper"}, 404),
    ({"Host": "localhost"}, 404),
    ({"Host": None}, 400),
    ({"protocol": "sub.sp.nanomsg.org"}, 400),
    ({"protocol": "pub.sp.nanomsg.org, sub.sp.nanomsg.org"}, 400),
    ({"protocol": None}, 400),
    ({"Upgrade": "h2c"}, 400),
    ({"Sec-WebSocket-Key": "short"}, 400),
    ({"Sec-WebSocket-Version": "8"}, 400),
])  # fmt: skip
def test_a_client_that_says_something_else_is_refused(gateway, writer, words, status):
    url = ws()
    running = gateway(publishes(url))
    with pytest.raises(handshake.Refused) as refused:
        handshake.dial(url, **words)
    assert refused.value.status == status
    expect_service(running, writer, url)


def test_a_query_is_no_hindrance(gateway, writer):
    url = ws()
    running = gateway(publishes(url))
    expect_service(running, writer, url + "?token=7")


def test_sub_protocols_of_ones_own(gateway, writer):
    url = ws()
    running = gateway(publishes(url, "ws.subprotocol = desk.v1 pub.sp.nanomsg.org"))
    for name in ("desk.v1", "pub.sp.nanomsg.org"):
        handshake.dial(url, name).close()
    with pytest.raises(handshake.Refused):
        handshake.dial(url, "desk.v2")
    expect_service(running, writer, url)


def test_only_pages_of_listed_origins_stay_whoever_opened_the_socket(gateway, writer):
    """The socket is opened by the transport of the first URL, tcp here."""
    url = ws()
    running = gateway(publishes(f"tcp://127.0.0.1:{free_port()}, {url}", "ws.origins = https://desk.example, null"))
    for origin in ("https://evil.example", "https://desk.example.evil", "https://desk.example:444", "http://desk.example", ""):
        with contextlib.closing(handshake.dial(url, Origin=origin)) as page:
            assert page.receive_close() in (1000, None), origin
    for origin in ("https://desk.example", "HTTPS://Desk.Example", "null", None):
        with contextlib.closing(handshake.dial(url, Origin=origin)) as page:
            running.wait_for_peers("quotes", 1)
            writer.publish(b"gold 1")
            assert page.receive() == (BINARY, True, b"gold 1"), origin
        running.wait_for_peers("quotes", 0)


# ---- dialling


def test_a_bridge_that_dials_says_its_headers(gateway, writer):
    server = handshake.Server("/feed?venue=7")
    gateway(publishes(
        server.url, 'ws.headers = "Authorization: Bearer t=0k3n:x, Accept-Language: de, en;q=0.5, X-Site: 7"',
        "ws.subprotocol = desk.v1", key="dial",
    ))  # fmt: skip
    peer, line, headers = server.accept()
    assert line == "GET /feed?venue=7 HTTP/1.1"
    assert headers["authorization"] == "Bearer t=0k3n:x"
    assert headers["accept-language"] == "de, en;q=0.5"
    assert headers["x-site"] == "7"
    assert headers["sec-websocket-protocol"] == "desk.v1"
    peer.close()
    again, _, headers = server.accept()
    assert headers["authorization"] == "Bearer t=0k3n:x"
    again.close()
    server.close()


def test_what_a_query_says_stays_between_the_two(gateway):
    """It is where tokens are, and the ledger and the log are read by many."""
    url = ws()
    running = gateway(f"""
        [bridge.jobs]
        pattern = pipeline
        direction = out
        channel = shm://jobs
        shm.create = yes
        dial = {url}?token=hunter2
        """)
    wait_until(lambda: running.bridge("jobs")["state"] == "connecting", "it waits for its peer")
    shown = json.dumps(running.bridge("jobs")) + running.log()
    assert url in shown and "hunter2" not in shown


def test_a_server_that_sends_too_much_loses_the_connection_or_the_message(house, gateway):
    server = handshake.Server("/orders")
    running = gateway(pulls(server.url, "receive_limit = 64KiB", "ws.reconnect_min = 10ms", key="dial"))
    reader = house.reader("orders")
    peer, _, _ = server.accept()
    peer.send(bytes(65537))
    assert peer.receive_close() == 1009
    peer, _, _ = server.accept()
    for index in range(3):
        peer.send(bytes(30000), CONTINUATION if index else BINARY, final=index == 2)
    peer.send(b"buy 1")
    assert reader.read()[0] == b"buy 1"
    [lane] = running.wait_for_balance("orders")
    assert lane["dropped"]["oversize"] == 1 and lane["forwarded"] == 1
    server.close()


# ---- frames


def test_frames_of_every_kind(house, gateway):
    url = ws("/orders")
    running = gateway(pulls(url, "shm.capacity = 16MiB", "receive_limit = 5MiB"))
    reader = house.reader("orders", room=len(BIG))
    with contextlib.closing(handshake.dial(url, "pull.sp.nanomsg.org")) as peer:
        running.wait_for_peers("orders", 1)
        peer.send(b"binary")
        peer.send("text, grüße".encode(), TEXT)
        peer.send(b"in ", BINARY, final=False)
        peer.send(b"are you there", PING)
        peer.send(b"pieces", CONTINUATION)
        assert peer.receive() == (PONG, True, b"are you there")
        assert [reader.read()[0] for _ in range(3)] == [b"binary", "text, grüße".encode(), b"in pieces"]
        peer.send(BIG)  # in one frame
        assert reader.read()[0] == BIG


def test_messages_go_out_as_text_when_asked(gateway, writer):
    url = ws()
    running = gateway(publishes(url, "ws.text = yes"))
    with contextlib.closing(handshake.dial(url)) as peer:
        running.wait_for_peers("quotes", 1)
        writer.publish("größer".encode())
        assert peer.receive() == (TEXT, True, "größer".encode())


BAD_FRAMES = {
    "longer than there is memory": (handshake.frame(BINARY, b"", announced=(1 << 63) - 1), 1009),
    "so long that a size wraps around": (handshake.frame(BINARY, b"", announced=(1 << 64) - 32), 1009),
    "a byte above the limit": (handshake.frame(BINARY, b"", announced=65537), 1009),
    "above the limit in two": (
        handshake.frame(BINARY, bytes(60000), final=False) + handshake.frame(CONTINUATION, b"", announced=5537),
        1009,
    ),
    "not masked": (handshake.frame(BINARY, b"gold", mask=False), 1002),
    "a continuation of nothing": (handshake.frame(CONTINUATION, b"gold"), 1002),
    "a message within a message": (handshake.frame(BINARY, b"one", final=False) + handshake.frame(BINARY, b"two"), 1002),
    "an unknown kind": (handshake.frame(0xB, b"gold"), 1002),
    "a long ping": (handshake.frame(PING, bytes(126)), 1002),
}


@pytest.mark.parametrize("what", BAD_FRAMES)
def test_a_bad_frame_costs_its_sender_the_connection(house, gateway, what):
    bad, code = BAD_FRAMES[what]
    url = ws("/orders")
    running = gateway(pulls(url, "receive_limit = 64KiB"))
    reader = house.reader("orders")
    with contextlib.closing(handshake.dial(url, "pull.sp.nanomsg.org")) as peer:
        peer.sock.sendall(bad)
        assert peer.receive_close() in (code, None)
    with contextlib.closing(handshake.dial(url, "pull.sp.nanomsg.org")) as peer:
        peer.send(b"buy 1")
        assert reader.read()[0] == b"buy 1"
    assert running.bridge("orders")["restarts"] == 0


# ---- hostile bytes


def openings(seed, count):
    """Random bytes, some of which begin as a request does."""
    chance = random.Random(seed)
    good = handshake.request("ws://127.0.0.1:1/quotes")
    for _ in range(count):
        kind = chance.randrange(4)
        if kind == 0:
            yield chance.randbytes(chance.randrange(1, 300))
        elif kind == 1:
            yield good[: chance.randrange(1, len(good))]
        elif kind == 2:
            broken = bytearray(good)
            for _ in range(chance.randrange(1, 9)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            yield bytes(broken)
        else:
            yield good + chance.randbytes(chance.randrange(1, 300))


def test_random_openings_leave_the_bridge_in_service(gateway, writer):
    url = ws()
    running = gateway(publishes(url))
    for opening in openings(7, 10_000):
        with contextlib.suppress(ConnectionError), handshake.connect(url) as client:
            client.sendall(opening)
    expect_service_again(running, writer, url)


def test_half_an_upgrade_keeps_nobody_out(gateway, writer):
    url = ws()
    running = gateway(publishes(url))
    with contextlib.ExitStack() as stack:
        for size in range(1, 120):
            stack.enter_context(handshake.connect(url)).sendall(handshake.request(url)[:size])
        expect_service(running, writer, url)


def test_a_path_that_ends_in_an_escape_costs_a_restart_at_most(gateway, writer):
    """nng before 1.6 reads and writes beyond its copy of the path."""
    url = ws()
    running = gateway(publishes(url))
    for _ in range(200):
        with contextlib.suppress(ConnectionError), contextlib.closing(handshake.Peer(handshake.connect(url), True)) as client:
            client.sock.sendall(handshake.request(url, path="/%41"))
            client.take_head()
    expect_service_again(running, writer, url)


def expect_service_again(running, writer, url):
    """As expect_service; a worker that was hit is there again, and the log says so."""

    def served():
        with contextlib.suppress(ConnectionError, handshake.Refused, TimeoutError):
            expect_service(running, writer, url)
            return True

    wait_until(served, "the bridge serves")
    wait_until(
        lambda: running.bridge("quotes")["restarts"] == 0 or "starting it again" in running.log(), "the log tells of the restarts"
    )
