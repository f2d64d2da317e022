"""Blocks of text and a decoder → bytes of the output, in the order of the input."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cnmine.errors import UsageError
from cnmine.segmentation import _render_kernels as kernels
from cnmine.segmentation.segmenter import tokens_of
from cnmine.segmentation.stream import TextBlock, map_prompt
from cnmine.segmentation.tokens import code_points


class Decoder(Protocol):
    """What finds words."""

    def mark(self, codes: np.ndarray, *, bias: float = 0.0) -> np.ndarray:
        """Where tokens begin, as `cnmine.segmentation.segmenter.Segmenter.mark` tells it."""

    def propose(
        self,
        codes: np.ndarray,
        *,
        n_best: int = 0,
        n_samples: int = 0,
        alpha: float = 1.0,
        bias: float = 0.0,
        seed: tuple[int, ...] = (0,),
    ) -> list[tuple[float, np.ndarray]]:
        """Ways to read one line with their scores, as `cnmine.segmentation.alternatives.propose` gives them."""


@dataclass(frozen=True)
class Layout:
    """How words are written.

    Attributes
    ----------
    kind
        "text", "jsonl" or "bmes".
    separator
        Of text: stands between tokens that have nothing between them.
    n_best, n_samples, alpha, seed
        Numbers of alternatives for each line, if any; the sharpness of samples and what they depend on.
    """

    kind: str = "text"
    separator: str = " "
    n_best: int = 0
    n_samples: int = 0
    alpha: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in ("text", "jsonl", "bmes"):
            raise UsageError(f"format is {self.kind!r}; choose text, jsonl or bmes")
        if self.n_best and self.n_samples:
            raise UsageError("n-best lists and samples exclude each other")
        if self.has_alternatives and self.kind == "bmes":
            raise UsageError("alternatives are written as text or jsonl, not as bmes")

    @property
    def has_alternatives(self) -> bool:
        return self.n_best > 0 or self.n_samples > 0

    @property
    def needs_whole_lines(self) -> bool:
        """Whether a line must be known to its end before something is written of it."""
        return self.kind == "jsonl" or self.has_alternatives


@dataclass(frozen=True)
class Output:
    """The result of one block.

    Attributes
    ----------
    data
        UTF-8.
    n_tokens, n_characters
        Written of it.
    n_ambiguous
        Places at which the separator stood already.
    n_bytes_read, is_last_for_now
        Of the block.
    """

    data: bytes
    n_tokens: int
    n_characters: int
    n_ambiguous: int
    n_bytes_read: int
    is_last_for_now: bool


def segment_blocks(
    blocks: Iterable[TextBlock],
    decoder: Decoder,
    layout: Layout = Layout(),
    *,
    bias: float = 0.0,
    threads: int = 1,
) -> Iterator[Output]:
    """Segment text block by block.

    Parameters
    ----------
    blocks
        From `cnmine.segmentation.stream.read_text`, with ``whole_lines`` if the layout needs that.
    decoder
        Finds the words.
    layout
        Of the output. Text with an empty separator is the input itself.
    bias
        Added to the score of every word boundary.
    threads
        Worker threads; the result does not depend on it.

    Notes
    -----
    Memory: some 100 bytes for each character of two blocks a thread.
    """
    writers: dict[str, Callable[[TextBlock], Output]] = {
        "text": lambda block: _write_text(block, decoder, layout, bias),
        "bmes": lambda block: _write_tags(block, decoder, bias),
        "jsonl": lambda block: _write_lines(block, decoder, layout, bias),
    }
    write = writers["jsonl" if layout.has_alternatives else layout.kind]
    return map_prompt(write, blocks, threads=threads, is_last=lambda block: block.is_last_for_now)


def _mark(block: TextBlock, decoder: Decoder, bias: float) -> tuple[np.ndarray, np.ndarray, int, int]:
    """Code points and marks of a block, and the marks of its neighbours."""
    codes = code_points(block.before + block.text + block.after)
    marks = decoder.mark(codes, bias=bias)
    start = len(block.before)
    stop = start + len(block.text)
    before = int(marks[start - 1]) if start else kernels.WHITE
    after = int(marks[stop]) if stop < len(marks) else 1
    return codes[start:stop], marks[start:stop], before, after


def _encode(codes: np.ndarray) -> bytes:
    return codes.tobytes().decode("utf-32-le").encode("utf-8")


def _write_text(block: TextBlock, decoder: Decoder, layout: Layout, bias: float) -> Output:
    codes, marks, before, _ = _mark(block, decoder, bias)
    separator = code_points(layout.separator)
    is_open = before != kernels.WHITE
    n_separators = kernels.count_separators(marks, is_open)
    out = np.empty(len(codes) + n_separators * len(separator), np.uint32)
    kernels.insert_separators(codes, marks, is_open, separator, out)
    n_ambiguous = block.text.count(layout.separator) if layout.separator else 0
    data = block.prefix.encode() + _encode(out)
    return _output(block, data, int(np.count_nonzero(marks == 1)), n_ambiguous)


def _write_tags(block: TextBlock, decoder: Decoder, bias: float) -> Output:
    codes, marks, _, after = _mark(block, decoder, bias)
    out = np.empty(4 * len(codes), np.uint32)
    n = kernels.write_tags(codes, marks, after, out)
    return _output(block, _encode(out[:n]), int(np.count_nonzero(marks == 1)), 0)


def _write_lines(block: TextBlock, decoder: Decoder, layout: Layout, bias: float) -> Output:
    """One object a line; alternatives are found line by line."""
    lines = block.text.removesuffix("\n").split("\n") if block.text else []
    written: list[str] = []
    n_tokens = start = 0
    if not layout.has_alternatives:
        marks = decoder.mark(code_points(block.text), bias=bias)
        for line in lines:
            tokens = _tokens(line, marks[start : start + len(line)])
            start += len(line) + 1
            n_tokens += len(tokens)
            written.append(_dump({"text": line, "tokens": tokens}))
        return _output(block, "".join(written).encode(), n_tokens, 0)
    options: dict[str, Any] = {
        "n_best": layout.n_best,
        "n_samples": layout.n_samples,
        "alpha": layout.alpha,
        "bias": bias,
    }
    for number, line in enumerate(lines, start=block.first_line):
        proposals = decoder.propose(code_points(line), seed=(layout.seed, number), **options)
        n_tokens += sum(int(np.count_nonzero(marks == 1)) for _, marks in proposals)
        written += _alternatives(line, number, proposals, layout)
    return _output(block, "".join(written).encode(), n_tokens, 0)


def _alternatives(line: str, number: int, proposals: list[tuple[float, np.ndarray]], layout: Layout) -> list[str]:
    """Lines of the output for one line of the input."""
    if layout.kind == "jsonl":
        found = [{"score": round(score, 4), "tokens": _tokens(line, marks)} for score, marks in proposals]
        return [_dump({"text": line, "alternatives": found})]
    separator = code_points(layout.separator)
    codes = code_points(line)
    rows = []
    for score, marks in proposals:
        out = np.empty(len(codes) + kernels.count_separators(marks, False) * len(separator), np.uint32)
        kernels.insert_separators(codes, marks, False, separator, out)
        rows.append(f"{number + 1}\t{score:.4f}\t{_encode(out).decode()}\n")
    return rows


def _tokens(line: str, marks: np.ndarray) -> list[dict[str, str | int]]:
    found = tokens_of(marks)
    pairs = zip(found.starts.tolist(), found.stops.tolist(), strict=True)
    return [{"text": line[start:stop], "start": start, "stop": stop} for start, stop in pairs]


def _dump(record: dict) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n"


def _output(block: TextBlock, data: bytes, n_tokens: int, n_ambiguous: int) -> Output:
    return Output(data, n_tokens, len(block.text), n_ambiguous, block.n_bytes_read, block.is_last_for_now)
