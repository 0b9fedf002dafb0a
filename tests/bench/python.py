#!/usr/bin/env python3
"""leat for Python between two processes, each run beside one of the C benchmark (bench_channel) on the same two CPUs.

    python.py --build=DIR [--runs=N] [--time=MS] [--json]

Block policy, one producer, the C benchmark's rings. Nothing may be lost: a gap in the sequence numbers ends the program. A Python
message counts when its Message object with its own bytes is there; an array when all of it was written and read in place.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

MEBIBYTE = 1 << 20
BATCH = 256
STOP = 2**64 - 1

ROWS = [  # (name, bytes, ring, C's row of the same shape)
    ("publish, read", 64, 256 << 10, "64 B, one producer, publish"),
    ("publish, for", 64, 256 << 10, "64 B, one producer, publish"),
    ("publish_many, read_many", 64, 256 << 10, "64 B, one producer, burst"),
    ("publish, read", MEBIBYTE, 16 << 20, "1 MiB, one producer, publish"),
    ("claim, borrow: numpy in place", MEBIBYTE, 16 << 20, "1 MiB, one producer, zero-copy"),
]


def size_name(size):
    return f"{size} B" if size < 1024 else "1 MiB"


# ---- the producer --------------------------------------------------------------------------------------------------


def until(seconds, step):
    """Calls `step` until the time is over; the clock is looked at now and then only."""
    end, looks = time.perf_counter() + seconds, 1
    while time.perf_counter() < end:
        begin = time.perf_counter()
        for _ in range(looks):
            step()
        if time.perf_counter() - begin < 0.001:
            looks *= 2


def produce(writer, way, size, seconds):
    data = bytes(size)
    if way == "publish_many, read_many":
        batch = [data] * BATCH
        until(seconds, lambda: writer.publish_many(batch))
    elif way.startswith("claim"):
        import numpy as np

        def make():
            with writer.claim(size) as claim:
                np.frombuffer(claim, np.int64)[:] = 1

        until(seconds, make)
    else:
        end = time.perf_counter() + seconds
        publish, several = writer.publish, range(256 if size < MEBIBYTE else 4)
        while time.perf_counter() < end:
            for _ in several:
                publish(data)
    writer.publish(b"", STOP)


# ---- the consumer: how many messages -------------------------------------------------------------------------------


def take_one_by_one(reader, size):
    count, read = 0, reader.read
    while (message := read()).tag != STOP:
        count += 1
    return count, message


def take_by_iteration(reader, size):
    count = 0
    for message in reader:
        if message.tag == STOP:
            break
        count += 1
    return count, message


def take_many(reader, size):
    count, read_many, last = 0, reader.read_many, None
    while last is None or last.tag != STOP:
        messages = read_many(BATCH * 4)
        last = messages[-1]
        count += len(messages)
    return count - 1, last


def take_in_place(reader, size):
    import numpy as np

    count = 0
    while True:
        with reader.borrow() as loan:
            if loan.tag == STOP:
                return count, loan
            assert np.frombuffer(loan, np.int64).sum() == size // 8
            count += 1


TAKERS = {
    "publish, read": take_one_by_one,
    "publish, for": take_by_iteration,
    "publish_many, read_many": take_many,
    "claim, borrow: numpy in place": take_in_place,
}


def consume(leat, channel, row):
    way, size, ring, _ = ROWS[row]
    os.sched_setaffinity(0, [1])
    with leat.Reader(channel, create=True, policy="block", producers="one", capacity=ring) as reader:
        print("ready", flush=True)
        leat.wait([reader])
        start = time.perf_counter()
        count, last = TAKERS[way](reader, size)
        seconds = time.perf_counter() - start
    assert last.sequence == count and last.lost == 0, "messages were lost"
    print(json.dumps({"rate": count / seconds}))


# ---- runs ----------------------------------------------------------------------------------------------------------


def measure(leat, row, seconds):
    way, size, ring, _ = ROWS[row]
    channel = f"bench-python-{os.getpid()}"
    command = [sys.executable, __file__, f"--build={OPTIONS.build}", f"--consume={channel}", f"--row={row}"]
    consumer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if consumer.stdout.readline() != "ready\n":
            raise SystemExit("python.py: the consumer did not start")
        with leat.Writer(channel) as writer:
            produce(writer, way, size, seconds)
            rate = json.loads(consumer.communicate(timeout=60)[0])["rate"]
    finally:
        consumer.kill()
        leat.remove(channel, force=True)
    return rate


def measure_c(name, milliseconds):
    command = [f"{OPTIONS.build}/bin/bench_channel", "--runs=1", f"--time={milliseconds}", f"--only={name}", "--json"]
    (row,) = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    (placement,) = (row[key] for key in ("near", "far", "mixed", "disturbed") if key in row)
    return placement["median"]


def rate_text(rates):
    def short(rate):
        return f"{rate / 1e6:.3g} M" if rate >= 1e6 else f"{rate / 1e3:.3g} k"

    least, middle, most = min(rates), statistics.median(rates), max(rates)
    return f"{short(middle)}/s [{short(least)}..{short(most)}]"


def show(number, row, ours, theirs):
    way, size, _, name = row
    if OPTIONS.json:
        figures = {"median": statistics.median(ours), "least": min(ours), "most": max(ours), "c_median": statistics.median(theirs)}
        print("[" if number == 0 else ",")
        print("  " + json.dumps({"benchmark": "python", "row": f"{size_name(size)}, {way}", "c_row": name, "unit": "messages/s", **figures}), end="")
    else:
        print(f"{size_name(size) + ', ' + way:36} {rate_text(ours):30} C: {rate_text(theirs)}", flush=True)


def main():
    sys.path.insert(0, f"{OPTIONS.build}/python")
    import leat

    if OPTIONS.consume:
        return consume(leat, OPTIONS.consume, OPTIONS.row)
    os.sched_setaffinity(0, [0])
    for number, row in enumerate(ROWS):
        if row[0].startswith("claim") and not have_numpy():
            print("python.py: left out: numpy is not installed", file=sys.stderr)
            continue
        ours, theirs = [], []
        for _ in range(OPTIONS.runs):
            theirs.append(measure_c(row[3], OPTIONS.time))
            ours.append(measure(leat, number, OPTIONS.time / 1000))
        show(number, row, ours, theirs)
    if OPTIONS.json:
        print("\n]")


def have_numpy():
    try:
        import numpy  # noqa: F401
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--build", type=pathlib.Path, required=True)
    arguments.add_argument("--runs", type=int, default=5)
    arguments.add_argument("--time", type=int, default=300)
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--consume", help=argparse.SUPPRESS)
    arguments.add_argument("--row", type=int, help=argparse.SUPPRESS)
    OPTIONS = arguments.parse_args()
    main()
