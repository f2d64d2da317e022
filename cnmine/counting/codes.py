"""Sources → stretches of text as provisional unit codes, each with its own numbering of runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from cnmine._space import MEMORY, Space
from cnmine.counting import _kernels as kernels
from cnmine.dtypes import CODEPOINT, COUNT, N_BOUNDARIES, RUN_BASE
from cnmine.io.paths import Source
from cnmine.io.source import read_blocks
from cnmine.io.units import encode_blocks

# Units; where stretches of text are sorted apart, a longer span is cut, so that memory stays bounded.
MAX_SPAN = 1 << 20


@dataclass
class EncodedText:
    """A stretch of text in memory.

    Attributes
    ----------
    pieces
        Codes of one block each and whether they join what stands before, as `cnmine.io.units.join_blocks` takes
        them: below 4 a boundary, else the code point of a Han character or ``RUN_BASE`` + number of a run.
    run_ids
        Number of every run of letters and digits, by its text.
    counts
        ``int64[RUN_BASE + at least len(run_ids)]``; occurrences of every code.
    n_bytes, n_characters
        Of the text as UTF-8 after decompression.
    n_bad
        Byte sequences that did not fit the encoding, and lines without the field or column, passed over.
    n_lines
        Lines of text, blank ones included.
    n_codes
        Length of all pieces.
    is_last
        Whether nothing follows.
    space
        Where the pieces are kept.
    """

    pieces: list[tuple[np.ndarray, bool]] = field(default_factory=list)
    run_ids: dict[bytes, int] = field(default_factory=dict)
    counts: np.ndarray = field(default_factory=lambda: np.zeros(RUN_BASE, dtype=COUNT))
    n_bytes: int = 0
    n_characters: int = 0
    n_bad: int = 0
    n_lines: int = 0
    n_codes: int = 0
    is_last: bool = False
    space: Space = MEMORY

    def append(self, codes: np.ndarray, runs: list[bytes], joins_previous: bool) -> None:
        """Add the codes of a block, in which run ``j`` is ``RUN_BASE + j``; renumbers them in place."""
        run_ids = self.run_ids
        kernels.renumber_runs(codes, np.array([run_ids.setdefault(run, len(run_ids)) for run in runs], np.uint32))
        if len(self.counts) < RUN_BASE + len(run_ids):
            grown = np.zeros(RUN_BASE + 2 * len(run_ids), dtype=COUNT)
            grown[: len(self.counts)] = self.counts
            self.counts = grown
        kernels.count_units(codes, self.counts)
        self.pieces.append((self.space.keep(codes, "the text"), joins_previous))
        self.n_codes += len(codes)

    def cut_open_span(self) -> EncodedText:
        """Take away what stands behind the last boundary, with that boundary, and begin a new stretch with it.

        Needed where the text goes on: a span belongs to one stretch only. The boundary stays here as well,
        since it is the end of one span and the beginning of another.
        """
        tail: list[np.ndarray] = []
        while self.pieces:
            codes, joins_previous = self.pieces.pop()
            boundaries = np.flatnonzero(codes < N_BOUNDARIES)
            if len(boundaries):
                last = int(boundaries[-1])
                self.pieces.append((codes[: last + 1], joins_previous))
                tail.append(codes[last:])
                break
            tail.append(codes)
            if not joins_previous:
                break
        following = EncodedText(space=self.space)
        if tail:
            codes = np.concatenate(tail[::-1])
            self.n_codes = sum(len(piece) for piece, _ in self.pieces)
            overlong = (len(codes) - 2) // MAX_SPAN * MAX_SPAN
            if overlong > 0:
                plain = np.zeros(1, dtype=CODEPOINT)
                start = 1 if codes[0] < N_BOUNDARIES else 0
                self.pieces.append((np.concatenate([codes[: start + overlong], plain]), bool(start)))
                self.n_codes += start + overlong + 1
                codes = np.concatenate([plain, codes[start + overlong :]])
            np.subtract.at(self.counts, codes[codes >= N_BOUNDARIES], 1)
            texts = list(self.run_ids)
            numbers, renumbered = np.unique(codes[codes >= RUN_BASE] - RUN_BASE, return_inverse=True)
            codes[codes >= RUN_BASE] = (RUN_BASE + renumbered).astype(CODEPOINT)
            following.append(codes, [texts[number] for number in numbers.tolist()], False)
        return following


def read_codes(
    sources: Sequence[Source],
    *,
    encoding: str = "utf-8",
    jsonl_field: str | None = None,
    column: int | None = None,
    bad_bytes: str = "stop",
    fold_case: bool = False,
    punctuation: str = "drop",
    block_bytes: int = 1 << 22,
    max_codes: int | None = None,
    space: Space = MEMORY,
    threads: int = 1,
    on_progress: Callable[[int], None] = lambda n: None,
    on_notice: Callable[[str], None] = lambda text: None,
) -> Iterator[EncodedText]:
    """Read sources, each once, into stretches of whole spans.

    Parameters
    ----------
    max_codes
        Codes of one stretch, about; a stretch ends at a boundary, so one endless span may exceed it. None reads
        everything into one.
    space
        Where the codes are kept.
    punctuation
        Whether it is kept as units or dropped; see `cnmine.io.units.encode_block`.
    encoding, jsonl_field, column, bad_bytes, fold_case, block_bytes, threads, on_progress, on_notice
        As for `cnmine.counting.corpus.read_corpus`.

    Yields
    ------
    At least one stretch. The reader keeps no reference to it.

    Raises
    ------
    CorpusError
        If a source cannot be read or is malformed; names it and the place.

    Notes
    -----
    Memory: 9 MB a stretch; 4 bytes a unit in ``space``.
    """
    passed_over: list[int] = []
    blocks = read_blocks(
        sources,
        encoding=encoding,
        jsonl_field=jsonl_field,
        column=column,
        bad_bytes=bad_bytes,
        block_bytes=block_bytes,
        on_notice=on_notice,
        on_bad=passed_over.append,
    )
    text, is_open = EncodedText(space=space), False
    encoded = encode_blocks(
        blocks,
        fold_case=fold_case,
        punctuation=punctuation,
        bad_bytes=bad_bytes,
        threads=threads,
        on_notice=on_notice,
    )
    for block, encoded_block in encoded:
        if max_codes is not None and text.n_codes and text.n_codes + len(encoded_block.codes) > max_codes:
            following = text.cut_open_span() if block.joins_previous else EncodedText(space=space)
            joins_previous = block.joins_previous and following.n_codes > 0
            if text.n_codes:
                yield text
            else:  # nothing but one open span
                following.n_bytes, following.n_characters, following.n_bad = text.n_bytes, text.n_characters, text.n_bad
            text = following
        else:
            joins_previous = block.joins_previous
        text.append(encoded_block.codes, encoded_block.runs, joins_previous)
        text.n_bytes += len(block.data)
        text.n_bad += encoded_block.n_bad
        # Every byte of UTF-8 but a continuation byte (below -64 as int8) begins a character.
        text.n_characters += int(np.count_nonzero(np.frombuffer(block.data, np.int8) >= -64))
        # A line ends at its line end, or open with its source.
        text.n_lines += block.data.count(b"\n") + (is_open and not block.joins_previous)
        is_open = not block.data.endswith(b"\n")
        on_progress(block.n_bytes_read)
    text.n_lines += is_open
    text.n_bad += sum(passed_over)
    text.is_last = True
    yield text
