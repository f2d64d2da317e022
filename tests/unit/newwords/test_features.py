"""features: every column against the formula behind it."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.counting.counter import count_ngrams
from cnmine.newwords import features as features_module
from cnmine.newwords.features import (
    DIRECTIONS,
    MEASURED,
    READING,
    ROBUST,
    STATISTICS,
    Statistics,
    reading_features,
    stack,
)
from cnmine.newwords.unigram import Readings

corpora = st.lists(st.integers(0, 7), max_size=60).map(lambda units: [0, *units, *[0] * 8])


def count(units, *, max_order=4, min_count=1):
    return count_ngrams(np.array(units, np.uint16), max_order=max_order, min_count=min_count)


def measure_all(table):
    return Statistics(table).measure(np.arange(len(table)))


@given(corpora, st.integers(1, 3))
def test_measure__matches_reference(units, min_count):
    table = count(units, min_count=min_count)
    columns = measure_all(table)
    expected = reference.measure(units, max_order=4, min_count=min_count)
    assert set(columns) == set(expected) == set(MEASURED)
    for name, column in columns.items():
        found = reference.by_ngram(table, column)
        values = [expected[name][ngram] for ngram in found]
        npt.assert_allclose(list(found.values()), values, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("min_count", [1, 5])
def test_measure__matches_reference_on_a_larger_corpus(make_units, min_count):
    units = make_units(600)
    table = count(units, min_count=min_count)
    expected = reference.measure(units.tolist(), max_order=4, min_count=min_count)
    for name, column in measure_all(table).items():
        found = reference.by_ngram(table, column)
        values = [expected[name][ngram] for ngram in found]
        npt.assert_allclose(list(found.values()), values, rtol=1e-5, atol=1e-5, err_msg=name)


@given(corpora)
def test_measure__is_finite_and_in_single_precision(units):
    for name, column in measure_all(count(units)).items():
        assert column.dtype == np.float32, name
        assert np.isfinite(column).all(), name


def test_measure__of_an_empty_table():
    assert all(column.shape == (0,) for column in measure_all(count([0] * 9)).values())


def test_measure__some_rows_and_names(make_units):
    table = count(make_units())
    rows = np.array([7, 3, 3, len(table) - 1])
    whole = measure_all(table)
    part = Statistics(table).measure(rows, ("npmi", "extension"))
    assert list(part) == ["npmi", "extension"]
    for name, column in part.items():
        npt.assert_array_equal(column, whole[name][rows])


@pytest.mark.parametrize("name", MEASURED)
def test_measure__one_name_alone_is_the_same_as_among_all(make_units, name):
    table = count(make_units(300))
    rows = np.arange(len(table))
    npt.assert_array_equal(Statistics(table).measure(rows, (name,))[name], measure_all(table)[name])


def test_measure__computes_each_column_once(make_units, monkeypatch):
    calls = []

    def counted(name):
        function = getattr(features_module, name)

        def call(*args, **options):
            calls.append((name, *(arg for arg in args if isinstance(arg, str))))
            return function(*args, **options)

        return call

    for name in ("min_split_pmi", "autonomy", "branching_entropy", "extension_shares", "measure_rises"):
        monkeypatch.setattr(features_module, name, counted(name))
    statistics = Statistics(count(make_units(300)))
    assert calls == []
    once = [
        ("autonomy",),
        ("branching_entropy", "left"),
        ("branching_entropy", "right"),
        ("extension_shares", "left"),
        ("extension_shares", "right"),
        ("min_split_pmi",),
    ]
    statistics.measure(np.arange(3))
    assert sorted(calls) == sorted([*once, ("measure_rises",)])
    calls.clear()
    statistics.measure(np.arange(3), ROBUST)
    assert sorted(calls) == once


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("step", [1, 7, 100])
def test_measure__same_bits_for_any_thread_count_and_step(make_units, monkeypatch, n_threads, step):
    table = count(make_units())
    whole = measure_all(table)
    monkeypatch.setattr(features_module, "ROWS_PER_STEP", step)
    for name, column in Statistics(table, n_threads).measure(np.arange(len(table))).items():
        npt.assert_array_equal(column, whole[name], err_msg=name)


def test_measure__does_not_hand_out_what_it_keeps(make_units):
    table = count(make_units(300))
    statistics = Statistics(table)
    rows = np.arange(len(table))
    before = statistics.measure(rows, ("cohesion",))["cohesion"].copy()
    statistics.measure(rows, ("cohesion",))["cohesion"][:] = 0
    npt.assert_array_equal(statistics.measure(rows, ("cohesion",))["cohesion"], before)


def test_measure__reads_read_only_tables(make_units):
    table = count(make_units(300))
    whole = measure_all(table)
    for array in (table.counts, table.parents, table.suffixes, table.last_units, table.left, table.right):
        array.flags.writeable = False
    for name, column in measure_all(table).items():
        npt.assert_array_equal(column, whole[name])


def test_directions__of_every_feature():
    assert set(DIRECTIONS) == {*MEASURED, *READING}
    assert len(DIRECTIONS) == len(MEASURED) + len(READING)
    assert set(DIRECTIONS.values()) <= {-1, 0, 1}


def test_statistics__are_the_measured_ones_without_the_frequency():
    assert "log_freq" not in STATISTICS
    assert set(MEASURED) - set(STATISTICS) == {"log_freq"}
    assert set(ROBUST) <= set(STATISTICS)
    assert not set(READING) & set(MEASURED)


def test_reading_features__names_the_columns():
    readings = Readings(*(np.array([value, 1.0]) for value in (0.1, 0.2, 0.3, 0.4)))
    columns = reading_features(readings)
    assert tuple(columns) == READING == ("share", "left_edge", "right_edge", "break")
    assert all(column.dtype == np.float32 for column in columns.values())
    npt.assert_allclose([column[0] for column in columns.values()], [0.1, 0.2, 0.3, 0.4], rtol=1e-6)


def test_stack__keeps_the_order_of_the_names():
    features = {"a": np.float32([1, 2]), "b": np.float32([3, 4]), "c": np.float32([5, 6])}
    matrix = stack(features, ("c", "a"))
    assert matrix.dtype == np.float32
    npt.assert_array_equal(matrix, [[5, 1], [6, 2]])
