"""wordhood: learning from a dictionary on made-up candidates, of which we know what they are."""

from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest

from cnmine.newwords import wordhood
from cnmine.newwords.features import DIRECTIONS, READING, STATISTICS
from cnmine.newwords.wordhood import (
    MAX_COVERAGE,
    MIN_COVERAGE,
    MIN_TOP,
    N_FITS,
    VIEWS,
    estimate_coverage,
    judge_by_dictionary,
)

NAMES = (*STATISTICS, *READING)


def make_problem(n=1500, *, shift=1.0, share=0.3, known=0.6, seed=0):
    """Features of words and others, two overlapping clusters; which ones are words, and which are known."""
    generator = np.random.default_rng(seed)
    is_word = generator.random(n) < share
    features = {
        name: (generator.normal(size=n) + shift * DIRECTIONS[name] * is_word).astype(np.float32) for name in NAMES
    }
    features["length"] = generator.integers(2, 5, n).astype(np.float32)
    return features, is_word, is_word & (generator.random(n) < known)


def area_under_curve(scores, is_positive):
    better = scores[is_positive][:, None] - scores[~is_positive][None]
    return np.mean((better > 0) + 0.5 * (better == 0))


@pytest.fixture
def few_trees(monkeypatch):
    monkeypatch.setitem(wordhood.TREES, "max_iter", 8)


# --- judge_by_dictionary ------------------------------------------------------------------------------


def test_judge_by_dictionary__finds_the_words_that_the_dictionary_lacks():
    features, is_word, is_known = make_problem()
    log_odds = judge_by_dictionary(features, is_known)
    assert log_odds.shape == (1500,)
    assert log_odds.dtype == np.float64
    assert np.isfinite(log_odds).all()
    assert area_under_curve(log_odds[~is_known], is_word[~is_known]) > 0.95


@pytest.mark.usefixtures("few_trees")
def test_judge_by_dictionary__does_not_know_a_known_word_for_one():
    """Words of the dictionary look no better than those it lacks: the model of each has not seen it."""
    features, is_word, is_known = make_problem()
    log_odds = judge_by_dictionary(features, is_known)
    assert abs(area_under_curve(log_odds[is_word], is_known[is_word]) - 0.5) < 0.1


@pytest.mark.usefixtures("few_trees")
def test_judge_by_dictionary__learns_nothing_where_there_is_nothing_to_learn():
    features, is_word, is_known = make_problem(shift=0.0)
    log_odds = judge_by_dictionary(features, is_known)
    assert abs(area_under_curve(log_odds[~is_known], is_word[~is_known]) - 0.5) < 0.1


@pytest.mark.usefixtures("few_trees")
def test_judge_by_dictionary__same_bits_for_a_seed_and_any_thread_count():
    features, _, is_known = make_problem(n=600)
    first = judge_by_dictionary(features, is_known, seed=3)
    for threads in (1, 2):
        npt.assert_array_equal(judge_by_dictionary(features, is_known, seed=3, threads=threads), first)
    assert not np.array_equal(judge_by_dictionary(features, is_known, seed=4), first)


@pytest.mark.usefixtures("few_trees")
def test_judge_by_dictionary__learns_from_a_sample_of_many_candidates(monkeypatch):
    monkeypatch.setattr(wordhood, "MAX_EXAMPLES", 400)
    features, is_word, is_known = make_problem(n=3000)
    sizes = []
    fit_and_predict = wordhood._fit_and_predict

    def fit(features, is_known, examples, *rest):
        sizes.append(len(examples))
        return fit_and_predict(features, is_known, examples, *rest)

    monkeypatch.setattr(wordhood, "_fit_and_predict", fit)
    log_odds = judge_by_dictionary(features, is_known)
    assert len(sizes) == N_FITS
    assert 300 < max(sizes) < 500
    assert area_under_curve(log_odds[~is_known], is_word[~is_known]) > 0.9


@pytest.mark.usefixtures("few_trees")
def test_judge_by_dictionary__never_fits_to_what_it_scores(monkeypatch):
    features, _, is_known = make_problem(n=600)
    scored = []
    fit_and_predict = wordhood._fit_and_predict

    def fit(features, is_known, examples, rows, *rest):
        assert not set(examples) & set(rows)
        scored.append(np.isin(np.arange(600), rows))
        return fit_and_predict(features, is_known, examples, rows, *rest)

    monkeypatch.setattr(wordhood, "_fit_and_predict", fit)
    judge_by_dictionary(features, is_known)
    npt.assert_array_equal(np.sum(scored, axis=0), 1 + len(VIEWS))


@pytest.mark.usefixtures("few_trees")
def test_judge_by_dictionary__reports_every_fit(threads):
    features, _, is_known = make_problem(n=300)
    progress = []
    judge_by_dictionary(features, is_known, threads=threads, on_progress=progress.append)
    assert progress == [1] * N_FITS


@pytest.mark.parametrize("is_all", [False, True])
def test_judge_by_dictionary__all_or_nothing_known(is_all):
    features, _, _ = make_problem(n=300)
    log_odds = judge_by_dictionary(features, np.full(300, is_all))
    assert np.isfinite(log_odds).all()
    lengths = features["length"]
    assert all(len(np.unique(log_odds[lengths == length])) == 1 for length in (2, 3, 4))
    assert np.all(log_odds < 0) if is_all else np.all(log_odds > 0)


@pytest.mark.usefixtures("few_trees")
def test_judge_by_dictionary__takes_off_what_the_coverage_says():
    """Odds of an unknown word: s / (1 - s) · (1 - c) / c, with the coverage c of its length."""
    features, _, is_known = make_problem(n=600)
    lengths = features["length"].astype(int)
    probabilities = wordhood._probability_of_entry(features, is_known, 0, 1, lambda n: None)
    coverage = estimate_coverage(probabilities, is_known, lengths)[lengths]
    odds = probabilities / (1 - probabilities) * (1 - coverage) / coverage
    npt.assert_allclose(judge_by_dictionary(features, is_known), np.log(odds), atol=1e-12)


@pytest.mark.parametrize(("view", "name"), [(0, "cohesion"), (0, "break"), (1, "npmi"), (1, "left_extension")])
def test_fit_and_predict__obeys_the_directions(view, name):
    """Even where the examples say the opposite."""
    names = VIEWS[view]
    column = names.index(name)
    generator = np.random.default_rng(0)
    matrix = generator.normal(size=(900, len(names))).astype(np.float32)
    matrix[600:750] = matrix[750:]
    matrix[600:750, column] += generator.uniform(0.1, 3, 150).astype(np.float32)
    features = dict(zip(names, matrix.T, strict=True))
    examples, scored = np.arange(600), np.arange(600, 900)
    other = names.index("share")
    for sign in (1, -1):
        label = matrix[:, other] + sign * matrix[:, column] > 0
        raised, plain = wordhood._fit_and_predict(features, label, examples, scored, names, 0).reshape(2, 150)
        assert np.all((raised - plain) * DIRECTIONS[name] >= 0)
        assert np.any(raised != plain) == (sign == DIRECTIONS[name])


# --- estimate_coverage --------------------------------------------------------------------------------


def test_estimate_coverage__by_hand():
    """25 of 40 candidates are known: 20 of the first 25, and the last 5."""
    is_known = np.array([True] * 20 + [False] * 15 + [True] * 5)
    probabilities = np.linspace(0.9, 0.1, 40)
    lengths = np.full(40, 2)
    npt.assert_allclose(estimate_coverage(probabilities, is_known, lengths), [0.5, 0.5, 21 / 27])


def test_estimate_coverage__looks_at_a_few_at_least():
    is_known = np.arange(50) < 3
    probabilities = np.linspace(0.9, 0.1, 50)
    coverage = estimate_coverage(probabilities, is_known, np.full(50, 2))
    assert coverage[2] == pytest.approx((3 + 1) / (MIN_TOP + 2))


def test_estimate_coverage__of_fewer_candidates_than_that():
    coverage = estimate_coverage(np.array([0.9, 0.8, 0.1]), np.array([True, False, False]), np.full(3, 4))
    npt.assert_allclose(coverage, [0.5, 0.5, 0.5, 0.5, 2 / 5])


def test_estimate_coverage__of_each_length_by_itself():
    lengths = np.tile([2, 3, 5], 30)
    is_known = (lengths == 2) | ((lengths == 3) & (np.arange(90) < 30))
    probabilities = np.linspace(0.9, 0.1, 90)
    npt.assert_allclose(estimate_coverage(probabilities, is_known, lengths), [0.5, 0.5, 31 / 32, 11 / 22, 0.5, 1 / 22])


def test_estimate_coverage__stays_within_its_bounds():
    lengths = np.repeat([2, 3], 200)
    is_known = (lengths == 2) | (np.arange(400) >= 340)
    coverage = estimate_coverage(np.linspace(0.9, 0.1, 400), is_known, lengths)
    npt.assert_array_equal(coverage[2:], [MAX_COVERAGE, MIN_COVERAGE])


def test_estimate_coverage__ties_go_by_row():
    is_known = np.arange(60) < 25
    coverage = estimate_coverage(np.full(60, 0.5), is_known, np.full(60, 2))
    assert coverage[2] == pytest.approx(26 / 27)


def test_estimate_coverage__of_nothing():
    nothing = np.array([])
    npt.assert_array_equal(estimate_coverage(nothing, nothing.astype(bool), nothing.astype(int)), [0.5])
