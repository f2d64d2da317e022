"""Lines of text → what a language model says of each, and of all together."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnmine.io.paths import Source
from cnmine.io.source import Block, read_blocks
from cnmine.lm.model import UNKNOWN, LanguageModel

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class LineScores:
    """Successive lines.

    Attributes
    ----------
    log10_probs
        ``float64[n]``; of all tokens of a line and its end.
    unknown_log10_probs
        ``float64[n]``; the part of the tokens that the model does not know.
    n_tokens, n_unknown, n_characters
        ``int64[n]``; tokens without the end of the line, those among them that are unknown, and their characters.
    """

    log10_probs: np.ndarray
    unknown_log10_probs: np.ndarray
    n_tokens: np.ndarray
    n_unknown: np.ndarray
    n_characters: np.ndarray

    @property
    def perplexities(self) -> np.ndarray:
        """``float64[n]``; per token, the end of the line counted as one."""
        return 10.0 ** (-self.log10_probs / (self.n_tokens + 1))


def score_lines(
    model: LanguageModel,
    sources: Sequence[Source],
    *,
    bad_bytes: str = "stop",
    threads: int = 1,
    on_progress: Callable[[int], None] = lambda n: None,
    on_notice: Callable[[str], None] = lambda text: None,
    **input_options: Any,
) -> Iterator[LineScores]:
    """Score every line of a text, as a sentence.

    Parameters
    ----------
    model
        An open model.
    sources
        From `cnmine.io.paths.find_sources`; each is read once.
    bad_bytes, input_options
        As for `cnmine.io.source.read_blocks`.
    threads
        Worker threads; the result does not depend on them.
    on_progress, on_notice
        As for `cnmine.counting.corpus.read_corpus`.

    Yields
    ------
    Blocks of lines, in the order of the text. Memory: some blocks, or one line if that is longer.
    """
    blocks = read_blocks(sources, bad_bytes=bad_bytes, block_bytes=BLOCK_BYTES, on_notice=on_notice, **input_options)
    for data, name in _whole_lines(blocks, on_progress):
        text = model.encode(data, name=name, bad_bytes=bad_bytes)
        probs = model.score_ids(text.ids, text.offsets, threads=threads).astype(np.float64)
        sizes = np.diff(text.offsets)
        is_unknown = np.zeros(len(probs), np.bool_)
        ends = np.cumsum(sizes + 1) - 1
        is_token = np.ones(len(probs), np.bool_)
        is_token[ends] = False
        is_unknown[is_token] = text.ids == UNKNOWN
        yield LineScores(
            _sums(probs, ends), _sums(probs * is_unknown, ends), sizes, _sums(is_unknown, ends), text.n_characters
        )


def _sums(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Sums of stretches that end with these places; each from its own values, so that it depends on no other."""
    starts = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
    if not len(ends):
        return np.zeros(0)
    return np.add.reduceat(values, starts, dtype=np.int64 if values.dtype == np.bool_ else None)


def _whole_lines(blocks: Iterable[Block], on_progress: Callable[[int], None]) -> Iterator[tuple[bytes, str]]:
    """Blocks that end with a line, or with their source; with the name of the source."""
    pending, name = b"", ""
    for block in blocks:
        if pending and not block.joins_previous:
            yield pending, name
            pending = b""
        name = block.source.name
        cut = block.data.rfind(b"\n") + 1
        if cut:
            yield pending + block.data[:cut], name
            pending = b""
        pending += block.data[cut:]
        on_progress(block.n_bytes_read)
    if pending:
        yield pending, name


def measure_perplexity(
    model: LanguageModel, sources: Sequence[Source], **options: Any
) -> dict[str, float | int | None]:
    """How well a model predicts a text.

    Parameters
    ----------
    model, sources, options
        As for `score_lines`.

    Returns
    -------
    ``sentences``, ``tokens`` (without ends), ``unknown`` tokens and ``characters``; ``log10_prob`` of everything;
    ``perplexity`` per token with ends, ``perplexity_known`` without the unknown tokens, and ``bits_per_character``,
    which compares models of different units: white space is no character, ends and unknown tokens are paid for. What
    cannot be computed of an empty text is None.
    """
    totals = np.zeros(4, np.int64)
    log10_probs: list[float] = []
    unknown_log10_probs: list[float] = []
    for lines in score_lines(model, sources, **options):
        counts = (lines.n_tokens, lines.n_unknown, lines.n_characters)
        totals += [len(lines.n_tokens), *(int(count.sum()) for count in counts)]
        log10_probs.append(math.fsum(lines.log10_probs))
        unknown_log10_probs.append(math.fsum(lines.unknown_log10_probs))
    n_sentences, n_tokens, n_unknown, n_characters = totals.tolist()
    total, unknown = math.fsum(log10_probs), math.fsum(unknown_log10_probs)
    n_predicted = n_sentences + n_tokens
    return {
        "sentences": n_sentences,
        "tokens": n_tokens,
        "unknown": n_unknown,
        "characters": n_characters,
        "log10_prob": total,
        "perplexity": 10.0 ** (-total / n_predicted) if n_predicted else None,
        "perplexity_known": 10.0 ** (-(total - unknown) / (n_predicted - n_unknown)) if n_predicted else None,
        "bits_per_character": -total * math.log2(10) / n_characters if n_characters else None,
    }
