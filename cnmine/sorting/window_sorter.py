"""One array of unit ids → its distinct windows in sorted order; what works for `cnmine.sorting.windows`.

Every position becomes one 64-bit key, two symbols of its window above the position itself. NumPy's SIMD sort
moves the keys, a shard of the first units at a time. Within a shard, blocks of whole groups of equal keys fetch
the rest of their windows once, and sort by it several symbols at a time, inside the cache; a window that is alone in
its group needs no further sorting. Groups too large for a block are sorted where they stand.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.dtypes import COUNT, N_BOUNDARIES
from cnmine.errors import ResourceError, UsageError
from cnmine.sorting import _window_kernels as kernels

KEY_BITS, INDEX_BITS = 64, 16
WORD_BITS = 38  # of the symbols in the key of a batch; the index in the block and the group take the rest
BLOCK_POSITIONS = 1 << 15  # whose windows are in the cache at one time; at most 1 << 16
SHARD_POSITIONS = 1 << 18  # sorted by one thread at one time, if no unit has more
MAX_SHARDS = 256  # of one pass over the text: so many streams are written at a time
SLICE_POSITIONS = 1 << 22  # of one call of a kernel
MIN_POSITIONS, MAX_PASSES = 1 << 16, 32  # in one pass over the text, and passes, whatever the budget
PASS_POSITIONS = 1 << 24  # sorted in one pass over the text if the budget allows
LINE_KEYS = 16  # two cache lines, so that two threads do not write to one


@dataclass
class WindowSorter:
    """Sorts the windows at those of ``positions`` where a unit stands.

    Attributes
    ----------
    text
        Unit ids; windows written one behind the other are a text too, whose windows stand at every so-many-th place.
    positions
        Places in ``text``.
    max_order, id_bits, budget_bytes, threads, on_progress
        As for `cnmine.sorting.windows.sort_windows`.
    position_bits
        How many bits hold a place.
    capacity
        How many keys there is room for.
    local
        What each thread needs while it sorts.
    """

    text: np.ndarray
    positions: range
    max_order: int
    id_bits: int
    budget_bytes: int
    threads: int
    on_progress: Callable[[int], None]
    n_places: int = field(init=False)
    position_bits: int = field(init=False)
    n_ids: int = field(init=False)
    capacity: int = field(init=False)
    local: threading.local = field(init=False, default_factory=threading.local)

    def __post_init__(self) -> None:
        self.n_places = self.max_order + 2
        self.position_bits = max(1, (len(self.text) - 1).bit_length())
        if self.position_bits + self.id_bits > KEY_BITS:
            raise ResourceError(
                f"a text of {len(self.text):,} ids of {self.id_bits} bits is too long for one store; "
                "count parts of it, and keep their stores apart"
            )
        pieces = range(0, len(self.text), SLICE_POSITIONS)
        self.n_ids = max((int(self.text[start : start + SLICE_POSITIONS].max()) for start in pieces), default=0) + 1
        if self.n_ids > 1 << self.id_bits:
            raise UsageError(f"text has the id {self.n_ids - 1}, which does not fit {self.id_bits} bits")
        fixed = self.threads * (_Scratch.n_bytes(self.n_places) + 8 * self.n_ids)
        room = (self.budget_bytes - fixed) // 8 - LINE_KEYS * self.threads
        # Memory that was not in use before costs more than a second pass over the text.
        wanted = max(PASS_POSITIONS, len(self.positions) // 2 + len(self.positions) // 16)
        self.capacity = max(MIN_POSITIONS, len(self.positions) // MAX_PASSES, min(room, wanted))

    def sort(self) -> Iterator[np.ndarray]:
        """Arrays of ``count << position_bits | pointer``, in the order of the windows."""
        counts = self._count_units()
        totals = counts.sum(axis=0)
        n_keys = min(self.capacity, int(totals.sum()))
        # At the end a place for each thread that takes the keys which are not wanted.
        keys = np.empty(n_keys + LINE_KEYS * self.threads, np.uint64)
        for units in _cut(totals, self.capacity, self.n_ids):
            if totals[slice(*units)].sum() > self.capacity:
                yield from self._sort_large((units[0],), keys)
            else:
                yield from self._sort_range(units, counts, keys)

    def _sort_range(self, units: tuple[int, int], counts: np.ndarray, keys: np.ndarray) -> Iterator[np.ndarray]:
        """Windows that begin with a unit of a range."""
        totals = counts[:, slice(*units)].sum(axis=0)
        n = int(totals.sum())
        target = max(min(SHARD_POSITIONS, n // (8 * self.threads)), n // MAX_SHARDS, 1)
        ranges = _cut(totals, target, 1 << KEY_BITS - self.position_bits)
        shards = [(units[0] + first, units[0] + stop) for first, stop in ranges]
        offsets, depths = self._scatter(counts, shards, keys)

        def sort_shard(shard: int) -> np.ndarray:
            return self._sort_keys(keys[offsets[shard] : offsets[shard + 1]], depths[shard])

        for shard, windows in enumerate(map_ordered(sort_shard, range(len(shards)), threads=self.threads)):
            yield windows
            self.on_progress(int(offsets[shard + 1] - offsets[shard]))

    def _sort_large(self, prefix: tuple[int, ...], keys: np.ndarray) -> Iterator[np.ndarray]:
        """Windows that begin with some symbols, and are more than there is room for."""
        known = np.array(prefix, COUNT)
        counts = np.zeros(self.n_ids, COUNT)
        firsts = [
            kernels.count_symbols(self.text, (part.start, part.stop, part.step), known, self.max_order, counts)
            for part in _slices(self.positions)
        ]
        if len(prefix) == self.n_places:
            n = int(counts.sum())
            yield np.array([n << self.position_bits | min(first for first in firsts if first >= 0)], np.uint64)
            self.on_progress(n)
            return
        for symbols in _cut(counts, self.capacity, self.n_ids):
            if counts[slice(*symbols)].sum() > self.capacity:
                yield from self._sort_large((*prefix, symbols[0]), keys)
                continue
            n = 0
            for part in _slices(self.positions):
                numbers = (part.start, part.stop, part.step)
                n += kernels.collect_positions(self.text, numbers, known, symbols, self.max_order, keys[n:])
            yield self._sort_keys(keys[:n], len(prefix))
            self.on_progress(n)

    def _stretches(self) -> list[range]:
        """The positions, in one stretch for each thread."""
        n = len(self.positions)
        bounds = [n * i // self.threads for i in range(self.threads + 1)]
        return [self.positions[start:stop] for start, stop in pairwise(bounds)]

    def _count_units(self) -> np.ndarray:
        """``int64[threads, n_ids]``; how often each unit occurs in each stretch, boundaries not at all."""

        def count(stretch: range) -> np.ndarray:
            counts = np.zeros(self.n_ids, COUNT)
            for part in _slices(stretch):
                kernels.count_units(self.text, part.start, part.stop, part.step, counts)
            counts[:N_BOUNDARIES] = 0
            return counts

        return np.stack(list(map_ordered(count, self._stretches(), threads=self.threads)))

    def _scatter(
        self, counts: np.ndarray, shards: list[tuple[int, int]], keys: np.ndarray
    ) -> tuple[np.ndarray, list[int]]:
        """Write the keys of all windows of some shards; return where each begins and how many symbols its keys hold."""
        n_shards = len(shards)
        # The last shard is the one of everything else.
        shard_of_unit = np.full(self.n_ids, n_shards, np.uint16)
        plan = tuple(np.zeros(n_shards + 1, np.uint64) for _ in range(4))
        depths = []
        for shard, (first, stop) in enumerate(shards):
            shard_of_unit[max(first, N_BOUNDARIES) : stop] = shard
            has_second = (stop - first - 1).bit_length() + self.id_bits + self.position_bits <= KEY_BITS
            depths.append(1 + has_second)
            shift = self.position_bits + (self.id_bits if has_second else 0)
            second_mask = (1 << self.id_bits) - 1 if has_second else 0
            # A shard of one unit may leave no bit for the number of the unit in it, which is 0.
            for numbers, value in zip(plan, (first, min(shift, KEY_BITS - 1), second_mask, 1), strict=True):
                numbers[shard] = value
        firsts, stops = np.array(shards).T
        sums = np.zeros((self.threads, self.n_ids + 1), COUNT)
        np.cumsum(counts, axis=1, out=sums[:, 1:])
        sizes = sums[:, stops] - sums[:, firsts]  # [threads, n_shards]
        ends = np.cumsum(sizes.T.ravel()).reshape(n_shards, -1).T
        unwanted = len(keys) - 1 - LINE_KEYS * np.arange(self.threads)
        cursors = np.column_stack([ends - sizes, unwanted])

        def scatter(item: tuple[range, np.ndarray]) -> None:
            stretch, mine = item
            for part in _slices(stretch):
                numbers = (part.start, part.stop, part.step, self.position_bits)
                kernels.scatter_keys(self.text, numbers, plan, shard_of_unit, mine, keys)

        for _ in map_ordered(scatter, zip(self._stretches(), cursors, strict=True), threads=self.threads):
            pass
        return np.append(0, ends[-1]), depths

    def _sort_keys(self, keys: np.ndarray, depth: int) -> np.ndarray:
        """Sort keys that hold the symbols in front of ``depth``, and write their windows over them."""
        if not hasattr(self.local, "scratch"):
            self.local.scratch = _Scratch(self.n_places)
        keys.sort()
        return keys[: self._sort_groups(keys, depth, keys, 0, self.local.scratch)]

    def _sort_groups(self, keys: np.ndarray, depth: int, windows: np.ndarray, n_windows: int, scratch: _Scratch) -> int:
        """Append the windows of sorted keys to ``windows``, which may be their own memory; return the new number."""
        start = 0
        while start < len(keys):
            stop = kernels.end_of_block(keys, start, BLOCK_POSITIONS, self.position_bits)
            group = keys[start:stop]
            if len(group) <= BLOCK_POSITIONS or depth >= self.n_places:
                n_windows += self._sort_block(group, depth, windows[n_windows:], scratch)
            else:
                deeper = self._sort_in_place(group, depth, scratch)
                n_windows = self._sort_groups(group, deeper, windows, n_windows, scratch)
            start = stop
        return n_windows

    def _sort_in_place(self, keys: np.ndarray, depth: int, scratch: _Scratch) -> int:
        """Sort a group too large for a block by its next symbols; return the number of symbols that are done then."""
        n = min((KEY_BITS - self.position_bits) // self.id_bits, self.n_places - depth)
        shape = (depth, self.max_order, self.id_bits, n, self.position_bits)
        for start in range(0, len(keys), BLOCK_POSITIONS):
            block = keys[start : start + BLOCK_POSITIONS]
            words = scratch.words[: len(block), None]
            kernels.fetch_words(self.text, block, scratch.all_slots[: len(block)], shape, words)
            kernels.rewrite_keys(block, words, self.position_bits)
        keys.sort()
        return depth + n

    def _sort_block(self, keys: np.ndarray, depth: int, windows: np.ndarray, scratch: _Scratch) -> int:
        """Write the windows of some groups to ``windows``; return their number."""
        n = len(keys)
        if depth >= self.n_places:
            return kernels.join_equal(keys, self.position_bits, windows)
        scratch.keys[:n] = keys
        keys = scratch.keys[:n]
        n_slots = kernels.open_block(keys, self.position_bits, scratch.is_first, scratch.order, scratch.slots)
        n_left = self.n_places - depth
        per_word = min(max(1, WORD_BITS // self.id_bits), n_left)
        n_words = -(-n_left // per_word)
        words = scratch.words[: n * n_words].reshape(n, n_words)
        shape = (depth, self.max_order, self.id_bits, per_word, self.position_bits)
        kernels.fetch_words(self.text, keys, scratch.slots[:n_slots], shape, words)
        group_bits = KEY_BITS - INDEX_BITS - per_word * self.id_bits
        for q in range(n_words):
            n_slots = self._sort_word(words[:, q], n_slots, group_bits, scratch)
        return kernels.write_windows(keys, scratch.is_first, scratch.order, self.position_bits, windows)

    def _sort_word(self, words: np.ndarray, n_slots: int, group_bits: int, scratch: _Scratch) -> int:
        """Sort the members in the first ``n_slots`` of the slots by a word; return how many slots stay undecided."""
        start = n_kept = 0
        while start < n_slots:
            slots = scratch.slots[start:n_slots]
            n = kernels.write_batch(slots, scratch.is_first, scratch.order, words, group_bits, scratch.batch)
            batch = scratch.batch[:n]
            batch.sort()
            n_kept += kernels.read_batch(batch, slots, scratch.is_first, scratch.order, scratch.slots[n_kept:])
            start += n
        return n_kept


class _Scratch:
    """Arrays for the members of one block."""

    def __init__(self, n_places: int) -> None:
        self.keys = np.empty(BLOCK_POSITIONS, np.uint64)
        self.batch = np.empty(BLOCK_POSITIONS, np.uint64)
        self.words = np.empty(BLOCK_POSITIONS * n_places, np.uint64)
        self.is_first = np.empty(BLOCK_POSITIONS, np.bool_)
        self.order = np.empty(BLOCK_POSITIONS, np.uint16)
        self.slots = np.empty(BLOCK_POSITIONS, np.uint16)
        self.all_slots = np.arange(BLOCK_POSITIONS, dtype=np.uint16)

    @staticmethod
    def n_bytes(n_places: int) -> int:
        return BLOCK_POSITIONS * (23 + 8 * n_places)


def _slices(stretch: range) -> Iterator[range]:
    """Parts of a stretch that one call of a kernel takes."""
    for start in range(0, len(stretch), SLICE_POSITIONS):
        yield stretch[start : start + SLICE_POSITIONS]


def _cut(counts: np.ndarray, target: int, max_range: int) -> Iterator[tuple[int, int]]:
    """Ranges of symbols of about ``target`` positions; a symbol with more is one of its own."""
    offsets = np.zeros(len(counts) + 1, COUNT)
    np.cumsum(counts, out=offsets[1:])
    start = 0
    while offsets[start] < offsets[-1]:
        start = int(np.searchsorted(offsets, offsets[start], side="right")) - 1
        stop = int(np.searchsorted(offsets, offsets[start] + target, side="right")) - 1
        stop = min(max(stop, start + 1), start + max_range)
        yield start, stop
        start = stop
