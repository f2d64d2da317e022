"""Refine groups of corpus positions by one more unit, and tally their neighbours."""

import math

import numpy as np

from cnmine._jit import kernel
from cnmine.dtypes import N_BOUNDARIES, RUN_BASE

# Key of a right refinement: group within the batch, next unit, position; sorting it keeps all three.
GROUP_SHIFT = np.uint64(48)
UNIT_SHIFT = np.uint64(32)
UNIT_MASK = np.uint64(0xFFFF)
POSITION_MASK = np.uint64(0xFFFFFFFF)
LEFT_SHIFT = np.uint32(16)
LEFT_MASK = np.uint32(0xFFFF)
# Columns of the neighbour tallies.
VARIETY, BOUNDARY, QUOTED, TOP = 0, 1, 2, 3
# A boundary unit is 0 + 1 (its first character closes a quotation) + 2 (its last one opens one).
CLOSING = np.uint32(1)
OPENING = np.uint32(2)


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
def scatter_positions(units, shard_of_unit, cursors, positions):  # u2[n], u1[65536], i8[n_shards], u4[m]
    """Append every position whose unit has a shard (not 255) to that shard's stretch of ``positions``."""
    for i in range(units.shape[0]):
        shard = shard_of_unit[units[i]]
        if shard != 255:
            positions[cursors[shard]] = i
            cursors[shard] += 1


@kernel
def write_unit_keys(units, positions, first_unit, keys):  # u2[n], u4[m], u2, u8[m]
    """Write the keys (unit - ``first_unit``, 0, position) that group positions by their own unit."""
    for j in range(positions.shape[0]):
        position = positions[j]
        group = np.uint64(units[position] - first_unit)
        keys[j] = (group << GROUP_SHIFT) | np.uint64(position)


@kernel
def write_neighbour_keys(units, positions, bounds, order, left_keys, right_keys):  # …, i8[g + 1], i8, u4[m], u8[m]
    """Write the keys (group, unit before the n-gram) and (group, unit after it, position) of some groups.

    Both in one loop: the two units mostly share a cache line, and fetching it is most of the work.
    """
    base = bounds[0]
    for group in range(bounds.shape[0] - 1):
        left_head = np.uint32(group) << LEFT_SHIFT
        right_head = np.uint64(group) << GROUP_SHIFT
        for j in range(bounds[group], bounds[group + 1]):
            position = positions[j]
            left_keys[j - base] = left_head | np.uint32(units[position - 1])
            right_keys[j - base] = right_head | (np.uint64(units[position + order]) << UNIT_SHIFT) | np.uint64(position)


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
def split_groups(keys, min_count, code, children, positions, deepest):  # u8[m] sorted, i8, u4, i8[c, 3], u4[m], u4[n]
    """Write the extensions of a batch that reach ``min_count`` as (group in batch, unit, count).

    Their positions go to ``positions``, one child after another; every other position ends here, so
    ``deepest`` of it becomes ``code`` + group. Returns the number of positions that go on.
    """
    n_children = 0
    n_positions = 0
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
                positions[n_positions] = keys[k] & POSITION_MASK
                n_positions += 1
        else:
            for k in range(start, j):
                deepest[keys[k] & POSITION_MASK] = code + np.uint32(group)
    return n_positions
