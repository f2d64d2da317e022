from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
import reference_segmentation as reference

from cnmine.counting.counter import count_ngrams
from cnmine.segmentation import reading
from cnmine.segmentation.experience import Scores
from cnmine.segmentation.reading import read_again


def random_scores(table, seed=0):
    generator = np.random.default_rng(seed)
    orders = table.orders()
    values = generator.normal(0, 1.5, (4, len(table))).astype(np.float32)
    values[1:3, orders > 3] = 0
    values[3, orders != 2] = 0
    return Scores(*values, unknown=np.array([-2, -3, -4, -5, -6, -7], np.float32))


def as_tables(table, scores):
    """Dictionaries from n-grams to scores of every kind."""
    orders = table.orders().tolist()
    spelled = [
        tuple(row[:order]) for row, order in zip(table.units_of(np.arange(len(table))).tolist(), orders, strict=True)
    ]
    tables = []
    for name, low, high in (("word", 1, 6), ("before", 1, 3), ("after", 1, 3), ("across", 2, 2)):
        values = getattr(scores, name).tolist()
        tables.append({ngram: values[i] for i, ngram in enumerate(spelled) if low <= orders[i] <= high})
    return tables


@pytest.fixture(scope="module")
def read():
    generator = np.random.default_rng(3)
    units = [0]
    for _ in range(40):
        units += [*generator.integers(4, 9, generator.integers(1, 9)).tolist(), 0]
    units = np.array(units + [0] * 8, np.uint16)
    table = count_ngrams(units, max_order=6, min_count=2)
    return units, table, random_scores(table)


def test_read_again__matches_enumeration(read):
    units, table, scores = read
    got = read_again(units, table, scores)
    tables = as_tables(table, scores)
    sums, seen = np.zeros((len(table), 8)), np.zeros(len(table))
    for start, stop in reference.spans_of(units.tolist()):
        span = tuple(units[start:stop].tolist())
        edges, words = reference.read_span(span, tables, scores.unknown.tolist())
        for k in range(len(span)):
            for n in range(1, min(6, len(span) - k) + 1):
                row = table.find(span[k : k + n])
                if row >= 0:
                    seen[row] += 1
                    sums[row, : n + 1] += edges[k : k + n + 1]
                    sums[row, 7] += words.get((k, n), 0.0)
    npt.assert_array_equal(got.seen, seen)
    npt.assert_allclose(got.sums, sums, rtol=1e-4, atol=1e-4)
    assert got.n_tokens == table.n_tokens


def test_read_again__same_for_any_threads_blocks_and_order(read, monkeypatch, threads):
    units, table, scores = read
    whole = read_again(units, table, scores)
    monkeypatch.setattr(reading, "UNITS_PER_TASK", 13)
    parts = read_again(units, table, scores, threads=threads)
    npt.assert_array_equal(whole.sums, parts.sums)
    spans = [units[start:stop] for start, stop in reference.spans_of(units.tolist())]
    turned = np.concatenate([[0], *(np.append(span, 0) for span in spans[::-1]), [0] * 8]).astype(np.uint16)
    other = count_ngrams(turned, max_order=6, min_count=2)
    npt.assert_array_equal(whole.sums, read_again(turned, other, scores).sums)


def test_read_again__draws_spans_of_large_texts(read, monkeypatch):
    units, table, scores = read
    monkeypatch.setattr(reading, "SAMPLE_UNITS", table.n_tokens // 2)
    drawn = read_again(units, table, scores)
    assert 0 < drawn.n_tokens < table.n_tokens
    assert (drawn.seen <= table.counts).all()


def test_read_again__reads_a_span_without_end_in_parts():
    generator = np.random.default_rng(3)
    units = np.concatenate([[0], generator.integers(4, 7, 9000), [0] * 8]).astype(np.uint16)
    table = count_ngrams(units, max_order=6, min_count=2)
    got = read_again(units, table, random_scores(table))
    assert np.isfinite(got.sums).all()
    assert got.n_tokens == 9000
