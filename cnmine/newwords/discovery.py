"""A corpus and a dictionary in, every candidate with its score out, best first: the main job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from cnmine.counting.corpus import Corpus
from cnmine.counting.counter import MAX_ORDER, count_ngrams
from cnmine.counting.table import NgramTable
from cnmine.errors import UsageError
from cnmine.newwords.candidates import Texts, find_candidates, find_known_rows
from cnmine.newwords.features import Features, measure_candidates, reading_features
from cnmine.newwords.unigram import read_candidates
from cnmine.newwords.wordhood import MIN_KNOWN, guess_words, judge_words

METHODS = ("distant", "cohesion", "entropy", "cut")
MIN_GUESS = 0.02


@dataclass
class WordTable:
    words: Sequence[str]
    scores: np.ndarray
    counts: np.ndarray
    is_known: np.ndarray
    columns: dict[str, np.ndarray]
    rows: np.ndarray
    table: NgramTable
    notes: list[str] = field(default_factory=list)


def discover_words(corpus: Corpus, *, method="distant", dictionary=None, min_count=5, min_len=2, max_len=6, seed=0, threads=1,
                   cut_thresholds=(0.0,2.0,4.0,6.0), back_check="strict",
                   on_step: Callable[[str], None] = lambda text: None, on_progress: Callable[[int], None] = lambda n: None) -> WordTable:
    table = count_ngrams(corpus.units, max_order=max_len, min_count=min_count, threads=threads)
    rows = find_candidates(corpus, table, min_len=min_len, max_len=max_len)
    known = find_known_rows(corpus, table, dictionary)[rows]
    F = measure_candidates(table, rows)
    p1 = guess_words(F, known, seed=seed)
    scores = p1.copy()
    k = np.flatnonzero(p1 > MIN_GUESS)
    r = read_candidates(corpus.units, table, rows[k], p1[k], threads=threads)
    F2 = {n: v[k] for n, v in F.items()} | reading_features(r)
    scores[k] = MIN_GUESS+judge_words(F2, known[k], seed=seed)
    o = np.lexsort((rows, -scores))
    return WordTable(Texts(corpus, table, rows[o]), scores[o], table.counts[rows[o]], known[o], {}, rows[o], table)
