"""Raw text → a segmenter, in three stages that each read the text as the one before has taught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cnmine.counting.corpus import Corpus
from cnmine.counting.counter import count_ngrams
from cnmine.counting.table import NgramTable
from cnmine.segmentation.experience import Scores, Stage, load_experience, score_rows
from cnmine.segmentation.reading import read_again
from cnmine.segmentation.segmenter import Segmenter, build_segmenter
from cnmine.segmentation.statistics import KINDS, RowStatistics
from cnmine.segmentation.tokens import TrainingText, encode_corpus

MAX_ORDER = 6
# Rows of the table: n-grams that occur so often. For very large texts more, so that the table stays within memory.
MIN_COUNT = 2
UNITS_PER_COUNT = 1 << 24


def train_segmenter(
    corpus: Corpus | TrainingText,
    *,
    stages: tuple[Stage, ...] | None = None,
    min_count: int | None = None,
    threads: int = 1,
    on_step: Callable[..., Any] = lambda text, **options: None,
    on_progress: Callable[[int], None] = lambda n: None,
) -> Segmenter:
    """Learn from nothing but raw text how to segment it and what is like it.

    Parameters
    ----------
    corpus
        From `cnmine.counting.corpus.read_corpus`, `cnmine.ngrams.corpus.load_corpus` or
        `cnmine.segmentation.tokens.encode_text`.
    stages
        Weights; those that come with cnmine if not given.
    min_count
        Least occurrences of the n-grams that get scores: 2, and one more for every 16 million units of text, if not
        given.
    threads
        Worker threads; the result does not depend on it, nor on the order of the spans of the text.
    on_step, on_progress
        Called with the name of every step and ``total`` and ``unit`` of what its progress is measured in, then with
        what was done since the last call.

    Returns
    -------
    The segmenter. For a text without Chinese it knows the rules for numbers, words and punctuation.

    Notes
    -----
    Time: some 4 s for each million units up to four, about 1 s for each beyond. Memory: 14 bytes a unit and 350 bytes a
    row, of which there are 0.3 a unit.
    """
    text = corpus if isinstance(corpus, TrainingText) else encode_corpus(corpus)
    n_units = int(np.count_nonzero(text.units >= 4))
    if min_count is None:
        min_count = MIN_COUNT + n_units // UNITS_PER_COUNT
    on_step("counting n-grams", total=len(text.units), unit=" units")
    table = count_ngrams(text.units, max_order=MAX_ORDER, min_count=min_count, threads=threads, on_progress=on_progress)
    stages = load_experience() if stages is None else stages
    scores = score_text(text.units, table, stages, threads=threads, on_step=on_step, on_progress=on_progress)
    return build_segmenter(table, scores, text.characters, {"n_tokens": n_units, "min_count": min_count})


def score_text(
    units: np.ndarray,
    table: NgramTable,
    stages: tuple[Stage, ...],
    *,
    threads: int = 1,
    on_step: Callable[..., Any] = lambda text, **options: None,
    on_progress: Callable[[int], None] = lambda n: None,
) -> Scores:
    """Scores of the rows of a table, by all stages; parameters are those of `train_segmenter`."""
    if not len(table):
        nothing = np.zeros(0, np.float32)
        return Scores(nothing, nothing, nothing, nothing, stages[-1].unknown)
    statistics = RowStatistics(table)
    for i, stage in enumerate(stages, start=1):
        n_rows = sum(stop - start for start, stop in map(statistics.rows_of, KINDS))
        on_step(f"scoring n-grams ({i} of {len(stages)})", total=n_rows, unit=" rows")
        scores = score_rows(statistics, stage, threads=threads, on_progress=on_progress)
        if i < len(stages):
            on_step(f"reading the text ({i} of {len(stages) - 1})", total=len(units), unit=" units")
            statistics.reading = read_again(units, table, scores, threads=threads, on_progress=on_progress)
    return scores
