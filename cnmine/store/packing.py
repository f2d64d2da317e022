"""Arrays of integers ↔ streams of words that give each integer only the bits it needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnmine.errors import UsageError
from cnmine.store import _packing_kernels

MAX_BITS = 64
PLAIN_BITS = (8, 16, 32, 64)  # widths at which the stream is a plain little-endian array

_VALUES_PER_CALL = 1 << 18


def bits_for(value: int) -> int:
    """How many bits hold every integer from 0 to ``value``; at least 1.

    Examples
    --------
    >>> [bits_for(value) for value in (0, 1, 255, 256)]
    [1, 1, 8, 9]
    """
    if value < 0:
        raise UsageError(f"bits_for({value}): only integers from 0 on are packed")
    return max(1, int(value).bit_length())


def n_words_for(n_items: int, bits: int) -> int:
    """Length of the stream of ``n_items`` values, with the word to spare."""
    return -(-n_items * bits // 64) + 1


class Packed:
    """A read-only array of ``n_items`` integers of ``bits`` bits.

    Attributes
    ----------
    words
        ``uint64[n_words_for(n_items, bits)]``, read-only; value ``i`` occupies its bits
        ``[i * bits, (i + 1) * bits)``, lowest first.

    Raises
    ------
    UsageError
        If ``bits`` is not within 1 to 64, or ``words`` is not as long as that takes.

    Examples
    --------
    >>> packed = Packed(pack(np.array([5, 0, 7]), 3), 3, 3)
    >>> packed[2], packed.decode(0, 3).tolist()
    (7, [5, 0, 7])
    """

    def __init__(self, words: np.ndarray, bits: int, n_items: int) -> None:
        _check_bits(bits)
        if n_items < 0 or words.shape != (n_words_for(n_items, bits),) or words.dtype != np.uint64:
            raise UsageError(
                f"{n_items} values of {bits} bits take {n_words_for(max(0, n_items), bits)} words of 64 bits, "
                f"not {words.size} of type {words.dtype}"
            )
        # One type for kernels, whether the words are mapped or were made here.
        self.words = np.ascontiguousarray(words).view()
        self.words.flags.writeable = False
        self.bits = bits
        self.n_items = n_items

    def __len__(self) -> int:
        return self.n_items

    def __getitem__(self, i: int) -> int:
        """Value number ``i``, from the end if negative."""
        position = (i + self.n_items if i < 0 else i) * self.bits
        if not 0 <= position < self.n_items * self.bits:
            raise IndexError(f"value {i} of {self.n_items}")
        j, shift = divmod(position, 64)
        return (int(self.words[j]) | int(self.words[j + 1]) << 64) >> shift & ((1 << self.bits) - 1)

    def decode(
        self,
        start: int = 0,
        stop: int | None = None,
        out: np.ndarray | None = None,
        dtype: np.typing.DTypeLike | None = None,
    ) -> np.ndarray:
        """Values ``start:stop`` as a plain array.

        Parameters
        ----------
        start, stop
            ``0 <= start <= stop <= len(self)``; no ``stop`` means the end.
        out
            Contiguous integer array of ``stop - start`` items to write to.
        dtype
            Of the result if ``out`` is not given: uint32 if that holds the values, else uint64.

        Raises
        ------
        UsageError
            If the range is not inside the array, or the type of the result too narrow.
        """
        stop = self.n_items if stop is None else stop
        if not 0 <= start <= stop <= self.n_items:
            raise UsageError(f"values {start}:{stop} are asked for, there are {self.n_items}")
        if out is None:
            out = np.empty(stop - start, dtype or (np.uint32 if self.bits <= 32 else np.uint64))
        if out.shape != (stop - start,) or not out.flags.c_contiguous or _value_bits(out.dtype) < self.bits:
            raise UsageError(
                f"{stop - start} values of {self.bits} bits do not go into "
                f"a contiguous array of {out.size} items of type {out.dtype}"
            )
        _packing_kernels.decode_values(self.words, np.uint64(self.bits), start, _unsigned(out))
        return out


class PackedWriter:
    """Packs values as they come and hands the words on; memory does not grow with their number.

    Parameters
    ----------
    bits
        Width of each value, 1 to 64.
    write
        Is given the stream in order as arrays of bytes; they are used again after the call.
    """

    def __init__(self, bits: int, write: Callable[[Any], object]) -> None:
        _check_bits(bits)
        self._bits = bits
        self._write = write
        self._n_items = 0
        self._state = np.zeros(3, np.uint64)
        self._words = np.empty(_VALUES_PER_CALL * bits // 64 + 1, "<u8")

    def append(self, values: np.ndarray) -> None:
        """Append integers of any type.

        Raises
        ------
        UsageError
            If one is negative or needs more bits.
        """
        if values.ndim != 1 or values.dtype.kind not in "ui":
            raise UsageError(f"one-dimensional arrays of integers are packed, not {values.dtype}{list(values.shape)}")
        is_signed = values.dtype.kind == "i"
        native = np.dtype(np.int64) if is_signed else values.dtype.newbyteorder("=")
        for start in range(0, values.size, _VALUES_PER_CALL):
            piece = _unsigned(np.ascontiguousarray(values[start : start + _VALUES_PER_CALL], native))
            piece.flags.writeable = False
            n_words = _packing_kernels.pack_values(piece, np.uint64(self._bits), self._state, self._words)
            seen = int(self._state[2])
            if seen >> self._bits or (is_signed and seen >> 63):
                raise UsageError(f"a value does not fit into {self._bits} bits; negative ones never do")
            self._write(self._words[:n_words].view(np.uint8))
            self._n_items += piece.size

    def close(self) -> int:
        """Write the word begun and the one to spare; return the number of values."""
        word, taken = self._state[:2].tolist()
        self._write(np.array([word, 0] if taken else [0], "<u8").view(np.uint8))
        return self._n_items


def pack(values: np.ndarray, bits: int) -> np.ndarray:
    """Pack a whole array.

    Returns
    -------
    ``uint64[n_words_for(len(values), bits)]``.

    Raises
    ------
    UsageError
        If a value is negative or needs more bits.
    """
    _check_bits(bits)
    words = np.empty(n_words_for(values.size, bits), "<u8")
    room = words.view(np.uint8)

    def write(data: np.ndarray) -> None:
        nonlocal room
        room[: data.size] = data
        room = room[data.size :]

    writer = PackedWriter(bits, write)
    writer.append(values)
    writer.close()
    return words.astype(np.uint64, copy=False)


def _check_bits(bits: int) -> None:
    if not 1 <= bits <= MAX_BITS:
        raise UsageError(f"values of {bits} bits cannot be packed; 1 to {MAX_BITS} are possible")


def _value_bits(dtype: np.dtype) -> int:
    """How many bits an integer of this type has for a value that is not negative."""
    return 8 * dtype.itemsize - (dtype.kind == "i") if dtype.kind in "ui" else 0


def _unsigned(values: np.ndarray) -> np.ndarray:
    return values.view(f"u{values.dtype.itemsize}")
