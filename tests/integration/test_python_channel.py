"""leat for Python: channels. Messages, time limits, errors, readers and writers as Python has them."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from python_package import leat, run_here
from support import PATIENCE


@pytest.fixture
def pair(house):
    with leat.Writer("c", directory=house.shm, capacity=65536) as writer, leat.Reader("c", directory=house.shm) as reader:
        yield writer, reader


def later(action, seconds=0.05):
    thread = threading.Timer(seconds, action)
    thread.start()
    return thread


# ---- messages ------------------------------------------------------------------------------------------------------


def test_a_message_tells_what_is_known_about_it(pair):
    writer, reader = pair
    before = time.time_ns()
    writer.publish(b"hello", 2**64 - 1)
    message = reader.read(PATIENCE)
    assert (message.data, message.tag, message.sequence, message.lost, message.origin) == (b"hello", 2**64 - 1, 0, 0, 0)
    assert before - 1_000_000 < message.time_ns < time.time_ns() + 1_000_000
    assert abs(message.time - message.time_ns / 1e9) < 1e-3
    assert (len(message), bytes(message), memoryview(message)) == (5, b"hello", b"hello")
    assert "5 bytes" in repr(message)


@pytest.mark.parametrize("data", [b"", bytearray(b"abc"), memoryview(b"abcdef")[1:4], memoryview(b"x" * 30000)])
def test_any_contiguous_buffer_is_published(pair, data):
    writer, reader = pair
    writer.publish(data)
    assert reader.read(PATIENCE).data == bytes(data)


def test_what_is_no_contiguous_buffer_is_refused(pair):
    writer, reader = pair
    for wrong in ("text", 7, None, [1], memoryview(b"abcdef")[::2]):
        with pytest.raises((TypeError, BufferError)):
            writer.publish(wrong)
        with pytest.raises((TypeError, BufferError)):
            writer.publish_many([b"first", wrong])
    assert reader.try_read() is None


def test_many_are_published_and_read_at_once(pair):
    writer, reader = pair
    messages = [b"%d" % number for number in range(300)]
    assert writer.publish_many(messages, range(300)) == 300
    assert writer.publish_many(tuple(messages[:5]), 9) == 5
    assert writer.publish_many(iter([])) == 0
    first = reader.read_many(100, PATIENCE)
    rest = reader.read_many(10**9, PATIENCE)
    assert [message.data for message in first + rest] == messages + messages[:5]
    assert [message.tag for message in first + rest] == [*range(300), *[9] * 5]
    assert reader.read_many(10, 0) == [] == reader.read_many(0)
    with pytest.raises(ValueError, match="2 tags for 1"):
        writer.publish_many([b"a"], [1, 2])


def test_a_lapped_reader_is_told_how_many_it_lost(pair):
    writer, reader = pair
    writer.publish_many([b"x" * 1000] * 500)
    first = reader.read(0)
    assert first.lost == first.sequence > 0
    assert reader.stats()["lost"] == first.lost


# ---- time ----------------------------------------------------------------------------------------------------------


def test_a_reader_waits_as_long_as_it_is_told(pair):
    writer, reader = pair
    for call in (reader.read, reader.borrow):
        for seconds in (0, 0.02):
            with pytest.raises(leat.TimedOut) as caught:
                call(seconds)
            assert isinstance(caught.value, TimeoutError) and caught.value.filename == "c"
    later(lambda: writer.publish(b"late"))
    assert reader.read().data == b"late"
    for wrong in (-1, float("nan")):
        with pytest.raises(ValueError, match="seconds"):
            reader.read(wrong)
    with pytest.raises(TypeError):
        reader.read("soon")


def test_other_threads_run_while_one_waits(pair):
    writer, reader = pair
    count, done = 0, threading.Event()

    def wait():
        reader.read(PATIENCE)
        done.set()

    threading.Thread(target=wait).start()
    while count < 100_000:
        count += 1
    writer.publish(b"now")
    assert done.wait(PATIENCE)


def test_a_full_block_channel_makes_its_writer_wait(house):
    with leat.Writer("b", policy="block", capacity=65536, directory=house.shm) as writer:
        with leat.Reader("b", directory=house.shm) as reader:
            with pytest.raises(leat.TimedOut) as caught:
                writer.publish_many([b"x" * 1000] * 100, timeout=0.02)
            published = caught.value.published
            assert 20 < published < 100
            for call in (writer.publish, writer.publish_many, lambda data, timeout: writer.claim(1000, timeout=timeout)):
                with pytest.raises(leat.TimedOut):
                    call([b"x" * 1000] if call == writer.publish_many else b"x" * 1000, timeout=0)
            thread = later(lambda: reader.read_many(20))
            writer.publish(b"y" * 1000, timeout=PATIENCE)
            thread.join()
            assert reader.read_many(1000, PATIENCE)[-1].data == b"y" * 1000


@pytest.mark.parametrize("call", ["read", "iterate", "publish", "request", "wait"])
def test_ctrl_c_ends_every_wait(house, call):
    program = f"""
import leat, sys
writer = leat.Writer("c", policy="block", capacity=65536)
reader = leat.Reader("c")
def iterate():
    for message in reader: pass
def publish():
    while True: writer.publish(b"x" * 10000)
calls = dict(read=reader.read, iterate=iterate, publish=publish, wait=lambda: leat.wait([reader]),
             request=lambda: leat.Requester("q", "a").request(b"x", 60))
print("ready", flush=True)
try:
    calls["{call}"]()
except KeyboardInterrupt:
    print("interrupted")
"""
    process = run_here(house, "-c", program, stdout=subprocess.PIPE)
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)  # most probably it waits by now; it must end either way
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=PATIENCE)[0] == "interrupted\n"
    assert process.returncode == 0


# ---- errors --------------------------------------------------------------------------------------------------------


def test_errors_are_exceptions_with_a_sentence(house, pair):
    writer, reader = pair
    with pytest.raises(leat.NotFound, match="there is no channel 'none'") as caught:
        leat.Reader("none", directory=house.shm)
    assert isinstance(caught.value, (leat.Error, FileNotFoundError)) and caught.value.filename == "none"
    with pytest.raises(leat.NotFound):
        leat.Writer("none", create=False, directory=house.shm)
    with pytest.raises(leat.Exists, match="policy overwrite, block was asked for"):
        leat.Writer("c", policy="block", directory=house.shm)
    with pytest.raises(leat.TooBig):
        writer.publish(b"x" * 32769)
    with pytest.raises(leat.Error, match="no channel name"):
        leat.Writer("a/b", directory=house.shm)
    (house.shm / "leat.broken").write_bytes(b"no channel" * 10000)
    with pytest.raises(leat.VersionMismatch):
        leat.Reader("broken", directory=house.shm)


def test_a_removed_channel_ends_its_readers_and_writers(house, pair):
    writer, reader = pair
    writer.publish(b"last")
    leat.remove("c", force=True, directory=house.shm)
    assert [message.data for message in reader] == [b"last"]
    for call in (reader.read, reader.try_read, reader.borrow, lambda: writer.publish(b"x"), lambda: writer.claim(1)):
        with pytest.raises(leat.Closed):
            call()


def test_what_is_not_asked_for_is_taken_as_it_is(house):
    leat.Writer("c", policy="block", producers="one", capacity=1 << 20, directory=house.shm).close()
    for asked in ({}, {"policy": "block"}, {"capacity": 1 << 20}, {"producers": "one"}):
        leat.Writer("c", directory=house.shm, **asked).close()
    with pytest.raises(leat.Exists):
        leat.Writer("c", directory=house.shm, capacity=2 << 20)


def test_wrong_words_and_numbers_are_named(house):
    for wrong in ({"policy": "bloc"}, {"producers": "two"}, {"capacity": -1}, {"capacity": "1"}, {"mode": 2**40}, {"group": 2**70}):
        with pytest.raises((ValueError, TypeError, OverflowError)):
            leat.Writer("c", directory=house.shm, **wrong)
    with pytest.raises(ValueError, match="'oldest' or 'next'"):
        leat.Reader("c", start="now", directory=house.shm)
    with pytest.raises(TypeError):
        leat.Writer("c", directory=house.shm, colour="red")
    assert leat.channels(house.shm) == []


# ---- readers -------------------------------------------------------------------------------------------------------


def test_a_durable_reader_resumes_where_it_was(house):
    writer = leat.Writer("c", directory=house.shm)
    with leat.Reader("c", durable="d", directory=house.shm) as reader:
        writer.publish_many([b"1", b"2", b"3"])
        assert reader.read(0).data == b"1"
        with pytest.raises(leat.Busy):
            leat.Reader("c", durable="d", directory=house.shm)
    with leat.Reader("c", durable="d", directory=house.shm) as reader:
        assert reader.read(0).data == b"2"
    leat.forget("c", "d", directory=house.shm)
    with pytest.raises(leat.NotFound):
        leat.forget("c", "d", directory=house.shm)


def test_a_manual_reader_goes_on_behind_what_it_acknowledged(house):
    writer = leat.Writer("c", directory=house.shm)
    writer.publish_many([b"1", b"2", b"3"])
    with leat.Reader("c", durable="d", manual_ack=True, directory=house.shm) as reader:
        first = reader.read(0)
        with reader.borrow(0) as second:
            pass
        reader.read(0)
        reader.acknowledge(first)
        thread = threading.Thread(target=reader.acknowledge, args=[second])
        thread.start()
        thread.join()
        with pytest.raises(TypeError):
            reader.acknowledge(7)
    with leat.Reader("c", durable="d", manual_ack=True, directory=house.shm) as reader:
        assert reader.read(0).data == b"3"


def test_one_wait_serves_many_readers(house):
    writers = [leat.Writer(f"c{number}", directory=house.shm) for number in range(20)]
    readers = [leat.Reader(f"c{number}", directory=house.shm) for number in range(20)]
    assert leat.wait(readers, 0.01) == [] == leat.wait(readers, 0)
    later(lambda: writers[7].publish(b"x"))
    assert leat.wait(readers, PATIENCE) == [readers[7]]
    writers[3].publish(b"x")
    assert leat.wait(readers, PATIENCE) == [readers[3], readers[7]]
    readers[3].read(0), readers[7].read(0)
    leat.remove("c5", force=True, directory=house.shm)
    assert leat.wait(readers, PATIENCE) == [readers[5]]
    with pytest.raises(TypeError, match="Reader"):
        leat.wait([writers[0]])


def test_a_waiter_is_woken_from_another_thread():
    waiter = leat.Waiter()
    later(waiter.wake)
    assert waiter.wait([], PATIENCE) == []


# ---- looking -------------------------------------------------------------------------------------------------------


def test_channels_can_be_looked_at_and_removed(house, pair):
    writer, reader = pair
    writer.publish(b"x")
    with leat.Writer("b", policy="block", mode=0o640, directory=house.shm), leat.Reader("b", durable="d", directory=house.shm):
        assert leat.channels(house.shm) == ["b", "c"]
        info = leat.inspect("b", house.shm)
        assert (info.policy, info.producers, info.mode, info.writers, info.messages) == ("block", "many", 0o640, 1, 0)
        assert [(reader.name, reader.alive, reader.pid) for reader in info.readers] == [("d", True, os.getpid())]
        with pytest.raises(leat.Busy):
            leat.remove("b", directory=house.shm)
    leat.remove("b", directory=house.shm)
    assert leat.channels(house.shm) == ["c"] and leat.inspect("c", house.shm).messages == 1
    with pytest.raises(leat.NotFound):
        leat.inspect("b", house.shm)


def test_the_directory_may_come_from_the_environment(house, monkeypatch):
    monkeypatch.setenv("LEAT_SHM_DIR", str(house.shm))
    with leat.Writer("here"):
        assert leat.channels() == ["here"] == leat.channels(os.fsencode(house.shm))


def test_the_version_is_that_of_the_library():
    header = open(os.path.join(os.path.dirname(__file__), "../../sdk/include/leat/version.h")).read()
    for number in leat.__version__.split("."):
        assert f" {number}\n" in header
    assert sys.modules["leat"].__doc__
