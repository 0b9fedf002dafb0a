#!/usr/bin/env python3
"""A producer and a consumer of structs that C++ programs have, too (../cpp/quotes.cc): byte for byte the same on the channel.

    quotes.py produce CHANNEL COUNT     publishes COUNT quotes
    quotes.py consume CHANNEL COUNT     prints COUNT quotes as they came; "ready" when it listens
"""

import ctypes
import sys

import leat


class Data(ctypes.Structure):
    """struct Data of the C++ programs: ctypes lays it out as their compiler does."""

    _fields_ = [
        ("id", ctypes.c_int),
        ("volume", ctypes.c_int64),
        ("amount", ctypes.c_double),
        ("prices", ctypes.c_int * 20),
    ]


def quote(number: int) -> Data:
    prices = (ctypes.c_int * 20)(*[number * 1000 + i for i in range(20)])
    return Data(number, number * 100, number * 111.1, prices)


def produce(channel: str, count: int) -> None:
    with leat.Writer(channel) as writer:
        for number in range(count):
            writer.publish(quote(number))  # any buffer will do: a ctypes structure is one


def consume(channel: str, count: int) -> None:
    with leat.Reader(channel) as reader:
        print("ready", flush=True)
        for number, message in zip(range(count), reader):
            seen = Data.from_buffer_copy(message.data)
            print(seen.id, "as it was" if bytes(seen) == bytes(quote(seen.id)) else "changed")


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in ("produce", "consume"):
        sys.exit(__doc__)
    try:
        (produce if sys.argv[1] == "produce" else consume)(sys.argv[2], int(sys.argv[3]))
    except leat.Error as error:
        sys.exit(f"quotes: {error}")
