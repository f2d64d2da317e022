"""experience: the logistic regression by hand, and that its weights fit the features there are."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.newwords import experience
from cnmine.newwords.experience import (
    CLIP,
    EXPERIENCE,
    GUESS_FEATURES,
    JUDGE_FEATURES,
    LogisticWeights,
    expand,
)
from cnmine.newwords.features import DIRECTIONS, MEASURED, READING, ROBUST

TWO = LogisticWeights(
    names=("cohesion", "extension"),
    center=(1.0, 0.5),
    spread=(2.0, 0.25),
    below=(3.0, -1.0),
    above=(0.5, -2.0),
    bias=-0.75,
)
MODELS = {"guess": EXPERIENCE.guess, "judge": EXPERIENCE.judge}
by_model = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
standard = st.floats(-6, 6, width=32)


def columns(model, matrix):
    """Features from values in standard deviations."""
    values = np.array(matrix) * model.spread + model.center
    return {name: column.astype(np.float32) for name, column in zip(model.names, values.T, strict=True)}


@pytest.mark.parametrize(
    ("cohesion", "extension", "expected"),
    [
        (1.0, 0.5, -0.75),
        (3.0, 0.5, -0.75 + 0.5),
        (-1.0, 0.5, -0.75 - 3.0),
        (1.0, 0.75, -0.75 - 2.0),
        (1.0, 0.25, -0.75 + 1.0),
        (2.0, 0.0, -0.75 + 0.25 + 2.0),
        (1001.0, 0.5, -0.75 + CLIP * 0.5),
        (-999.0, -99.0, -0.75 - CLIP * 3.0 + CLIP * 1.0),
    ],
)
def test_log_odds__by_hand(cohesion, extension, expected):
    features = {"extension": np.float32([extension]), "cohesion": np.float32([cohesion]), "share": np.float32([7])}
    found = TWO.log_odds(features)
    assert found.dtype == np.float64
    npt.assert_allclose(found, [expected], atol=1e-12)


def test_log_odds__of_no_candidates():
    assert TWO.log_odds({"cohesion": np.float32([]), "extension": np.float32([])}).shape == (0,)


@by_model
def test_log_odds__at_the_means_is_the_bias(model):
    npt.assert_allclose(model.log_odds(columns(model, [[0.0] * len(model.names)])), [model.bias], atol=1e-5)


@by_model
@given(data=st.data())
def test_log_odds__a_feature_counts_in_the_direction_of_its_slopes(model, data):
    """With all slopes turned the way of `DIRECTIONS`, which the shipped ones are free to leave."""
    k = len(model.names)
    below, above = (
        tuple(abs(slope) * DIRECTIONS[name] for name, slope in zip(model.names, slopes, strict=True))
        for slopes in (model.below, model.above)
    )
    model = dataclasses.replace(model, below=below, above=above)
    row = data.draw(st.lists(standard, min_size=k, max_size=k))
    column = data.draw(st.integers(0, k - 1))
    raised = [*row]
    raised[column] += data.draw(st.floats(0, 12, width=32))
    plain, better = (model.log_odds(columns(model, [values]))[0] for values in (row, raised))
    assert (better - plain) * DIRECTIONS[model.names[column]] >= -1e-12


@by_model
@given(data=st.data())
def test_log_odds__bends_at_the_mean_only(model, data):
    """Along one feature the change on each side of the mean is that of its slope, up to the clipping."""
    column = data.draw(st.integers(0, len(model.names) - 1))
    distance = data.draw(st.floats(0, 8, width=32))
    rows = np.zeros((3, len(model.names)))
    rows[1:, column] = -distance, distance
    mean, low, high = model.log_odds(columns(model, rows))
    reach = min(distance, CLIP)
    npt.assert_allclose(low - mean, -reach * model.below[column], atol=1e-3)
    npt.assert_allclose(high - mean, reach * model.above[column], atol=1e-3)


@by_model
@pytest.mark.parametrize("size", [1, 7, 64, 999])
def test_log_odds__does_not_depend_on_the_steps(model, size, monkeypatch):
    features = columns(model, np.random.default_rng(0).normal(size=(1000, len(model.names))))
    whole = model.log_odds(features)
    monkeypatch.setattr(experience, "ROWS_PER_STEP", size)
    # Not the same bits: the matrix product sums the last few rows of a step in another order.
    npt.assert_array_equal(model.log_odds(features), whole)


@by_model
def test_log_odds__is_finite_far_from_all_experience(model):
    k = len(model.names)
    features = columns(model, [[1e6] * k, [-1e6] * k])
    assert np.isfinite(model.log_odds(features)).all()


def test_expand__parts_below_and_above_the_mean():
    matrix = np.array([[3.0, 1.0], [-1.0, 1.0], [100.0, -100.0]])
    found = expand(matrix, np.array([1.0, 1.0]), np.array([2.0, 4.0]))
    npt.assert_array_equal(found, [[0, 0, 1, 0], [-1, 0, 0, 0], [0, -CLIP, CLIP, 0]])


def test_experience__knows_the_features_there_are():
    assert EXPERIENCE.guess.names == GUESS_FEATURES == ROBUST
    assert EXPERIENCE.judge.names == JUDGE_FEATURES == (*MEASURED, *READING)
    for model in MODELS.values():
        assert len({len(part) for part in (model.names, model.center, model.spread, model.below, model.above)}) == 1
        assert all(spread > 0 for spread in model.spread)
    assert EXPERIENCE.scale > 0
    assert EXPERIENCE.known_offset > EXPERIENCE.unknown_offset
