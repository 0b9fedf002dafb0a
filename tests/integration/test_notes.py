"""Programs as people have them, in notes/, as the remote ends of a gateway: nothing is changed in them but the address."""

import itertools
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import pytest

from support import PATIENCE, free_port, tcp, wait_until

NOTES = pathlib.Path(__file__).parent / "notes"
ADDRESS = re.compile(r'"(?:inproc|ipc|tcp|tcp6|tls\+tcp)://[^"]*"')
QUOTE = struct.Struct("@i4xqd20i")  # struct Data of the C++ programs

pytestmark = pytest.mark.usefixtures("pynng")


class Program:
    """One of the programs at work, with its own address replaced by `url`."""

    def __init__(self, house, note, url, *arguments, half=None, cwd=None):
        self.folder = house.path(f"note-{len(house.processes)}")
        self.folder.mkdir()
        if "trio" in note:
            pytest.importorskip("trio", reason="trio is not installed (no Python registry could be reached)")
        source = self.folder / note
        text, count = ADDRESS.subn(f'"{url}"', (NOTES / note).read_text())
        assert count, f"{note} has no address"
        source.write_text(text)
        if source.suffix == ".cpp":
            command = compiled(source)
        elif half:
            command = [sys.executable, "-u", "-c", f"import {source.stem} as note\n{half}"]
        else:
            command = [sys.executable, "-u", source]
        self.log = self.folder / "printed"
        with open(self.log, "w") as log:
            how = {"stdin": subprocess.PIPE, "stdout": log, "stderr": log, "cwd": cwd or self.folder}
            self.process = house.start(*command, *arguments, **how)

    def lines(self):
        return self.log.read_text().splitlines()

    def wait_for(self, *expected):
        """Until it has printed these lines, in this order; others may stand between them."""

        def printed():
            rest = iter(self.lines())
            return all(line in rest for line in expected)

        wait_until(printed, f"{expected} in what the program prints", pause=0.02)

    def has_ended(self):
        return self.process.poll() is not None

    def ends(self, status=0):
        assert self.process.wait(PATIENCE) == status, "\n".join(self.lines())
        return self.lines()

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


def compiled(source):
    """The command that runs it, each line of its output at once."""
    compiler = shutil.which("c++") or pytest.skip("there is no C++ compiler")
    program = source.with_suffix("")
    subprocess.run([compiler, "-std=c++20", "-w", source, "-o", program, "-lnng"], check=True, timeout=60)
    return "stdbuf", "-oL", program


def bridge(pattern, direction, endpoint, **more):
    keys = {"pattern": pattern, "direction": direction, "channel": "shm://here", **more}
    return "[bridge.note]\n" + "\n".join(f"{key} = {value}" for key, value in keys.items()) + f"\n{endpoint}\n"


# ---- publish and subscribe -------------------------------------------------------------------------------------------


def address(house, kind):
    if kind == "ipc":
        return house.ipc("note")
    if kind == "tcp6":
        import socket

        return f"tcp6://[::1]:{free_port(socket.AF_INET6, '::1')}"
    return f"{kind}://127.0.0.1:{free_port()}"


def publish_until(house, enough, message):
    """As a publisher does that knows nothing of its subscribers: one that is still connecting misses what comes meanwhile."""
    writer = house.writer("here")
    numbers = itertools.count()

    def one_more():
        writer.publish(message(next(numbers)))
        return enough()

    wait_until(one_more, "the program has heard enough", pause=0.02)


def numbers_in(lines):
    """What stands at the end of each; they must follow each other."""
    numbers = [int(re.search(r"\d+$", line)[0]) for line in lines]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), lines
    return numbers


TRANSPORTS = ["ipc", "tcp", "tcp4", "tcp6", "ws"]


@pytest.mark.parametrize("kind", TRANSPORTS)
def test_a_subscriber_on_each_transport(house, gateway, kind):
    url = address(house, kind)
    gateway(bridge("pubsub", "out", f"listen = {url}"))
    program = Program(house, "subscriber.py", url)
    publish_until(house, program.has_ended, lambda number: b"Message %d" % number)
    lines = program.ends()
    assert lines == [f"CLIENT (client0): RECEIVED Message {number}" for number in numbers_in(lines)]
    assert len(lines) == 20


@pytest.mark.parametrize("kind", TRANSPORTS)
def test_a_publisher_on_each_transport(house, gateway, kind):
    url = address(house, kind)
    program = Program(house, "publisher.py", url)
    gateway(bridge("pubsub", "in", f"dial = {url}"))
    first = house.reader("here").read()[0].decode()
    second = house.reader("here").read()[0].decode()
    assert re.fullmatch(r"Message \d+", first) and re.fullmatch(r"Message \d+", second)
    program.wait_for(f"SERVER: PUBLISHING DATE {first}")


@pytest.mark.parametrize("note", ["pubsub_plain.py", "pubsub_asyncio.py"])
def test_the_subscriber_of_a_program_that_is_both(house, gateway, note):
    url = tcp()
    gateway(bridge("pubsub", "out", f"listen = {url}"))
    half = "import asyncio; asyncio.run(note.subscriber())" if "asyncio" in note else "note.subscriber()"
    program = Program(house, note, url, half=half)
    publish_until(house, lambda: len(program.lines()) >= 3, lambda number: b"Message %d" % number)
    lines = program.lines()[:3]
    assert lines == [f"Subscriber received: Message {number}" for number in numbers_in(lines)]


@pytest.mark.parametrize("note", ["pubsub_plain.py", "pubsub_topics.py", "pubsub_asyncio.py"])
def test_the_publisher_of_a_program_that_is_both(house, gateway, note):
    """The whole program runs; the gateway is one subscriber more."""
    url = tcp()
    program = Program(house, note, url)
    gateway(bridge("pubsub", "in", f"dial = {url}"))
    reader = house.reader("here")
    program.wait_for(*[f"Publisher sending: {reader.read()[0].decode()}" for _ in range(2)])


def test_two_subscribers_each_of_a_topic(house, gateway):
    url = tcp()
    gateway(bridge("pubsub", "out", f"listen = {url}"))
    half = "import threading\nfor n in 1, 2: threading.Thread(target=note.subscriber, args=(b'topic%d' % n, n)).start()"
    program = Program(house, "pubsub_topics.py", url, half=half)
    heard = {1: re.compile(r"Subscriber-1 received: topic1: \d+"), 2: re.compile(r"Subscriber-2 received: topic2: \d+")}

    def both_have_heard():
        return all(sum(bool(words.fullmatch(line)) for line in program.lines()) >= 3 for words in heard.values())

    publish_until(house, both_have_heard, lambda number: b"topic%d: %d" % (number % 3 + 1, number))
    assert all(heard[1].fullmatch(line) or heard[2].fullmatch(line) for line in program.lines())


# ---- structs ---------------------------------------------------------------------------------------------------------


def quote(number):
    return QUOTE.pack(number, number * 100, number * 111.1, *[int(number * 100.2 + j) for j in range(10)], *[0] * 10)


@pytest.mark.parametrize("kind", ["ipc", "tcp"])
@pytest.mark.parametrize("note", ["subscriber1.cpp", "subscriber2.cpp"])
def test_a_struct_to_a_subscriber_in_cpp(house, gateway, note, kind):
    url = address(house, kind)
    gateway(bridge("pubsub", "out", f"listen = {url}"))
    program = Program(house, note, url)
    publish_until(house, program.has_ended, quote)
    lines = program.ends()
    assert lines == [f"receive quote.id={number}" for number in numbers_in(lines)]
    assert len(lines) == 10


def test_a_struct_from_a_publisher_in_cpp_byte_for_byte(house, gateway):
    url = house.ipc("note")
    program = Program(house, "publisher.cpp", url)
    gateway(bridge("pubsub", "in", f"dial = {url}"))
    received = house.reader("here").read()[0]
    number = QUOTE.unpack(received)[0]
    assert received == quote(number)
    program.wait_for(f"send quote.id={number}")


def test_a_struct_travels_from_cpp_to_python_byte_for_byte_and_back(house, gateway, pynng):
    """publisher.cpp -> bridge in -> channel -> bridge out -> a subscriber in Python."""
    theirs, ours = house.ipc("note"), tcp()
    Program(house, "publisher.cpp", theirs)
    running = gateway(bridge("pubsub", "in", f"dial = {theirs}") + bridge("pubsub", "out", f"listen = {ours}").replace(".note", ".on"))
    with pynng.Sub0(dial=ours, topics=b"", recv_timeout=20_000) as subscriber:
        running.wait_for_peers("on", 1)
        received = subscriber.recv()
    assert received == quote(QUOTE.unpack(received)[0])


# ---- pair ------------------------------------------------------------------------------------------------------------

PAIR = {"channel": "shm://said", "reply_channel": "shm://heard"}


@pytest.mark.parametrize("note", ["pair_sender.py", "pair_sender_trio.py"])
def test_the_listening_one_of_a_pair(house, gateway, note):
    url = tcp()
    program = Program(house, note, url)
    gateway(bridge("pair", "both", f"dial = {url}", **PAIR))
    heard, writer = house.reader("heard"), house.writer("said")
    for number in range(20):
        assert heard.read()[0] == b"ping-%d" % number
        writer.publish(b"pong-%d" % number)
    lines = program.ends()
    assert lines == [line for number in range(20) for line in (f">> b'ping-{number}'", f"<< b'pong-{number}'")]


@pytest.mark.parametrize(("note", "answer"), [("pair_receiver.py", lambda n: n + 1000), ("pair_receiver_trio.py", lambda n: n * 1000)])
def test_the_dialling_one_of_a_pair(house, gateway, note, answer):
    url = tcp()
    gateway(bridge("pair", "both", f"listen = {url}", **PAIR))
    program = Program(house, note, url)
    heard, writer = house.reader("heard"), house.writer("said")
    for number in range(10):
        writer.publish(b"ping-%d" % number)
        assert heard.read()[0] == b"xong-%d" % answer(number)
    lines = program.ends()
    assert [line for line in lines if line.startswith("<<")] == [f"<< b'ping-{number}'" for number in range(10)]


def test_the_dialling_one_of_a_pair_through_tls(house, gateway):
    url = f"tls+tcp://localhost:{free_port()}"
    request = "req -x509 -newkey rsa:2048 -keyout key.pem -out cert.pem -days 365 -nodes -subj /CN=localhost"
    subprocess.run(["openssl", *request.split()], cwd=house.folder, check=True, capture_output=True)
    tls = {"tls.cert": "cert.pem", "tls.key": "key.pem", **PAIR}
    gateway(bridge("pair", "both", f"listen = {url}", **tls))
    program = Program(house, "pair_tls.py", url, cwd=house.folder)
    assert house.reader("heard").read()[0] == b"ping-0"
    house.writer("said").publish(b"xong-0")
    assert program.ends() == ["<< b'xong-0'"]


# ---- request and reply -----------------------------------------------------------------------------------------------

REPLIES = {"reply_channel": "shm://answers"}


def answer_all(house, count):
    """This process as the local replier; what was asked, in order."""
    reader, writer = house.reader("here"), house.writer("answers")
    asked = []
    for _ in range(count):
        question, tag = reader.read()
        writer.publish(b"answer to " + question, tag)
        asked.append(question)
    return asked


def test_a_requester(house, gateway):
    url = tcp()
    gateway(bridge("reqrep", "in", f"listen = {url}", **REPLIES))
    program = Program(house, "req.py", url)
    assert answer_all(house, 3) == [b"question %d" % number for number in range(3)]
    assert program.ends() == ["nothing was asked yet", *[f"<< answer to question {number}" for number in range(3)]]


def test_a_requester_of_several_at_once_under_asyncio(house, gateway):
    url = tcp()
    gateway(bridge("reqrep", "in", f"listen = {url}", **REPLIES))
    program = Program(house, "req_asyncio.py", url)
    reader, writer = house.reader("here"), house.writer("answers")
    questions = [reader.read() for _ in range(5)]  # all of them before the first answer
    for question, tag in reversed(questions):
        writer.publish(b"answer to " + question, tag)
    assert sorted(program.ends()) == [f"question {number}: answer to question {number}" for number in range(5)]


@pytest.mark.parametrize("note", ["rep.py", "rep_trio.py"])
def test_a_replier(house, gateway, note):
    url = tcp()
    program = Program(house, note, url)
    gateway(bridge("reqrep", "out", f"dial = {url}", **REPLIES))
    writer, answers = house.writer("here"), house.reader("answers")
    for number in range(3):
        writer.publish(b"question %d" % number, tag=1000 + number)
        assert answers.read() == (b"answer to question %d" % number, 1000 + number)
    assert [line for line in program.ends() if "<<" in line] == [f"<< question {number}" for number in range(3)]


# ---- push and pull ---------------------------------------------------------------------------------------------------


def test_one_who_pushes_tasks(house, gateway):
    url = tcp()
    gateway(bridge("pipeline", "in", f"listen = {url}"))
    program = Program(house, "push.py", url)
    reader = house.reader("here")
    assert [reader.read()[0] for _ in range(20)] == [b"task %d" % number for number in range(20)]
    program.say("")
    program.ends()


def test_several_who_pull_tasks_share_them(house, gateway):
    url = tcp()
    running = gateway(bridge("pipeline", "out", f"listen = {url}"))
    programs = [Program(house, "pull.py", url) for _ in range(3)]
    running.wait_for_peers("note", 3)
    writer = house.writer("here")
    for number in range(30):
        writer.publish(b"task %d" % number)
    wait_until(lambda: sum(len(program.lines()) for program in programs) == 30, "all tasks are with somebody")
    assert {line for program in programs for line in program.lines()} == {f"<< task {number}" for number in range(30)}


# ---- survey ----------------------------------------------------------------------------------------------------------


def test_a_surveyor(house, gateway):
    url = tcp()
    program = Program(house, "surveyor.py", url)
    gateway(bridge("survey", "in", f"dial = {url}", **REPLIES))
    survey, tag = house.reader("here").read()
    assert survey == b"who is there?"
    writer = house.writer("answers")
    for number in range(3):
        writer.publish(b"local %d" % number, tag)
    lines = program.ends()
    assert sorted(lines[:3]) == [f"<< local {number}" for number in range(3)]
    assert lines[3:] == ["the survey is over"]


def test_respondents(house, gateway):
    url = tcp()
    running = gateway(bridge("survey", "out", f"listen = {url}", **REPLIES))
    programs = [Program(house, "respondent.py", url) for _ in range(3)]
    running.wait_for_peers("note", 3)
    house.writer("here").publish(b"who is there?", tag=7)
    answers = house.reader("answers")
    assert [answers.read() for _ in range(3)] == [(b"one of the notes", 7)] * 3
    assert all(program.ends() == ["<< who is there?"] for program in programs)


# ---- bus -------------------------------------------------------------------------------------------------------------


def test_nodes_of_a_bus(house, gateway):
    """They are connected with the gateway only: with bus.forward each hears the others through it."""
    url = tcp()
    running = gateway(bridge("bus", "both", f"listen = {url}", **{"bus.forward": "yes"}))
    anna, bert = (Program(house, "bus.py", url, name) for name in ("anna", "bert"))
    running.wait_for_peers("note", 2)
    local = house.writer("here")
    reader = house.reader("here")
    anna.say("hello")
    bert.wait_for("bert heard hello from anna")
    assert reader.read()[0] == b"hello from anna"
    local.publish(b"hello from the host")
    for program, name in ((anna, "anna"), (bert, "bert")):
        program.wait_for(f"{name} heard hello from the host")
    assert anna.lines() == ["anna heard hello from the host"]
