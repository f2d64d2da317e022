"""Unit ids → table of n-grams, by refining groups of places one unit at a time.

All places that share an n-gram form a group. Sorting a group by (next unit, place) splits it
into the groups of order n + 1 and shows its right neighbours at once; sorting it by the unit before
shows the left ones. The place rides along inside the sort key, so NumPy's SIMD sort does all the
moving. A group below ``min_count`` is dropped as soon as its count is known, so the work shrinks with
every order. What is in memory at a time is a part of the places, with their windows; see `shards`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from cnmine._memory import release_pages
from cnmine._parallel import map_ordered
from cnmine._space import MEMORY, Space
from cnmine.counting import _kernels as kernels
from cnmine.counting.shards import Shard, Shards, count_units, plan_shards
from cnmine.counting.table import NO_ROW, NgramTable, child_offsets, suffix_rows
from cnmine.dtypes import N_BOUNDARIES, N_NEIGHBOUR_TALLIES
from cnmine.errors import ResourceError, UsageError

MAX_ORDER = 7  # three bits of the code of the deepest n-gram of a place
MAX_POSITIONS = 1 << 32  # the tallies of an n-gram are 32 bits wide
BATCH_POSITIONS = 1 << 17  # keys of one sort: 1 MiB, so that it stays in the second-level cache
BATCH_GROUPS = 1 << 16  # a group's number within a batch has 16 bits in the key
PART_POSITIONS = 1 << 23  # of a part where memory does not matter …
USUAL_PARTS = 16  # … but no more passes over the text than this
BYTES_PER_POSITION = 60  # of a part: window, place, key and what else its sort takes
MIN_PART_POSITIONS = 1 << 16


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

    def tally(self, beside: tuple[np.ndarray, np.ndarray]) -> None:
        """Fill in the neighbours of the one n-gram that there is, from their counts."""
        self.left_spreads[0] = kernels.tally_counts(beside[0], kernels.OPENING, self.left)
        self.right_spreads[0] = kernels.tally_counts(beside[1], kernels.CLOSING, self.right)


# The columns of a level, which become those of the table.
COLUMNS = {
    "parents": (np.int32, ()),
    "last_units": (np.uint16, ()),
    "counts": (np.int64, ()),
    "left": (np.uint32, (N_NEIGHBOUR_TALLIES,)),
    "right": (np.uint32, (N_NEIGHBOUR_TALLIES,)),
    "left_spreads": (np.float64, ()),
    "right_spreads": (np.float64, ()),
}
WHAT = "the table of n-grams"


@dataclass(frozen=True)
class _Kept:
    """A level that waits for the end of the others."""

    n_rows: int
    columns: dict[str, Callable[[], np.ndarray]]

    @classmethod
    def keep(cls, level: _Level, space: Space) -> _Kept:
        columns = {name: space.put_aside(getattr(level, name), WHAT) for name in COLUMNS}
        return cls(len(level.counts), columns)


def count_ngrams(
    units: np.ndarray,
    *,
    max_order: int = 6,
    min_count: int = 5,
    threads: int = 1,
    budget_bytes: int | None = None,
    space: Space = MEMORY,
    on_progress: Callable[[int], None] = lambda n: None,
) -> NgramTable:
    """Count all n-grams of a corpus exactly, with the neighbours of each.

    Parameters
    ----------
    units
        ``uint16[n]``; unit ids, ids below 4 are boundaries. Must start with a boundary and end with at
        least ``max_order + 1`` of them. May be mapped from a file.
    max_order
        Longest n-gram, 1 … 7.
    min_count
        n-grams below it are left out of the table. Their occurrences still count as neighbours.
    threads
        Worker threads; the result does not depend on it.
    budget_bytes
        Memory for what is being counted, besides ``units``, the table and 4 bytes a unit that ``space`` holds; the
        result does not depend on it. None for what is fastest, some 500 MB for a large text.
    space
        Where the table is put.
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
        If the corpus has 2³² units or more, or the table 2³¹ rows.

    Notes
    -----
    Time: one SIMD sort of a 64-bit and one of a 32-bit key for every position and order at which its
    n-gram is still frequent; one pass over ``units`` for every ``budget_bytes / 60`` positions.
    """
    _check_arguments(units, max_order, min_count)
    unit_counts = count_units(units, threads)
    capacity = max(PART_POSITIONS, len(units) // USUAL_PARTS)
    if budget_bytes is not None:
        capacity = min(capacity, max(budget_bytes // BYTES_PER_POSITION, MIN_PART_POSITIONS))
    plan = plan_shards(
        units, unit_counts, max_order=max_order, min_count=min_count, max_positions=capacity, threads=threads
    )
    codes = space.new_array(int(plan.offsets[-1]), np.uint32, "the longest n-gram of every place")
    shards = []
    for part in plan.parts(capacity):
        for levels, n_positions in _refine_part(plan, part, codes, max_order, min_count, threads):
            shards.append({order: _Kept.keep(level, space) for order, level in levels.items()})
            on_progress(n_positions)
        release_pages(codes)
    on_progress(len(units) - int(plan.offsets[-1]))  # boundaries and rare units
    n_tokens = int(unit_counts[N_BOUNDARIES:].sum())
    table, bases = _assemble(shards, n_tokens, max_order, min_count, space)
    table.deepest = _number_rows(plan, codes, bases, table, space)
    return table


def _check_arguments(units: np.ndarray, max_order: int, min_count: int) -> None:
    if not 1 <= max_order <= MAX_ORDER:
        raise UsageError(f"max_order must be 1 to {MAX_ORDER}, not {max_order}")
    if min_count < 1:
        raise UsageError(f"min_count must be at least 1, not {min_count}")
    if len(units) >= MAX_POSITIONS:
        raise ResourceError(
            f"{len(units):,} units are too many for one table (limit {MAX_POSITIONS - 1:,}); give less text"
        )
    edge = max_order + 1
    if len(units) < edge + 1 or units[0] >= N_BOUNDARIES or (units[-edge:] >= N_BOUNDARIES).any():
        raise UsageError(f"units must start with a boundary and end with {edge}")


def _refine_part(
    plan: Shards, part: tuple[int, int], codes: np.ndarray, max_order: int, min_count: int, threads: int
) -> Iterator[tuple[dict[int, _Level], int]]:
    """The n-grams of some shards, by order, and how many places they have; writes the codes of the places."""
    windows = plan.gather(part, max_order + 2)
    base = int(plan.offsets[part[0]])

    def refine(number: int) -> tuple[dict[int, _Level], int]:
        mine = slice(int(plan.offsets[number]), int(plan.offsets[number + 1]))
        levels = _refine_shard(
            plan.shards[number],
            windows[mine.start - base : mine.stop - base],
            max_order,
            min_count,
            codes[mine],
        )
        return levels, mine.stop - mine.start

    return map_ordered(refine, range(*part), threads=threads)


def _group_by_unit(windows: np.ndarray, column: int, first_unit: int) -> np.ndarray:
    keys = np.empty(len(windows), dtype=np.uint64)
    kernels.write_unit_keys(windows, column, first_unit, keys)
    keys.sort()
    return keys.astype(np.uint32)


def _refine_shard(
    shard: Shard, windows: np.ndarray, max_order: int, min_count: int, deepest: np.ndarray
) -> dict[int, _Level]:
    """All orders of one shard; writes the code of the deepest n-gram of each of its places."""
    # The parent of what begins at order 2 is the last n-gram of the shard in front, of order 1.
    level = _Level(np.full(len(shard.groups), -1, dtype=np.int32), shard.groups, shard.counts)
    levels = {shard.order: level}
    if shard.beside is not None:
        level.tally(shard.beside)
        return levels
    places = _group_by_unit(windows, shard.order, int(shard.groups[0]))
    for order in range(shard.order, max_order + 1):
        offsets = np.zeros(len(level.counts) + 1, dtype=np.int64)
        np.cumsum(level.counts, out=offsets[1:])
        parents, last_units, counts, kept = [], [], [], []
        # At the last order nothing goes on: no count reaches the number of all places plus one.
        threshold = min_count if order < max_order else len(places) + 1
        for start, stop in _batches(offsets):
            children, going_on = _refine_batch(
                windows, places, offsets, (start, stop), level, order, threshold, deepest
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
        places = np.concatenate(kept)
        levels[order + 1] = level
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
    windows: np.ndarray,
    places: np.ndarray,
    offsets: np.ndarray,
    groups: tuple[int, int],
    level: _Level,
    order: int,
    min_count: int,
    deepest: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Tally the neighbours of some groups; return their frequent extensions and the places of these."""
    start, stop = groups
    bounds = offsets[start : stop + 1]
    n = int(bounds[-1] - bounds[0])
    left_keys = np.empty(n, dtype=np.uint32)
    keys = np.empty(n, dtype=np.uint64)
    kernels.write_neighbour_keys(windows, places, bounds, order, left_keys, keys)
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
    shards: list[dict[int, _Kept]], n_tokens: int, max_order: int, min_count: int, space: Space
) -> tuple[NgramTable, np.ndarray]:
    """Put the shards of every order behind one another; also the first row of every shard and order."""
    bases = np.zeros((len(shards), MAX_ORDER + 1), dtype=np.int64)
    order_offsets = np.zeros(max_order + 1, dtype=np.int64)
    n_rows = 0
    for order in range(1, max_order + 1):
        for shard, levels in enumerate(shards):
            bases[shard, order] = n_rows
            n_rows += levels[order].n_rows if order in levels else 0
        order_offsets[order] = n_rows
    if n_rows >= 1 << 31:
        raise ResourceError(f"{n_rows:,} n-grams are too many for one table; raise --min-count, or give less text")
    columns = {name: space.new_array((n_rows, *shape), dtype, WHAT) for name, (dtype, shape) in COLUMNS.items()}
    for order in range(1, max_order + 1):
        for shard, levels in enumerate(shards):
            if order not in levels:
                continue
            level, start = levels.pop(order), int(bases[shard, order])
            for name, column in columns.items():
                values = level.columns[name]()
                if name == "parents" and order > 1:
                    values += np.int32(bases[shard, order - 1])
                column[start : start + level.n_rows] = values
            _release(columns)
    offsets = child_offsets(columns["parents"], order_offsets, space)
    suffixes = suffix_rows(columns["parents"], columns["last_units"], offsets, order_offsets, space)
    table = NgramTable(
        max_order=max_order,
        min_count=min_count,
        n_tokens=n_tokens,
        order_offsets=order_offsets,
        suffixes=suffixes,
        child_offsets=offsets,
        deepest=np.empty(0, np.int32),
        **columns,
    )
    return table, bases


def _number_rows(plan: Shards, codes: np.ndarray, bases: np.ndarray, table: NgramTable, space: Space) -> np.ndarray:
    """``int32[n]``; the row of the deepest n-gram of every position."""
    units = plan.units
    rows = space.new_array(len(units), np.int32, "the longest n-gram of every place")
    rows[0] = rows[-1] = NO_ROW
    unit_rows = np.full(1 << 16, NO_ROW, np.int32)
    singles = table.rows_of_order(1)
    unit_rows[table.last_units[singles]] = np.arange(singles.stop, dtype=np.int32)
    starts = plan.offsets[:-1] + np.cumsum(plan.sizes, axis=0) - plan.sizes

    def number(task: tuple[int, tuple[int, int]]) -> None:
        block, stretch = task
        kernels.number_rows(units, stretch, plan.tables, unit_rows, (codes, starts[block], bases), rows)
        for array in (units, codes, rows):
            release_pages(array)

    for _ in map_ordered(number, enumerate(plan.blocks()), threads=plan.threads):
        pass
    return rows


def _release(columns: dict[str, np.ndarray]) -> None:
    for column in columns.values():
        release_pages(column)
