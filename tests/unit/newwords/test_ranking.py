"""Columns sorted by score, in any number of parts, against Python's sort."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine._space import MEMORY
from cnmine.newwords import ranking
from cnmine.newwords.ranking import put, sort_by_score, steps, take
from cnmine.sorting.pool import ArrayPool

scores = st.lists(st.one_of(st.sampled_from([0.0, 0.5, 0.5000001, 1.0]), st.floats(-1e3, 1e3)), max_size=80)


def sort(values, budget, space=MEMORY, step=7):
    array = np.array(values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ranking, "MIN_BUDGET_BYTES", 1)
        patch.setattr(ranking, "SAMPLES_PER_PART", 2)
        patch.setattr(ranking.steps, "__defaults__", (step,))
        return sort_by_score(array, [array, np.arange(len(array), dtype=np.int32)], space, budget)


@given(scores, st.sampled_from([None, 1, 500, 2000, 10**6]), st.integers(1, 9))
def test_sort_by_score__is_a_stable_sort(values, budget, step):
    ordered, rows = sort(values, budget, step=step)
    expected = sorted(range(len(values)), key=lambda row: -values[row])
    assert rows.tolist() == expected
    assert ordered.tolist() == [values[row] for row in expected]
    assert rows.dtype == np.int32


def test_sort_by_score__many_equal_scores_over_the_disk(tmp_path):
    values = np.random.default_rng(0).choice([0.0, 0.25, 0.5], 3000, p=[0.8, 0.1, 0.1])
    ordered, rows = sort(values, 5000, ArrayPool(0, str(tmp_path)))
    npt.assert_array_equal(rows, np.argsort(-values, kind="stable"))
    npt.assert_array_equal(ordered, np.sort(values)[::-1])


@given(st.integers(0, 50), st.integers(1, 9))
def test_steps__cover_all_rows(n, size):
    assert [row for part in steps(n, size) for row in range(n)[part]] == list(range(n))
    assert all(0 < part.stop - part.start <= size for part in steps(n, size))


def test_take_and_put__are_indexing(monkeypatch):
    monkeypatch.setattr(ranking.steps, "__defaults__", (3,))
    column = np.arange(20) ** 2
    rows = np.array([1, 2, 5, 7, 11, 13, 19])
    npt.assert_array_equal(take(column, rows), column[rows])
    expected = column.copy()
    expected[rows] = -1
    put(column, rows, np.full(len(rows), -1))
    npt.assert_array_equal(column, expected)
