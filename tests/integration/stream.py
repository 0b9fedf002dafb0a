"""The computed stream of tests/support/stream.h, for peers written in Python: what message i must be, from the seed alone."""

import struct
from array import array

MASK = (1 << 64) - 1
PATTERN_BYTES = 4 << 20
OFFSETS = 2 << 20
LARGEST = 1 << 20


def draw(number):
    z = number * 0x9E3779B97F4A7C15 & MASK
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & MASK
    return z ^ (z >> 31)


class Stream:
    """`sizes` is (smallest, largest); None: mixed, 0 bytes to 1 MiB."""

    def __init__(self, seed=1, sizes=None):
        self.seed = seed
        self.sizes = sizes
        self.pattern = memoryview(array("Q", (draw(seed + word) for word in range(PATTERN_BYTES // 8)))).cast("B")

    def size(self, drawn):
        kind, size = (drawn >> 24) % 100000, drawn >> 44
        if self.sizes:
            return self.sizes[0] + size % (self.sizes[1] - self.sizes[0] + 1)
        if kind < 90000:
            return size % 256
        if kind < 99000:
            return size % (4096 + 1)
        if kind < 99900:
            return size % (65536 + 1)
        return LARGEST if kind == 99999 else size % (LARGEST + 1)

    def message(self, index):
        drawn = draw(self.seed + index)
        offset, size = drawn % OFFSETS, self.size(drawn)
        if size < 8:
            return bytes(self.pattern[offset : offset + size])
        return struct.pack("<Q", index) + self.pattern[offset + 8 : offset + size]

    def matches(self, index, data):
        drawn = draw(self.seed + index)
        offset, size = drawn % OFFSETS, self.size(drawn)
        if len(data) != size:
            return False
        if size < 8:
            return data == self.pattern[offset : offset + size]
        return data[:8] == struct.pack("<Q", index) and memoryview(data)[8:] == self.pattern[offset + 8 : offset + size]


def number_of(data):
    """The number that a message of at least 8 bytes carries."""
    return struct.unpack_from("<Q", data)[0]
