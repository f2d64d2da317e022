"""Words → how firmly their units hold together, and what stands beside them, from the windows of a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.dtypes import N_BOUNDARIES, N_NEIGHBOUR_TALLIES
from cnmine.ngrams import _context_kernels as kernels
from cnmine.ngrams._lookup_kernels import find_places, weakest_splits
from cnmine.ngrams.lookup import NO_COUNT, NgramStore
from cnmine.ngrams.vocabulary import COUNTABLE, UNKNOWN, EncodedWords

MAX_REMEMBERED = 1 << 17
_REMEMBERED_BYTES = 1 << 26  # for all of them together
_REMEMBERED_WINDOWS = 64  # a word with so many windows is remembered: reading them again would take longer
_BATCH_WINDOWS = 1 << 18  # of several words, that one thread reads in turn
_CALL_WINDOWS = 1 << 20  # of one word, that one call of a kernel reads


@dataclass
class Contexts:
    """What the windows of some words tell; one row a word.

    Attributes
    ----------
    cohesion
        ``float64[n]``, nats; as of `cnmine.stats.association.min_split_pmi`.
    left, right
        ``int64[n, 4]``; of the neighbours on that side: number of distinct units, occurrences at a boundary,
        occurrences at a quotation mark or bracket (part of the former), occurrences of the most frequent unit.
    left_spreads, right_spreads
        ``float64[n]``; sum of c ln c over the neighbour units.
    left_units, left_counts, right_units, right_counts
        ``uint32[n, k]``, ``int64[n, k]``; the most frequent neighbour units, ties by text; 0 behind the last.
    """

    cohesion: np.ndarray
    left: np.ndarray
    right: np.ndarray
    left_spreads: np.ndarray
    right_spreads: np.ndarray
    left_units: np.ndarray
    left_counts: np.ndarray
    right_units: np.ndarray
    right_counts: np.ndarray

    @classmethod
    def zeros(cls, n: int, n_neighbours: int) -> Contexts:
        """Of words that do not occur."""
        return cls(
            np.zeros(n),
            *(np.zeros((n, N_NEIGHBOUR_TALLIES), np.int64) for _ in range(2)),
            *(np.zeros(n) for _ in range(2)),
            *(np.zeros((n, n_neighbours), dtype) for dtype in (np.uint32, np.int64) * 2),
        )

    def put(self, rows: np.ndarray, others: Contexts, other_rows: np.ndarray | slice) -> None:
        """Copy rows of others to these rows."""
        for field in fields(Contexts):
            getattr(self, field.name)[rows] = getattr(others, field.name)[other_rows]

    def part(self, rows: slice) -> Contexts:
        """A view of some rows."""
        return Contexts(*(getattr(self, field.name)[rows] for field in fields(Contexts)))


@dataclass
class WordStatistics(Contexts):
    """`Contexts` of any words, also of such as do not occur, for which they are 0.

    Takes the place of a table for `cnmine.stats.entropy.branching_entropy`.

    Attributes
    ----------
    kinds
        ``uint8[n]``; as of `EncodedWords`.
    counts
        ``int64[n]``; -1 for what is no n-gram of the store.
    """

    kinds: np.ndarray
    counts: np.ndarray


class WordMeter:
    """Measures words, many at a time; remembers the most frequent ones. For one thread at a time.

    Parameters
    ----------
    ngrams
        An open store.
    n_neighbours
        How many of the most frequent neighbours to find on each side.
    threads
        Worker threads; the result does not depend on it.
    """

    def __init__(self, ngrams: NgramStore, *, n_neighbours: int = 0, threads: int = 1) -> None:
        self._ngrams, self._n_neighbours, self._threads = ngrams, n_neighbours, threads
        self._remembered: dict[int, int] = {}
        self._max_remembered = min(MAX_REMEMBERED, _REMEMBERED_BYTES // (96 + 24 * n_neighbours))
        self._contexts = Contexts.zeros(self._max_remembered, n_neighbours)

    def measure(self, words: Sequence[str]) -> WordStatistics:
        """Statistics of words, in their order; a word that is repeated is measured once.

        Time: linear in the windows that begin with a word, which are at most as many as its occurrences.
        """
        ngrams = self._ngrams
        encoded = ngrams.encode_words(words)
        firsts, stops, counts = ngrams.ranges(encoded.ids, encoded.offsets, threads=self._threads)
        found = np.flatnonzero(counts > 0)
        # First window and order tell n-grams apart.
        keys = firsts * (ngrams.max_order + 1) + np.diff(encoded.offsets)
        _, index, inverse = np.unique(keys[found], return_index=True, return_inverse=True)
        distinct = self._read(found[index], keys, encoded, (firsts, stops, counts))
        result = Contexts.zeros(len(words), self._n_neighbours)
        result.put(found, distinct, inverse)
        counts[(encoded.kinds != COUNTABLE) & (encoded.kinds != UNKNOWN)] = NO_COUNT
        return WordStatistics(**vars(result), kinds=encoded.kinds, counts=counts)

    def _read(
        self, rows: np.ndarray, keys: np.ndarray, encoded: EncodedWords, found: tuple[np.ndarray, ...]
    ) -> Contexts:
        """Contexts of distinct words that occur; from memory, or else from the store."""
        firsts, stops, _ = found
        contexts = Contexts.zeros(len(rows), self._n_neighbours)
        n_windows = stops[rows] - firsts[rows]
        places = np.full(len(rows), -1)
        frequent = np.flatnonzero(n_windows >= _REMEMBERED_WINDOWS)
        places[frequent] = [self._remembered.get(key, -1) for key in keys[rows[frequent]].tolist()]
        known = np.flatnonzero(places >= 0)
        contexts.put(known, self._contexts, places[known])
        unknown = np.flatnonzero(places < 0)
        fresh = Contexts.zeros(len(unknown), self._n_neighbours)

        def read(part: slice) -> int:
            return self._read_part(rows[unknown[part]], fresh.part(part), encoded, found)

        batches = _cut(n_windows[unknown])
        if any(status != kernels.DONE for status in map_ordered(read, batches, threads=self._threads)):
            raise self._ngrams.damaged("its windows contradict its text or its numbers of occurrences")
        contexts.put(unknown, fresh, slice(None))
        self._remember(keys[rows], frequent[places[frequent] < 0], contexts)
        return contexts

    def _read_part(
        self, rows: np.ndarray, contexts: Contexts, encoded: EncodedWords, found: tuple[np.ndarray, ...]
    ) -> int:
        firsts, stops, counts = found
        tables = self._ngrams.tables
        ids, offsets = encoded.ids, encoded.offsets
        places = np.empty(len(rows), np.int64)
        ranges = (firsts[rows], stops[rows], places, offsets[rows + 1] - offsets[rows])
        sides = (
            (contexts.left, contexts.left_spreads, contexts.left_units, contexts.left_counts),
            (contexts.right, contexts.right_spreads, contexts.right_units, contexts.right_counts),
        )
        n_ids = self._ngrams.n_units + N_BOUNDARIES
        # One more that is touched, for what turns out to be there already.
        scratch = (np.zeros(n_ids, np.int64), np.empty(n_ids + 1, np.uint32))
        state = np.zeros(kernels.N_STATE, np.int64)
        state[kernels.WINDOW] = -1
        status = int(weakest_splits(ids, offsets, rows, counts, contexts.cohesion, tables))
        if status == kernels.DONE:
            status = int(find_places(ranges[0], tables[3], places))
        while status == kernels.DONE and state[kernels.ROW] < len(rows):
            status = int(kernels.tally_windows(ranges, _CALL_WINDOWS, state, scratch, sides, tables))
        return status

    def _remember(self, keys: np.ndarray, rows: np.ndarray, contexts: Contexts) -> None:
        n = len(self._remembered)
        rows = rows[: self._max_remembered - n]
        self._remembered.update(zip(keys[rows].tolist(), range(n, n + len(rows)), strict=True))
        self._contexts.put(np.arange(n, n + len(rows)), contexts, rows)


def _cut(n_windows: np.ndarray) -> Iterator[slice]:
    """Words with about as many windows together as one thread should read."""
    ends = np.cumsum(n_windows + 64)  # a word costs something even if it has one window
    start = 0
    while start < len(ends):
        reached = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, reached + _BATCH_WINDOWS, side="right")))
        yield slice(start, stop)
        start = stop
