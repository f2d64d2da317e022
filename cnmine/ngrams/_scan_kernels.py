"""Pointers into a text → the symbols of their windows."""

import numpy as np

from cnmine._jit import kernel

CLOSING, OPENING = 1, 2
N_BOUNDARIES = 4
DONE = -1

ONE, SIX, LAST_BIT, WORD_BITS = np.uint64(1), np.uint64(6), np.uint64(63), np.uint64(64)
ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)


@kernel
def packed_item(words, bits, i):  # u8[w], u8, i8
    """Value number ``i`` of a packed array; the same as in `cnmine.store._packing_kernels`."""
    position = np.uint64(i) * bits
    j = position >> SIX
    shift = position & LAST_BIT
    value = (words[j] >> shift) | ((words[j + ONE] << ONE) << (LAST_BIT - shift))
    return value & (ALL_BITS >> (WORD_BITS - bits))


@kernel
def gather_windows(text, pointers, symbols, lefts):  # u2|u4[n], u4|u8[m], u4[m, k], u4[m]
    """Write windows in their canonical form; return DONE or the number of a pointer that is out of bounds."""
    for i in range(pointers.shape[0]):
        position = np.int64(pointers[i])
        if position < 1 or position >= text.shape[0] - 1 or text[position] < N_BOUNDARIES:
            return i
        left = np.int64(text[position - 1])
        lefts[i] = left if left >= N_BOUNDARIES else left & OPENING
        k = 0
        while k < symbols.shape[1] and text[position + k] >= N_BOUNDARIES:
            symbols[i, k] = text[position + k]
            k += 1
        if k < symbols.shape[1]:
            symbols[i, k] = text[position + k] & CLOSING
            k += 1
        while k < symbols.shape[1]:
            symbols[i, k] = 0
            k += 1
    return DONE


@kernel
def gather_packed_windows(words, sizes, pointers, symbols, lefts):  # u8[w], (u8, i8), u4|u8[m], u4[m, k], u4[m]
    """`gather_windows` from a packed text; ``sizes`` are its bits and its length."""
    bits, n = sizes
    for i in range(pointers.shape[0]):
        position = np.int64(pointers[i])
        if position < 1 or position >= n - 1:
            return i
        symbol = np.int64(packed_item(words, bits, position))
        if symbol < N_BOUNDARIES:
            return i
        left = np.int64(packed_item(words, bits, position - 1))
        lefts[i] = left if left >= N_BOUNDARIES else left & OPENING
        k = 0
        while k < symbols.shape[1] and symbol >= N_BOUNDARIES:
            symbols[i, k] = symbol
            k += 1
            # The text ends with a boundary, so nothing behind it is read.
            symbol = np.int64(packed_item(words, bits, min(position + k, n - 1)))
        if k < symbols.shape[1]:
            symbols[i, k] = symbol & CLOSING
            k += 1
        while k < symbols.shape[1]:
            symbols[i, k] = 0
            k += 1
    return DONE
