"""leat for Python: event loops. Nobody polls, a cancelled wait loses nothing, one thread serves all readers of a loop."""

import asyncio
import contextlib
import resource
import threading
import time

import pytest

from python_package import leat
from support import PATIENCE


@pytest.fixture
def pair(house):
    with leat.Writer("c", directory=house.shm) as writer, leat.Reader("c", directory=house.shm) as reader:
        yield writer, reader


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, PATIENCE))


def test_messages_come_in_order_while_other_tasks_run(pair):
    writer, reader = pair

    async def publish():
        for number in range(2000):
            writer.publish(b"%d" % number, number)
            if number % 50 == 0:
                await asyncio.sleep(0)

    async def main():
        publishing, seen = asyncio.create_task(publish()), []
        async for message in reader.messages():
            seen.append(message.tag)
            if len(seen) == 2000:
                break
        await publishing
        return seen

    assert run(main()) == list(range(2000))


def test_a_busy_channel_does_not_starve_other_tasks(pair):
    writer, reader = pair
    writer.publish_many([b"x"] * 5000)

    async def read():
        async for message in reader:
            if message.sequence == 4999:
                return

    async def main():
        turns, reading = 0, asyncio.create_task(read())
        while not reading.done():
            turns += 1
            await asyncio.sleep(0)
        return turns

    assert run(main()) > 20


def test_a_message_from_another_thread_wakes_the_loop(pair):
    writer, reader = pair
    threading.Timer(0.05, lambda: writer.publish(b"x")).start()
    assert run(reader.get()).data == b"x"


def test_a_cancelled_wait_loses_no_message_and_gives_the_reader_back(pair):
    writer, reader = pair

    async def main():
        seen, number = [], 0
        while len(seen) < 300:
            getting = asyncio.create_task(reader.get())
            if number % 3:
                await asyncio.sleep(0)
            if number < 300 and number % 2:
                writer.publish(b"", number // 2)
            if number % 7 == 0:
                await asyncio.sleep(0.0005)
            getting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                seen.append((await getting).tag)
            while (message := reader.try_read()) is not None:  # it is ours again at once
                seen.append(message.tag)
            number += 1
            if number >= 300:
                writer.publish(b"", number - 150)
        return seen

    seen = run(main())
    assert seen == list(range(len(seen)))


def test_time_limits_of_asyncio_work(pair):
    writer, reader = pair

    async def main():
        for _ in range(5):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(reader.get(), 0.01)
        writer.publish(b"x")
        return await reader.get()

    assert run(main()).data == b"x"


def test_waiting_takes_one_thread_and_no_processor_time(house):
    readers = [leat.Reader(f"c{number}", create=True, directory=house.shm) for number in range(40)]
    before = threading.active_count()

    async def main():
        waiting = [asyncio.create_task(reader.get()) for reader in readers]
        await asyncio.sleep(0.1)
        used, threads = resource.getrusage(resource.RUSAGE_SELF), threading.active_count()
        await asyncio.sleep(1)
        now = resource.getrusage(resource.RUSAGE_SELF)
        with leat.Writer("c17", directory=house.shm) as writer:
            writer.publish(b"x")
            assert (await waiting[17]).data == b"x"
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return threads, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime

    threads, seconds = run(main())
    assert threads == before + 1
    assert seconds < 0.1, f"{seconds} s of processor time in one second of waiting"
    for reader in readers:
        reader.close()


def test_several_tasks_share_a_reader(pair):
    writer, reader = pair

    async def main():
        tasks = [asyncio.create_task(reader.get()) for _ in range(5)]
        await asyncio.sleep(0.01)
        writer.publish_many([b""] * 5, range(5))
        return sorted([(await task).tag for task in tasks])

    assert run(main()) == [0, 1, 2, 3, 4]


def test_removal_and_close_end_a_wait(pair, house):
    writer, reader = pair
    other = leat.Reader("c", directory=house.shm)

    async def main():
        ending = [asyncio.create_task(collect(reader)), asyncio.create_task(other.get())]
        await asyncio.sleep(0.02)
        other.close()
        with pytest.raises(ValueError, match="closed"):
            await ending[1]
        writer.publish(b"last")
        await asyncio.sleep(0)
        leat.remove("c", force=True, directory=house.shm)
        return await ending[0]

    assert run(main()) == [b"last"]


async def collect(reader):
    return [message.data async for message in reader]


def test_a_full_block_channel_does_not_stop_the_loop(house):
    async def main():
        with leat.Writer("b", policy="block", capacity=65536, directory=house.shm) as writer:
            with leat.Reader("b", directory=house.shm) as reader:
                publishing = asyncio.create_task(fill(writer))
                await asyncio.sleep(0.05)
                assert not publishing.done()
                with pytest.raises(leat.TimedOut):
                    await writer.put(b"x" * 1000, timeout=0.01)
                seen = [await reader.get() for _ in range(100)]
                await publishing
                return [message.tag for message in seen]

    assert run(main()) == list(range(100))


async def fill(writer):
    for number in range(100):
        await writer.put(b"x" * 1000, number)


def test_loop_after_loop_leaves_no_thread(pair, monkeypatch):
    writer, reader = pair
    monkeypatch.setattr("leat._asynchronous.IDLE_SECONDS", 0.2)
    before = threading.active_count()
    for _ in range(20):
        with pytest.raises(asyncio.TimeoutError):
            asyncio.run(asyncio.wait_for(reader.get(), 0.005))
    deadline = time.monotonic() + PATIENCE
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert threading.active_count() <= before


# ---- requests ------------------------------------------------------------------------------------------------------


async def serve(house, answers):
    """Answers each question from `answers`, the last one first."""
    questions = []
    with leat.Reader("q", create=True, directory=house.shm) as reader, leat.Writer("a", directory=house.shm) as writer:
        async for question in reader:
            questions.append(question)
            if len(questions) == answers:
                for late in reversed(questions):
                    await writer.put(late.data * 2, late.tag)
                questions.clear()


def test_many_questions_are_open_at_once(house):
    async def main():
        serving = asyncio.create_task(serve(house, answers=100))
        async with leat.AsyncRequester("q", "a", directory=house.shm) as requester:
            asked = [requester.request(b"%d" % number, 10) for number in range(100)]
            answers = await asyncio.gather(*asked)
        serving.cancel()
        return [answer.data for answer in answers]

    assert run(main()) == [b"%d%d" % (number, number) for number in range(100)]


def test_channels_that_have_to_be_there_are_not_made(house):
    for missing in ("q", "a"):
        with pytest.raises(leat.NotFound, match=missing):
            leat.AsyncRequester("q", "a", create=False, directory=house.shm)
        leat.Writer(missing, directory=house.shm).close()
    leat.AsyncRequester("q", "a", create=False, directory=house.shm).close()


def test_a_question_without_an_answer_ends_with_its_limit_or_with_the_requester(house):
    async def main():
        async with leat.AsyncRequester("q", "a", directory=house.shm) as requester:
            with pytest.raises(leat.TimedOut):
                await requester.request(b"anybody?", 0.02)
            left = asyncio.create_task(requester.request(b"anybody?", 10))
            await asyncio.sleep(0.02)
        with pytest.raises(ValueError, match="closed"):
            await left

    run(main())
