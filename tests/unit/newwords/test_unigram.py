"""unigram: forward-backward against all ways to read a span, one by one."""

from __future__ import annotations

import random

import numpy as np
import numpy.testing as npt
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.counting.counter import count_ngrams
from cnmine.newwords import unigram
from cnmine.newwords._unigram_kernels import MAX_SPAN
from cnmine.newwords.unigram import read_candidates, units_to_read
from cnmine.sorting.pool import ArrayPool

# The hash that draws the sample wraps around on purpose; NumPy warns of it where kernels are not compiled.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in scalar multiply:RuntimeWarning")

spans = st.lists(st.lists(st.integers(4, 7), min_size=1, max_size=8), max_size=10)
COLUMNS = ("shares", "left_edges", "right_edges", "breaks")


def join(parts, boundary=0):
    units = [0]
    for part in parts:
        units += [*part, boundary]
    return np.array([*units, *[0] * 8], dtype=np.uint16)


def draw_candidates(table, rate, seed=0):
    """Some of the longer rows, and a guess for each."""
    generator = np.random.default_rng(seed)
    rows = np.arange(table.order_offsets[1], len(table))
    rows = rows[generator.random(len(rows)) < rate]
    return rows, generator.uniform(0.02, 1.0, len(rows))


def columns_of(readings):
    return np.stack([getattr(readings, name) for name in COLUMNS], axis=1)


def read(units, *, max_order=4, min_count=2, rate=0.6, **options):
    table = count_ngrams(units, max_order=max_order, min_count=min_count)
    return columns_of(read_candidates(units, table, *draw_candidates(table, rate), **options))


@pytest.fixture
def parts():
    """Spans of words of a small lexicon, some of them alike."""
    source = random.Random(0)
    lexicon = [tuple(source.choices(range(4, 16), k=source.randint(1, 4))) for _ in range(20)]
    return [sum(source.choices(lexicon, k=source.randint(1, 9)), ()) for _ in range(400)]


@given(spans, st.integers(1, 3), st.integers(1, 4), st.sampled_from([0.3, 0.7, 1.0]), st.integers(0, 2))
def test_read_candidates__matches_reference(parts, min_count, max_order, rate, n_iterations):
    units = join(parts)
    table = count_ngrams(units, max_order=max_order, min_count=min_count)
    rows, guesses = draw_candidates(table, rate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unigram, "N_ITERATIONS", n_iterations)
        found = columns_of(read_candidates(units, table, rows, guesses))
    counts = reference.count_ngrams(units.tolist(), max_order=max_order, min_count=min_count)
    ngrams = [tuple(unit for unit in ngram if unit) for ngram in table.units_of(rows).tolist()]
    expected = reference.read_candidates(
        units.tolist(), counts, dict(zip(ngrams, guesses.tolist(), strict=True)), n_iterations=n_iterations
    )
    npt.assert_allclose(found, np.array([expected[w] for w in ngrams]).reshape(-1, 4), atol=1e-6)


def test_read_candidates__by_hand(monkeypatch):
    """Two units, one candidate, no iteration: the candidate against its two parts."""
    monkeypatch.setattr(unigram, "N_ITERATIONS", 0)
    units = join([(4, 5)] * 3 + [(4,)])
    table = count_ngrams(units, max_order=2, min_count=1)
    readings = read_candidates(units, table, np.array([table.find([4, 5])]), np.array([0.5]))
    total = 4 + 3 + 1.5 + 0.5
    whole, parted = 1.5 / total, 4 / total * 3 / total
    npt.assert_allclose(columns_of(readings), [[whole / (whole + parted), 1, 1, parted / (whole + parted)]], atol=1e-8)


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_read_candidates__same_bits_for_any_thread_count_and_task(parts, monkeypatch, n_threads, size):
    units = join(parts)
    whole = read(units)
    assert len(whole) > 50
    monkeypatch.setattr(unigram, "UNITS_PER_TASK", size)
    npt.assert_array_equal(read(units, threads=n_threads), whole)


@pytest.mark.parametrize("sample_units", [100, 1000, 4_000_000])
def test_read_candidates__same_bits_for_any_order_of_the_spans(parts, monkeypatch, sample_units):
    monkeypatch.setattr(unigram, "SAMPLE_UNITS", sample_units)
    whole = read(join(parts))
    for seed in range(3):
        random.Random(seed).shuffle(parts)
        npt.assert_array_equal(read(join(parts, boundary=seed)), whole)


def test_read_candidates__a_sample_reads_less(parts, monkeypatch):
    """The iterations learn from some spans only, so the result moves, but not far."""
    whole = read(join(parts))
    monkeypatch.setattr(unigram, "SAMPLE_UNITS", 1500)
    sampled = read(join(parts))
    assert not np.array_equal(sampled, whole)
    assert np.abs(sampled - whole).mean() < 0.1


@given(spans, st.integers(1, 3))
def test_read_candidates__are_shares(parts, min_count):
    values = read(join(parts), min_count=min_count, rate=1.0)
    assert values.dtype == np.float64
    assert np.all(values >= 0)
    assert np.all(values <= 1)
    share, left, right, _ = values.T
    assert np.all(share <= np.minimum(left, right) + 1e-8)


@pytest.mark.parametrize("length", [MAX_SPAN - 1, MAX_SPAN, MAX_SPAN + 1, 2 * MAX_SPAN + 3])
def test_read_candidates__of_spans_too_long_to_be_read_at_once(length, threads):
    source = random.Random(0)
    text = [source.randrange(4, 10) for _ in range(length)]
    values = read(join([text, text[:50]]), threads=threads)
    assert len(values) > 100
    assert np.all(values >= 0)
    assert np.all(values <= 1)
    # The same text in spans of a tenth of that reads nearly the same.
    pieces = [text[i : i + 400] for i in range(0, length, 400)]
    table = count_ngrams(join([text, text[:50]]), max_order=2, min_count=20)
    rows = np.arange(table.order_offsets[1], len(table))
    long, short = (
        columns_of(
            read_candidates(units, count_ngrams(units, max_order=2, min_count=20), rows, np.full(len(rows), 0.3))
        )
        for units in (join([text, text[:50]]), join([*pieces, text[:50]]))
    )
    assert long.shape == short.shape
    npt.assert_allclose(long, short, atol=0.05)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(1, 30), st.sampled_from([3, 5, 8]))
def test_tasks__end_where_spans_do_or_where_they_are_cut(lengths, size, most):
    """A span longer than what is read at once falls into pieces counted from its beginning."""
    units = join([[5] * length for length in lengths])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unigram, "UNITS_PER_TASK", size)
        patch.setattr(unigram.kernels, "MAX_SPAN", most)
        tasks = list(unigram._tasks(units))
    assert [start for start, _ in tasks] == [0, *(stop for _, stop in tasks[:-1])]
    assert tasks[-1][1] == len(units)
    assert all(stop - start <= size + most for start, stop in tasks)
    origin = 0
    cuts = {len(units)}
    for position, unit in enumerate(units.tolist()):
        if unit < 4:
            cuts.add(position)
            origin = position + 1
        elif (position - origin) % most == 0:
            cuts.add(position)
    assert {stop for _, stop in tasks} <= cuts


def test_read_candidates__same_bits_with_little_memory(parts, tmp_path):
    units = join(parts)
    whole = read(units)
    npt.assert_array_equal(read(units, threads=2, budget_bytes=0, space=ArrayPool(0, str(tmp_path))), whole)


def test_read_candidates__without_candidates(parts):
    units = join(parts)
    table = count_ngrams(units, max_order=3, min_count=2)
    readings = read_candidates(units, table, np.array([], dtype=np.int64), np.array([]))
    assert columns_of(readings).shape == (0, 4)


def test_read_candidates__reports_all_passes(parts, threads, monkeypatch):
    monkeypatch.setattr(unigram, "UNITS_PER_TASK", 100)
    units = join(parts)
    progress = []
    read(units, threads=threads, on_progress=progress.append)
    assert sum(progress) == units_to_read(len(units))
    assert len(progress) > 2 * (unigram.N_ITERATIONS + 1)


def test_read_candidates__reads_read_only_arrays(parts):
    units = join(parts)
    whole = read(units)
    table = count_ngrams(units, max_order=4, min_count=2)
    rows, guesses = draw_candidates(table, 0.6)
    for array in (units, table.deepest, table.parents, table.counts, rows, guesses):
        array.flags.writeable = False
    npt.assert_array_equal(columns_of(read_candidates(units, table, rows, guesses)), whole)


def test_read_candidates__prefers_what_stands_alone():
    """4 5 is a word that stands by itself; 6 7 is half of 6 7 8 9."""
    units = join([(4, 5)] * 20 + [(6, 7, 8, 9), (6, 7, 8, 9, 4, 5)] * 20)
    table = count_ngrams(units, max_order=4, min_count=5)
    rows = np.array(sorted(table.find(word) for word in ([4, 5], [6, 7], [6, 7, 8, 9])))
    readings = read_candidates(units, table, rows, np.full(3, 0.5))
    shares = dict(zip(rows.tolist(), readings.shares, strict=True))
    assert shares[table.find([4, 5])] > 0.9
    assert shares[table.find([6, 7, 8, 9])] > 0.9
    assert shares[table.find([6, 7])] < 0.1
