"""Cut spans of units where no solid n-gram covers the gap; count and check the segments.

A table of segments is ``i8[m, 3]``, rows of (start of one occurrence, length, count), open addressing,
``m`` a power of two, count 0 = free. Works on any text of 16-bit codes.
"""

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES

CODE_BITS = np.uint64(16)
HALF_BITS = np.uint64(32)
LOW_HALF = np.uint64(0xFFFF_FFFF)
HIGH_FACTOR = np.uint64(0x9E37_79B1)  # odd, 32 bits: a product with half a key cannot overflow
LOW_FACTOR = np.uint64(0x85EB_CA77)
ONE = np.uint64(1)
MIN_CHECKED = 3  # shorter segments need no confirmation


@kernel
def find_solid_lengths(rows, order, parents, is_solid, lengths):  # (i8, i8), i8, i4[n], u1[n], u1[n]
    """Write the length of the longest solid prefix, or 1, of the rows ``start, stop = rows`` of one order.

    The lower orders are done already.
    """
    for row in range(rows[0], rows[1]):
        if is_solid[row]:
            lengths[row] = order
        elif parents[row] >= 0:
            lengths[row] = lengths[parents[row]]
        else:
            lengths[row] = 1


@kernel
def cut_segments(units, start, stop, deepest, lengths, segments):  # u2[n], i8, i8, i4[n], u1[r], u4[m, 2]
    """Cut ``units[start:stop]`` into segments (start, stop); return how many. Must end behind a boundary."""
    n_segments = 0
    first = start
    last = start  # where the segment stops as far as is known
    for pos in range(start, stop):
        if pos >= last:
            if last > first:
                segments[n_segments, 0] = first
                segments[n_segments, 1] = last
                n_segments += 1
            first = pos
            last = pos if units[pos] < N_BOUNDARIES else pos + 1
        if deepest[pos] >= 0:
            last = max(last, pos + np.int64(lengths[deepest[pos]]))
    return n_segments


@kernel
def _mix(key):  # u8
    """Hash of a number whose lower bits depend on all of its bits."""
    mixed = ((key >> HALF_BITS) * HIGH_FACTOR) ^ ((key & LOW_HALF) * LOW_FACTOR)
    return mixed ^ (mixed >> HALF_BITS)


@kernel
def _add_segment(text, start, length, count, table):  # u2[n], i8, i8, i8, i8[m, 3]
    """Add ``count`` to a segment of the table; return 1 if it is new, 0 otherwise."""
    key = np.uint64(length)
    for i in range(start, start + length):
        key = _mix(key ^ (np.uint64(text[i]) << CODE_BITS))
    mask = np.uint64(table.shape[0] - 1)
    row = key & mask
    while table[row, 2] != 0:
        if table[row, 1] == length:
            same = 0
            while same < length and text[table[row, 0] + same] == text[start + same]:
                same += 1
            if same == length:
                table[row, 2] += count
                return 0
        row = (row + ONE) & mask
    table[row, 0] = start
    table[row, 1] = length
    table[row, 2] = count
    return 1


@kernel
def count_segments(text, segments, table):  # u2[n], u4[s, 2] or i8[s, 2], i8[m, 3] zeros
    """Count the segments (start, stop); return the number of distinct ones."""
    n_distinct = 0
    for i in range(segments.shape[0]):
        start = np.int64(segments[i, 0])
        n_distinct += _add_segment(text, start, np.int64(segments[i, 1]) - start, 1, table)
    return n_distinct


@kernel
def merge_segments(text, source, target):  # u2[n], i8[s, 3], i8[m, 3]
    """Add the counts of one table to another; return the number of segments that were new there."""
    n_new = 0
    for row in range(source.shape[0]):
        if source[row, 2] > 0:
            n_new += _add_segment(text, source[row, 0], source[row, 1], source[row, 2], target)
    return n_new


@kernel
def _is_window_solid(deepest_row, width, orders, parents, is_solid):  # i8, i8, u1[r], i4[r], u1[r]
    """Whether the n-gram of ``width`` units, at the position that has this deepest row, is solid."""
    row = deepest_row
    if row < 0 or orders[row] < width:
        return False
    while orders[row] > width:
        row = parents[row]
    return is_solid[row]


@kernel
def confirm_segments(segments, deepest, trie, longest, is_strict, out):  # i8[s, 3], i4[n], 3 arrays, i8, u1, u1[s]
    """Mark the segments whose windows are solid; ``trie`` is (orders, parents, is_solid) of the rows.

    The windows are all of ``longest`` units, or the segment itself if it is shorter; if strict, also all
    of three units and more.
    """
    orders, parents, is_solid = trie
    for i in range(segments.shape[0]):
        start, length = segments[i, 0], segments[i, 1]
        widest = min(length, longest)
        narrowest = MIN_CHECKED if is_strict else widest
        out[i] = True
        if length < MIN_CHECKED:
            continue
        for width in range(narrowest, widest + 1):
            for pos in range(start, start + length - width + 1):
                if not _is_window_solid(deepest[pos], width, orders, parents, is_solid):
                    out[i] = False
