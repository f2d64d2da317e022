"""Spans as tuples of integers, sorted by Python."""

from __future__ import annotations

from itertools import pairwise

CLOSING, OPENING = 1, 2


def spans_of(text, max_span=1 << 20):
    """(units, CLOSING flag behind, OPENING flag in front) of every span, long ones in pieces."""
    places = [i for i, unit in enumerate(text) if unit < 4]
    spans = []
    for front, behind in pairwise(places):
        units = tuple(text[front + 1 : behind])
        pieces = [units[i : i + max_span] for i in range(0, len(units), max_span)]
        for i, piece in enumerate(pieces):
            closing = text[behind] & CLOSING if i == len(pieces) - 1 else 0
            spans.append((piece, closing, text[front] & OPENING if i == 0 else 0))
    return spans


def join_spans(spans):
    """One text, boundaries put together; empty if there is no span."""
    text, closing = [], 0
    for units, closing_behind, opening in spans:
        text += [closing | opening, *units]
        closing = closing_behind
    return [*text, closing] if text else []


def sort_spans(text, max_span=1 << 20):
    return join_spans(sorted(spans_of(text, max_span)))
