"""Sorted windows → the levels of a trie of n-grams, in memory or, beyond a budget, in files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnmine import _memory
from cnmine.dtypes import COUNT, N_BOUNDARIES
from cnmine.errors import ResourceError
from cnmine.lm import _kernels as kernels
from cnmine.ngrams.scan import Windows
from cnmine.sorting.pool import ArrayPool

ROW = np.uint32  # number of a row within its level
MAX_ROWS = 1 << 32
UNKNOWN, END = kernels.UNKNOWN, kernels.END
SLICE_ROWS = 1 << 18  # of one call of a kernel
_MIN_ITEMS = 1 << 16


def release_pages(*arrays: np.ndarray) -> None:
    """Let go of the memory behind arrays that lie in files; what is used again is read again."""
    for array in arrays:
        _memory.release_pages(array)


class Column:
    """An array that grows at its end."""

    def __init__(self, dtype: np.typing.DTypeLike, pool: ArrayPool) -> None:
        self._array = np.empty(0, dtype)
        self._pool = pool
        self._file: Any = None
        self._n_items = 0

    def __len__(self) -> int:
        return self._n_items

    def append(self, values: np.ndarray) -> None:
        """Append values of any type of integer that fit."""
        needed = self._n_items + len(values)
        if self._file is None and needed > len(self._array):
            self._grow(needed)
        if self._file is None:
            self._array[self._n_items : needed] = values
        else:
            self._write(values)
        self._n_items = needed

    def finish(self) -> np.ndarray:
        """The whole array, writable."""
        if self._file is None:
            self._array.resize(self._n_items, refcheck=False)
            return self._array
        with self._pool.named_errors(0), self._file:  # the map outlives the file
            return np.memmap(self._file, self._array.dtype, "r+").view(np.ndarray)

    def _grow(self, needed: int) -> None:
        capacity = max(needed + needed // 16, _MIN_ITEMS)
        if self._pool.take((capacity - len(self._array)) * self._array.itemsize):
            # Large blocks grow where they are: nothing is copied.
            self._array.resize(capacity, refcheck=False)
            return
        self._file = self._pool.new_file()
        self._write(self._array[: self._n_items])
        self._pool.take(-self._array.nbytes)
        self._array = np.empty(0, self._array.dtype)

    def _write(self, values: np.ndarray) -> None:
        data = np.ascontiguousarray(values, self._array.dtype).view(np.uint8).data
        with self._pool.named_errors(len(data)):
            while len(data):
                data = data[self._file.write(data) :]


@dataclass
class Level:
    """All n-grams of one order, sorted by their ids; those that begin with <s> stand behind all others.

    Attributes
    ----------
    order
        Their length.
    words
        ``uint32[n]``; the last id of each.
    counts
        ``uint32[n]`` or ``int64[n]``; how often each occurs.
    firsts
        ``uint32[n + 1]``; first child of each, in the next level; empty at the last level.
    n_inner
        How many do not begin with <s>.
    links
        ``uint32[n]``; the row of all but the first id in the level below; empty at level 1.
    """

    order: int
    words: np.ndarray
    counts: np.ndarray
    firsts: np.ndarray
    n_inner: int
    links: np.ndarray = field(default_factory=lambda: np.zeros(0, ROW))

    def __len__(self) -> int:
        return len(self.words)


class _Branch:
    """Collects the levels of the n-grams of one kind: those that begin anywhere, or the rest of those behind <s>."""

    def __init__(self, depth: int, from_starts: bool, count_type: type, pool: ArrayPool) -> None:
        self.depth, self.from_starts = depth, from_starts
        self._rows: tuple[np.ndarray, ...] = (np.empty((depth, 0), np.uint32),)
        self._state = tuple(np.zeros(n, np.int64) for n in (depth, depth, depth, depth, 1))
        self.words = [Column(np.uint32, pool) for _ in range(depth)]
        self.firsts = [Column(ROW, pool) for _ in range(depth)]
        self.counts = [Column(count_type, pool) for _ in range(depth)]

    def add(self, windows: Windows) -> None:
        """Add the next windows of the sorted order."""
        if not self.depth:
            return
        if self._rows[0].shape[1] <= len(windows.lefts):  # at most so many rows are opened, and one more closed
            shape = (self.depth, len(windows.lefts) + 1)
            self._rows = tuple(np.empty(shape, dtype) for dtype in (np.uint32, np.int64, np.int64))
        words, firsts, counts = self._rows
        _, _, opened, closed, _ = (array.copy() for array in self._state)
        kernels.add_windows(tuple(windows), self.from_starts, self._state, words, firsts, counts)
        for level in range(self.depth):
            n_opened, n_closed = int(self._state[2][level] - opened[level]), int(self._state[3][level] - closed[level])
            if self._state[2][level] >= MAX_ROWS:
                raise ResourceError(f"more than {MAX_ROWS - 1:,} different {level + 1}-grams; choose a lower --order")
            self.words[level].append(words[level, :n_opened])
            self.firsts[level].append(firsts[level, :n_opened])
            self.counts[level].append(counts[level, :n_closed])

    def finish(self) -> None:
        """Close the n-gram that is still open."""
        _, open_counts, _, _, depth = self._state
        for level in range(int(depth[0]) if self.depth else 0):
            self.counts[level].append(open_counts[level : level + 1])


def build_levels(
    windows: Iterable[Windows], order: int, n_units: int, *, n_empty: int = 0, n_tokens: int, pool: ArrayPool
) -> list[Level]:
    """Count the n-grams of all orders, with <s> and </s>, in one pass over sorted windows.

    Parameters
    ----------
    windows
        With ``max(order, 2)`` symbols.
    order
        Longest n-gram.
    n_units
        Size of the vocabulary; their ids begin at 4, and that of <s> follows them.
    n_empty
        Lines without any unit, to be counted as sentences.
    n_tokens
        At least the sum of all counts, with </s>: decides the type of counts.
    pool
        Where the arrays are kept.

    Returns
    -------
    ``max(order, 2)`` levels, without links. Level 1 has a row for every id: <unk>, </s>, two that no unit has,
    the units, <s>.
    """
    depth = max(order, 2)
    count_type = np.uint32 if n_tokens < 1 << 32 else COUNT
    inner = _Branch(depth, False, count_type, pool)
    starts = _Branch(depth - 1, True, count_type, pool)
    if n_empty:
        lone_end = np.zeros((1, depth), np.uint32), np.zeros(1, np.uint32), np.array([n_empty], np.int64)
        starts.add(Windows(*lone_end))
    for block in windows:
        inner.add(block)
        starts.add(block)
    inner.finish()
    starts.finish()
    levels = [_unit_level(inner, starts, n_units)]
    for level in range(1, depth):
        levels.append(_join(inner, starts, level))
    ends = [int(level.counts[level.words == END].sum(dtype=np.int64)) for level in levels[1:2]]
    levels[0].counts[END] = ends[0]
    return levels


def _unit_level(inner: _Branch, starts: _Branch, n_units: int) -> Level:
    start_id = N_BOUNDARIES + n_units
    found = inner.words[0].finish()
    counts = np.zeros(start_id + 1, inner.counts[0].finish().dtype)
    counts[found] = inner.counts[0].finish()
    n_children = np.zeros(start_id + 2, np.int64)
    n_children[found + 1] = np.diff(np.append(inner.firsts[0].finish().astype(np.int64), len(inner.words[1])))
    n_children[start_id + 1] = len(starts.words[0])
    return Level(1, np.arange(start_id + 1, dtype=np.uint32), counts, np.cumsum(n_children).astype(ROW), start_id)


def _join(inner: _Branch, starts: _Branch, level: int) -> Level:
    """One level of both branches, one behind the other."""
    n_inner = len(inner.words[level])
    words, counts, firsts = inner.words[level], inner.counts[level], inner.firsts[level]
    words.append(starts.words[level - 1].finish())
    counts.append(starts.counts[level - 1].finish())
    if level == inner.depth - 1:
        return Level(level + 1, words.finish(), counts.finish(), np.zeros(0, ROW), n_inner)
    n_next = len(inner.words[level + 1])
    firsts.append(starts.firsts[level - 1].finish() + ROW(n_next))
    firsts.append(np.array([n_next + len(starts.words[level])], ROW))
    return Level(level + 1, words.finish(), counts.finish(), firsts.finish(), n_inner)
