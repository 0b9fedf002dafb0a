"""Peers that speak nng's wire protocol over plain sockets: they start in microseconds, may vanish at any byte, and keep
what each connection brought apart. A handshake of 8 bytes, then messages with their length before them."""

import socket
import struct
import threading
import time

PUB, SUB, PUSH, PULL = 0x20, 0x21, 0x50, 0x51


def hello(protocol):
    return b"\0SP\0" + struct.pack(">HH", protocol, 0)


def receive_exactly(sock, size):
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError("the peer closed in the handshake")
        data += piece
    return data


class Connection:
    """One connection after its handshake. `ipc` frames have one byte more."""

    def __init__(self, sock, protocol, ipc=False):
        self.sock = sock
        self.lead = b"\1" if ipc else b""
        self.buffer = bytearray()
        sock.sendall(hello(protocol))
        self.peer = struct.unpack(">H", receive_exactly(sock, 8)[4:6])[0]

    @classmethod
    def dial(cls, url, protocol, timeout=10):
        scheme, rest = url.split("://", 1)
        if scheme == "ipc":
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            address = rest
        else:
            host, port = rest.rsplit(":", 1)
            address = (host.strip("[]"), int(port))
            sock = socket.socket(socket.AF_INET6 if "[" in host else socket.AF_INET, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        sock.connect(address)
        return cls(sock, protocol, ipc=scheme == "ipc")

    def send(self, data):
        self.sock.sendall(self.lead + struct.pack(">Q", len(data)) + data)

    def receive(self):
        """The whole messages that one read brings, maybe none; None when the peer has closed."""
        piece = self.sock.recv(1 << 18)
        if not piece:
            return None
        self.buffer += piece
        lead, at, whole = len(self.lead), 0, []
        while len(self.buffer) - at >= lead + 8:
            size = struct.unpack_from(">Q", self.buffer, at + lead)[0]
            end = at + lead + 8 + size
            if len(self.buffer) < end:
                break
            whole.append(bytes(self.buffer[at + lead + 8 : end]))
            at = end
        del self.buffer[:at]
        return whole

    def messages(self):
        """Yields message after message, until the peer closes."""
        while (whole := self.receive()) is not None:
            yield from whole

    def vanish(self):
        """As a killed process on another host would look: a reset, whatever was under way."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self):
        self.sock.close()


class Arrival:
    """One connection's messages as numbers, in order, with the time of the first."""

    def __init__(self):
        self.numbers = []
        self.first = None
        self.open = True


class Receiver:
    """Listens as a PULL (or SUB) peer and takes what comes, each connection by itself. `check(data)` turns a message into a
    number and raises when it is not right. `pause`: seconds after each message, for a peer that is slow."""

    def __init__(self, check, protocol=PULL, pause=0.0):
        self.check = check
        self.protocol = protocol
        self.pause = pause
        self.arrivals = []
        self.errors = []
        self.highest = -1
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"tcp://127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        arrival = Arrival()
        try:
            connection = Connection(sock, self.protocol)
            self.arrivals.append(arrival)
            for data in connection.messages():
                number = self.check(data)
                if arrival.first is None:
                    arrival.first = time.monotonic()
                arrival.numbers.append(number)
                self.highest = max(self.highest, number)
                if self.pause:
                    time.sleep(self.pause)
        except ConnectionError:
            pass  # its sender was killed
        except Exception as error:  # what a check says must reach the test
            self.errors.append(repr(error))
        finally:
            arrival.open = False
            sock.close()

    def is_drained(self):
        """Whether every connection but the newest has brought all that it had."""
        return not any(arrival.open for arrival in self.arrivals[:-1])

    def close(self):
        self.listener.close()


def faults(arrivals):
    """What is wrong with a stream that came over several connections: each must be consecutive in itself and begin at
    or before where the ones before it ended. Returns (sentences, how many came again)."""
    wrong, again, following = [], 0, 0
    for index, arrival in enumerate(arrivals):
        numbers = arrival.numbers
        if not numbers:
            continue
        if numbers[0] > following:
            wrong.append(f"connection {index} begins at {numbers[0]}, {following} had to come")
        wrong += [
            f"connection {index}: {after} came after {before}" for before, after in zip(numbers, numbers[1:]) if after != before + 1
        ]
        again += max(0, min(following, numbers[-1] + 1) - numbers[0])
        following = max(following, numbers[-1] + 1)
    return wrong, again
