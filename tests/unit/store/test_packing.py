"""Packing against one integer of as many bits as the whole stream."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import UsageError
from cnmine.store import _packing_kernels, packing
from cnmine.store.packing import Packed, PackedWriter, bits_for, n_words_for, pack

widths = st.integers(1, 64)


@st.composite
def packable(draw):
    """(values, bits) with values that fit."""
    bits = draw(widths)
    values = draw(st.lists(st.integers(0, (1 << bits) - 1), max_size=200))
    return values, bits


def reference_pack(values, bits):
    """The stream as one long integer."""
    stream = sum(value << i * bits for i, value in enumerate(values))
    n_words = -(-len(values) * bits // 64) + 1
    return [stream >> 64 * j & (1 << 64) - 1 for j in range(n_words)]


def array(values, bits):
    """The values in the narrowest unsigned type."""
    return np.array(values, next(dtype for dtype in ("u1", "u2", "u4", "u8") if 8 * int(dtype[1]) >= bits))


@given(packable(), st.data())
def test_pack__matches_reference_and_comes_back(case, data):
    values, bits = case
    words = pack(array(values, bits), bits)
    assert words.tolist() == reference_pack(values, bits)
    packed = Packed(words, bits, len(values))
    assert [packed[i] for i in range(len(packed))] == values
    assert [int(_packing_kernels.get(words, np.uint64(bits), i)) for i in range(len(values))] == values
    start = data.draw(st.integers(0, len(values)))
    stop = data.draw(st.integers(start, len(values)))
    assert packed.decode(start, stop).tolist() == values[start:stop]


@given(packable(), st.lists(st.integers(0, 200), max_size=5), st.integers(1, 70))
def test_packed_writer__same_bytes_for_any_pieces(case, cuts, values_per_call):
    values, bits = case
    stream = bytearray()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "_VALUES_PER_CALL", values_per_call)
        writer = PackedWriter(bits, stream.extend)
        bounds = [0, *sorted(cut for cut in cuts if cut < len(values)), len(values)]
        for start, stop in pairwise(bounds):
            writer.append(array(values[start:stop], bits))
        assert writer.close() == len(values)
    assert bytes(stream) == pack(array(values, bits), bits).tobytes()


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_pack__plain_widths_are_plain_arrays(bits):
    values = np.arange(11, dtype=f"<u{bits // 8}") * 3
    assert pack(values, bits).tobytes().startswith(values.tobytes())


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">u4"])
def test_pack__takes_integers_of_any_type(dtype):
    values = np.array([0, 5, 127], dtype)
    values.flags.writeable = False
    assert Packed(pack(values, 7), 7, 3).decode().tolist() == [0, 5, 127]
    assert Packed(pack(values[::-2], 7), 7, 2).decode().tolist() == [127, 0]


@pytest.mark.parametrize(
    "values, bits",
    [
        (np.array([1, 8]), 3),
        (np.array([-1]), 63),
        (np.array([-1]), 64),
        (np.array([-1], np.int8), 8),
        (np.array([1 << 63], np.uint64), 63),
        (np.array([0.5]), 8),
        (np.zeros((2, 2), int), 8),
        (np.array([0]), 0),
        (np.array([0]), 65),
    ],
)
def test_pack__refuses_what_does_not_fit(values, bits):
    with pytest.raises(UsageError, match="bits|arrays"):
        pack(values, bits)


@pytest.mark.parametrize("dtype, widest", [("u2", 16), ("i4", 31), ("u4", 32), ("i8", 63), ("u8", 64)])
def test_decode__writes_types_that_hold_the_values(dtype, widest):
    for bits in (widest, min(widest + 1, 64)):
        packed = Packed(pack(np.array([1, 0, 1]), bits), bits, 3)
        if bits == widest:
            out = np.empty(2, dtype)
            assert packed.decode(1, 3, out=out) is out
            assert out.tolist() == [0, 1]
            assert packed.decode(dtype=dtype).dtype == dtype
        else:
            with pytest.raises(UsageError, match="do not go into"):
                packed.decode(dtype=dtype)


def test_decode__refuses_bad_ranges_and_targets():
    packed = Packed(pack(np.arange(5), 3), 3, 5)
    for start, stop in [(-1, 2), (2, 6), (3, 2)]:
        with pytest.raises(UsageError, match="there are 5"):
            packed.decode(start, stop)
    for out in (np.empty(4, np.uint32), np.empty(10, np.uint32)[::2], np.empty(5, np.float32), np.empty((5, 1), "u4")):
        with pytest.raises(UsageError, match="do not go into"):
            packed.decode(0, 5, out=out)


def test_getitem__counts_from_the_end_and_stops_there():
    packed = Packed(pack(np.arange(5), 3), 3, 5)
    assert (packed[-1], packed[-5], list(packed)) == (4, 0, [0, 1, 2, 3, 4])
    for i in (5, -6):
        with pytest.raises(IndexError, match="of 5"):
            packed[i]
    assert list(Packed(pack(np.array([], int), 3), 3, 0)) == []


@given(widths, st.integers(0, 100), st.integers(-2, 2))
def test_packed__length_is_checked(bits, n_items, surplus):
    words = np.zeros(max(0, n_words_for(n_items, bits) + surplus), np.uint64)
    if surplus:
        with pytest.raises(UsageError, match="words of 64 bits"):
            Packed(words, bits, n_items)
    else:
        assert Packed(words, bits, n_items).decode().tolist() == [0] * n_items
    for wrong_bits, wrong_items in [(0, 1), (65, 1), (bits, -1)]:
        with pytest.raises(UsageError):
            Packed(words, wrong_bits, wrong_items)


@given(st.integers(0, 1 << 70))
def test_bits_for__smallest_width_that_holds_the_value(value):
    bits = bits_for(value)
    assert value < 1 << bits
    assert bits == 1 or value >= 1 << (bits - 1)


def test_bits_for__refuses_negative():
    with pytest.raises(UsageError):
        bits_for(-1)


def test_packed__words_are_read_only():
    words = pack(np.arange(9), 4)
    packed = Packed(words, 4, 9)
    with pytest.raises(ValueError, match="read-only"):
        packed.words[0] = 1
    npt.assert_array_equal(packed.words, words)
