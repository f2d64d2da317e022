from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest

from cnmine.counting.counter import count_ngrams
from cnmine.segmentation import experience
from cnmine.segmentation.experience import N_STAGES, Net, load_experience, save_experience, score_rows
from cnmine.segmentation.reading import read_again
from cnmine.segmentation.statistics import KINDS, N_FEATURES, RowStatistics
from cnmine.segmentation.tokens import encode_text


@pytest.fixture(scope="module")
def statistics(small_text):
    return RowStatistics(count_ngrams(encode_text([small_text]).units, max_order=6, min_count=2))


def test_load_experience__has_a_net_for_every_kind_and_stage():
    stages = load_experience()
    assert len(stages) == N_STAGES
    for number, stage in enumerate(stages):
        for kind in KINDS:
            assert len(stage.nets[kind].slopes) == N_FEATURES[kind][number > 0]
            assert all(
                np.isfinite(getattr(stage.nets[kind], name)).all() for name in ("weights", "slopes", "deviations")
            )
        assert len(stage.unknown) == 6


def test_save_experience__is_loaded_again(tmp_path):
    save_experience(tmp_path / "one.npz", load_experience())
    for stage, other in zip(load_experience(), load_experience(tmp_path / "one.npz"), strict=True):
        npt.assert_array_equal(stage.unknown, other.unknown)
        npt.assert_array_equal(stage.nets["word"].weights, other.nets["word"].weights)


def test_net__is_a_layer_of_rectified_units():
    generator = np.random.default_rng(0)
    means, deviations, slopes = generator.normal(0, 1, (3, 5)).astype(np.float32)
    weights = generator.normal(0, 1, (5, 7)).astype(np.float32)
    biases, factors = generator.normal(0, 1, (2, 7)).astype(np.float32)
    net = Net(means, np.abs(deviations) + 0.1, weights, biases, factors, slopes, np.array([0.5], np.float32))
    features = generator.normal(0, 3, (20, 5)).astype(np.float32)
    x = np.clip((features - means) / net.deviations, -4, 4)
    expected = np.maximum(x @ weights + biases, 0) @ factors + x @ slopes + 0.5
    npt.assert_allclose(net.evaluate(features), expected, rtol=1e-4, atol=1e-4)


def test_score_rows__same_for_any_threads_and_blocks(statistics, monkeypatch, threads):
    stage = load_experience()[0]
    whole = score_rows(statistics, stage)
    monkeypatch.setattr(experience, "ROWS_PER_TASK", 17)
    parts = score_rows(statistics, stage, threads=threads)
    for kind in KINDS:
        npt.assert_array_equal(getattr(whole, kind), getattr(parts, kind))
    orders = statistics.table.orders()
    assert not whole.before[orders > 3].any()
    assert not whole.across[orders != 2].any()
    assert np.isfinite(whole.word).all()


def test_features__follow_from_the_statistics(small_text):
    table = count_ngrams(encode_text([small_text]).units, max_order=6, min_count=2)
    statistics = RowStatistics(table)
    n = len(table)
    word = statistics.features("word", 0, n)
    orders, counts = table.orders(), table.counts
    npt.assert_array_equal(word[:, :6].argmax(1) + 1, orders)
    npt.assert_allclose(word[:, 6], np.log(counts), rtol=1e-5)
    npt.assert_allclose(word[:, 7], np.log(counts / table.n_tokens), rtol=1e-4)
    pairs = slice(*statistics.rows_of("across"))
    across = statistics.features("across", pairs.start, pairs.stop)
    parts = counts[table.parents[pairs]] * counts[table.suffixes[pairs]] / table.n_tokens
    npt.assert_allclose(across[:, 0], np.log(counts[pairs] / parts), rtol=1e-3, atol=1e-3)
    # The chain of interpolated probabilities of an n-gram of order 2, by its definition.
    r = pairs.start
    first, last = int(table.parents[r]), int(table.suffixes[r])
    p = (counts[r] - 0.75) / counts[first] + 0.75 * table.right[first, 0] / counts[first] * counts[
        last
    ] / table.n_tokens
    assert across[0, 4] == pytest.approx(np.log(p), abs=1e-3)


def test_features__a_reading_adds_columns(statistics, small_text):
    units = encode_text([small_text]).units
    statistics.reading = read_again(units, statistics.table, score_rows(statistics, load_experience()[0]))
    try:
        for kind in KINDS:
            start, stop = statistics.rows_of(kind)
            found = statistics.features(kind, start, stop)
            assert found.shape[1] == N_FEATURES[kind][1]
            assert np.isfinite(found).all()
    finally:
        statistics.reading = None
