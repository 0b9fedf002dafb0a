"""The SDK's examples in Python run, and their structs are those of C and C++."""

import signal
import subprocess

import pytest

from python_package import EXAMPLES, leat, run_here
from support import BUILD, PATIENCE, wait_until

COUNT = 50


def example(house, name, *arguments):
    return run_here(house, EXAMPLES / name, *arguments, stdout=subprocess.PIPE)


def cpp_quotes(house, *arguments):
    return house.start(BUILD / "bin/example_quotes", *arguments, stdout=subprocess.PIPE)


@pytest.mark.parametrize("maker", ["python", "cpp"])
@pytest.mark.parametrize("taker", ["python", "cpp"])
def test_a_struct_arrives_as_it_was(house, maker, taker):
    leat.Writer("quotes", directory=house.shm).close()
    run = {"python": lambda *arguments: example(house, "quotes.py", *arguments), "cpp": lambda *arguments: cpp_quotes(house, *arguments)}
    consumer = run[taker]("consume", "quotes", COUNT)
    assert consumer.stdout.readline() == "ready\n"
    assert run[maker]("produce", "quotes", COUNT).wait(PATIENCE) == 0
    printed = consumer.communicate(timeout=PATIENCE)[0].splitlines()
    assert printed == [f"{number} as it was" for number in range(COUNT)]


def test_arrays_of_a_mebibyte_are_made_and_read_in_place(house):
    pytest.importorskip("numpy", reason="numpy is not installed")
    consumer = example(house, "arrays.py", "consume", "arrays", 40)
    assert consumer.stdout.readline() == "ready\n"
    assert example(house, "arrays.py", "produce", "arrays", 40).wait(PATIENCE) == 0
    printed = consumer.communicate(timeout=PATIENCE)[0].splitlines()
    assert printed == [f"{number} {number * (131072 - 1) - 1.0}" for number in range(40)]


def test_an_event_loop_reads_several_channels(house):
    consumer = example(house, "events.py", 30, "a", "b")
    assert consumer.stdout.readline() == "ready\n"
    with leat.Writer("a", directory=house.shm) as a, leat.Writer("b", directory=house.shm) as b:
        a.publish(b"one", 1)
        assert consumer.stdout.readline() == "a 1 one\n"
        b.publish(b"two", 2)
        assert consumer.stdout.readline() == "b 2 two\n"
        leat.remove("a", force=True, directory=house.shm)
        leat.remove("b", force=True, directory=house.shm)
    assert consumer.wait(PATIENCE) == 0, "it ends when both channels are gone"


def test_orders_are_answered_until_the_server_is_interrupted(house):
    server = example(house, "orders.py", "serve", "orders", "orders.replies")
    assert server.stdout.readline() == "ready\n"
    asker = example(house, "orders.py", "ask", "orders", "orders.replies", "buy", "sell", "hold")
    assert asker.communicate(timeout=PATIENCE)[0].splitlines() == ["BUY", "SELL", "HOLD"]
    server.send_signal(signal.SIGINT)
    assert server.wait(PATIENCE) == 0


def test_c_programs_read_what_python_publishes_and_the_other_way_round(house):
    produced = house.produce("stream", "--count", 2000, "--sizes", "8-5000", "--policy", "block", "--readers", 1)
    with wait_until(lambda: opened("stream", house), "the channel is there") as reader:
        with leat.Writer("copy", policy="block", directory=house.shm) as writer:
            consumer = house.consume("copy", "--count", 2000, "--sizes", "8-5000")
            for _ in range(2000):
                writer.publish(reader.read(PATIENCE), timeout=PATIENCE)
            assert consumer.wait(PATIENCE) == 0
    assert produced.wait(PATIENCE) == 0


def opened(name, house):
    try:
        return leat.Reader(name, directory=house.shm)
    except leat.NotFound:
        return None
