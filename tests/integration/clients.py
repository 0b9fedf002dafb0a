"""Clients of any protocol over any transport, made by hand: they start in microseconds and may vanish at any byte."""

import contextlib
import socket
import ssl
import struct

import handshake
import sp

PAIR0, PAIR1 = 0x10, 0x11
PUB, SUB = sp.PUB, sp.SUB
REQ, REP = 0x30, 0x31
PUSH, PULL = sp.PUSH, sp.PULL
SURVEYOR, RESPONDENT = 0x62, 0x63
BUS = 0x70

# What a listener of the other side calls itself, in WebSocket's Sec-WebSocket-Protocol.
LISTENERS = {
    PAIR0: "pair", PAIR1: "pair1", PUB: "sub", SUB: "pub", REQ: "rep", REP: "req", PUSH: "pull", PULL: "push",
    SURVEYOR: "respondent", RESPONDENT: "surveyor", BUS: "bus",
}  # fmt: skip

# Before a message's bytes: a question's number, or how many hops it made.
LEADS = {REQ: b"\x80\0\0\1", SURVEYOR: b"\x80\0\0\1", PAIR1: b"\0\0\0\1"}


class Client:
    """One connection: send() and receive() whole messages, without the protocol's own bytes. Every error is an OSError."""

    def __init__(self, url, protocol, context=None, timeout=5):
        self.lead = LEADS.get(protocol, b"")
        self.scheme, rest = url.split("://", 1)
        self.waiting = []
        if self.scheme in ("ws", "wss"):
            self.connection = self._web(url, f"{LISTENERS[protocol]}.sp.nanomsg.org", context, timeout)
        else:
            self.connection = sp.Connection(self._socket(rest, context, timeout), protocol, ipc=self.scheme == "ipc")

    def _socket(self, rest, context, timeout):
        sock = socket.socket(socket.AF_UNIX if self.scheme == "ipc" else socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        host, _, port = rest.rpartition(":")
        sock.connect(rest if self.scheme == "ipc" else (host, int(port)))
        if self.scheme != "ipc":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(sock, server_hostname=host) if self.scheme == "tls+tcp" else sock

    def _web(self, url, protocol, context, timeout):
        peer = handshake.Peer(handshake.connect(url, timeout), client=True)
        if self.scheme == "wss":
            peer.sock = context.wrap_socket(peer.sock, server_hostname="localhost")
        try:
            peer.upgrade(url, protocol)
        except handshake.Refused as refused:
            raise ConnectionError(str(refused)) from refused
        return peer

    @property
    def sock(self):
        return self.connection.sock

    def send(self, data):
        if self.scheme in ("ws", "wss"):
            self.sock.sendall(handshake.frame(handshake.BINARY, self.lead + data))
        else:
            self.connection.send(self.lead + data)

    def receive(self):
        while not self.waiting:
            if self.scheme in ("ws", "wss"):
                opcode, _, payload = self.connection.receive()
                if opcode == handshake.CLOSE:
                    raise ConnectionError("the peer closed")
                self.waiting = [payload]
            else:
                whole = self.connection.receive()
                if whole is None:
                    raise ConnectionError("the peer closed")
                self.waiting = whole
        return self.waiting.pop(0)[len(self.lead) :]

    def vanish(self):
        """A reset, whatever was under way; on a local socket its end without a word."""
        with contextlib.suppress(OSError):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


def trusting():
    """A TLS context that looks at nothing: whom it trusts is another test's question."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
