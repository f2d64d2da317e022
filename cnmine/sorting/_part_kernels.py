"""Distribute the windows of a text over parts by their first symbols, each written out whole."""

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES

CLOSING, OPENING = 1, 2  # the flags of a boundary that are seen from the span in front of it, and behind it
NO_PART = 0xFFFF
WORD_BITS = 64


@kernel
def first_symbols(text, position, n_symbols, id_bits):  # u2[n] or u4[n], i8, i8, i8
    """The first symbols of a window in one word, the first one highest."""
    word = np.uint64(0)
    for k in range(n_symbols):
        unit = np.int64(text[position + k])
        is_boundary = unit < N_BOUNDARIES
        word |= np.uint64(unit & CLOSING if is_boundary else unit) << np.uint64(WORD_BITS - (k + 1) * id_bits)
        if is_boundary:
            break
    return word


@kernel
def sample_words(text, stretch, words):  # u2[n] or u4[n], 4 i8, u8[w]
    """Write the first symbols of every window at ``range(start, stop)``; return how many there are."""
    start, stop, n_symbols, id_bits = stretch
    n = 0
    for i in range(start, stop):
        if text[i] >= N_BOUNDARIES:
            words[n] = first_symbols(text, i, n_symbols, id_bits)
            n += 1
    return n


@kernel
def find_parts(text, stretch, splitters, parts, sizes):  # u2[n] or u4[n], 4 i8, u8[p], u2[m], i8[p + 1]
    """Write the part of every position, ``NO_PART`` for a boundary; add up how many windows each part gets.

    The part is the number of splitters that are not above the first symbols of the window.
    """
    start, stop, n_symbols, id_bits = stretch
    for i in range(start, stop):
        if text[i] < N_BOUNDARIES:
            parts[i - start] = NO_PART
            continue
        word = first_symbols(text, i, n_symbols, id_bits)
        # Binary search by arithmetic: no processor foresees these comparisons.
        part, n = 0, splitters.shape[0]
        while n > 0:
            half = (n + 1) // 2
            part += half * np.int64(splitters[part + half - 1] <= word)
            n -= half
        parts[i - start] = part
        sizes[part] += 1


@kernel
def write_record(text, i, max_order, row, records):  # u2[n] or u4[n], i8, i8, i8, u2[r, w] or u4[r, w]
    """Write the window at a position as (left, units up to the first boundary, its flag, zeros)."""
    last = text.shape[0] - 1
    left = np.int64(text[i - 1])
    records[row, 0] = left & (-np.int64(left >= N_BOUNDARIES) | OPENING)
    within = np.int64(-1)
    for place in range(max_order + 1):
        unit = np.int64(text[min(i + place, last)])
        is_unit = -np.int64(unit >= N_BOUNDARIES)
        records[row, place + 1] = unit & (is_unit | CLOSING) & within
        within &= is_unit


@kernel
def write_records(text, stretch, parts, cursors, records, pointers):  # …, 4 i8, u2[m], i8[p], u2[r, w], u4[r] or u8[r]
    """Write every window, part after part, and where it stands.

    ``stretch`` is (start, stop, max_order, position of the first item of ``text`` in the whole).
    """
    start, stop, max_order, origin = stretch
    for i in range(start, stop):
        part = parts[i - start]
        if part != NO_PART:
            row = cursors[part]
            cursors[part] += 1
            pointers[row] = origin + i
            write_record(text, i, max_order, row, records)


@kernel
def write_range(text, stretch, words, records, pointers):  # …, 6 i8, 2 u8, u2[r, w] or u4[r, w], u4[r] or u8[r]
    """Write the windows whose first symbols are within ``words``, the last one included, and where they stand.

    ``stretch`` is (start, stop, max_order, position of the first item of ``text`` in the whole, n_symbols, id_bits).
    """
    start, stop, max_order, origin, n_symbols, id_bits = stretch
    first_word, last_word = words
    first_unit = np.int64(first_word >> np.uint64(WORD_BITS - id_bits))
    last_unit = np.int64(last_word >> np.uint64(WORD_BITS - id_bits))
    row = 0
    for i in range(start, stop):
        unit = np.int64(text[i])
        # Most are told apart by their first unit.
        if unit < N_BOUNDARIES or unit < first_unit or unit > last_unit:
            continue
        word = first_symbols(text, i, n_symbols, id_bits)
        if first_word <= word <= last_word:
            pointers[row] = origin + i
            write_record(text, i, max_order, row, records)
            row += 1
    return row
