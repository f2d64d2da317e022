from __future__ import annotations

import numpy as np
import numpy.testing as npt
import pytest
import reference_segmentation as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from test_reading import as_tables, random_scores

from cnmine.counting.counter import count_ngrams
from cnmine.segmentation import segmenter as module
from cnmine.segmentation.alternatives import best_readings, drawn_readings
from cnmine.segmentation.segmenter import build_segmenter
from cnmine.segmentation.tokens import code_points, encode_text, find_tokens
from cnmine.segmentation.training import train_segmenter

CHARACTERS = "甲乙丙丁戊"


@pytest.fixture(scope="module")
def scored():
    generator = np.random.default_rng(5)
    lines = ["".join(generator.choice(list(CHARACTERS), generator.integers(1, 9))) for _ in range(60)]
    text = encode_text(lines)
    table = count_ngrams(text.units, max_order=6, min_count=2)
    scores = random_scores(table, seed=1)
    return build_segmenter(table, scores, text.characters, {}), as_tables(table, scores), scores.unknown.tolist()


def words_of(segmenter, text, **options):
    return segmenter.tokenize(text, **options)


spans = st.text(CHARACTERS + "己", min_size=1, max_size=9)


@given(spans, st.sampled_from([0.0, 1.0, -2.0]))
@settings(max_examples=60)
def test_mark__is_the_best_of_all(scored, text, bias):
    segmenter, tables, unknown = scored
    span = tuple(segmenter.units(find_tokens(code_points(text))[0])[:-1].tolist())
    readings = {tuple(starts): score for score, starts in reference.score_readings(span, tables, unknown, bias=bias)}
    best = max(readings.values())
    marks = segmenter.mark(code_points(text), bias=bias)
    assert readings[tuple(np.flatnonzero(marks).tolist())] == pytest.approx(best, abs=1e-4)
    assert segmenter.propose(code_points(text), n_best=1, bias=bias)[0][0] == pytest.approx(best, abs=1e-4)


@given(spans, st.integers(1, 40))
@settings(max_examples=40)
def test_propose__finds_the_best_in_order(scored, text, n_best):
    segmenter, tables, unknown = scored
    span = tuple(segmenter.units(find_tokens(code_points(text))[0])[:-1].tolist())
    readings = {tuple(starts): score for score, starts in reference.score_readings(span, tables, unknown)}
    found = segmenter.propose(code_points(text), n_best=n_best)
    npt.assert_allclose([score for score, _ in found], sorted(readings.values(), reverse=True)[:n_best], atol=1e-4)
    all_starts = [tuple(np.flatnonzero(marks).tolist()) for _, marks in found]
    assert len(set(all_starts)) == len(found)
    npt.assert_allclose([score for score, _ in found], [readings[starts] for starts in all_starts], atol=1e-4)


def test_propose__best_is_that_of_mark(segmenter, small_text):
    for line in small_text.split("\n"):
        codes = code_points(line)
        npt.assert_array_equal(segmenter.propose(codes, n_best=3)[0][1], segmenter.mark(codes))


def test_drawn_readings__follow_the_scores():
    words = np.full((2, 2), -1e30)
    words[0], words[1, 0] = [0.5, 1.0], 0.0
    gaps = np.array([0.0, 0.25])
    drawn = drawn_readings(words, gaps, 4000, alpha=2.0, seed=(1, 2))
    n_split = sum(int(starts[1]) for _, starts in drawn)
    expected = 1 / (1 + np.exp(2.0 * (1.0 - 0.75)))
    assert n_split / 4000 == pytest.approx(expected, abs=0.03)
    assert {round(score, 6) for score, _ in drawn} == {0.75, 1.0}
    again = drawn_readings(words, gaps, 4000, alpha=2.0, seed=(1, 2))
    assert all((a[1] == b[1]).all() for a, b in zip(drawn, again, strict=True))
    assert len(best_readings(words, gaps, 9)) == 2


def test_mark__same_for_any_stretch(scored):
    segmenter, _, _ = scored
    generator = np.random.default_rng(0)
    text = "".join(generator.choice([*CHARACTERS, "，"], 5000, p=[0.17] * 5 + [0.15]))
    whole = segmenter.mark(code_points(text))
    parts = [segmenter.mark(code_points(part)) for part in text.split("，")]
    joined = np.concatenate([piece for part in parts for piece in (part, np.ones(1, np.uint8))])[:-1]
    npt.assert_array_equal(whole, joined)


def test_mark__an_endless_span():
    text = encode_text(["甲乙丙丁" * 9])
    segmenter = train_segmenter(text)
    marks = segmenter.mark(code_points("甲乙丙丁" * 2000))
    assert len(marks) == 8000
    assert marks.sum() > 1000


def test_mark__takes_read_only_tables(scored):
    segmenter, _, _ = scored
    assert not any(array.flags.writeable for array in segmenter.table)
    codes = code_points("甲乙")
    assert not codes.flags.writeable
    segmenter.mark(codes)


def test_tokenize__marks_what_rules_tell(segmenter):
    assert segmenter.tokenize(" 3.5% a@b.cn…… x\n") == ["3.5%", "a@b.cn", "……", "x"]
    assert segmenter.tokenize("") == []
    found = segmenter.find("我们 看书")
    assert found.starts[0] == 0
    assert all(start < stop for start, stop in zip(found.starts, found.stops, strict=True))


def test_with_lexicon__prefers_its_words(segmenter):
    text = "我们去北京看电影"
    told = segmenter.with_lexicon(["去北京看", "没有见过", "我", "", "x，y"], np.full(5, 30.0))
    assert "去北京看" in told.tokenize(text)
    assert "去北京看" not in segmenter.tokenize(text)
    assert segmenter.with_lexicon(["我"], np.ones(1)) is segmenter


def test_with_lexicon__takes_long_words_and_makes_room(segmenter, monkeypatch):
    long = "我们明天去北京看电影和书"
    told = segmenter.with_lexicon([long], np.full(1, 60.0))
    assert told.tokenize(long + "很好看")[0] == long
    monkeypatch.setattr(module, "MAX_LOAD", 0.05)
    wide = segmenter.with_lexicon([long, "影和"], np.array([90.0, 30.0]))
    assert wide.shape[0] > segmenter.shape[0]
    assert "影和" in wide.tokenize(long[:-1] + "很")
    assert wide.tokenize(long + "很好看")[0] == long
    for text in ("他们看图书馆的书", "我们的朋友很好看，去上海"):
        assert wide.tokenize(text) == segmenter.tokenize(text)
