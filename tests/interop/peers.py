"""Remote programs, as a test sees them: whoever has written the peer, it sends, and says what it got."""

import collections
import functools
import importlib.util
import os
import pathlib
import queue
import shutil
import subprocess
import sys
import threading

from support import BUILD, PATIENCE

FOLDER = pathlib.Path(__file__).resolve().parent / "peers"

# number: the send that it answers, None where nothing is asked or the program does not say
Got = collections.namedtuple("Got", "data number")


class Lines:
    """What a program prints, item by item, each with a deadline."""

    def __init__(self, house, words, parse):
        how = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "env": house.environment}
        self.process = subprocess.Popen([str(word) for word in words], start_new_session=True, **how)
        house.processes.append(self.process)
        self.items = queue.Queue()
        threading.Thread(target=self._read, args=(parse,), daemon=True).start()

    def _read(self, parse):
        for item in parse(self.process.stdout):
            self.items.put(item)
        self.items.put(None)

    def next(self, what):
        try:
            item = self.items.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"after {PATIENCE} s still not: {what}") from None
        assert item is not None, f"the peer ended with {self.process.wait()} before: {what}"
        return item

    def end(self):
        """By the end of its stdin, or else by force."""
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def parse_lines(stream):
    for line in stream:
        word, *rest = line.decode().split()
        if word == "got":
            data = b"" if rest[0] == "-" else bytes.fromhex(rest[0])
            yield Got(data, int(rest[1]) if len(rest) > 1 else None)
        else:
            yield word


class Program:
    """A peer of peers/: any number of messages of any size, told and heard line by line."""

    only_line = None

    def __init__(self, house, command, role, mode, url, *options):
        self.lines = Lines(house, [*command, role, mode, url, *options], parse_lines)
        self.joined = False
        while (word := self.lines.next("the peer is ready")) != "ready":
            self.joined = word == "joined"

    def wait_until_joined(self):
        """Its side of the connection is up; the gateway's may not be."""
        while not self.joined:
            self.joined = self.lines.next("the peer is connected") == "joined"

    def send(self, data):
        self.lines.process.stdin.write(b"send " + (data.hex().encode() or b"-") + b"\n")
        self.lines.process.stdin.flush()

    def got(self):
        while (item := self.lines.next("the peer got a message")) == "joined":
            pass  # it was cut off, and has found the way back
        return item

    def answer_to(self, question):
        return b"re:" + question

    def close(self):
        self.lines.end()


def parse_msgpack(stream):
    """nngcat --msgpack: each message as a binary of MessagePack."""
    while lead := stream.read(1):
        size = int.from_bytes(stream.read({0xC4: 1, 0xC5: 2, 0xC6: 4}[lead[0]]), "big")
        yield Got(stream.read(size), None)


class Nngcat:
    """nngcat says one thing, again and again, and shows what it gets. Whether it is connected only the gateway knows."""

    only_line = b"nngcat's only line, with a \0 and a \xff in it"

    def __init__(self, house, role, mode, url, *options):
        protocol = role if role.endswith(("0", "1")) else f"{role}0"
        words = ["nngcat", f"--{protocol}", f"--{mode}", url, *options]
        if role not in ("pub", "push"):
            words.append("--msgpack")
        if role not in ("sub", "pull"):
            line = house.path("nngcat-says")
            line.write_bytes(self.only_line)
            words += ["--file", line]
        if role not in ("sub", "pull", "rep", "respondent"):
            words += ["--interval", "1"]
        self.lines = Lines(house, words, parse_msgpack)

    def wait_until_joined(self):
        pass

    def send(self, data):
        assert data == self.only_line

    def got(self):
        return self.lines.next("nngcat got a message")

    def answer_to(self, question):
        return self.only_line

    def close(self):
        self.lines.process.kill()
        self.lines.process.wait()


class Opposite:
    """No program, but the bridge at the other end of an inproc joint, through its channels."""

    only_line = None

    def __init__(self, ends, role):
        self.ends, self.role = ends, role
        self.sent = 0

    def wait_until_joined(self):
        pass

    def send(self, data):
        self.ends.writer.publish(data, tag=self.sent)
        self.sent += 1

    def got(self):
        data, tag = self.ends.reader.read(PATIENCE)
        if self.role in ("rep", "respondent"):
            self.ends.writer.publish(self.answer_to(data), tag)
        return Got(data, tag if self.role in ("req", "surveyor") else None)

    def answer_to(self, question):
        return b"re:" + question

    def close(self):
        pass


# ---- where the programs come from ---------------------------------------------------------------------------------


@functools.cache
def mangos():
    """The Go peer, built; or a sentence why it cannot be."""
    program, sources = BUILD / "bin" / "mangos_peer", FOLDER / "mangos"
    if program.exists() and program.stat().st_mtime > max(file.stat().st_mtime for file in sources.iterdir()):
        return [program], None
    if not shutil.which("go"):
        return None, "Go is not installed (Debian package golang-go)"
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    environment |= {"GOFLAGS": "-buildvcs=false", "CGO_ENABLED": "0"}

    def go(*words):
        how = {"cwd": sources, "env": environment, "capture_output": True, "text": True, "timeout": 300}
        return subprocess.run(["go", *words], **how)

    fetched = go("mod", "download", "go.nanomsg.org/mangos/v3", "github.com/gorilla/websocket")
    if fetched.returncode != 0:
        return None, "mangos is not here (no registry of Go modules could be reached)"
    mine = program.with_suffix(f".{os.getpid()}")
    built = go("build", "-o", str(mine), ".")
    assert built.returncode == 0, built.stderr
    os.replace(mine, program)
    return [program], None


@functools.cache
def command(implementation):
    """(the words that start this peer, None) or (None, why it is not here)."""
    if implementation == "mangos":
        return mangos()
    if implementation == "pynng":
        here = importlib.util.find_spec("pynng")
        why = "pynng is not installed (no Python registry could be reached)"
        return ([sys.executable, FOLDER / "pynng_peer.py"], None) if here else (None, why)
    if implementation == "nngcat":
        return (["nngcat"], None) if shutil.which("nngcat") else (None, "nngcat is not installed (Debian package nng-utils)")
    return [BUILD / "bin" / "libnng_peer"], None


def start(implementation, house, role, mode, url, security):
    """`security`: the papers of this run; None: the transport has no TLS."""
    words, _ = command(implementation)
    if implementation == "nngcat":
        return Nngcat(house, role, mode, url, *(security.of_nngcat(mode) if security else ()))
    return Program(house, words, role, mode, url, *(security.of_program(mode) if security else ()))
