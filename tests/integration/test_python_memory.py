"""leat for Python: loans and claims are the channel's own memory, and no array over it ever dangles."""

import array
import ctypes
import gc
import re

import pytest

from python_package import leat
from support import PATIENCE

MEBIBYTE = 1 << 20


@pytest.fixture
def pair(house):
    with leat.Writer("c", directory=house.shm, policy="block", capacity=8 * MEBIBYTE) as writer:
        with leat.Reader("c", directory=house.shm) as reader:
            yield writer, reader


@pytest.fixture
def np():
    return pytest.importorskip("numpy", reason="numpy is not installed")


def mappings():
    """Where this process has channels: (first address, last address, file)."""
    for line in open("/proc/self/maps"):
        found = re.match(r"([0-9a-f]+)-([0-9a-f]+) .* (/dev/shm/.*/leat\..*)", line)
        if found:
            yield int(found[1], 16), int(found[2], 16), found[3]


def is_in_a_channel(address, length):
    """Whether those bytes lie in one mapping of a channel, or run from one over the ring's end into its second image."""
    end = address
    for first, last, _ in sorted(mappings()):
        if first <= end < last:
            end = last
    return end >= address + length


def address_of(buffer):
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


# ---- no copy -------------------------------------------------------------------------------------------------------


def test_an_array_of_a_mebibyte_is_the_channels_memory_at_both_ends(pair, np):
    writer, reader = pair
    for number in range(20):  # round the ring, over its end too
        with writer.claim(MEBIBYTE, tag=number) as claim:
            made = np.frombuffer(claim, np.float64)
            assert made.flags.writeable and is_in_a_channel(made.ctypes.data, MEBIBYTE)
            made[:] = number
            del made
        with reader.borrow(PATIENCE) as loan:
            seen = np.frombuffer(loan, np.float64)
            assert not seen.flags.writeable and not seen.flags.owndata
            assert is_in_a_channel(seen.ctypes.data, MEBIBYTE)
            assert (seen == number).all()
            same = np.asarray(loan.data)
            assert same.ctypes.data == seen.ctypes.data


def test_the_check_for_memory_in_a_channel_can_fail(pair, np):
    assert not is_in_a_channel(np.zeros(10).ctypes.data, 80)


def test_a_claim_is_writable_and_a_loan_is_not(pair):
    writer, reader = pair
    with writer.claim(16, tag=1) as claim:
        assert len(claim) == 16 and address_of(claim) % 16 == 0
        claim.data[:3] = b"abc"
        claim.data[3:] = bytes(13)
        claim.size, claim.tag = 3, 2
    with reader.borrow(PATIENCE) as loan:
        assert (bytes(loan), len(loan), loan.tag, loan.data.readonly) == (b"abc", 3, 2, True)
        with pytest.raises(TypeError, match="read-only"):
            loan.data[0] = 1
        with pytest.raises(TypeError):
            ctypes.c_char.from_buffer(loan)
    assert loan.sequence == 0 and loan.lost == 0 and loan.origin == 0 and loan.time > 0


# ---- ends ----------------------------------------------------------------------------------------------------------


def test_a_claim_ends_with_its_block_or_by_hand(pair):
    writer, reader = pair
    with pytest.raises(KeyError):
        with writer.claim(4):
            raise KeyError
    claim = writer.claim(4)
    with pytest.raises(leat.Busy):
        writer.publish(b"x")
    with pytest.raises(leat.Busy):
        writer.claim(4)
    with pytest.raises(ValueError, match="more than the 4"):
        claim.commit(5)
    claim.data[:] = b"abcd"
    claim.commit(2, 9)
    for over in (claim.commit, lambda: claim.data, lambda: memoryview(claim)):
        with pytest.raises((ValueError, BufferError)):
            over()
    claim.abort()
    with writer.claim(4) as claim:
        claim.abort()
    del claim
    writer.claim(4)  # dropped: given back
    gc.collect()
    writer.publish(b"last")
    assert [(message.data, message.tag) for message in reader.read_many(9, PATIENCE)] == [(b"ab", 9), (b"last", 0)]


def test_a_loan_ends_with_its_block_or_by_hand(pair):
    writer, reader = pair
    writer.publish_many([b"1", b"2", b"3"])
    loan = reader.borrow(0)
    for call in (reader.read, reader.try_read, reader.borrow):
        with pytest.raises(leat.Busy):
            call()
    with pytest.raises(leat.Busy):
        leat.wait([reader], 0)
    loan.release()
    loan.release()
    for over in (lambda: loan.data, lambda: memoryview(loan)):
        with pytest.raises((ValueError, BufferError)):
            over()
    reader.borrow(0)  # dropped: given back, and read
    gc.collect()
    assert reader.read(0).data == b"3"


def test_views_are_released_with_the_loan(pair):
    writer, reader = pair
    writer.publish(b"abc")
    with reader.borrow(0) as loan:
        view = loan.data
    with pytest.raises(ValueError, match="released"):
        view[0]


def test_what_was_overwritten_meanwhile_is_told_at_the_release(house):
    with leat.Writer("o", directory=house.shm, capacity=65536) as writer, leat.Reader("o", directory=house.shm) as reader:
        writer.publish(b"first")
        loan = reader.borrow(0)
        writer.publish_many([b"x" * 1000] * 200)
        with pytest.raises(leat.Lapped):
            loan.release()
        assert reader.read(0).lost > 100
        with pytest.raises(KeyError):  # not hidden by Lapped
            with reader.borrow(0):
                writer.publish_many([b"x" * 1000] * 200)
                raise KeyError


# ---- what outlives what --------------------------------------------------------------------------------------------


def test_an_array_outlives_loan_reader_and_channel(pair, np, house):
    writer, reader = pair
    before = len(list(mappings()))
    other = leat.Reader("c", directory=house.shm)
    writer.publish(np.arange(1000))
    seen = np.frombuffer(other.borrow(0), np.int64)
    also = np.asarray(memoryview(seen))
    other.close()
    with pytest.raises(ValueError, match="closed"):
        other.read(0)
    del other
    leat.remove("c", force=True, directory=house.shm)
    gc.collect()
    assert is_in_a_channel(seen.ctypes.data, 8000) and seen.sum() == also.sum() == 499500
    del seen
    assert also[999] == 999
    del also
    gc.collect()
    assert len(list(mappings())) == before, "with the last array the memory goes"


def test_a_closed_reader_holds_nobody_back_whatever_arrays_are_left(pair, np, house):
    writer, reader = pair
    other = leat.Reader("c", directory=house.shm)
    writer.publish(b"x" * MEBIBYTE)
    kept = np.frombuffer(other.borrow(0), np.uint8)
    other.close()
    for _ in range(30):
        writer.publish(b"y" * MEBIBYTE, timeout=PATIENCE)
        reader.read(PATIENCE)
    assert kept[0] in b"xy"


def test_an_array_over_a_claim_outlives_the_writer(house, np):
    writer = leat.Writer("w", directory=house.shm)
    with writer.claim(800) as claim:
        made = np.frombuffer(claim, np.int64)
        made[:] = 7
    writer.close()
    assert made.sum() == 700
    made[0] = 7  # nobody should, but nothing breaks


def test_a_reader_closed_with_a_loan_out_ends_the_loan(pair, house):
    writer, reader = pair
    writer.publish(b"abc")
    loan = reader.borrow(0)
    reader.close()
    loan.release()
    with pytest.raises(ValueError):
        loan.data
    claim = writer.claim(10)
    writer.close()
    with pytest.raises(ValueError):
        claim.commit()
    assert leat.inspect("c", house.shm).messages == 1


def test_cycles_through_loans_are_collected(pair):
    writer, reader = pair
    before = len(list(mappings()))
    for _ in range(20):
        writer.publish(b"abc")
        other = leat.Reader("c", directory=leat_directory(reader), start="next")
        writer.publish(b"abc")
        other.loan = other.borrow(PATIENCE)
        other.view = other.loan.data
        del other
        reader.read_many(10)
    gc.collect()
    assert len(list(mappings())) == before


def leat_directory(reader):
    return next(path for _, _, path in mappings() if path.endswith(f"leat.{reader.name}")).rsplit("/", 1)[0]


def test_an_array_of_the_standard_library_is_published(pair):
    writer, reader = pair
    writer.publish(array.array("d", [1.0, 2.0]))
    assert array.array("d", reader.read(0).data).tolist() == [1.0, 2.0]
