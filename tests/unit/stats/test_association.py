"""Cohesion statistics against the plain version."""

from __future__ import annotations

import math

import numpy as np
import numpy.testing as npt
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.counting.counter import count_ngrams
from cnmine.stats import association
from cnmine.stats.association import conditional_probabilities, min_split_pmi, npmi

corpora = st.lists(st.integers(0, 7), max_size=150).map(lambda units: [0, *units, *[0] * 8])
options = st.fixed_dictionaries({"max_order": st.integers(1, 7), "min_count": st.integers(1, 4)})


def check(table, values, expected):
    assert values.shape == (len(table),)
    assert values.dtype == np.float64
    actual = reference.by_ngram(table, values.tolist())
    assert actual.keys() == expected.keys()
    npt.assert_allclose(list(actual.values()), [expected[ngram] for ngram in actual], atol=1e-9)


@given(corpora, options)
def test_min_split_pmi__matches_reference(units, options):
    table = count_ngrams(np.array(units, np.uint16), **options)
    check(table, min_split_pmi(table), reference.min_split_pmi(units, **options))


@given(corpora, options)
def test_npmi__matches_reference(units, options):
    table = count_ngrams(np.array(units, np.uint16), **options)
    check(table, npmi(table), reference.npmi(units, **options))
    assert (npmi(table) <= 1 + 1e-12).all()


@given(corpora, options)
def test_conditional_probabilities__match_reference(units, options):
    table = count_ngrams(np.array(units, np.uint16), **options)
    expected = reference.conditional_probabilities(units, **options)
    forward, backward = conditional_probabilities(table)
    check(table, forward, {ngram: pair[0] for ngram, pair in expected.items()})
    check(table, backward, {ngram: pair[1] for ngram, pair in expected.items()})


def test_min_split_pmi__by_hand():
    # 4 5 6 twice and 4 once more: N = 7, the weaker split is 4 | 56: ln(7·2 / (3·2)).
    units = np.array([0, 4, 5, 6, 0, 4, 5, 6, 0, 4, *[0] * 8], np.uint16)
    table = count_ngrams(units, max_order=3, min_count=1)
    pmi = min_split_pmi(table)
    assert pmi[table.find([4])] == 0.0
    assert pmi[table.find([4, 5])] == pytest.approx(math.log(7 * 2 / (3 * 2)))
    assert pmi[table.find([4, 5, 6])] == pytest.approx(math.log(7 * 2 / (3 * 2)))


def test_npmi__is_one_for_parts_that_never_occur_apart():
    units = np.array([0, 4, 5, 0, 6, 0, 4, 5, *[0] * 8], np.uint16)
    table = count_ngrams(units, max_order=2, min_count=1)
    assert npmi(table)[table.find([4, 5])] == pytest.approx(1.0)


@pytest.mark.parametrize("function", [min_split_pmi, npmi, conditional_probabilities])
def test_association__of_an_empty_table(function):
    table = count_ngrams(np.zeros(9, np.uint16), max_order=3, min_count=1)
    assert np.shape(function(table))[-1] == 0


def test_min_split_pmi__reads_read_only_arrays(make_units):
    table = count_ngrams(make_units(), max_order=4, min_count=2)
    whole = min_split_pmi(table)
    for array in (table.parents, table.suffixes, table.counts):
        array.flags.writeable = False
    npt.assert_array_equal(min_split_pmi(table), whole)


@pytest.mark.parametrize("function", [min_split_pmi, npmi, conditional_probabilities])
def test_association__of_some_rows_is_the_same_as_among_all(make_units, monkeypatch, function):
    table = count_ngrams(make_units(), max_order=4, min_count=2)
    whole = np.atleast_2d(function(table))
    rows = np.array([5, 0, len(table) - 1, 40, 41])
    monkeypatch.setattr(association, "ROWS_PER_STEP", 2)
    npt.assert_array_equal(np.atleast_2d(function(table, rows)), whole[:, rows])
    npt.assert_array_equal(np.atleast_2d(function(table)), whole)
