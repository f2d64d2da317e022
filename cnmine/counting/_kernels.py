"""Refine groups of places of the corpus by one more unit, and tally their neighbours."""

import math

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES, RUN_BASE

# Key of a right refinement: group within the batch, next unit, window; sorting it keeps all three.
GROUP_SHIFT = np.uint64(48)
UNIT_SHIFT = np.uint64(32)
UNIT_MASK = np.uint64(0xFFFF)
PLACE_MASK = np.uint64(0xFFFFFFFF)
LEFT_SHIFT = np.uint32(16)
LEFT_MASK = np.uint32(0xFFFF)
# Columns of the neighbour tallies.
VARIETY, BOUNDARY, QUOTED, TOP = 0, 1, 2, 3
# A boundary unit is 0 + 1 (its first character closes a quotation) + 2 (its last one opens one).
CLOSING = np.uint32(1)
OPENING = np.uint32(2)
# Shards are numbered from 0; a unit that is divided by its next one has FIRST_SPLIT and more instead.
FIRST_SPLIT = np.uint16(60_000)
NONE = np.uint16(65_535)
ORDER_SHIFT = np.uint32(29)
ROW_MASK = np.uint32((1 << 29) - 1)


@kernel
def renumber_runs(codes, numbers):  # u4[n], u4[n_runs]
    """Replace the number of every run within its block by its number in the corpus, in place."""
    for i in range(codes.shape[0]):
        if codes[i] >= RUN_BASE:
            codes[i] = RUN_BASE + numbers[codes[i] - RUN_BASE]


@kernel
def count_units(units, counts):  # u2[n] or u4[n], i8[m]
    """Add the number of occurrences of every unit id or code to ``counts``."""
    for i in range(units.shape[0]):
        counts[units[i]] += 1


@kernel
def find_shard(units, i, shard_of_unit, shard_of_second):  # u2[n], i8, u2[65536], u2[h, 65536]
    """The shard of the position ``i``, or NONE; below a unit too frequent for one shard the next unit decides."""
    shard = shard_of_unit[units[i]]
    if shard < FIRST_SPLIT or shard == NONE:
        return shard
    return shard_of_second[shard - FIRST_SPLIT, units[i + 1]]


@kernel
def count_beside(units, stretch, shard_of_unit, left_counts, right_counts):  # …, (i8, i8), u2[65536], 2 i8[h, 65536]
    """Count the units before and after every place of a unit that is divided by its next one."""
    for i in range(stretch[0], stretch[1]):
        shard = shard_of_unit[units[i]]
        if shard >= FIRST_SPLIT and shard != NONE:
            left_counts[shard - FIRST_SPLIT, units[i - 1]] += 1
            right_counts[shard - FIRST_SPLIT, units[i + 1]] += 1


@kernel
def count_shards(units, stretch, shard_of_unit, shard_of_second, sizes):  # u2[n], (i8, i8), …, i8[n_shards]
    """Add the number of positions of every shard to ``sizes``."""
    for i in range(stretch[0], stretch[1]):
        shard = find_shard(units, i, shard_of_unit, shard_of_second)
        if shard != NONE:
            sizes[shard] += 1


@kernel
def gather_windows(units, stretch, part, shards_of, cursors, windows):
    """Copy the window of every position of some shards to its shard's place in ``windows``.

    u2[n], (i8, i8), (i8, i8, u2, u2), (u2[65536], u2[h, 65536]), i8[stop - first], u2[m, max_order + 2].
    ``part`` is the first shard, the one behind the last, and the lowest and the highest unit of all of them. A window
    is the unit in front of the position, that of the position, and ``max_order`` more.
    """
    shard_of_unit, shard_of_second = shards_of
    first, stop, lowest, highest = part
    width = windows.shape[1]
    for i in range(stretch[0], stretch[1]):
        if units[i] < lowest or units[i] > highest:
            continue
        shard = np.int64(find_shard(units, i, shard_of_unit, shard_of_second))
        if first <= shard < stop:
            cursor = cursors[shard - first]
            for k in range(width):
                windows[cursor, k] = units[i - 1 + k]
            cursors[shard - first] = cursor + 1


@kernel
def write_unit_keys(windows, column, first_unit, keys):  # u2[m, w], i8, u2, u8[m]
    """Write the keys (unit in ``column`` - ``first_unit``, 0, window) that group windows by that unit."""
    for j in range(windows.shape[0]):
        group = np.uint64(windows[j, column] - first_unit)
        keys[j] = (group << GROUP_SHIFT) | np.uint64(j)


@kernel
def write_neighbour_keys(windows, places, bounds, order, left_keys, right_keys):  # …, i8[g + 1], i8, u4[m], u8[m]
    """Write the keys (group, unit before the n-gram) and (group, unit after it, window) of some groups.

    Both in one loop: the two units share a cache line, and fetching it is most of the work.
    """
    base = bounds[0]
    for group in range(bounds.shape[0] - 1):
        left_head = np.uint32(group) << LEFT_SHIFT
        right_head = np.uint64(group) << GROUP_SHIFT
        for j in range(bounds[group], bounds[group + 1]):
            place = places[j]
            left_keys[j - base] = left_head | np.uint32(windows[place, 0])
            right_keys[j - base] = right_head | (np.uint64(windows[place, order + 1]) << UNIT_SHIFT) | np.uint64(place)


@kernel
def add_neighbour(unit, n, quotation, group, tallies):  # u4 or u8, i8, i8, i8, u4[g, 4]
    """Add ``n`` places with one neighbour to the tallies of a group; return n ln n, or 0 for a boundary.

    ``quotation`` is the flag of a boundary that has a quotation mark on the side of the n-gram.
    """
    if unit < N_BOUNDARIES:
        tallies[group, BOUNDARY] += n
        if unit & quotation:
            tallies[group, QUOTED] += n
        return 0.0
    tallies[group, VARIETY] += 1
    tallies[group, TOP] = max(tallies[group, TOP], n)
    return n * math.log(n) if n > 1 else 0.0


@kernel
def tally_left(keys, bounds, tallies, spreads):  # u4[m] sorted, i8[g + 1], u4[g, 4], f8[g]
    """Tally the left neighbours of every group: variety, boundaries, quotations, top; and sum of c ln c."""
    base = bounds[0]
    for group in range(bounds.shape[0] - 1):
        spread = 0.0
        j = bounds[group] - base
        stop = bounds[group + 1] - base
        while j < stop:
            start = j
            key = keys[j]
            while j < stop and keys[j] == key:
                j += 1
            n = j - start
            spread += add_neighbour(key & LEFT_MASK, n, OPENING, group, tallies)
        spreads[group] = spread


@kernel
def tally_right(keys, bounds, min_count, tallies, spreads):  # u8[m] sorted, i8[g + 1], i8, u4[g, 4], f8[g]
    """Tally the right neighbours of every group; return how many extensions reach ``min_count``."""
    base = bounds[0]
    n_children = 0
    for group in range(bounds.shape[0] - 1):
        spread = 0.0
        j = bounds[group] - base
        stop = bounds[group + 1] - base
        while j < stop:
            start = j
            head = keys[j] >> UNIT_SHIFT
            while j < stop and keys[j] >> UNIT_SHIFT == head:
                j += 1
            n = j - start
            unit = head & UNIT_MASK
            spread += add_neighbour(unit, n, CLOSING, group, tallies)
            if unit >= N_BOUNDARIES and n >= min_count:
                n_children += 1
        spreads[group] = spread
    return n_children


@kernel
def tally_counts(counts, quotation, tallies):  # i8[65536], u4, u4[1, 4]
    """Tally neighbours that are counted already, as `tally_left` and `tally_right` do; return the sum of c ln c."""
    spread = 0.0
    for unit in range(counts.shape[0]):
        if counts[unit] > 0:
            spread += add_neighbour(np.uint32(unit), counts[unit], quotation, 0, tallies)
    return spread


@kernel
def split_groups(keys, min_count, code, children, places, deepest):  # u8[m] sorted, i8, u4, i8[c, 3], u4[m], u4[n]
    """Write the extensions of a batch that reach ``min_count`` as (group in batch, unit, count).

    Their windows go to ``places``, one child after another; every other window ends here, so
    ``deepest`` of it becomes ``code`` + group. Returns the number of windows that go on.
    """
    n_children = 0
    n_places = 0
    j = 0
    while j < keys.shape[0]:
        start = j
        head = keys[j] >> UNIT_SHIFT
        while j < keys.shape[0] and keys[j] >> UNIT_SHIFT == head:
            j += 1
        unit = head & UNIT_MASK
        group = head >> np.uint64(16)
        if unit >= N_BOUNDARIES and j - start >= min_count:
            children[n_children, 0] = group
            children[n_children, 1] = unit
            children[n_children, 2] = j - start
            n_children += 1
            for k in range(start, j):
                places[n_places] = keys[k] & PLACE_MASK
                n_places += 1
        else:
            for k in range(start, j):
                deepest[keys[k] & PLACE_MASK] = code + np.uint32(group)
    return n_places


@kernel
def number_rows(units, stretch, shards_of, unit_rows, stream, rows):
    """Turn (order << 29 | row within shard and order), shard by shard, into rows of the whole table.

    u2[n], (i8, i8), (u2[65536], u2[h, 65536]), i4[65536], (u4[m], i8[s], i8[s, 8]), i4[n]. ``stream`` is the codes of
    all shards, where those of this stretch begin, and the first row of every shard and order. A position
    without a shard has the row of its unit, -1 if there is none.
    """
    shard_of_unit, shard_of_second = shards_of
    codes, cursors, bases = stream
    for i in range(stretch[0], stretch[1]):
        shard = find_shard(units, i, shard_of_unit, shard_of_second)
        if shard == NONE:
            rows[i] = unit_rows[units[i]]
        else:
            code = codes[cursors[shard]]
            cursors[shard] += 1
            rows[i] = bases[shard, code >> ORDER_SHIFT] + (code & ROW_MASK)
