"""A stand-in for the discovery that takes no time."""

from __future__ import annotations

import sys
import types
from dataclasses import dataclass

import numpy as np
import pytest

from cnmine.counting.counter import count_ngrams

COLUMNS = ("cohesion", "npmi", "left_entropy", "right_entropy", "autonomy", "share")


@dataclass
class WordTable:
    words: list
    scores: np.ndarray
    counts: np.ndarray
    is_known: np.ndarray
    rows: np.ndarray
    table: object
    notes: list

    def measure(self, chosen):
        columns = dict.fromkeys(COLUMNS, np.full(len(chosen), np.nan))
        return columns | {"cohesion": np.full(len(chosen), 1.5)}


@pytest.fixture
def discovery(monkeypatch):
    """Replaces the ranking by one that scores every bigram 1 - 1/count; keeps the arguments of its calls."""
    calls = []

    def discover_words(corpus, *, on_step=None, on_progress=None, **options):
        calls.append(options)
        on_step("counting")
        table = count_ngrams(corpus.units, max_order=4, min_count=options["min_count"])
        on_progress(len(corpus.units))
        rows = np.arange(len(table))[table.rows_of_order(2)]
        words = ["".join(corpus.vocabulary[u] for u in units[:2]) for units in table.units_of(rows).tolist()]
        counts = table.counts[rows]
        order = sorted(range(len(words)), key=lambda i: (-counts[i], words[i]))
        words, rows, counts = [words[i] for i in order], rows[order], counts[order]
        scores = counts.astype(np.float64) if options["method"] == "cut" else 1 - 1 / counts
        known = np.array([word in (options["dictionary"] or ()) for word in words], dtype=np.bool_)
        return WordTable(words, scores, counts, known, rows, table, ["a note"])

    module = types.ModuleType("cnmine.newwords.discovery")
    module.discover_words = discover_words
    module.calls = calls
    monkeypatch.setitem(sys.modules, "cnmine.newwords.discovery", module)
    return module
