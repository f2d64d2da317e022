"""Unit ids → table of n-grams, by refining groups of positions one unit at a time.

All positions that share an n-gram form a group. Sorting a group by (next unit, position) splits it
into the groups of order n + 1 and shows its right neighbours at once; sorting it by the unit before
shows the left ones. The position rides along inside the sort key, so NumPy's SIMD sort does all the
moving. A group below ``min_count`` is dropped as soon as its count is known, so the work shrinks with
every order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.counting import _kernels as kernels
from cnmine.counting import _trie_kernels as trie_kernels
from cnmine.counting.table import NgramTable, child_offsets, suffix_rows
from cnmine.dtypes import N_BOUNDARIES, N_NEIGHBOUR_TALLIES
from cnmine.errors import ResourceError, UsageError

MAX_ORDER = 7  # three bits of the code of a position's deepest n-gram
MAX_POSITIONS = 1 << 32
BATCH_POSITIONS = 1 << 17  # keys of one sort: 1 MiB, so that it stays in the second-level cache
BATCH_GROUPS = 1 << 16  # a group's number within a batch has 16 bits in the key
MAX_SHARDS = 255  # 255 itself marks units that are not counted
SHARD_POSITIONS = 1 << 18


@dataclass
class _Level:
    """The n-grams of one order within one shard."""

    parents: np.ndarray
    last_units: np.ndarray
    counts: np.ndarray
    left: np.ndarray = field(init=False)
    right: np.ndarray = field(init=False)
    left_spreads: np.ndarray = field(init=False)
    right_spreads: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        n = len(self.counts)
        self.left = np.zeros((n, N_NEIGHBOUR_TALLIES), dtype=np.uint32)
        self.right = np.zeros((n, N_NEIGHBOUR_TALLIES), dtype=np.uint32)
        self.left_spreads = np.zeros(n)
        self.right_spreads = np.zeros(n)


def count_ngrams(
    units: np.ndarray,
    *,
    max_order: int = 6,
    min_count: int = 5,
    threads: int = 1,
    on_progress: Callable[[int], None] = lambda n: None,
) -> NgramTable:
    """Count all n-grams of a corpus exactly, with the neighbours of each.

    Parameters
    ----------
    units
        ``uint16[n]``; unit ids, ids below 4 are boundaries. Must start with a boundary and end with at
        least ``max_order + 1`` of them.
    max_order
        Longest n-gram, 1 … 7.
    min_count
        n-grams below it are left out of the table. Their occurrences still count as neighbours.
    threads
        Worker threads; the result does not depend on it.
    on_progress
        Called with the number of positions finished since the last call; ``len(units)`` in all.

    Returns
    -------
    The table; rows sorted by order, then by unit ids.

    Raises
    ------
    UsageError
        If ``max_order`` or ``min_count`` is out of range or ``units`` lacks its boundaries.
    ResourceError
        If the corpus has 2³² units or more.

    Notes
    -----
    Time: one SIMD sort of a 64-bit and one of a 32-bit key for every position and order at which its
    n-gram is still frequent. Memory: about 14 bytes a unit besides ``units`` and the table.
    """
    _check_arguments(units, max_order, min_count)
    unit_counts = np.zeros(1 << 16, dtype=np.int64)
    kernels.count_units(units, unit_counts)
    n_tokens = int(unit_counts[N_BOUNDARIES:].sum())
    shard_of_unit, unit_bounds = _plan_shards(unit_counts, min_count)
    positions, shard_offsets = _scatter(units, unit_counts, shard_of_unit, unit_bounds)
    deepest = np.empty(len(units), dtype=np.uint32)

    def refine(shard: int) -> list[_Level]:
        mine = positions[shard_offsets[shard] : shard_offsets[shard + 1]]
        first, stop = unit_bounds[shard], unit_bounds[shard + 1]
        groups = [unit for unit in range(first, stop) if shard_of_unit[unit] == shard]
        level = _Level(
            np.full(len(groups), -1, dtype=np.int32),
            np.array(groups, dtype=np.uint16),
            unit_counts[groups],
        )
        return _refine_shard(units, _group_by_unit(units, mine, first), level, max_order, min_count, deepest)

    shards = []
    for shard, levels in enumerate(map_ordered(refine, range(len(unit_bounds) - 1), threads=threads)):
        shards.append(levels)
        on_progress(int(shard_offsets[shard + 1] - shard_offsets[shard]))
    on_progress(len(units) - int(shard_offsets[-1]))  # boundaries and rare units
    del positions
    return _assemble(units, shards, shard_of_unit, deepest, n_tokens, max_order, min_count)


def _check_arguments(units: np.ndarray, max_order: int, min_count: int) -> None:
    if not 1 <= max_order <= MAX_ORDER:
        raise UsageError(f"max_order must be 1 to {MAX_ORDER}, not {max_order}")
    if min_count < 1:
        raise UsageError(f"min_count must be at least 1, not {min_count}")
    if len(units) >= MAX_POSITIONS:
        raise ResourceError(f"{len(units):,} units are too many for one table (limit {MAX_POSITIONS - 1:,})")
    edge = max_order + 1
    if len(units) < edge + 1 or units[0] >= N_BOUNDARIES or (units[-edge:] >= N_BOUNDARIES).any():
        raise UsageError(f"units must start with a boundary and end with {edge}")


def _plan_shards(unit_counts: np.ndarray, min_count: int) -> tuple[np.ndarray, list[int]]:
    """Cut the unit ids into ranges with about equally many positions; each is refined on its own."""
    is_counted = unit_counts >= min_count
    is_counted[:N_BOUNDARIES] = False
    weights = np.where(is_counted, unit_counts, 0)
    target = max(SHARD_POSITIONS, int(weights.sum()) // (MAX_SHARDS // 2))
    bounds = [N_BOUNDARIES]
    filled = 0
    for unit in np.flatnonzero(is_counted):
        if filled and filled + weights[unit] > target:
            bounds.append(int(unit))
            filled = 0
        filled += int(weights[unit])
    bounds.append(len(unit_counts))
    shard_of_unit = np.full(len(unit_counts), 255, dtype=np.uint8)
    for shard in range(len(bounds) - 1):
        chosen = is_counted[bounds[shard] : bounds[shard + 1]]
        shard_of_unit[bounds[shard] : bounds[shard + 1]][chosen] = shard
    return shard_of_unit, bounds


def _scatter(
    units: np.ndarray, unit_counts: np.ndarray, shard_of_unit: np.ndarray, unit_bounds: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of all counted units, shard after shard, ascending within a shard."""
    sizes = np.zeros(len(unit_bounds) - 1, dtype=np.int64)
    is_counted = shard_of_unit != 255
    np.add.at(sizes, shard_of_unit[is_counted], unit_counts[is_counted])
    offsets = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=offsets[1:])
    positions = np.empty(offsets[-1], dtype=np.uint32)
    kernels.scatter_positions(units, shard_of_unit, offsets[:-1].copy(), positions)
    return positions, offsets


def _group_by_unit(units: np.ndarray, positions: np.ndarray, first_unit: int) -> np.ndarray:
    keys = np.empty(len(positions), dtype=np.uint64)
    kernels.write_unit_keys(units, positions, first_unit, keys)
    keys.sort()
    return keys.astype(np.uint32)


def _refine_shard(
    units: np.ndarray,
    positions: np.ndarray,
    level: _Level,
    max_order: int,
    min_count: int,
    deepest: np.ndarray,
) -> list[_Level]:
    """All orders of one shard; writes the code of the deepest n-gram of each of its positions."""
    levels = [level]
    for order in range(1, max_order + 1):
        offsets = np.zeros(len(level.counts) + 1, dtype=np.int64)
        np.cumsum(level.counts, out=offsets[1:])
        parents, last_units, counts, kept = [], [], [], []
        # At the last order nothing goes on: no count reaches the number of all positions plus one.
        threshold = min_count if order < max_order else len(positions) + 1
        for start, stop in _batches(offsets):
            children, going_on = _refine_batch(
                units, positions, offsets, (start, stop), level, order, threshold, deepest
            )
            parents.append(children[:, 0] + start)
            last_units.append(children[:, 1])
            counts.append(children[:, 2])
            kept.append(going_on)
        if order == max_order or not kept:
            break
        level = _Level(
            np.concatenate(parents).astype(np.int32),
            np.concatenate(last_units).astype(np.uint16),
            np.concatenate(counts),
        )
        positions = np.concatenate(kept)
        levels.append(level)
    return levels


def _batches(offsets: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of whole groups that fit one sort; a larger group is a batch of its own."""
    start, n_groups = 0, len(offsets) - 1
    while start < n_groups:
        stop = int(np.searchsorted(offsets, offsets[start] + BATCH_POSITIONS, side="right")) - 1
        stop = min(max(stop, start + 1), start + BATCH_GROUPS, n_groups)
        yield start, stop
        start = stop


def _refine_batch(
    units: np.ndarray,
    positions: np.ndarray,
    offsets: np.ndarray,
    groups: tuple[int, int],
    level: _Level,
    order: int,
    min_count: int,
    deepest: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Tally the neighbours of some groups; return their frequent extensions and the positions of these."""
    start, stop = groups
    bounds = offsets[start : stop + 1]
    n = int(bounds[-1] - bounds[0])
    left_keys = np.empty(n, dtype=np.uint32)
    keys = np.empty(n, dtype=np.uint64)
    kernels.write_neighbour_keys(units, positions, bounds, order, left_keys, keys)
    left_keys.sort()
    kernels.tally_left(left_keys, bounds, level.left[start:stop], level.left_spreads[start:stop])
    keys.sort()
    n_children = kernels.tally_right(keys, bounds, min_count, level.right[start:stop], level.right_spreads[start:stop])
    children = np.empty((n_children, 3), dtype=np.int64)
    going_on = np.empty(n, dtype=np.uint32)
    code = np.uint32(order << 29 | start)
    n_going_on = kernels.split_groups(keys, min_count, code, children, going_on, deepest)
    return children, going_on[:n_going_on].copy()


def _assemble(
    units: np.ndarray,
    shards: list[list[_Level]],
    shard_of_unit: np.ndarray,
    deepest: np.ndarray,
    n_tokens: int,
    max_order: int,
    min_count: int,
) -> NgramTable:
    """Put the shards of every order behind one another and renumber parents and positions."""
    bases = np.zeros((len(shards), MAX_ORDER + 1), dtype=np.int64)
    order_offsets = np.zeros(max_order + 1, dtype=np.int64)
    pieces: list[_Level] = []
    n_rows = 0
    for order in range(1, max_order + 1):
        for shard, levels in enumerate(shards):
            bases[shard, order] = n_rows
            if order <= len(levels):
                level = levels[order - 1]
                if order > 1:
                    level.parents += np.int32(bases[shard, order - 1])
                pieces.append(level)
                n_rows += len(level.counts)
        order_offsets[order] = n_rows
    shards.clear()

    def joined(name: str, empty: np.ndarray) -> np.ndarray:
        return np.concatenate([getattr(piece, name) for piece in pieces]) if pieces else empty

    parents = joined("parents", np.zeros(0, dtype=np.int32))
    last_units = joined("last_units", np.zeros(0, dtype=np.uint16))
    offsets = child_offsets(parents, order_offsets)
    rows = np.empty(len(units), dtype=np.int32)
    trie_kernels.number_rows(units, shard_of_unit, bases, deepest, rows)
    tallies = np.zeros((0, N_NEIGHBOUR_TALLIES), dtype=np.uint32)
    return NgramTable(
        max_order=max_order,
        min_count=min_count,
        n_tokens=n_tokens,
        order_offsets=order_offsets,
        parents=parents,
        suffixes=suffix_rows(parents, last_units, offsets, order_offsets),
        last_units=last_units,
        counts=joined("counts", np.zeros(0, dtype=np.int64)),
        left=joined("left", tallies),
        right=joined("right", tallies),
        left_spreads=joined("left_spreads", np.zeros(0)),
        right_spreads=joined("right_spreads", np.zeros(0)),
        child_offsets=offsets,
        deepest=rows,
    )
