#!/usr/bin/env python3
"""Arrays of 1 MiB from process to process without a copy: made where they will be read, read where they lie.

    arrays.py produce CHANNEL COUNT     makes COUNT arrays in the channel's memory
    arrays.py consume CHANNEL COUNT     prints each one's sum; "ready" when it listens
"""

import sys

import numpy as np

import leat

ELEMENTS = (1 << 20) // 8


def produce(channel: str, count: int) -> None:
    # block: nothing is overwritten while somebody looks at it. A ring of 16 MiB holds a dozen of them.
    with leat.Writer(channel, policy="block", capacity=16 << 20, wait_readers=1) as writer:
        for number in range(count):
            with writer.claim(ELEMENTS * 8, tag=number) as claim:
                array = np.frombuffer(claim.data, np.float64)
                array[:] = number
                array[0] = -1
                del array  # published at the end of the block: nobody should write to it then


def consume(channel: str, count: int) -> None:
    with leat.Reader(channel, create=True, policy="block", capacity=16 << 20) as reader:
        print("ready", flush=True)
        for _ in range(count):
            with reader.borrow(timeout=30) as loan:
                array = np.frombuffer(loan.data, np.float64)
                print(loan.tag, array.sum())


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("produce", "consume"):
        sys.exit(__doc__)
    try:
        (produce if sys.argv[1] == "produce" else consume)(sys.argv[2], int(sys.argv[3]))
    except leat.Error as error:
        sys.exit(f"arrays: {error}")
