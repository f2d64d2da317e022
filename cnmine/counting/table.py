"""The table of frequent n-grams: a trie in sorted flat arrays, with the neighbours of every n-gram."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cnmine._memory import release_pages
from cnmine._space import MEMORY, Space
from cnmine.counting import _trie_kernels as kernels

NO_ROW = -1
ROWS_PER_STEP = 1 << 17  # after which the pages of a table that is mapped are let go of


@dataclass
class NgramTable:
    """All n-grams of orders 1 … ``max_order`` that occur at least ``min_count`` times.

    One row an n-gram; rows are sorted by order, then by unit ids. The rows of one order are
    ``order_offsets[order - 1]:order_offsets[order]``. The table is also a trie: the extensions of a
    row by one unit are contiguous rows of the next order.

    Attributes
    ----------
    max_order, min_count
        What was counted. Counts are exact; only whole n-grams below ``min_count`` are absent.
    n_tokens
        Units of the corpus, boundaries excluded: the N of every probability.
    order_offsets
        ``int64[max_order + 1]``.
    parents, suffixes
        ``int32[n]``; row of the n-gram without its last / first unit (-1 at order 1).
    last_units
        ``uint16[n]``; id of the last unit.
    counts
        ``int64[n]``; occurrences.
    left, right
        ``uint32[n, 4]``; of the neighbours on that side: number of distinct units (accessor variety),
        occurrences at a boundary, occurrences at a quotation mark or bracket (part of the former),
        occurrences of the most frequent neighbour unit.
    left_spreads, right_spreads
        ``float64[n]``; sum of c ln c over the neighbour units, from which the branching entropy follows.
    child_offsets
        ``int64[n + 1]``; the extensions of row r are ``child_offsets[r]:child_offsets[r + 1]``.
    deepest
        ``int32[n_units]``; for every position of the corpus the longest row that starts there, or -1.
    """

    max_order: int
    min_count: int
    n_tokens: int
    order_offsets: np.ndarray
    parents: np.ndarray
    suffixes: np.ndarray
    last_units: np.ndarray
    counts: np.ndarray
    left: np.ndarray
    right: np.ndarray
    left_spreads: np.ndarray
    right_spreads: np.ndarray
    child_offsets: np.ndarray
    deepest: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)

    def rows_of_order(self, order: int) -> slice:
        """The rows of one order, as a slice into every array of the table."""
        return slice(int(self.order_offsets[order - 1]), int(self.order_offsets[order]))

    def orders(self) -> np.ndarray:
        """``uint8[n]``; the order of every row."""
        return np.repeat(np.arange(1, self.max_order + 1, dtype=np.uint8), np.diff(self.order_offsets))

    def release(self) -> None:
        """Let go of the pages of arrays that are mapped from files."""
        for array in (self.parents, self.suffixes, self.last_units, self.counts, self.left, self.right):
            release_pages(array)
        for array in (self.left_spreads, self.right_spreads, self.child_offsets, self.deepest):
            release_pages(array)

    def orders_of(self, rows: np.ndarray) -> np.ndarray:
        """``uint8[len(rows)]``; the order of some rows."""
        return np.searchsorted(self.order_offsets, rows, side="right").astype(np.uint8)

    def units_of(self, rows: np.ndarray) -> np.ndarray:
        """Unit ids of n-grams.

        Returns
        -------
        ``uint16[len(rows), max_order]``, filled up with 0 (a boundary) behind the end.
        """
        rows = np.ascontiguousarray(rows, dtype=np.int64)
        units = np.zeros((len(rows), self.max_order), dtype=np.uint16)
        kernels.spell_rows(rows, self.orders_of(rows), self.parents, self.last_units, units)
        return units

    def find(self, units: Sequence[int]) -> int:
        """Row of one n-gram given by its unit ids, or -1 if it is not in the table."""
        if not 1 <= len(units) <= self.max_order:
            return NO_ROW
        start, stop = 0, int(self.order_offsets[1])
        row = NO_ROW
        for unit in units:
            row = start + int(np.searchsorted(self.last_units[start:stop], unit))
            if row == stop or self.last_units[row] != unit:
                return NO_ROW
            start, stop = int(self.child_offsets[row]), int(self.child_offsets[row + 1])
        return row


def child_offsets(parents: np.ndarray, order_offsets: np.ndarray, space: Space = MEMORY) -> np.ndarray:
    """Row pointers of the extensions of every row; parents must not decrease within the table."""
    n_rows = len(parents)
    n_roots = int(order_offsets[1])
    offsets = space.new_array(n_rows + 1, np.int64, "the table of n-grams")
    # Rows of order n + 1 are sorted by parent, and orders follow one another, so the parents of all
    # rows behind the first order form one sorted array.
    for start in range(0, n_rows + 1, ROWS_PER_STEP):
        rows = np.arange(start, min(start + ROWS_PER_STEP, n_rows + 1))
        offsets[rows] = np.searchsorted(parents[n_roots:], rows, side="left") + n_roots
        release_pages(parents)
        release_pages(offsets)
    return offsets


def suffix_rows(
    parents: np.ndarray,
    last_units: np.ndarray,
    offsets: np.ndarray,
    order_offsets: np.ndarray,
    space: Space = MEMORY,
) -> np.ndarray:
    """Row of every n-gram without its first unit, -1 at order 1.

    The suffix of an n-gram is the extension of its parent's suffix by its own last unit; it is at
    least as frequent, hence always in the table.
    """
    suffixes = space.new_array(len(parents), np.int32, "the table of n-grams")
    suffixes[: int(order_offsets[1])] = NO_ROW
    for order in range(2, len(order_offsets)):
        first, last = int(order_offsets[order - 1]), int(order_offsets[order])
        for start in range(first, last, ROWS_PER_STEP):
            stop = min(start + ROWS_PER_STEP, last)
            kernels.link_suffixes(start, stop, parents, last_units, offsets, suffixes)
            for array in (parents, last_units, offsets, suffixes):
                release_pages(array)
    return suffixes
