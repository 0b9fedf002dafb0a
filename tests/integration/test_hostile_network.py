"""Whatever bytes come to a port: no crash, or a worker that is started again and a line in the log; and the bridge carries messages
afterwards.

LEAT_OPENINGS: connections that begin with random bytes, for each port (default 10000)."""

import contextlib
import os
import random
import socket
import ssl
import struct
import time

import pytest

import handshake
import sp
from certificates import Authority
from clients import PUSH, Client, trusting
from support import free_port, note, wait_until

OPENINGS = int(os.environ.get("LEAT_OPENINGS", "10000"))
ABORTED = 1000
HUGE = struct.pack(">Q", 0xFFFFFFFFFFFFFFE0)
RECOVERY = 60.0  # seconds
TRUSTING = trusting()


class Port:
    """A bridge that listens there and brings in what is pushed."""

    def __init__(self, house, folder, scheme):
        self.scheme = scheme
        self.secure = scheme in ("tls+tcp", "wss")
        self.port = free_port()
        self.url = f"{scheme}://127.0.0.1:{self.port}" + ("/hostile" if scheme in ("ws", "wss") else "")
        if scheme == "ipc":
            self.url = house.ipc("hostile")
        if scheme == "abstract":
            self.url = f"abstract://leat-hostile-{self.port}"
        lines = ["pattern = pipeline", "direction = in", "channel = shm://orders", f"listen = {self.url}"]
        if self.secure:
            identity = Authority(folder, "hostile").issue("localhost", "DNS:localhost,IP:127.0.0.1")
            lines += [f"tls.cert = {identity.certificate}", f"tls.key = {identity.key}"]
        self.running = house.gateway("[bridge.orders]\n" + "\n".join(lines) + "\n")
        self.reader = house.reader("orders")

    def connect(self):
        """Nothing said yet."""
        if self.scheme in ("ipc", "abstract"):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(2)
            name = self.url.split("://", 1)[1]
            sock.connect("\0" + name if self.scheme == "abstract" else name)
            return sock
        return socket.create_connection(("127.0.0.1", self.port), 2)

    def push(self, data):
        """A new client's message, until it has come in."""
        if self.scheme == "abstract":
            connection = sp.Connection(self.connect(), PUSH, ipc=True)
        else:
            connection = Client(self.url, PUSH, TRUSTING)
        with contextlib.closing(connection):
            connection.send(data)
            while self.reader.read(seconds=2)[0] != data:  # an opening that was a whole message by chance; or OSError: nothing came
                pass

    def expect_service(self):
        """A message goes through; what went wrong before is in the log."""
        begun = time.monotonic()
        expected = b"buy %d" % random.randrange(1 << 60)

        def served():
            with contextlib.suppress(OSError):
                self.push(expected)
                return True

        wait_until(served, "the bridge carries a message", seconds=RECOVERY)
        restarts = self.running.bridge("orders")["restarts"]
        assert restarts == 0 or "starting it again" in self.running.log(), self.running.log()
        return restarts, time.monotonic() - begun


@pytest.fixture
def port(house, tmp_path, request):
    return Port(house, tmp_path, request.param)


def random_bytes(chance):
    return chance.randbytes(chance.randrange(1, 300))


def damaged(chance, good):
    broken = bytearray(good)
    for _ in range(chance.randrange(1, 9)):
        broken[chance.randrange(len(broken))] = chance.randrange(256)
    return bytes(broken)


def openings_of_sp(chance, lead=b""):
    good = sp.hello(PUSH) + lead + struct.pack(">Q", 4) + b"junk"
    return [
        random_bytes(chance),
        good[: chance.randrange(1, 8)],
        damaged(chance, good),
        sp.hello(chance.randrange(1 << 16)) + random_bytes(chance),
        sp.hello(PUSH) + lead + struct.pack(">Q", chance.randrange(1 << 64)) + random_bytes(chance),
    ]


def openings_of_http(chance):
    good = handshake.request("ws://127.0.0.1/hostile", "pull.sp.nanomsg.org")
    length = chance.choice([0xFFFFFFFFFFFFFFE0, chance.randrange(1 << 64)])
    return [
        random_bytes(chance),
        good[: chance.randrange(1, len(good))],
        damaged(chance, good),
        good + random_bytes(chance),
        good + bytes([0x82, 0xFF]) + struct.pack(">Q", length) + random_bytes(chance),
    ]


def openings_of_tls(chance):
    """A ClientHello, whole, in part or damaged."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        TRUSTING.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    good = outgoing.read()
    record = bytes([chance.randrange(20, 25), 3, chance.randrange(5)]) + struct.pack(">H", chance.randrange(1 << 16))
    part, more = good[: chance.randrange(1, len(good))], random_bytes(chance)
    return [random_bytes(chance), part, damaged(chance, good), good + more, record + more]


def plain_opening(scheme, chance):
    if scheme in ("tls+tcp", "wss"):
        return chance.choice(openings_of_tls(chance))
    if scheme == "ws":
        return chance.choice(openings_of_http(chance))
    return chance.choice(openings_of_sp(chance, b"\1" if scheme in ("ipc", "abstract") else b""))


def open_once(port, chance, context):
    """One connection: random bytes, and a reset. On a secure port every tenth completes its handshake first."""
    with contextlib.closing(port.connect()) as sock:
        data = plain_opening(port.scheme, chance)
        if port.secure and chance.randrange(10) == 0:
            data = chance.choice(openings_of_sp(chance) if port.scheme == "tls+tcp" else openings_of_http(chance))
            sock = context.wrap_socket(sock, server_hostname="localhost")
        sock.sendall(data)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()


@pytest.mark.parametrize("port", ["tcp", "ipc", "abstract", "tls+tcp", "ws", "wss"], indirect=True)
def test_random_openings(port):
    chance, context, refused = random.Random(11), TRUSTING, 0
    for _ in range(OPENINGS):
        try:
            open_once(port, chance, context)
        except OSError:  # it met a listener that was just starting again, or was hung up on in the handshake
            refused += 1
    restarts, after = port.expect_service()
    note(
        f"{OPENINGS} random openings over {port.scheme}: {restarts} restarts of the worker, {refused} cut off; the next message "
        f"after {after:.2f} s"
    )


@pytest.mark.parametrize("port", ["tcp", "ipc", "abstract", "tls+tcp"], indirect=True)
def test_a_length_beyond_all_bounds_costs_its_sender_the_connection(port):
    for _ in range(20):
        sock = port.connect()
        if port.secure:
            sock = TRUSTING.wrap_socket(sock, server_hostname="localhost")
        lead = b"\1" if port.scheme in ("ipc", "abstract") else b""
        connection = sp.Connection(sock, PUSH)
        with contextlib.closing(sock):
            sock.sendall(lead + HUGE + b"x")
            sock.settimeout(10)
            with contextlib.suppress(ConnectionError):
                assert connection.sock.recv(1) == b""
    restarts, _ = port.expect_service()
    assert restarts == 0


@pytest.mark.parametrize("port", ["ipc", "abstract", "tcp"], indirect=True)
def test_aborted_handshakes_do_not_make_a_listener_deaf(port):
    greeting = sp.hello(PUSH)
    chance = random.Random(5)
    for _ in range(ABORTED):
        with contextlib.suppress(OSError), contextlib.closing(port.connect()) as sock:
            sock.sendall(greeting[: chance.randrange(8)])
    restarts, after = port.expect_service()
    note(f"{ABORTED} aborted handshakes over {port.scheme}: {restarts} restarts of the worker, the next message after {after:.2f} s")


@pytest.mark.parametrize("port", ["ws", "wss"], indirect=True)
def test_a_path_that_ends_in_an_escape(port):
    """nng before 1.6 reads and writes beyond its copy of the path."""
    for _ in range(200):
        with contextlib.suppress(OSError, ssl.SSLError), contextlib.closing(port.connect()) as sock:
            if port.secure:
                sock = TRUSTING.wrap_socket(sock, server_hostname="localhost")
            sock.sendall(b"GET /%41 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            sock.recv(100)
            sock.close()
    port.expect_service()
