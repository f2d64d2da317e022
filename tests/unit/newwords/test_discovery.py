"""discovery: what every method promises, on a part of the shipped sample, and how good the ranking is."""

from __future__ import annotations

import dataclasses
import inspect
import random
from functools import cache
from pathlib import Path

import numpy as np
import numpy.testing as npt
import pytest

from cnmine._space import MEMORY
from cnmine.counting import counter, shards
from cnmine.counting import table as table_module
from cnmine.counting.corpus import read_corpus
from cnmine.counting.counter import count_ngrams
from cnmine.counting.table import NO_ROW
from cnmine.errors import ResourceError, StoreError, UsageError
from cnmine.evaluation.newwords import Ranking, evaluate_new, gold_from_list
from cnmine.io.paths import find_sources
from cnmine.newwords import features, learner, ranking, unigram
from cnmine.newwords.cutting import THRESHOLDS, cut_words
from cnmine.newwords.dictionary import load_dictionary
from cnmine.newwords.discovery import METHODS, SHOWN, discover_words
from cnmine.newwords.experience import EXPERIENCE
from cnmine.newwords.features import Statistics
from cnmine.newwords.learner import MIN_GUESS, WITHOUT_DICTIONARY
from cnmine.newwords.selection import select_words, split_units
from cnmine.newwords.unigram import units_to_read
from cnmine.newwords.wordhood import MIN_KNOWN, N_FITS
from cnmine.sorting.pool import ArrayPool
from cnmine.stats.association import min_split_pmi
from cnmine.stats.entropy import autonomy, freedom

# The hash that draws the sample wraps around on purpose; NumPy warns of it where kernels are not compiled.
pytestmark = pytest.mark.filterwarnings("ignore:overflow encountered in scalar multiply:RuntimeWarning")

DATA = Path(__file__).parents[3] / "data"
COLUMNS = ("cohesion", "npmi", "left_entropy", "right_entropy", "autonomy", "share")
by_method = pytest.mark.parametrize("method", METHODS)


@cache
def sample_lines():
    lines = (DATA / "sample.txt").read_text(encoding="utf-8").splitlines()
    return random.Random(0).sample(lines, 500)


@cache
def dictionary():
    """Made from the sample itself, so that the tests need no other: what is cut from all of it, but for gold."""
    gold = frozenset((DATA / "sample_gold.txt").read_text(encoding="utf-8").split())
    corpus = read_corpus(find_sources([str(DATA / "sample.txt")]))
    words = [word for word, _ in cut_words(corpus, count_ngrams(corpus.units, max_order=4, min_count=8))]
    return frozenset(word for word in words if len(word) > 1) - gold


def read(tmp_path, text):
    path = tmp_path / "text"
    path.write_text(text, encoding="utf-8")
    return read_corpus(find_sources([str(path)]))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return read(tmp_path_factory.mktemp("sample"), "\n".join(sample_lines()))


@pytest.fixture(scope="module")
def find(corpus):
    """`discover_words` on the small corpus, each call once."""

    @cache
    def call(method, **options):
        return discover_words(corpus, method=method, dictionary=dictionary(), **options)

    return call


def assert_same(found, expected):
    assert list(found.words) == list(expected.words)
    for name in ("scores", "counts", "is_known", "shares"):
        npt.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)
    assert found.notes == expected.notes


@pytest.mark.parametrize("method", ["distant", "cohesion", "entropy", "cut"])
@pytest.mark.parametrize("budget", [0, 10_000_000])
def test_discover_words__the_same_over_the_disk(corpus, find, monkeypatch, tmp_path, threads, method, budget):
    """Every array is a map of a file, and whatever goes in steps or parts goes in many."""
    for module, name, value in (
        (counter, "MIN_PART_POSITIONS", 500),
        (shards, "BLOCK_UNITS", 1000),
        (shards, "SHARD_POSITIONS", 200),
        (table_module, "ROWS_PER_STEP", 50),
        (features, "ROWS_PER_STEP", 50),
        (features, "STRETCH_ROWS", 70),
        (unigram, "UNITS_PER_TASK", 1000),
        (ranking, "MIN_BUDGET_BYTES", 5000),
        (ranking.steps, "__defaults__", (30,)),
        (learner, "GUESSED_PER_STEP", 64),
    ):
        monkeypatch.setattr(module, name, value)
    with ArrayPool(0, str(tmp_path)) as pool:
        units = pool.new_array(len(corpus.units), np.uint16, "the text")
        units[:] = corpus.units
        mapped = dataclasses.replace(corpus, units=units)
        options = {"method": method, "dictionary": dictionary(), "threads": threads}
        found = discover_words(mapped, **options, budget_bytes=budget, space=pool)
    expected = find(method)
    assert_same(found, expected)
    chosen = np.array([3, 0, 17, len(found.words) - 1])
    for name, column in found.measure(chosen).items():
        npt.assert_array_equal(column, expected.measure(chosen)[name], err_msg=name)
    npt.assert_array_equal(select_words(found, min_score=0.3), select_words(expected, min_score=0.3))


def test_discover_words__says_how_much_memory_is_missing(corpus, monkeypatch):
    monkeypatch.setattr(learner, "MIN_BUDGET_BYTES", 0)
    with pytest.raises(ResourceError, match=r"\d+ n-grams may be words, which takes 0 MB more than --memory allows"):
        discover_words(corpus, dictionary=None, budget_bytes=10)


# --- what the table holds -----------------------------------------------------------------------------


@by_method
def test_discover_words__best_first(find, method):
    found = find(method)
    n = len(found.words)
    assert n > 200
    assert np.all(np.diff(found.scores) <= 0)
    tied = np.diff(found.scores) == 0
    if method == "cut":
        words = list(found.words)
        assert all(words[i] < words[i + 1] for i in np.flatnonzero(tied))
    else:
        assert np.all(np.diff(found.rows)[tied] > 0)
    assert len(set(found.words)) == n


@by_method
def test_discover_words__columns_belong_together(find, corpus, method):
    found = find(method)
    n = len(found.words)
    for name, kind in [("scores", "f8"), ("counts", "i8"), ("is_known", "?"), ("shares", "f8"), ("rows", "i8")]:
        column = getattr(found, name)
        assert column.dtype == np.dtype(kind), name
        assert column.shape == (n,), name
    spelled = ["".join(corpus.vocabulary[unit] for unit in ngram) for ngram in found.table.units_of(found.rows)]
    assert list(found.words) == spelled
    assert found.is_known.tolist() == [word in dictionary() for word in found.words]
    assert found.is_known.any()
    assert not found.is_known.all()
    if method == "cut":
        npt.assert_array_equal(found.scores, found.counts)
        assert np.all(found.counts <= found.table.counts[found.rows])
    else:
        npt.assert_array_equal(found.counts, found.table.counts[found.rows])


def test_discover_words__distant_gives_probabilities(find):
    found = find("distant")
    assert np.all(found.scores >= 0)
    assert np.all(found.scores <= 1)
    assert found.scores[0] > 0.5 > found.scores[-1]
    assert found.notes == []
    is_read = ~np.isnan(found.shares)
    assert is_read.any()
    assert not is_read.all()
    assert np.all((found.shares[is_read] >= 0) & (found.shares[is_read] <= 1))
    assert np.all(found.scores[~is_read] <= MIN_GUESS)


def test_discover_words__cohesion_and_entropy_are_the_statistics(find):
    found = find("cohesion")
    npt.assert_allclose(found.scores, min_split_pmi(found.table)[found.rows], rtol=1e-6, atol=1e-6)
    found = find("entropy")
    npt.assert_allclose(found.scores, freedom(found.table, boundary="distinct")[found.rows], rtol=1e-6, atol=1e-6)
    assert np.isnan(found.shares).all()


def test_discover_words__all_methods_but_cut_rank_the_same_candidates(find):
    ranked = [sorted(find(method).words) for method in ("distant", "cohesion", "entropy")]
    assert ranked[0] == ranked[1] == ranked[2]


def test_discover_words__cut_finds_what_cut_words_finds(find, corpus):
    table = count_ngrams(corpus.units, max_order=6, min_count=5)
    expected = [(word, n) for word, n in cut_words(corpus, table) if 2 <= len(split_units(word)) <= 6]
    found = find("cut")
    assert list(zip(found.words, found.counts.tolist(), strict=True)) == expected


def test_discover_words__cut_hands_on_its_options(find):
    whole = set(find("cut").words)
    assert whole < set(find("cut", back_check="none").words)
    assert {len(word) for word in find("cut", cut_thresholds=(0, 6.0), back_check="none").words} >= {2, 3}
    assert set(find("cut", cut_thresholds=(0, 6.0)).words) != whole


@by_method
def test_discover_words__keeps_to_the_limits(find, method):
    found = find(method, min_count=6, min_len=3, max_len=4)
    assert len(found.words) > 5
    assert found.counts.min() >= 6
    assert {3} <= set(found.table.orders()[found.rows].tolist()) <= {3, 4}


@pytest.mark.parametrize("method", ["distant", "cohesion", "entropy"])
def test_discover_words__single_units_if_asked_for(find, method):
    found = find(method, min_len=1, max_len=2)
    is_single = found.rows < found.table.order_offsets[1]
    assert is_single.any()
    assert np.isfinite(found.scores).all()
    assert np.isnan(found.shares[is_single]).all()


# --- measure ------------------------------------------------------------------------------------------


@by_method
def test_measure__shows_the_statistics(find, method):
    found = find(method)
    chosen = np.array([3, 0, len(found.words) - 1])
    columns = found.measure(chosen)
    assert sorted(columns) == sorted(COLUMNS)
    assert all(column.dtype == np.float64 and column.shape == (3,) for column in columns.values())
    rows = found.rows[chosen]
    npt.assert_allclose(columns["cohesion"], min_split_pmi(found.table)[rows], rtol=1e-6)
    npt.assert_allclose(columns["autonomy"], np.add(*autonomy(found.table))[rows], rtol=1e-5, atol=1e-6)
    npt.assert_array_equal(columns["share"], found.shares[chosen])
    expected = Statistics(found.table).measure(rows, SHOWN)
    for name in ("npmi", "left_entropy", "right_entropy"):
        npt.assert_array_equal(columns[name], expected[name])


def test_measure__does_not_know_what_is_not_in_the_table(find):
    found = find("cut")
    rows = found.rows.copy()
    rows[1] = NO_ROW
    columns = dataclasses.replace(found, rows=rows).measure(np.array([0, 1]))
    for name in COLUMNS[:-1]:
        assert np.isfinite(columns[name][0]), name
        assert np.isnan(columns[name][1]), name


def test_measure__of_nothing(find):
    assert all(column.shape == (0,) for column in find("distant").measure(np.array([], dtype=np.int64)).values())


# --- dictionaries and notes ---------------------------------------------------------------------------


def test_discover_words__without_a_dictionary(corpus):
    found = discover_words(corpus, dictionary=None)
    assert found.notes == [f"no dictionary: {WITHOUT_DICTIONARY}"]
    assert not found.is_known.any()
    assert np.all((found.scores >= 0) & (found.scores <= 1))


def test_discover_words__a_dictionary_too_small_to_learn_from(corpus, find):
    small = frozenset(sorted(word for word in find("distant").words[:200] if word in dictionary())[:7])
    found = discover_words(corpus, dictionary=small)
    assert len(found.notes) == 1
    assert found.notes[0].startswith("7 candidates here are in the dictionary, too few, ")
    assert found.notes[0].endswith(WITHOUT_DICTIONARY)
    assert found.is_known.sum() == 7 < MIN_KNOWN
    without = discover_words(corpus, dictionary=None)
    npt.assert_array_equal(found.scores, without.scores)
    assert list(found.words) == list(without.words)


def test_discover_words__a_dictionary_that_knows_everything(corpus, find):
    found = discover_words(corpus, dictionary=frozenset(find("cohesion").words))
    assert len(found.notes) == 1
    assert found.is_known.all()


def test_discover_words__an_empty_dictionary(corpus):
    assert discover_words(corpus, dictionary=frozenset()).notes[0].startswith("0 candidates here are in the dictionary")


@pytest.mark.parametrize("method", ["cohesion", "entropy", "cut"])
def test_discover_words__the_dictionary_does_not_change_other_rankings(corpus, find, method):
    without = discover_words(corpus, method=method, dictionary=None)
    assert list(without.words) == list(find(method).words)
    assert without.notes == []


def test_discover_words__takes_other_experience(corpus, find):
    doubtful = dataclasses.replace(EXPERIENCE, unknown_offset=-50.0, known_offset=-50.0)
    found = find("distant", experience=doubtful)
    assert found.scores.max() < MIN_GUESS
    assert find("distant").scores.max() > 0.5


# --- always the same ----------------------------------------------------------------------------------


@by_method
def test_discover_words__same_for_any_thread_count(corpus, find, method):
    assert_same(discover_words(corpus, method=method, dictionary=dictionary(), threads=2), find(method))


@by_method
def test_discover_words__same_for_any_order_of_the_lines(tmp_path, find, method):
    lines = list(sample_lines())
    random.Random(1).shuffle(lines)
    shuffled = read(tmp_path, "\n".join(lines))
    assert_same(discover_words(shuffled, method=method, dictionary=dictionary()), find(method))


def test_discover_words__the_seed_matters_to_the_learner_alone(find):
    assert not np.array_equal(find("distant", seed=1).scores, find("distant").scores)
    assert np.abs(find("distant", seed=1).scores.mean() - find("distant").scores.mean()) < 0.05


# --- nothing to find ----------------------------------------------------------------------------------


@by_method
@pytest.mark.parametrize("text", ["", "\n", "，。", "新词", "plain words only " * 9, "12 345 " * 9, "的，" * 9])
@pytest.mark.parametrize("known", [None, frozenset(["新词"])])
def test_discover_words__nothing_to_find(tmp_path, method, text, known, threads):
    found = discover_words(read(tmp_path, text), method=method, dictionary=known, threads=threads)
    assert len(found.words) == 0
    assert list(found.words) == []
    for name in ("scores", "counts", "is_known", "shares", "rows"):
        assert getattr(found, name).shape == (0,), name
    assert found.notes == []
    assert all(column.shape == (0,) for column in found.measure(np.array([], dtype=np.int64)).values())


@by_method
def test_discover_words__one_candidate(tmp_path, method):
    corpus = read(tmp_path, "新词，" * 6)
    found = discover_words(corpus, method=method, dictionary=frozenset(["新词"]), cut_thresholds=(0, 0))
    assert list(found.words) == ["新词"]
    assert found.counts.tolist() == [6]
    assert found.is_known.tolist() == [True]
    assert np.isfinite(found.scores).all()


# --- options and progress -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "magic"}, "method is 'magic'; choose one of distant, cohesion, entropy, cut"),
        ({"min_len": 0}, "lengths must be 1 to 7 units, min_len at most max_len; not 0 to 6"),
        ({"min_len": 4, "max_len": 3}, "not 4 to 3"),
        ({"max_len": 8}, "not 2 to 8"),
        ({"min_count": 0}, "min_count"),
        ({"method": "cut", "cut_thresholds": ()}, "cut_thresholds must be 1 to 7 numbers, not 0"),
        ({"method": "cut", "cut_thresholds": (0,) * 8}, "cut_thresholds must be 1 to 7 numbers, not 8"),
        ({"method": "cut", "back_check": "loose"}, "back_check is 'loose'"),
    ],
)
def test_discover_words__refuses_impossible_options(corpus, options, message):
    with pytest.raises(UsageError, match=message):
        discover_words(corpus, dictionary=None, **options)


def test_discover_words__documented_defaults():
    parameters = inspect.signature(discover_words).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items()}
    assert {name: value for name, value in defaults.items() if not callable(value)} == {
        "method": "distant",
        "min_count": 5,
        "min_len": 2,
        "max_len": 6,
        "seed": 0,
        "threads": 1,
        "cut_thresholds": THRESHOLDS,
        "back_check": "strict",
        "experience": EXPERIENCE,
        "budget_bytes": None,
        "space": MEMORY,
    }
    assert defaults["dictionary"] is inspect.Parameter.empty
    assert defaults["cut_thresholds"] == inspect.signature(cut_words).parameters["thresholds"].default
    assert defaults["back_check"] == inspect.signature(cut_words).parameters["back_check"].default


@pytest.mark.parametrize(
    ("method", "steps"),
    [
        ("distant", ["counting", "measuring candidates", "reading the text", "learning from the dictionary"]),
        ("cohesion", ["counting", "measuring candidates"]),
        ("entropy", ["counting", "measuring candidates"]),
        ("cut", ["counting", "cutting"]),
    ],
)
def test_discover_words__tells_of_every_step(corpus, threads, method, steps):
    told = []

    def on_step(text, *, total=None):
        told.append([text, total, 0])

    def on_progress(n):
        told[-1][2] += n

    options = {"on_step": on_step, "on_progress": on_progress, "threads": threads}
    discover_words(corpus, method=method, dictionary=dictionary(), **options)
    assert len(told) == len(steps)
    n = len(corpus.units)
    totals = {"counting": n, "cutting": n, "reading the text": units_to_read(n), "learning from the dictionary": N_FITS}
    for (text, total, done), step in zip(told, steps, strict=True):
        assert text.startswith(step)
        assert total == totals.get(step)
        # Counting passes over boundaries and rare units, so it reports less than its total.
        assert (0 < done <= total) if step == "counting" else done == (total or 0), text


# --- quality ------------------------------------------------------------------------------------------


def test_discover_words__finds_the_new_words_of_the_sample():
    """Average precision when this was written: distant .86, cohesion .53, entropy .20."""
    try:
        known = load_dictionary()
    except StoreError:
        pytest.skip("jieba's dictionary is not installed")
    whole = read_corpus(find_sources([str(DATA / "sample.txt")]))
    gold = gold_from_list((DATA / "sample_gold.txt").read_text(encoding="utf-8").split())
    precision = {
        method: evaluate_new(Ranking(discover_words(whole, method=method, dictionary=known).words), gold, known)[
            "average_precision"
        ]
        for method in ("distant", "cohesion", "entropy")
    }
    assert precision["distant"] >= 0.6
    assert precision["distant"] > max(precision["cohesion"], precision["entropy"])
