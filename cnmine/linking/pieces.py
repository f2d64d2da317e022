"""Texts → batches of pieces of bounded length, of which each sees enough of its neighbours to be linked as in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cnmine.linking.disambiguation import CONTEXT
from cnmine.linking.normalize import normalize
from cnmine.linking.records import Record

BATCH_CODES = 1 << 15
MAX_LINE = 20_000  # longer texts are linked in pieces
MARGIN = 2 * CONTEXT + 64  # what a piece sees of its neighbours
_BREAKS = "。！？!?\n；;，, "


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a text: characters from ``offset`` on, of which mentions between ``start`` and ``stop`` belong to it."""

    record: Record
    offset: int
    text: str
    start: int
    stop: int


def join_lines(lines: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Normalized code points of lines with a line end before, between and behind them, and where each begins."""
    joined = "\n".join(["", *lines, ""])
    if joined.count("\n") != len(lines) + 1:
        joined = "\n".join(["", *(line.replace("\n", " ") for line in lines), ""])
    starts = np.fromiter(map(len, lines), np.int64, len(lines))
    starts = np.append(1, 1 + np.cumsum(starts + 1))[:-1]
    return normalize(joined), starts


def split_texts(records: Iterable[Record]) -> Iterator[list[Piece]]:
    """Pieces of texts, about ``BATCH_CODES`` at a time; all pieces of a text in one batch."""
    batch: list[Piece] = []
    n_codes = 0
    for record in records:
        size = len(record.text)
        if size <= MAX_LINE:
            batch.append(Piece(record, 0, record.text, 0, size))
        else:
            batch.extend(_split(record))
        n_codes += size + 1
        if n_codes >= BATCH_CODES:
            yield batch
            batch, n_codes = [], 0
    if batch:
        yield batch


def cut_batch(batch: list[Piece]) -> Iterator[list[Piece]]:
    """A batch, some pieces at a time: one long text needs no more memory for its links than many short ones."""
    first = n_codes = 0
    for i, piece in enumerate(batch, start=1):
        n_codes += len(piece.text) + 1
        if n_codes >= 2 * BATCH_CODES or i == len(batch):
            yield batch[first:i]
            first, n_codes = i, 0


def _split(record: Record) -> Iterator[Piece]:
    text, cut = record.text, 0
    while cut < len(text):
        stop = len(text)
        if stop - cut > MAX_LINE:
            stop = _find_break(text, cut + MAX_LINE // 2, cut + MAX_LINE)
        low, high = max(0, cut - MARGIN), min(len(text), stop + MARGIN)
        yield Piece(record, low, text[low:high], cut - low, stop - low)
        cut = stop


def _find_break(text: str, low: int, high: int) -> int:
    """Where to cut: behind the last mark of the best kind there is."""
    for mark in _BREAKS:
        place = text.rfind(mark, low, high)
        if place >= 0:
            return place + 1
    return high
