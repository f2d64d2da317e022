"""Counting by refinement against plain counting."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.testing as npt
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.counting import counter, shards
from cnmine.counting.counter import MAX_ORDER, count_ngrams
from cnmine.counting.table import NO_ROW
from cnmine.errors import ResourceError, UsageError

small_alphabet = st.lists(st.integers(0, 7), max_size=150)
large_alphabet = st.lists(st.sampled_from([0, 3, 4, 5, 300, 301, 65534, 65535]), max_size=100)
corpora = st.one_of(small_alphabet, large_alphabet).map(lambda units: [0, *units, *[0] * 8])
options = st.fixed_dictionaries({"max_order": st.integers(1, MAX_ORDER), "min_count": st.integers(1, 4)})


def shrink_batches(monkeypatch, positions=5, groups=2, shard=3):
    monkeypatch.setattr(counter, "BATCH_POSITIONS", positions)
    monkeypatch.setattr(counter, "BATCH_GROUPS", groups)
    monkeypatch.setattr(shards, "SHARD_POSITIONS", shard)
    monkeypatch.setattr(shards, "BLOCK_UNITS", 7)


def assert_same(table, other):
    for field in dataclasses.fields(table):
        mine, theirs = getattr(table, field.name), getattr(other, field.name)
        npt.assert_array_equal(mine, theirs, err_msg=field.name)
        if isinstance(mine, np.ndarray):
            assert mine.dtype == theirs.dtype, field.name


def check_table(table, units, max_order, min_count):
    """Every array of a table against the plain counts."""
    counts = reference.count_ngrams(units, max_order=max_order, min_count=min_count)
    beside = reference.count_neighbours(units, max_order=max_order)
    ngrams = list(reference.by_ngram(table, range(len(table))))
    assert ngrams == sorted(counts, key=lambda ngram: (len(ngram), ngram))
    assert table.counts.tolist() == [counts[ngram] for ngram in ngrams]
    assert table.n_tokens == reference.n_tokens(units)
    assert table.orders().tolist() == [len(ngram) for ngram in ngrams]
    assert table.left.tolist() == [reference.tally(beside[w].left, reference.OPENING) for w in ngrams]
    assert table.right.tolist() == [reference.tally(beside[w].right, reference.CLOSING) for w in ngrams]
    npt.assert_allclose(table.left_spreads, [reference.spread(beside[w].left) for w in ngrams])
    npt.assert_allclose(table.right_spreads, [reference.spread(beside[w].right) for w in ngrams])
    row_of = {ngram: row for row, ngram in enumerate(ngrams)} | {(): NO_ROW}
    assert table.parents.tolist() == [row_of[ngram[:-1]] for ngram in ngrams]
    assert table.suffixes.tolist() == [row_of[ngram[1:]] for ngram in ngrams]
    for row, ngram in enumerate(ngrams):
        children = ngrams[table.child_offsets[row] : table.child_offsets[row + 1]]
        assert children == [w for w in ngrams if w[:-1] == ngram]
        assert table.find(ngram) == row
    longest = reference.deepest(units, max_order=max_order, min_count=min_count)
    assert table.deepest.tolist() == [row_of[ngram] for ngram in longest]


@given(corpora, options)
def test_count_ngrams__matches_reference(units, options):
    check_table(count_ngrams(np.array(units, np.uint16), **options), units, **options)


@given(corpora, options, st.integers(1, 9), st.integers(1, 3), st.integers(1, 40))
def test_count_ngrams__matches_reference_in_tiny_batches(units, options, positions, groups, shard):
    with pytest.MonkeyPatch.context() as patch:
        shrink_batches(patch, positions, groups, shard)
        table = count_ngrams(np.array(units, np.uint16), **options)
    check_table(table, units, **options)


@pytest.mark.parametrize("max_order", range(1, MAX_ORDER + 1))
@pytest.mark.parametrize("min_count", [1, 3])
def test_count_ngrams__same_arrays_for_any_thread_count_and_batch(make_units, monkeypatch, max_order, min_count):
    units = make_units()
    whole = count_ngrams(units, max_order=max_order, min_count=min_count)
    shrink_batches(monkeypatch, 50, 3, 100)
    for threads in (1, 2, 3):
        table = count_ngrams(units, max_order=max_order, min_count=min_count, threads=threads)
        assert_same(table, whole)


def test_count_ngrams__many_shards(monkeypatch):
    """Units enough that the number of shards meets its limit."""
    monkeypatch.setattr(shards, "SHARD_POSITIONS", 1)
    units = [0, *np.random.default_rng(0).integers(4, 1000, 3000).tolist(), *[0] * 8]
    table = count_ngrams(np.array(units, np.uint16), max_order=2, min_count=1)
    check_table(table, units, 2, 1)


@given(corpora, options, st.integers(1, 12), st.integers(1, 3))
def test_count_ngrams__matches_reference_in_any_number_of_parts(units, options, part, threads):
    """Parts smaller than most units have places: these are divided by the unit behind them."""
    with pytest.MonkeyPatch.context() as patch:
        shrink_batches(patch)
        patch.setattr(counter, "PART_POSITIONS", part)
        patch.setattr(counter, "USUAL_PARTS", 1000)
        table = count_ngrams(np.array(units, np.uint16), **options, threads=threads)
    check_table(table, units, **options)


@pytest.mark.parametrize("budget", [0, 60 * 50, 60 * 1000, 60 * 10**6])
def test_count_ngrams__same_bits_for_any_budget(make_units, monkeypatch, threads, budget):
    units = make_units()
    whole = count_ngrams(units, max_order=6, min_count=2)
    monkeypatch.setattr(counter, "MIN_PART_POSITIONS", 20)
    assert_same(count_ngrams(units, max_order=6, min_count=2, threads=threads, budget_bytes=budget), whole)


@given(corpora, st.integers(1, 4), st.integers(1, 12), st.integers(1, 9))
def test_plan_shards__puts_every_frequent_place_into_one_shard(units, min_count, most, block):
    array = np.array(units, np.uint16)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD_POSITIONS", 3)
        patch.setattr(shards, "BLOCK_UNITS", block)
        counts = shards.count_units(array, 1)
        plan = shards.plan_shards(array, counts, max_order=3, min_count=min_count, max_positions=most, threads=1)
        parts = [(part, plan.gather(part, 5)) for part in plan.parts(most)]
    gathered = [tuple(window) for _, windows in parts for window in windows.tolist()]
    pairs = reference.count_ngrams(units, max_order=2, min_count=min_count)
    expected = [
        tuple(units[i - 1 : i + 4])
        for i in range(1, len(units) - 4)
        if (units[i],) in pairs and (pairs[(units[i],)] <= most or (units[i], units[i + 1]) in pairs)
    ]
    assert sorted(gathered) == sorted(expected)
    assert [part for part, _ in parts] == sorted(part for part, _ in parts)
    assert sum(stop - start for (start, stop), _ in parts) == len(plan.shards)


def test_plan_shards__refuses_more_shards_than_have_numbers(make_units, monkeypatch):
    monkeypatch.setattr(shards, "MAX_SHARDS", 3)
    monkeypatch.setattr(shards, "SHARD_POSITIONS", 1)
    with pytest.raises(ResourceError, match="parts for this memory, too many; raise --memory"):
        count_ngrams(make_units(), max_order=2, min_count=1)


@pytest.mark.parametrize("n_boundaries", [9, 20])
def test_count_ngrams__of_an_empty_corpus(n_boundaries, threads):
    table = count_ngrams(np.zeros(n_boundaries, np.uint16), max_order=7, min_count=1, threads=threads)
    check_table(table, [0] * n_boundaries, 7, 1)
    assert table.find([4]) == NO_ROW


def test_count_ngrams__where_nothing_is_frequent(make_units):
    units = make_units(20)
    check_table(count_ngrams(units, max_order=3, min_count=1000), units.tolist(), 3, 1000)


def test_count_ngrams__reports_every_position(make_units, threads):
    units = make_units()
    progress = []
    count_ngrams(units, max_order=3, min_count=1, threads=threads, on_progress=progress.append)
    assert sum(progress) == len(units)


def test_count_ngrams__accepts_read_only_units(make_units):
    units = make_units()
    whole = count_ngrams(units, max_order=3, min_count=2)
    units.flags.writeable = False
    assert_same(count_ngrams(units, max_order=3, min_count=2), whole)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_order": 0}, "max_order must be 1 to 7"),
        ({"max_order": 8}, "max_order must be 1 to 7"),
        ({"min_count": 0}, "min_count must be at least 1"),
    ],
)
def test_count_ngrams__refuses_impossible_options(make_units, options, message):
    with pytest.raises(UsageError, match=message):
        count_ngrams(make_units(10), **options)


@pytest.mark.parametrize("units", [[], [0], [0, 0, 0], [4, 0, 0, 0], [0, 4, 0, 0], [0, 4, 0, 5, 0]])
def test_count_ngrams__refuses_units_without_boundaries_around(units):
    with pytest.raises(UsageError, match="start with a boundary and end with 3"):
        count_ngrams(np.array(units, np.uint16), max_order=2, min_count=1)


@pytest.mark.parametrize("ngram", [[], [4] * 8, [3], [65535], [4, 0], [60000, 4]])
def test_find__what_is_not_in_the_table(make_units, ngram):
    assert count_ngrams(make_units(), max_order=4, min_count=1).find(ngram) == NO_ROW


def test_units_of__some_rows_in_any_order(make_units):
    table = count_ngrams(make_units(), max_order=3, min_count=2)
    rows = np.array([len(table) - 1, 0, 0])
    spelled = table.units_of(rows)
    assert spelled.dtype == np.uint16
    assert spelled.shape == (3, 3)
    assert [table.find([unit for unit in ngram if unit]) for ngram in spelled.tolist()] == rows.tolist()
    assert table.units_of(np.array([], np.int64)).shape == (0, 3)
