"""Sources → one array of unit ids and the vocabulary behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cnmine._memory import release_pages, trim_heap
from cnmine._space import MEMORY, Space
from cnmine.counting.codes import read_codes
from cnmine.dtypes import N_BOUNDARIES, RUN_BASE, UNIT
from cnmine.io.paths import Source
from cnmine.io.units import CLOSING_BIT, OPENING_BIT, join_blocks

MAX_UNITS = 65_000  # the most frequent units get an id; the rest act as boundaries
PADDING = 8  # boundaries behind the last unit, so that no window runs past the end


@dataclass
class Corpus:
    """A corpus.

    Attributes
    ----------
    units
        ``uint16[n]``; unit ids in the order of the text, one boundary (id below 4) between spans, one in
        front and several at the end.
    vocabulary
        Text of every unit id; ids of boundaries have an empty one. Sorted by frequency, so that
        frequent units have small ids; ties by text.
    n_bytes, n_characters
        Size of the text as UTF-8 after decompression, and its code points.
    n_rare_units, n_rare_tokens
        Units beyond the ``MAX_UNITS`` most frequent ones, and how often they occur.
    n_bad
        Byte sequences that did not fit the encoding, and lines without the field or column, passed over.
    """

    units: np.ndarray
    vocabulary: list[str]
    n_bytes: int
    n_characters: int
    n_rare_units: int = 0
    n_rare_tokens: int = 0
    n_bad: int = 0

    def ids(self) -> dict[str, int]:
        """Unit id of every text of the vocabulary."""
        return {text: unit for unit, text in enumerate(self.vocabulary) if text}


def read_corpus(
    sources: Sequence[Source],
    *,
    encoding: str = "utf-8",
    jsonl_field: str | None = None,
    column: int | None = None,
    bad_bytes: str = "stop",
    fold_case: bool = False,
    block_bytes: int = 1 << 22,
    space: Space = MEMORY,
    threads: int = 1,
    on_progress: Callable[[int], None] = lambda n: None,
    on_notice: Callable[[str], None] = lambda text: None,
) -> Corpus:
    """Read sources, each once.

    Parameters
    ----------
    sources
        From `cnmine.io.paths.find_sources`.
    encoding, jsonl_field, column, bad_bytes, block_bytes
        As for `cnmine.io.source.read_blocks`.
    fold_case
        Whether runs of letters are counted in small letters.
    space
        Where the text is put, 4 bytes a unit while reading and 2 afterwards.
    threads
        Worker threads; the result does not depend on it.
    on_progress
        Called with the number of bytes on disk read since the last call.
    on_notice
        Called with one line about anything unusual: an encoding guessed, bad bytes skipped.

    Raises
    ------
    CorpusError
        If a source cannot be read or is malformed; names it and the place.

    Notes
    -----
    One pass. Memory besides ``space``: some 300 bytes for each different run of letters and digits.
    """
    [text] = read_codes(
        sources,
        encoding=encoding,
        jsonl_field=jsonl_field,
        column=column,
        bad_bytes=bad_bytes,
        fold_case=fold_case,
        block_bytes=block_bytes,
        space=space,
        threads=threads,
        on_progress=on_progress,
        on_notice=on_notice,
    )
    counts = text.counts
    unit_of_code, vocabulary, n_rare = _number_units(counts, text.run_ids)
    rare_tokens = int(counts[N_BOUNDARIES:].sum()) if n_rare else 0
    if n_rare:
        rare_tokens -= int(counts[N_BOUNDARIES:][unit_of_code[N_BOUNDARIES : len(counts)] >= N_BOUNDARIES].sum())
    # Every piece may be parted from the one before by a boundary; the last is followed by one.
    most = text.n_codes + len(text.pieces) + 1
    units = write_units(join_blocks(_take_pieces(text.pieces, unit_of_code)), most, space)
    text.run_ids.clear()
    trim_heap()
    return Corpus(units, vocabulary, text.n_bytes, text.n_characters, n_rare, rare_tokens, text.n_bad)


def write_units(pieces: Iterable[np.ndarray], most: int, space: Space) -> np.ndarray:
    """Put pieces of a text behind one another, ``most`` units or fewer, and ``PADDING`` at the end."""
    units = space.new_array(most + PADDING, UNIT, "the text")
    stop = 0
    for piece in pieces:
        start, stop = stop, stop + len(piece)
        units[start:stop] = piece
        release_pages(units)
    units[stop : stop + PADDING] = 0
    return units[: stop + PADDING]


def _take_pieces(pieces: list[tuple[np.ndarray, bool]], unit_of_code: np.ndarray) -> Iterator[tuple[np.ndarray, bool]]:
    """Codes → unit ids, piece by piece; gives up each piece as soon as it is translated."""
    for i, (codes, joins_previous) in enumerate(pieces):
        pieces[i] = (np.zeros(0, codes.dtype), joins_previous)
        yield merge_boundaries(unit_of_code[codes]), joins_previous


def merge_boundaries(units: np.ndarray) -> np.ndarray:
    """One boundary for each stretch of them: a rare unit beside a boundary has made two or three of one."""
    is_boundary = units < N_BOUNDARIES
    is_repeated = is_boundary[1:] & is_boundary[:-1]
    if not is_repeated.any():
        return units
    is_first = is_boundary & ~np.append(False, is_repeated)
    is_last = is_boundary & ~np.append(is_repeated, False)
    # As for blocks that meet: how the first begins, how the last ends.
    units[is_first] = (units[is_first] & CLOSING_BIT) | (units[is_last] & OPENING_BIT)
    return units[is_first | ~is_boundary]


def _number_units(counts: np.ndarray, run_ids: dict[bytes, int]) -> tuple[np.ndarray, list[str], int]:
    """Give ids to codes, most frequent first; also the text of every id and how many codes got none."""
    present = np.flatnonzero(counts[N_BOUNDARIES:]) + N_BOUNDARIES
    runs = [run.decode("utf-8") for run in run_ids]
    texts = {int(code): chr(code) if code < RUN_BASE else runs[code - RUN_BASE] for code in present}
    ranked = sorted(texts, key=lambda code: (-int(counts[code]), texts[code]))
    kept = ranked[:MAX_UNITS]
    unit_of_code = np.zeros(len(counts), dtype=UNIT)
    unit_of_code[:N_BOUNDARIES] = np.arange(N_BOUNDARIES)
    unit_of_code[kept] = np.arange(N_BOUNDARIES, N_BOUNDARIES + len(kept), dtype=UNIT)
    return unit_of_code, [""] * N_BOUNDARIES + [texts[code] for code in kept], len(ranked) - len(kept)
