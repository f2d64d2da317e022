"""Unit ids → shards: the places of the corpus by what stands there, in portions that fit into memory.

A shard is all places at which one of a range of units stands. A unit with more places than fit is divided by
the unit behind it. The windows of a shard are copied out of the text, side by side: whatever is asked of a place
is then in one cache line, and the text itself is read from its beginning to its end only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from cnmine._memory import release_pages
from cnmine._parallel import map_ordered
from cnmine.counting import _kernels as kernels
from cnmine.dtypes import N_BOUNDARIES
from cnmine.errors import ResourceError

N_UNITS = 1 << 16
BLOCK_UNITS = 1 << 22  # units of text that one call goes through: some hundredths of a second
SHARD_POSITIONS = 1 << 18
USUAL_SHARDS = 127
MAX_SHARDS = int(kernels.FIRST_SPLIT)


@dataclass(frozen=True)
class Shard:
    """Places that are refined by themselves.

    Attributes
    ----------
    order
        Of the n-grams that its places are grouped by to begin with: 1, or 2 below a unit that is divided.
    first_unit, last_unit
        The lowest and the highest unit that its places begin with.
    groups, counts
        ``uint16[g]``, ``int64[g]``; last unit of each of these n-grams, ascending, and its places.
    beside
        Of a unit that is divided, the counts of the units before and after it, ``int64[65536]`` each; such a shard has
        no places of its own: those that go on are in the shards behind it.
    """

    order: int
    first_unit: int
    last_unit: int
    groups: np.ndarray
    counts: np.ndarray
    beside: tuple[np.ndarray, np.ndarray] | None = None


@dataclass
class Shards:
    """All shards of a text, in the order of the table.

    Attributes
    ----------
    units
        The text.
    threads
        Worker threads.
    shards
        What each is.
    shard_of_unit, shard_of_second
        ``uint16[65536]``, ``uint16[n_split, 65536]``; as `kernels.find_shard` reads them.
    sizes
        ``int64[n_blocks, n_shards]``; places in every block of the text.
    offsets
        ``int64[n_shards + 1]``; of the places of the shards, one shard after another.
    """

    units: np.ndarray
    threads: int
    shards: list[Shard] = field(default_factory=list)
    shard_of_unit: np.ndarray = field(default_factory=lambda: np.full(N_UNITS, kernels.NONE))
    shard_of_second: np.ndarray = field(default_factory=lambda: np.full((0, N_UNITS), kernels.NONE))
    sizes: np.ndarray = field(init=False)
    offsets: np.ndarray = field(init=False)

    @property
    def tables(self) -> tuple[np.ndarray, np.ndarray]:
        """What tells the shard of a place."""
        return self.shard_of_unit, self.shard_of_second

    def add(self, shard: Shard, shard_of: np.ndarray | None = None) -> None:
        """Add a shard behind the others, and its number to the table that leads to it."""
        if shard_of is not None:
            shard_of[shard.groups] = min(len(self.shards), MAX_SHARDS)
        self.shards.append(shard)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Stretches of the text; the first unit, a boundary, is in none."""
        for start in range(1, len(self.units), BLOCK_UNITS):
            # Nothing begins in the boundaries at the end, so that every window is whole.
            yield start, min(start + BLOCK_UNITS, len(self.units) - 1)

    def count_places(self) -> None:
        """Fill in ``sizes`` and ``offsets``."""

        def count(block: tuple[int, int]) -> np.ndarray:
            sizes = np.zeros(len(self.shards), np.int64)
            kernels.count_shards(self.units, block, *self.tables, sizes)
            release_pages(self.units)
            return sizes

        found = list(map_ordered(count, self.blocks(), threads=self.threads))
        self.sizes = np.array(found, np.int64).reshape(len(found), len(self.shards))
        self.offsets = np.append(0, np.cumsum(self.sizes.sum(axis=0)))

    def parts(self, max_positions: int) -> Iterator[tuple[int, int]]:
        """Ranges of shards with up to ``max_positions`` places, or of one shard."""
        start, n_shards = 0, len(self.shards)
        while start < n_shards:
            stop = int(np.searchsorted(self.offsets, self.offsets[start] + max_positions, side="right")) - 1
            stop = max(stop, start + 1)
            yield start, stop
            start = stop

    def gather(self, part: tuple[int, int], width: int) -> np.ndarray:
        """``uint16[m, width]``; the windows of some shards, shard after shard, in the order of the text."""
        first, stop = part
        base = int(self.offsets[first])
        windows = np.empty((int(self.offsets[stop]) - base, width), np.uint16)
        starts = self.offsets[first:stop] - base + np.cumsum(self.sizes[:, first:stop], axis=0)
        starts -= self.sizes[:, first:stop]
        bounds = (first, stop, np.uint16(self.shards[first].first_unit), np.uint16(self.shards[stop - 1].last_unit))

        def gather(task: tuple[int, tuple[int, int]]) -> None:
            number, block = task
            kernels.gather_windows(self.units, block, bounds, self.tables, starts[number], windows)
            release_pages(self.units)

        if len(windows):
            for _ in map_ordered(gather, enumerate(self.blocks()), threads=self.threads):
                pass
        return windows


def count_units(units: np.ndarray, threads: int) -> np.ndarray:
    """``int64[65536]``; occurrences of every id."""

    def count(start: int) -> np.ndarray:
        counts = np.zeros(N_UNITS, np.int64)
        kernels.count_units(units[start : start + BLOCK_UNITS], counts)
        release_pages(units)
        return counts

    total = np.zeros(N_UNITS, np.int64)
    for counts in map_ordered(count, range(0, len(units), BLOCK_UNITS), threads=threads):
        total += counts
    return total


def plan_shards(
    units: np.ndarray, unit_counts: np.ndarray, *, max_order: int, min_count: int, max_positions: int, threads: int
) -> Shards:
    """Divide the places of a text.

    Parameters
    ----------
    units
        ``uint16[n]`` of the text, as for `count_ngrams`.
    unit_counts
        ``int64[65536]``; occurrences of every unit.
    max_order, min_count
        Of the n-grams that are looked for.
    max_positions
        Most places of a shard.
    threads
        Worker threads.

    Raises
    ------
    ResourceError
        If there are more shards than can be numbered.
    """
    plan = Shards(units, threads)
    weights = np.where(unit_counts >= min_count, unit_counts, 0)
    weights[:N_BOUNDARIES] = 0
    target = max(1, min(max(SHARD_POSITIONS, int(weights.sum()) // USUAL_SHARDS), max_positions // 2))
    is_split = weights > max_positions if max_order > 1 else np.zeros(N_UNITS, np.bool_)
    split = np.flatnonzero(is_split)
    plan.shard_of_unit[split] = kernels.FIRST_SPLIT + np.arange(len(split), dtype=np.uint16)
    beside = _count_beside(plan, len(split))
    plan.shard_of_second = np.full((len(split), N_UNITS), kernels.NONE)
    for start, stop in _ranges(weights, is_split, target):
        if not is_split[start]:
            groups = np.flatnonzero(weights[start:stop]) + start
            plan.add(Shard(1, start, stop - 1, groups.astype(np.uint16), weights[groups]), plan.shard_of_unit)
            continue
        row = int(plan.shard_of_unit[start] - kernels.FIRST_SPLIT)
        group = np.array([start], np.uint16)
        plan.add(Shard(1, start, start, group, weights[group], (beside[0][row], beside[1][row])))
        seconds = np.where(beside[1][row] >= min_count, beside[1][row], 0)
        seconds[:N_BOUNDARIES] = 0
        for bounds in _ranges(seconds, np.zeros_like(is_split), target):
            groups = np.flatnonzero(seconds[slice(*bounds)]) + bounds[0]
            plan.add(Shard(2, start, start, groups.astype(np.uint16), seconds[groups]), plan.shard_of_second[row])
    if len(plan.shards) > MAX_SHARDS:
        raise ResourceError(f"the text falls into {len(plan.shards):,} parts for this memory, too many; raise --memory")
    plan.count_places()
    return plan


def _ranges(weights: np.ndarray, is_alone: np.ndarray, target: int) -> Iterator[tuple[int, int]]:
    """Ranges of ids that hold up to ``target`` places, or one id."""
    bounds: list[int] = []
    filled, last_alone = 0, False
    for unit in np.flatnonzero(weights).tolist():
        if not bounds or filled + weights[unit] > target or is_alone[unit] or last_alone:
            bounds.append(unit)
            filled = 0
        filled += int(weights[unit])
        last_alone = bool(is_alone[unit])
    yield from pairwise([*bounds, len(weights)] if bounds else [])


def _count_beside(plan: Shards, n_split: int) -> tuple[np.ndarray, np.ndarray]:
    left, right = np.zeros((2, n_split, N_UNITS), np.int64)
    if n_split:
        for block in plan.blocks():
            kernels.count_beside(plan.units, block, plan.shard_of_unit, left, right)
            release_pages(plan.units)
    return left, right
