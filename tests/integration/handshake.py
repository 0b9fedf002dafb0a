"""WebSocket by hand, over plain sockets: for requests, frames and answers that no library would send."""

import base64
import hashlib
import os
import socket
import struct
import urllib.parse

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key + GUID).digest())


def masked(payload, key):
    stream = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(payload), "big")


def frame(opcode, payload, mask=True, final=True, announced=None):
    """`announced`: a length other than the payload's."""
    length = len(payload) if announced is None else announced
    head = bytes([(0x80 if final else 0) | opcode])
    bit = 0x80 if mask else 0
    if length < 126:
        head += bytes([bit | length])
    elif length < 65536:
        head += bytes([bit | 126]) + struct.pack(">H", length)
    else:
        head += bytes([bit | 127]) + struct.pack(">Q", length)
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + masked(payload, key)


class Refused(Exception):
    """The answer was not 101. `status` is what it was."""

    def __init__(self, answer):
        super().__init__(answer)
        self.status = int(answer.split()[1]) if answer.startswith("HTTP/") else None


class Peer:
    """One end of a connection, before or after its handshake."""

    def __init__(self, sock, client):
        self.sock = sock
        self.client = client
        self.buffer = b""

    def _until(self, enough):
        while not enough():
            piece = self.sock.recv(1 << 16)
            if not piece:
                raise ConnectionError("the peer closed")
            self.buffer += piece

    def take_head(self):
        """A request or an answer up to its empty line."""
        self._until(lambda: b"\r\n\r\n" in self.buffer)
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        return head.decode()

    def upgrade(self, url, *arguments, **headers):
        """A client's handshake; Refused with the answer, and the connection closed, when there is none."""
        self.sock.sendall(request(url, *arguments, **headers))
        answer = self.take_head()
        if " 101 " not in answer.split("\r\n")[0]:
            self.close()
            raise Refused(answer)

    def take(self, size):
        self._until(lambda: len(self.buffer) >= size)
        piece, self.buffer = self.buffer[:size], self.buffer[size:]
        return piece

    def receive(self):
        """The next frame: (opcode, final, payload)."""
        first, second = self.take(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", self.take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self.take(8))[0]
        key = self.take(4) if second & 0x80 else bytes(4)
        payload = masked(self.take(length), key)
        return first & 0x0F, bool(first & 0x80), payload

    def receive_close(self):
        """The code of the close frame that comes next; None when the connection ends without one."""
        try:
            opcode, _, payload = self.receive()
        except ConnectionError:
            return None
        assert opcode == CLOSE, (opcode, payload[:40])
        return struct.unpack(">H", payload[:2])[0]

    def send(self, payload, opcode=BINARY, **how):
        self.sock.sendall(frame(opcode, payload, mask=self.client, **how))

    def close(self):
        self.sock.close()


def connect(url, timeout=20):
    """A connection to the URL's host, nothing said yet."""
    address = urllib.parse.urlsplit(url)
    sock = socket.create_connection((address.hostname, address.port), timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def request(url, protocol="pub.sp.nanomsg.org", path=None, **headers):
    """The bytes of an upgrade."""
    address = urllib.parse.urlsplit(url)
    wanted = {
        "Host": address.netloc,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": protocol,
        **headers,
    }
    lines = [f"GET {path or address.path or '/'} HTTP/1.1"] + [f"{name}: {value}" for name, value in wanted.items() if value is not None]
    return "\r\n".join([*lines, "", ""]).encode()


def dial(url, *arguments, **headers):
    """A client after its handshake."""
    peer = Peer(connect(url), client=True)
    peer.upgrade(url, *arguments, **headers)
    return peer


class Server:
    """Listens, and accepts one client at a time."""

    def __init__(self, path="/quotes"):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(20)
        self.url = f"ws://127.0.0.1:{self.listener.getsockname()[1]}{path}"

    def accept(self):
        """(peer after its handshake, its request line, its headers in lower case)."""
        sock, _ = self.listener.accept()
        sock.settimeout(20)
        peer = Peer(sock, client=False)
        line, *rest = peer.take_head().split("\r\n")
        headers = {name.lower(): value for name, value in (header.split(": ", 1) for header in rest)}
        answer = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {accept_of(headers['sec-websocket-key'].encode()).decode()}",
            f"Sec-WebSocket-Protocol: {headers['sec-websocket-protocol']}",
        ]
        sock.sendall("\r\n".join([*answer, "", ""]).encode())
        return peer, line, headers

    def close(self):
        self.listener.close()
