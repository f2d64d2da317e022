"""Neighbour statistics against the plain version."""

from __future__ import annotations

import math

import numpy as np
import numpy.testing as npt
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.counting.counter import count_ngrams
from cnmine.errors import UsageError
from cnmine.stats import entropy
from cnmine.stats.entropy import accessor_variety, autonomy, branching_entropy, freedom, measure_rises

corpora = st.lists(st.integers(0, 7), max_size=150).map(lambda units: [0, *units, *[0] * 8])
options = st.fixed_dictionaries({"max_order": st.integers(1, 7), "min_count": st.integers(1, 4)})
boundaries = st.sampled_from(["single", "distinct", "omit"])
sides = st.sampled_from(["left", "right"])


def check(table, values, expected):
    assert values.shape == (len(table),)
    assert values.dtype == np.float64
    actual = reference.by_ngram(table, values.tolist())
    npt.assert_allclose(list(actual.values()), [expected(ngram) for ngram in actual], atol=1e-9)


@given(corpora, options, sides, boundaries)
def test_branching_entropy__matches_reference(units, options, side, boundary):
    table = count_ngrams(np.array(units, np.uint16), **options)
    beside = reference.count_neighbours(units, max_order=options["max_order"])
    expected = {ngram: reference.branching_entropy(getattr(beside[ngram], side), boundary) for ngram in beside}
    check(table, branching_entropy(table, side, boundary=boundary), expected.get)


@given(corpora, options, sides)
def test_accessor_variety__matches_reference(units, options, side):
    table = count_ngrams(np.array(units, np.uint16), **options)
    beside = reference.count_neighbours(units, max_order=options["max_order"])
    expected = {ngram: reference.accessor_variety(getattr(beside[ngram], side)) for ngram in beside}
    check(table, accessor_variety(table, side), expected.get)


@given(corpora, options, boundaries)
def test_autonomy__matches_reference(units, options, boundary):
    table = count_ngrams(np.array(units, np.uint16), **options)
    expected = reference.autonomy(units, boundary=boundary, **options)
    left, right = autonomy(table, boundary=boundary)
    check(table, left, lambda ngram: expected[ngram][0])
    check(table, right, lambda ngram: expected[ngram][1])


@given(corpora, options, boundaries)
def test_freedom__is_the_lesser_side(units, options, boundary):
    table = count_ngrams(np.array(units, np.uint16), **options)
    sides = [branching_entropy(table, side, boundary=boundary) for side in ("left", "right")]
    npt.assert_array_equal(freedom(table, boundary=boundary), np.min(sides, axis=0))


@pytest.mark.parametrize(
    ("boundary", "expected"),
    [("single", math.log(2)), ("distinct", math.log(4) - math.log(2) / 2), ("omit", 0.0)],
)
def test_branching_entropy__of_a_unit_half_the_time_at_a_boundary(boundary, expected):
    units = np.array([0, 4, 5, 0, 4, 5, 0, 4, 0, 4, *[0] * 8], np.uint16)
    table = count_ngrams(units, max_order=1, min_count=1)
    assert branching_entropy(table, "right", boundary=boundary)[table.find([4])] == pytest.approx(expected)


def test_autonomy__has_mean_0_and_deviation_1_over_occurrences(make_units):
    table = count_ngrams(make_units(), max_order=4, min_count=2)
    for side in autonomy(table):
        for order in range(1, 5):
            rows = table.rows_of_order(order)
            weights = table.counts[rows]
            assert np.average(side[rows], weights=weights) == pytest.approx(0, abs=1e-9)
            assert np.average(side[rows] ** 2, weights=weights) == pytest.approx(1)


def test_autonomy__of_some_rows_is_the_same_as_among_all(make_units):
    table = count_ngrams(make_units(), max_order=4, min_count=2)
    rows = np.array([5, 0, len(table) - 1, 40, 41])
    for rises in (None, measure_rises(table)):
        for some, whole in zip(autonomy(table, rows, rises=rises), autonomy(table), strict=True):
            npt.assert_array_equal(some, whole[rows])


def test_measure_rises__are_weighted_means_and_deviations(make_units, monkeypatch, threads):
    table = count_ngrams(make_units(), max_order=4, min_count=2)
    monkeypatch.setattr(entropy, "ROWS_PER_STEP", 7)
    rises = measure_rises(table, threads=threads)
    entropies = branching_entropy(table, "left")
    npt.assert_array_equal(rises.left[: table.order_offsets[1]], entropies[: table.order_offsets[1]])
    for order in range(2, 5):
        rows = table.rows_of_order(order)
        values, weights = entropies[rows] - entropies[table.suffixes[rows]], table.counts[rows]
        npt.assert_array_equal(rises.left[rows], values)
        mean = np.average(values, weights=weights)
        assert rises.means[0, order] == pytest.approx(mean)
        deviation = math.sqrt(np.average((values - mean) ** 2, weights=weights))
        assert rises.deviations[0, order] == pytest.approx(deviation)


def test_measure_rises__same_bits_for_any_thread_count(make_units, monkeypatch):
    table = count_ngrams(make_units(), max_order=4, min_count=2)
    monkeypatch.setattr(entropy, "ROWS_PER_STEP", 7)
    first, second = measure_rises(table), measure_rises(table, threads=2)
    for name, values in vars(first).items():
        npt.assert_array_equal(values, getattr(second, name), err_msg=name)


def test_entropy__of_an_empty_table():
    table = count_ngrams(np.zeros(9, np.uint16), max_order=3, min_count=1)
    for values in (branching_entropy(table, "left"), accessor_variety(table, "left"), freedom(table), *autonomy(table)):
        assert values.shape == (0,)


def test_entropy__refuses_unknown_sides_and_boundaries(make_units):
    table = count_ngrams(make_units(50), max_order=2, min_count=1)
    with pytest.raises(UsageError, match="side is 'top'"):
        branching_entropy(table, "top")
    with pytest.raises(UsageError, match="boundary is 'none'"):
        branching_entropy(table, "left", boundary="none")
