"""leat for Python, used wrongly: an exception each time, and never a crash, a leak or a hang."""

import gc
import itertools
import os
import random
import subprocess
import sys
import threading
import tracemalloc

import pytest

from python_package import leat, run_here
from support import PATIENCE, wait_until

REFUSED = (TypeError, ValueError, OverflowError, OSError, RuntimeError, BufferError, MemoryError)


@pytest.fixture
def pair(house):
    with leat.Writer("c", directory=house.shm) as writer, leat.Reader("c", directory=house.shm) as reader:
        yield writer, reader


def in_a_process(house, program):
    """Runs in a process of its own: what kills it is a failure here, and not the end of the tests."""
    process = run_here(house, "-X", "faulthandler", "-X", "dev", "-c", program, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=2 * PATIENCE)
    assert process.returncode == 0, err
    return out


# ---- arguments -----------------------------------------------------------------------------------------------------

ODD = [None, True, -1, 2**64, 2**200, 0.5, float("nan"), float("inf"), "", "c", "\0", "\ud800", b"", b"c", b"x" * 100, [], (), {}, object(), type]


def test_any_argument_is_taken_or_refused(pair, house):
    writer, reader = pair
    chance = random.Random(1)
    calls = [
        writer.publish, writer.publish_many, lambda *words: writer.claim(*words).abort(), reader.read_many, reader.acknowledge,
        lambda *words: leat.inspect(*words), lambda *words: leat.remove(*words), lambda *words: leat.forget(*words),
        lambda *words: leat.Waiter().wait(*words[:1], 0),
    ]  # fmt: skip
    for words in itertools.chain(itertools.product(ODD, repeat=1), itertools.product(ODD, repeat=2)):
        for call in calls:
            try:
                call(*words) if call != reader.read_many else call(words[0], 0)
            except REFUSED:
                pass
    names = ["name", "start", "durable", "hold", "manual_ack", "spin", "create", "policy", "producers", "capacity", "mode", "group", "wait_readers"]
    for _ in range(2000):
        words = {name: chance.choice(ODD) for name in chance.sample(names, 3)}
        try:
            leat.Reader(**{"name": "c", **words, "directory": house.shm}).close()
        except REFUSED:
            pass


def test_a_name_is_not_taken_for_its_beginning(pair, house):
    for call in (leat.Reader, leat.Writer, leat.inspect, leat.remove):
        with pytest.raises(ValueError, match="null"):
            call("c\0d", directory=house.shm)


def test_arguments_by_name_and_their_mistakes(pair):
    writer, reader = pair
    writer.publish(data=b"x", tag=1, timeout=1)
    assert reader.read(timeout=1).tag == 1
    for wrong in (
        lambda: writer.publish(),
        lambda: writer.publish(b"x", data=b"x"),
        lambda: writer.publish(b"x", 1, 1, 1),
        lambda: writer.publish(b"x", colour=1),
        lambda: leat.Message(),
        lambda: type(reader.borrow)(),
        lambda: leat.Reader(),
    ):
        with pytest.raises(TypeError):
            wrong()


# ---- use after close -----------------------------------------------------------------------------------------------


def test_after_close_every_call_says_so(house):
    writer, reader = leat.Writer("c", directory=house.shm), leat.Reader("c", directory=house.shm)
    requester, replier = leat.Requester("q", "a", directory=house.shm), leat.Replier("q", "a", directory=house.shm)
    writer.publish(b"x")
    message = reader.read(0)
    for end in (writer, reader, requester, replier):
        end.close()
        end.close()
        assert end.closed and "closed" in repr(end)
    for call in (
        lambda: writer.publish(b"x"),
        lambda: writer.publish_many([b"x"]),
        lambda: writer.claim(1),
        lambda: writer.max_message,
        lambda: writer.origin,
        writer.__enter__,
        reader.read,
        reader.try_read,
        reader.borrow,
        reader.stats,
        lambda: reader.read_many(1),
        lambda: reader.read_many(0),
        lambda: reader.acknowledge(message),
        lambda: next(reader),
        lambda: leat.wait([reader]),
        lambda: requester.request(b"x", 1),
        lambda: requester.send(b"x", 1),
        requester.receive,
        lambda: list(requester.survey(b"x", 1)),
        lambda: requester.forget(1),
        lambda: requester.ignored,
        replier.next,
        lambda: replier.reply(1, b"x"),
    ):
        with pytest.raises(ValueError, match="is closed"):
            call()


def test_what_runs_inside_a_call_may_close_what_it_is_called_on(pair, house):
    writer, reader = pair

    class Seconds:
        def __init__(self, end):
            self.end = end

        def __float__(self):
            self.end.close()
            return 0.01

    requester, replier = leat.Requester("q", "a", directory=house.shm), leat.Replier("q", "a", directory=house.shm)
    other = leat.Reader("c", directory=house.shm)
    for end, call in (
        (reader, reader.read),
        (other, other.borrow),
        (writer, lambda timeout: writer.publish(b"x", 0, timeout)),
        (requester, lambda timeout: requester.request(b"x", timeout)),
        (replier, lambda timeout: replier.reply(1, b"x", timeout)),
    ):
        with pytest.raises(ValueError, match="is closed"):
            call(Seconds(end))


def test_a_signal_handler_may_close_what_is_waited_for(house):
    out = in_a_process(house, """
import leat, os, signal, threading, time
readers = [leat.Reader("c", create=True) for _ in range(3)]
def close(*_):
    for reader in readers: reader.close()
signal.signal(signal.SIGUSR1, close)
threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
print(leat.wait(readers) == readers)
writer = leat.Writer("d", policy="block", capacity=65536)
reader = leat.Reader("d")
signal.signal(signal.SIGUSR1, lambda *_: writer.close())
threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
try:
    while True: writer.publish(b"x" * 10000)
except ValueError as error: print(error)
""")
    assert out.splitlines() == ["True", "the writer is closed"]


def test_a_reader_that_another_thread_took_while_a_signal_handler_ran_is_that_threads(house):
    out = in_a_process(house, """
import leat, os, signal, threading
writer, reader, got = leat.Writer("c"), leat.Reader("c"), []
thread = threading.Thread(target=lambda: got.append(reader.read(20).data))
def let_it_take(*_):
    thread.start()
    try:
        while reader.try_read() is None: pass
    except RuntimeError: pass
signal.signal(signal.SIGUSR1, let_it_take)
threading.Timer(0.1, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
try: reader.read(5)
except RuntimeError as error: print(error)
writer.publish(b"x")
thread.join()
print(got)
""")
    assert out.splitlines() == ["the reader is in use by another call: open one for each thread", "[b'x']"]


# ---- threads -------------------------------------------------------------------------------------------------------


def waiting(call):
    """A thread that is in that call, and what came of it."""
    results = []

    def run():
        try:
            results.append(call())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def test_a_second_thread_is_refused_while_one_waits(pair):
    writer, reader = pair
    thread, results = waiting(lambda: reader.read(PATIENCE))

    def refused():
        try:
            return reader.try_read() is not None
        except RuntimeError as error:
            return "in use by another call" in str(error)

    wait_until(refused, "the other thread waits")
    for call in (reader.read, reader.borrow, lambda: reader.read_many(1), lambda: next(reader), lambda: leat.wait([reader])):
        with pytest.raises(RuntimeError, match="in use"):
            call()
    with pytest.raises(RuntimeError):
        leat.wait([reader, reader])
    writer.publish(b"x")
    thread.join()
    assert results[0].data == b"x"
    with pytest.raises(leat.TimedOut):
        reader.read(0)


@pytest.mark.parametrize("call", ["read", "borrow", "iterate", "wait", "publish", "claim", "request", "next"])
def test_a_close_from_another_thread_ends_a_wait(house, call):
    writer = leat.Writer("b", policy="block", capacity=65536, directory=house.shm)
    full = leat.Reader("b", directory=house.shm)
    reader = leat.Reader("c", create=True, directory=house.shm)
    requester, replier = leat.Requester("q", "a", directory=house.shm), leat.Replier("r", "s", directory=house.shm)

    def fill(put):
        while True:
            put()

    ends = {
        "read": (reader, reader.read),
        "borrow": (reader, reader.borrow),
        "iterate": (reader, lambda: list(reader)),
        "wait": (reader, lambda: leat.wait([reader])),
        "publish": (writer, lambda: fill(lambda: writer.publish(b"x" * 9000))),
        "claim": (writer, lambda: fill(lambda: writer.claim(9000).commit())),
        "request": (requester, lambda: requester.request(b"x", 60)),
        "next": (replier, replier.next),
    }
    end, action = ends[call]
    thread, results = waiting(action)
    thread.join(0.05)
    end.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    if call in ("iterate", "wait"):
        assert results[0] in ([], [reader])
    else:
        assert isinstance(results[0], ValueError) and "closed" in str(results[0])
    del full


def test_many_threads_that_share_everything_only_get_exceptions(house):
    in_a_process(house, """
import leat, random, threading, time
end = time.monotonic() + 1
shared = {}
def work(seed):
    chance = random.Random(seed)
    while time.monotonic() < end:
        try:
            what = chance.randrange(10)
            if what == 0: shared["w"] = leat.Writer("c", policy="block", capacity=65536)
            elif what == 1: shared["r"] = leat.Reader("c")
            elif what == 2: shared["w"].publish(b"x" * chance.randrange(30000), timeout=chance.random() / 100)
            elif what == 3: shared["r"].read(chance.random() / 100)
            elif what == 4: shared["r"].read_many(10, chance.random() / 100)
            elif what == 5: shared["l"] = shared["r"].borrow(chance.random() / 100); shared["v"] = shared["l"].data
            elif what == 6: bytes(shared["v"][:10]); shared["l"].release()
            elif what == 7: shared["k"] = shared["w"].claim(100, timeout=chance.random() / 100); shared["k"].data[0] = 1
            elif what == 8: shared["k"].commit(50)
            elif what == 9: shared[chance.choice("rw")].close() if chance.random() < 0.2 else leat.wait([shared["r"]], 0.001)
        except (OSError, ValueError, RuntimeError, KeyError, TypeError, BufferError):
            pass
threads = [threading.Thread(target=work, args=[seed]) for seed in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
""")


# ---- processes and interpreters ------------------------------------------------------------------------------------


def test_a_forked_child_opens_its_own(house):
    out = in_a_process(house, """
import leat, os
writer, reader = leat.Writer("c"), leat.Reader("c", durable="d")
writer.publish(b"first")
loan = reader.borrow()
child = os.fork()
if child == 0:
    refused = 0
    for call in (lambda: writer.publish(b"x"), reader.read, loan.release, reader.close, writer.close):
        try: call()
        except RuntimeError as error: refused += "before a fork" in str(error)
    leat.Writer("c").publish(b"from the child")
    print(refused, bytes(loan.data) if False else "", flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert bytes(loan.data) == b"first"
loan.release()
writer.publish(b"from the parent")
print([message.data for message in reader.read_many(9, 5)])
""")
    assert out.splitlines() == ["2 ", "[b'from the child', b'from the parent']"]


def test_a_second_interpreter_is_refused_politely(house):
    out = in_a_process(house, """
import leat, _xxsubinterpreters as interpreters
other = interpreters.create()
try:
    interpreters.run_string(other, "import leat")
except interpreters.RunFailedError as error:
    print(error)
leat.Writer("c").publish(b"still works")
""") if sys.version_info < (3, 13) else "ImportError: the main one"
    assert "ImportError" in out and "the main one" in out


def test_an_interpreter_may_end_with_everything_open(house):
    in_a_process(house, """
import asyncio, leat, threading
writer, reader = leat.Writer("c"), leat.Reader("c")
writer.publish(b"x" * 1000)
loan = reader.borrow()
view = memoryview(loan)
claim = writer.claim(10)
other = leat.Reader("c", start="next")
threading.Thread(target=lambda: other.read(), daemon=True).start()
async def main():
    third = leat.Reader("c", start="next")
    asyncio.create_task(third.get())
    await asyncio.sleep(0.05)
asyncio.run(main())
""")


# ---- leaks ---------------------------------------------------------------------------------------------------------


def everything(writer, reader, house):
    """One round of all there is, the failing calls too."""
    writer.publish(b"x" * 100, 2**60)
    writer.publish_many([bytearray(b"y"), memoryview(b"z"), b"w"], [1, 2**63, 3])
    for refused in ([b"x", 7], [b"x", "text"]):
        with pytest.raises(TypeError):
            writer.publish_many(refused)
    reader.read(0), reader.try_read(), reader.read_many(5, 0), reader.stats()
    for call in (lambda: reader.read(0), lambda: writer.publish(b"x", -1), lambda: writer.publish(b"x" * 10**7), lambda: leat.Reader("?", directory=house.shm)):
        with pytest.raises((OSError, OverflowError)):
            call()
    with writer.claim(2**62 // 2**45) as claim:
        memoryview(claim)[0] = 1
    with reader.borrow(0) as loan:
        view = memoryview(loan)
        loan.data, loan.sequence, loan.time
    assert len(view) == 2**17
    with leat.Reader("c", directory=house.shm, start="next", durable="d"):
        leat.inspect("c", house.shm), leat.channels(house.shm), leat.wait([reader], 0)
    with leat.Requester("q", "a", directory=house.shm) as requester, leat.Replier("q", "a", directory=house.shm) as replier:
        requester.send(b"x", 1)
        replier.reply(replier.next(1), b"y")
        requester.receive(1), list(requester.survey(b"x", 0))
        replier.next(1)


ROUNDS = 100


def test_nothing_is_leaked(pair, house):
    writer, reader = pair
    singletons = (None, True, b"", (), leat.TimedOut, leat.Message, leat.Reader)
    tracemalloc.start()
    for _ in range(10):
        everything(writer, reader, house)
    gc.collect()
    files = len(os.listdir("/proc/self/fd"))
    mapped = sum(1 for _ in open("/proc/self/maps"))
    counts = [sys.getrefcount(thing) for thing in singletons]
    start = tracemalloc.get_traced_memory()[0]
    for _ in range(ROUNDS):
        everything(writer, reader, house)
    gc.collect()
    grown = tracemalloc.get_traced_memory()[0] - start
    tracemalloc.stop()
    assert grown < 20_000, f"{grown} bytes more after {ROUNDS} rounds"  # Python itself keeps up to 15,000 for later
    assert len(os.listdir("/proc/self/fd")) == files
    assert abs(sum(1 for _ in open("/proc/self/maps")) - mapped) < 20
    for thing, before in zip(singletons, counts):
        assert abs(sys.getrefcount(thing) - before) < ROUNDS / 2, thing
