"""The obvious builder of an n-gram store: spans in, all arrays of the file out; the fast one must give the same bytes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from cnmine import __version__

N_BOUNDARIES = 4
CLOSING, OPENING = 1, 2
MAX_SPAN = 2**20


class Span(NamedTuple):
    """Units between two boundaries; whether a quotation closes right behind it and opens right in front of it."""

    units: tuple[str, ...]
    closing: bool = False
    opening: bool = False


Sections = dict[str, tuple[int, np.ndarray]]


def spans_of_text(text: str, *, fold_case: bool = False, punctuation: str = "drop") -> list[Span]:
    """The spans of a text, as the reader of corpora finds them."""
    from cnmine.io.units import concatenate_blocks, decode_units, encode_block

    block = encode_block(text.encode("utf-8"), fold_case=fold_case, punctuation=punctuation)
    codes = concatenate_blocks([(block.codes, False)])
    texts, codes = decode_units(codes, block.runs), codes.tolist()
    edges = [i for i, code in enumerate(codes) if code < N_BOUNDARIES]
    return [
        Span(tuple(texts[a + 1 : b]), bool(codes[b] & CLOSING), bool(codes[a] & OPENING)) for a, b in pairwise(edges)
    ]


def bits_for(value: int) -> int:
    return max(1, value.bit_length())


def cut_spans(spans: Iterable[Span], max_span: int) -> list[Span]:
    """The same spans, those that are too long in pieces with plain boundaries between."""
    pieces = []
    for units, closing, opening in spans:
        starts = range(0, len(units), max_span)
        for start in starts:
            is_first, is_last = start == 0, start + max_span >= len(units)
            pieces.append(Span(tuple(units[start : start + max_span]), closing and is_last, opening and is_first))
    return pieces


def sorted_text(spans: Sequence[Span], ids: dict[str, int]) -> list[int]:
    """b0 s1 b1 s2 b2 … sm bm; nothing if there is no span."""
    rows = sorted(
        ([ids[unit] for unit in span.units], CLOSING * span.closing, OPENING * span.opening) for span in spans
    )
    text: list[int] = []
    before = 0
    for units, closing, opening in rows:
        text += [before | opening, *units]
        before = closing
    return [*text, before] if rows else []


def window_at(text: Sequence[int], position: int, max_order: int) -> tuple[int, ...]:
    """max_order + 1 symbols and the left neighbour."""
    symbols: list[int] = []
    for unit in text[position : position + max_order + 1]:
        if unit < N_BOUNDARIES:
            symbols.append(unit & CLOSING)
            break
        symbols.append(unit)
    symbols += [0] * (max_order + 1 - len(symbols))
    left = text[position - 1]
    return (*symbols, left if left >= N_BOUNDARIES else left & OPENING)


def store_sections(
    spans: Iterable[Span],
    *,
    max_order: int = 6,
    fold_case: bool = False,
    punctuation: str = "drop",
    n_bytes: int = 0,
    n_characters: int = 0,
    n_bad: int = 0,
    max_span: int = MAX_SPAN,
) -> Sections:
    """Every section by its name: bits of a value, and the values."""
    spans = cut_spans(spans, max_span)
    units = sorted({unit.encode("utf-8") for span in spans for unit in span.units})
    ids = {unit.decode("utf-8"): N_BOUNDARIES + rank for rank, unit in enumerate(units)}
    text = sorted_text(spans, ids)
    positions: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for position, unit in enumerate(text):
        if unit >= N_BOUNDARIES:
            positions[window_at(text, position, max_order)].append(position)
    windows = sorted(positions)
    n_tokens, n_windows = sum(map(len, positions.values())), len(windows)
    starts = [0]
    for window in windows:
        starts.append(starts[-1] + len(positions[window]))
    bits = np.zeros(-(-n_tokens // 64) * 64, dtype=np.uint8)
    bits[starts[:-1]] = 1
    id_bits = bits_for(len(units) + 3)
    n_symbols = min(64 // id_bits, max_order + 1)
    settings = {
        "max_order": max_order,
        "fold_case": fold_case,
        "punctuation": punctuation,
        "n_tokens": n_tokens,
        "n_spans": len(spans),
        "n_bytes": n_bytes,
        "n_characters": n_characters,
        "n_bad": n_bad,
        "written_by": f"cnmine {__version__}",
        "n_units": len(units),
        "n_windows": n_windows,
        "text_length": len(text),
    }
    unit_offsets = np.cumsum([0, *map(len, units)]).tolist()
    values: dict[str, tuple[int, Iterable[int]]] = {
        "text": (id_bits, text),
        "unit_texts": (8, b"".join(units)),
        "unit_offsets": (bits_for(unit_offsets[-1]), unit_offsets),
        "windows": (bits_for(len(text) - 1), [positions[window][0] for window in windows]),
        "first_windows": (
            bits_for(n_windows),
            [sum(window[0] < N_BOUNDARIES + rank for window in windows) for rank in range(len(units) + 1)],
        ),
        "occurrences": (64, np.packbits(bits, bitorder="little").view("<u8")),
        "occurrence_samples": (bits_for(n_tokens), [starts[j] for j in range(0, n_windows + 1, 256)]),
        "keys": (64, [key_of(window[:n_symbols], id_bits) for window in windows[::64]]),
        "settings": (8, json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()),
    }
    return {name: (bits, np.array(list(items), dtype=np.uint64)) for name, (bits, items) in values.items()}


def key_of(symbols: Sequence[int], id_bits: int) -> int:
    """First symbol highest, unused low bits 0."""
    return sum(symbol << (64 - (i + 1) * id_bits) for i, symbol in enumerate(symbols))


def write_reference_store(path: str, spans: Iterable[Span], *, change: Sections | None = None, **settings) -> Sections:
    """Write a store; ``change`` replaces sections, to make a store that contradicts itself."""
    from cnmine.store.writing import create_store

    sections = store_sections(spans, **settings) | (change or {})
    with create_store(path, kind="ngrams", version=1) as writer:
        for name, (bits, values) in sections.items():
            writer.add(name, values, bits=bits)
    return sections
