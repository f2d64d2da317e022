"""A store → all n-grams of one order with their counts, in the order of their text or of their counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.errors import ResourceError, UsageError
from cnmine.ngrams import _lookup_kernels as kernels
from cnmine.ngrams.lookup import NgramStore

BLOCK_WINDOWS = 1 << 18  # that one thread looks through at once
BLOCK_ROWS = 1 << 16
_SPARE_ROWS = 1 << 20  # kept beside the most frequent ones before they are sorted out


class _Piece(NamedTuple):
    """What some windows hold: whole groups, where the first group begins, and a last group that may go on."""

    ids: np.ndarray
    counts: np.ndarray
    first_place: int  # -1 if no group begins here
    last_ids: np.ndarray | None  # None if windows without the n-gram, or none at all, end the piece
    last_place: int


def iter_ngrams(
    ngrams: NgramStore, order: int, *, min_count: int = 1, threads: int = 1
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """All n-grams of one order that occur often enough, unit by unit in the UTF-8 order of the units.

    Parameters
    ----------
    ngrams
        An open store.
    order
        1 … ``ngrams.max_order``.
    min_count
        Least occurrences.
    threads
        Worker threads; the result does not depend on it.

    Yields
    ------
    ``ids``, ``counts``
        ``uint32[m, order]``, ``int64[m]``.

    Raises
    ------
    UsageError
        At the call, if ``order`` is out of range.

    Notes
    -----
    One pass over the windows, 0.1 µs each at most; memory for a few blocks of them.
    """
    if not 1 <= order <= ngrams.max_order:
        raise UsageError(f"order is {order}; this store has the orders 1 … {ngrams.max_order}")
    return _join(_scan(ngrams, order, min_count, threads), ngrams.n_tokens, order, min_count)


def _scan(ngrams: NgramStore, order: int, min_count: int, threads: int) -> Iterator[_Piece]:
    text, windows, _, _ = ngrams.tables

    def scan(start: int) -> _Piece:
        stop = min(start + BLOCK_WINDOWS, ngrams.n_windows)
        found = np.empty(stop - start, np.int64), np.empty(stop - start, np.int64)
        n = int(kernels.scan_windows((start, stop), order, found, ngrams.tables))
        if n < 0:
            raise ngrams.damaged("its windows do not lead into its text")
        starts, places = found[0][:n], found[1][:n]
        counts = np.diff(places)
        # The last group goes on in the next piece; its text is read here, where it is at hand.
        chosen = np.flatnonzero((starts[:-1] >= 0) & (counts >= min_count))
        is_open = n > 0 and starts[-1] >= 0
        rows = np.concatenate([starts[chosen], starts[n - is_open :]])
        ids = np.empty((len(rows), order), np.uint32)
        if kernels.read_ngrams(rows, ids, text, windows) != kernels.DONE:
            raise ngrams.damaged("its windows do not lead into its text")
        first, last = (int(places[0]), int(places[-1])) if n else (-1, -1)
        n_whole = len(chosen)
        return _Piece(ids[:n_whole], counts[chosen], first, ids[n_whole:] if is_open else None, last)

    return map_ordered(scan, range(0, ngrams.n_windows, BLOCK_WINDOWS), threads=threads)


def _join(
    pieces: Iterator[_Piece], n_tokens: int, order: int, min_count: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Whole groups of all pieces, also those that begin in one and end in another."""
    open_ids: np.ndarray | None = None
    open_place = 0
    end = _Piece(np.empty((0, order), np.uint32), np.empty(0, np.int64), n_tokens, None, n_tokens)

    def with_end() -> Iterator[_Piece]:
        yield from pieces
        yield end

    for piece in with_end():
        if piece.first_place < 0:
            continue
        ids, counts = piece.ids, piece.counts
        count = piece.first_place - open_place
        if open_ids is not None and count >= min_count:
            ids, counts = np.concatenate([open_ids, ids]), np.append(count, counts)
        open_ids, open_place = piece.last_ids, piece.last_place
        if len(ids):
            yield ids, counts


def most_frequent(
    ngrams: NgramStore,
    order: int,
    *,
    min_count: int = 1,
    top: int | None = None,
    budget_bytes: int | None = None,
    threads: int = 1,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """`iter_ngrams` by falling counts; n-grams of equal counts in the order of `iter_ngrams`.

    Parameters
    ----------
    top
        Only so many; all if None.
    budget_bytes
        What the n-grams may take up in memory while they are sorted; any amount if None.

    Raises
    ------
    ResourceError
        If they take more; says how much.
    """
    pieces: list[tuple[np.ndarray, np.ndarray]] = []
    n_rows, row_bytes = 0, 4 * order + 8
    blocks = iter_ngrams(ngrams, order, min_count=min_count, threads=threads)
    for block in blocks:
        pieces.append(block)
        n_rows += len(block[1])
        if top is not None and n_rows > 2 * top + _SPARE_ROWS:
            pieces = [_sorted(pieces, top)]
            n_rows = len(pieces[0][1])
        # Sorting takes the rows once more, and 8 bytes a row for their order.
        if budget_bytes is not None and n_rows * (2 * row_bytes + 8) > budget_bytes:
            pieces.clear()
            n_rows += sum(len(counts) for _, counts in blocks)
            raise ResourceError(
                f"sorting {n_rows:,} n-grams takes {n_rows * (2 * row_bytes + 8) / 1e6:,.0f} MB and --memory allows "
                f"{budget_bytes / 1e6:,.0f} MB; raise it, or raise --min-count, or choose --sort text"
            )
    if pieces:
        ids, counts = _sorted(pieces, top)
        for start in range(0, len(counts), BLOCK_ROWS):
            yield ids[start : start + BLOCK_ROWS], counts[start : start + BLOCK_ROWS]


def _sorted(pieces: list[tuple[np.ndarray, np.ndarray]], top: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The rows of all pieces by falling counts, only the first ``top``; empties the list."""
    ids, counts = (np.concatenate(column) for column in zip(*pieces, strict=True))
    pieces.clear()
    rows = np.argsort(-counts, kind="stable")[:top]
    return ids[rows], counts[rows]
