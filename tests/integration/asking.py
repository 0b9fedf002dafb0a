"""What the tests of questions and answers share: remote clients that ask many things at once and judge every answer, and remote
servers that die and come back."""

import itertools
import json
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

from channel import Requester
from sp import Connection
from support import BUILD, wait_until

REQ, REP, SURVEYOR, RESPONDENT = 0x30, 0x31, 0x62, 0x63
IS_QUESTION = 0x80000000


def with_id(number, body):
    return struct.pack(">I", IS_QUESTION | number) + body


def split_id(message):
    word = struct.unpack_from(">I", message)[0]
    assert word & IS_QUESTION, f"an answer with the header {word:#x}"
    return word & ~IS_QUESTION, message[4:]


def start_replier(house, channel, *how):
    """A local replier (tests/support/replier.c) that reads already when this returns."""
    process = house.start(BUILD / "bin/replier", channel, f"{channel}.replies", *how, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    return process


def start_requester(house, channel, *how):
    """A local requester (tests/support/requester.c)."""
    process = house.start(BUILD / "bin/requester", channel, f"{channel}.replies", *how, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    return process


def verdict(process, seconds=60):
    """What a local requester says of its answers; each was its own, or this fails."""
    said = process.communicate(timeout=seconds)[0]
    assert process.returncode == 0, said
    return json.loads(said)


def local_requester(house, channel):
    """This process as a local requester."""
    house.ends.append(Requester(house.shm, channel, f"{channel}.replies"))
    return house.ends[-1]


class Client:
    """A remote requester that speaks REQ's wire protocol and has `window` questions open at a time. Question `name:n` must get the
    answer `re:name:n`, once, under its own id. What is not answered within `limit` seconds, or when the connection breaks, has
    timed out; then the next one is asked. Anything else that comes is kept in `wrong`."""

    def __init__(self, url, name, count, window=20, limit=2.0):
        self.url, self.name, self.count, self.window, self.limit = url, name, count, window, limit
        self.ids = itertools.count(random.getrandbits(30))
        self.open, self.closed = {}, {}  # id -> (body, deadline); id -> body, of those that timed out
        self.asked = self.answered = self.expired = self.late = 0
        self.wrong = []
        self.connection = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while self.asked < self.count or self.open:
            try:
                self.connection = Connection.dial(self.url, REQ)
                self.connection.sock.settimeout(0.1)
                self._talk()
                self.connection.close()
            except OSError:  # nobody listens, or the connection broke
                time.sleep(0.02)
            except Exception as error:  # the test must see it
                self.wrong.append(repr(error))
                return
            self._give_up(list(self.open))

    def _talk(self):
        while self.asked < self.count or self.open:
            while self.asked < self.count and len(self.open) < self.window:
                self._ask()
            try:
                whole = self.connection.receive()
            except TimeoutError:
                whole = []
            if whole is None:
                return  # the gateway hung up
            for message in whole:
                self._judge(message)
            now = time.monotonic()
            self._give_up([number for number, (_, deadline) in self.open.items() if deadline < now])

    def _ask(self):
        number, body = next(self.ids) & 0x7FFFFFFF, f"{self.name}:{self.asked}".encode()
        self.asked += 1
        self.open[number] = (body, time.monotonic() + self.limit)
        self.connection.send(with_id(number, body))

    def _give_up(self, numbers):
        self.expired += len(numbers)
        for number in numbers:
            self.closed[number] = self.open.pop(number)[0]

    def _judge(self, message):
        number, answer = split_id(message)
        if number in self.open and answer == b"re:" + self.open[number][0]:
            del self.open[number]
            self.answered += 1
        elif number in self.closed and answer == b"re:" + self.closed[number]:
            del self.closed[number]  # our own, but too late for us
            self.late += 1
        else:
            self.wrong.append((number, answer))


def finished(clients, seconds=60):
    """Waits for all clients; fails when one got what is not its own. Returns how many questions were answered, and how many
    timed out."""
    wait_until(lambda: not any(client.thread.is_alive() for client in clients), "every question has ended", seconds)
    for client in clients:
        assert not client.wrong, f"{client.name}: {client.wrong[:5]}"
        assert client.answered + client.expired == client.count
    return sum(client.answered for client in clients), sum(client.expired for client in clients)


class Server:
    """A process that runs a few lines of Python with pynng, killed and started again at will."""

    def __init__(self, house, program, *arguments):
        self.house = house
        self.command = (sys.executable, "-c", "import sys, time, pynng\n" + program, *arguments)
        self.start()

    def start(self):
        self.process = self.house.start(*self.command)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Wire:
    """A remote server on one raw connection: listens, takes the gateway's connection, and lets the test say every byte."""

    def __init__(self, protocol):
        self.protocol = protocol
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(20)
        self.url = f"tcp://127.0.0.1:{self.listener.getsockname()[1]}"

    def accept(self):
        sock, _ = self.listener.accept()
        sock.settimeout(20)
        self.connection = Connection(sock, self.protocol)
        self.messages = self.connection.messages()

    def receive(self):
        return split_id(next(self.messages))

    def send(self, number, body):
        self.connection.send(with_id(number, body))

    def close(self):
        self.connection.close()
        self.listener.close()
