"""Texts → batches of pieces of bounded length, of which each sees enough of its neighbours to be linked as in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from cnmine.linking.disambiguation import CONTEXT
from cnmine.linking.normalize import normalize
from cnmine.linking.records import Record

BATCH_CODES = 1 << 15
MAX_LINE = 20_000  # longer texts are linked in pieces
MARGIN = 2 * CONTEXT + 64  # what a piece sees of its neighbours
_BREAKS = "。！？!?\n；;，, "


@dataclass(frozen=True)
class Piece:
    """Part of a text: code points from ``offset`` on, of which mentions between ``start`` and ``stop`` belong to it."""

    record: Record
    offset: int
    codes: np.ndarray
    start: int
    stop: int


def join_lines(lines: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Code points of lines with a line end before, between and behind them, and where each line begins in them."""
    end = np.array([10], np.uint32)
    starts = np.cumsum([1, *(len(line) + 1 for line in lines)])[:-1]
    return np.concatenate([end, *(part for line in lines for part in (line, end))]), starts


def split_texts(records: Iterable[Record]) -> Iterator[list[Piece]]:
    """Pieces of texts, about ``BATCH_CODES`` at a time; all pieces of a text in one batch."""
    batch: list[Piece] = []
    n_codes = 0
    for record in records:
        batch.extend(_pieces(record))
        n_codes += len(record.text) + 1
        if n_codes >= BATCH_CODES:
            yield batch
            batch, n_codes = [], 0
    if batch:
        yield batch


def _pieces(record: Record) -> Iterator[Piece]:
    codes = normalize(record.text)
    codes = np.where(codes == 10, np.uint32(32), codes) if (codes == 10).any() else codes
    cut, n = 0, len(codes)
    while True:
        stop = n if n - cut <= MAX_LINE else _find_break(record.text, cut + MAX_LINE // 2, cut + MAX_LINE)
        low, high = max(0, cut - MARGIN), min(n, stop + MARGIN)
        yield Piece(record, low, codes[low:high], cut - low, stop - low)
        if stop == n:
            return
        cut = stop


def _find_break(text: str, low: int, high: int) -> int:
    """Where to cut: behind the last mark of the best kind there is."""
    for mark in _BREAKS:
        place = text.rfind(mark, low, high)
        if place >= 0:
            return place + 1
    return high
