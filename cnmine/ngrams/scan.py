"""Sorted windows, one after another, from a store or from a text in memory: the input of what reads all n-grams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.errors import StoreError, UsageError
from cnmine.ngrams import _scan_kernels as kernels
from cnmine.ngrams.lookup import NgramStore

BLOCK_WINDOWS = 1 << 16


class Windows(NamedTuple):
    """Successive windows of the sorted order.

    Attributes
    ----------
    symbols
        ``uint32[n, n_symbols]``, canonical: unit ids, then 0 or 1 for the boundary that was met first (1 with a
        closing quotation), then 0.
    lefts
        ``uint32[n]``; id of the unit before, or 0 or 2 for a boundary (2 with an opening quotation).
    counts
        ``int64[n]``; how often each occurs. The same symbols may come again with another left neighbour, and the
        same window again if it was longer in the store.
    """

    symbols: np.ndarray
    lefts: np.ndarray
    counts: np.ndarray


def iter_windows(store: NgramStore, n_symbols: int, *, threads: int = 1) -> Iterator[Windows]:
    """All windows of a store in sorted order.

    Parameters
    ----------
    store
        An open store.
    n_symbols
        How many symbols of each window are wanted, at most ``store.max_order + 1``.
    threads
        Worker threads; the result does not depend on them.

    Raises
    ------
    UsageError
        If the store has no windows of that length.
    StoreError
        If the store is damaged.

    Notes
    -----
    One pass over the windows, with a jump into the text for each. Memory: some megabytes a thread.
    """
    if not 1 <= n_symbols <= store.max_order + 1:
        raise UsageError(
            f"{store.store.path}: was counted up to order {store.max_order}, and {n_symbols} units are needed; "
            f"count again with --max-order {n_symbols - 1}"
        )
    text, windows = store.store.packed("text"), store.store.packed("windows")
    occurrences = _Occurrences(store)

    def read(start: int) -> Windows:
        stop = min(start + BLOCK_WINDOWS, store.n_windows)
        pointers = windows.decode(start, stop)
        symbols, lefts = np.empty((stop - start, n_symbols), np.uint32), np.empty(stop - start, np.uint32)
        sizes = (np.uint64(text.bits), len(text))
        failed = kernels.gather_packed_windows(text.words, sizes, pointers, symbols, lefts)
        if failed != kernels.DONE:
            raise store.damaged(f"window {start + failed} is at no unit of its text")
        return Windows(symbols, lefts, occurrences.counts(start, stop))

    yield from map_ordered(read, range(0, store.n_windows, BLOCK_WINDOWS), threads=threads)


def gather_windows(
    text: np.ndarray, blocks: Iterable[tuple[np.ndarray, np.ndarray]], n_symbols: int, *, threads: int = 1
) -> Iterator[Windows]:
    """Windows of a text in memory whose pointers and counts `cnmine.sorting.windows.sort_windows` gives.

    Parameters
    ----------
    text
        ``uint16[n]`` or ``uint32[n]``; unit ids, with a boundary at both ends and between spans.
    blocks
        Pointers and counts.
    n_symbols
        How many symbols of each window are wanted.
    threads
        Worker threads; the result does not depend on them.
    """
    frozen = text.view()
    frozen.flags.writeable = False

    def gather(block: tuple[np.ndarray, np.ndarray]) -> Windows:
        pointers, counts = block
        symbols, lefts = np.empty((len(pointers), n_symbols), np.uint32), np.empty(len(pointers), np.uint32)
        if kernels.gather_windows(frozen, pointers, symbols, lefts) != kernels.DONE:
            raise StoreError("a window is at no unit of its text")
        return Windows(symbols, lefts, counts.astype(np.int64))

    yield from map_ordered(gather, _cut(blocks), threads=threads)


def _cut(blocks: Iterable[tuple[np.ndarray, np.ndarray]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for pointers, counts in blocks:
        for start in range(0, len(pointers), BLOCK_WINDOWS):
            stretch = slice(start, start + BLOCK_WINDOWS)
            yield np.ascontiguousarray(pointers[stretch]), counts[stretch]


class _Occurrences:
    """Counts of successive windows, from the bits that mark where each begins among all positions."""

    def __init__(self, store: NgramStore) -> None:
        self._store = store
        self._bits = store.store.array("occurrences")
        self._samples = store.store.packed("occurrence_samples")

    def counts(self, start: int, stop: int) -> np.ndarray:
        """``int64[stop - start]``; ``start`` is a multiple of `BLOCK_WINDOWS`, and so of the distance of samples."""
        first = self._samples[start // 256]
        last = self._samples[stop // 256] if stop % 256 == 0 else self._store.n_tokens
        if stop < self._store.n_windows and stop % 256:
            raise UsageError("blocks of windows end at samples")
        if not first <= last <= self._store.n_tokens:
            raise self._store.damaged("its samples of occurrences do not ascend")
        words = self._bits[first // 64 : -(-last // 64)].view(np.uint8)
        marks = np.flatnonzero(np.unpackbits(words, bitorder="little")[first % 64 : first % 64 + last - first])
        if len(marks) != stop - start or (len(marks) and marks[0] != 0):
            raise self._store.damaged(f"{len(marks)} windows begin where {stop - start} should")
        return np.diff(np.append(marks, last - first))
