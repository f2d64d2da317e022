"""Estimation against dictionaries, and against what lmplz wrote for a text of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import reference_lm as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmine.errors import CorpusError, ResourceError, UsageError
from cnmine.io.paths import find_sources
from cnmine.lm import estimate, levels, train
from cnmine.lm.levels import Column
from cnmine.lm.train import train_from_store, train_model
from cnmine.ngrams.build import count_corpus
from cnmine.sorting.pool import ArrayPool

GOLDEN = Path(__file__).parents[2] / "golden" / "lm"
FALLBACK = (0.5, 1.0, 1.5)
phrases = st.lists(st.text("天地人和大小。", max_size=7), min_size=1, max_size=40)
texts = st.one_of(phrases, st.builds(lambda lines, n: lines * n, phrases, st.integers(1, 4)))
thresholds = st.sampled_from([(0,), (0, 0, 1), (0, 1), (0, 1, 1, 2), (1, 1, 2), (0, 2)])


@settings(max_examples=120)
@given(texts, st.integers(1, 5), thresholds)
def test_train_model__matches_reference(train_lines, arpa_of, lines, order, prune):
    prune = prune[:order]
    if not any(lines):
        lines = [*lines, "人"]
    path = train_lines(lines, order=order, prune=prune)
    expected = reference.train([list(line) for line in lines], order, prune=prune, fallback=FALLBACK)
    reference.assert_same_model(reference.read_arpa(arpa_of(path)), expected, 2e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("order3", {"order": 3}),
        ("order4_prune_0_0_1", {"order": 4, "prune": (0, 0, 1)}),
        ("order5_prune_0_1_fallback", {"order": 5, "prune": (0, 1), "fallback": FALLBACK}),
    ],
)
def test_train_model__golden_figures_of_lmplz(tmp_path, arpa_of, name, options):
    path = tmp_path / "model.lm"
    train_model(find_sources([str(GOLDEN / "text.txt")]), str(path), **options)
    expected = reference.read_arpa((GOLDEN / f"{name}.arpa").read_text(encoding="utf-8"))
    reference.assert_same_model(reference.read_arpa(arpa_of(path)), expected, 1e-5)


def test_train_model__same_bytes_for_any_memory_and_threads(tmp_path, monkeypatch, threads):
    sources = [str(GOLDEN / "text.txt")]
    whole, small, through_store = (tmp_path / name for name in ("whole.lm", "small.lm", "store.lm"))
    train_model(find_sources(sources), str(whole), order=3, prune=(0, 0, 1))
    monkeypatch.setattr(estimate, "SLICE_ROWS", 13)
    monkeypatch.setattr(train, "MIN_BUDGET_BYTES", 1 << 10)
    monkeypatch.setattr(levels, "_MIN_ITEMS", 8)
    monkeypatch.setattr(train, "BUFFER_BYTES", 0)
    options = {"order": 3, "prune": (0, 0, 1), "threads": threads, "temp_dir": str(tmp_path)}
    train_model(find_sources(sources), str(small), budget_bytes=1 << 16, **options)
    monkeypatch.setattr(train, "TEXT_SHARE", 0.0)
    train_model(find_sources(sources), str(through_store), **options)
    assert small.read_bytes() == whole.read_bytes() == through_store.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.lm", "store.lm", "whole.lm"]


def test_train_model__several_stretches_of_text(tmp_path, monkeypatch):
    """What is seen first is known across the stretches that a large text is read in."""
    source, whole, parts = tmp_path / "text.txt", tmp_path / "whole.lm", tmp_path / "parts.lm"
    source.write_text((GOLDEN / "text.txt").read_text(encoding="utf-8") * 2 + "龘好龘好", encoding="utf-8")
    train_model(find_sources([str(source)]), str(whole), order=2, fallback=FALLBACK)
    monkeypatch.setattr(train, "TEXT_SHARE", 1e-7)
    original = train.read_codes
    monkeypatch.setattr(
        train, "read_codes", lambda *a, **k: original(*a, **(k | {"block_bytes": 4000, "max_codes": 900}))
    )
    train_model(find_sources([str(source)]), str(parts), order=2, fallback=FALLBACK)
    assert parts.read_bytes() == whole.read_bytes()


@settings(max_examples=30)
@given(texts, st.integers(1, 4), thresholds)
def test_train_from_store__matches_reference(tmp_path_factory, arpa_of, lines, order, prune):
    directory = tmp_path_factory.mktemp("store")
    source, store, path = (directory / name for name in ("text.txt", "text.store", "text.lm"))
    source.write_text("\n".join([*lines, "人"]), encoding="utf-8")
    count_corpus(find_sources([str(source)]), str(store), max_order=5, punctuation="keep")
    train_from_store(str(store), str(path), order=order, prune=prune[:order], fallback=FALLBACK)
    sentences = [list(line) for line in [*lines, "人"] if line]
    expected = reference.train(sentences, order, prune=prune[:order], fallback=FALLBACK, in_order=False)
    reference.assert_same_model(reference.read_arpa(arpa_of(path)), expected, 2e-6)


def test_train_from_store__spans_between_punctuation(tmp_path, arpa_of):
    source, store, path = (tmp_path / name for name in ("text.txt", "text.store", "text.lm"))
    source.write_text("他说：“好。”\n“好，很好”，他说。\n", encoding="utf-8")
    count_corpus(find_sources([str(source)]), str(store), max_order=2)
    train_from_store(str(store), str(path), order=3, fallback=FALLBACK)
    sentences = [list(span) for span in ("他说", "好", "好", "很好", "他说")]
    expected = reference.train(sentences, 3, fallback=FALLBACK, in_order=False)
    reference.assert_same_model(reference.read_arpa(arpa_of(path)), expected, 2e-6)
    with pytest.raises(UsageError, match="counted up to order 2, and 4 units are needed"):
        train_from_store(str(store), str(path), order=4)


@pytest.mark.parametrize("lines", [[], [""], ["", " \u3000"]])
def test_train_model__without_text(train_lines, lines):
    with pytest.raises(CorpusError, match="no text to learn from"):
        train_lines(lines)


@pytest.mark.parametrize("lines", [["人"], ["人人人人"], ["人", "", "人"], ["人" * 5000]])
def test_train_model__tiny_texts(train_lines, arpa_of, lines):
    for order in (1, 2, 4):
        path = train_lines(lines, order=order)
        expected = reference.train([list(line) for line in lines], order, fallback=FALLBACK)
        reference.assert_same_model(reference.read_arpa(arpa_of(path)), expected, 2e-6)


def test_train_model__no_discounts(train_lines):
    with pytest.raises(
        CorpusError, match="the 1-grams give no discounts: none has adjusted count 2.*--discount-fallback"
    ):
        train_lines(["人大"], fallback=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": 0}, "order must be 1 to 8, not 0"),
        ({"order": 9}, "order must be 1 to 8, not 9"),
        ({"order": 2, "prune": (0, 0, 1)}, "3 thresholds for pruning and only 2 orders"),
        ({"prune": (1, 0)}, "must not fall from one order to the next, as 1 0 do"),
        ({"prune": (-1,)}, "must not fall"),
    ],
)
def test_train_model__refuses(train_lines, options, message):
    with pytest.raises(UsageError, match=message):
        train_lines(["人"], **options)


def test_column__keeps_everything_wherever_it_lies(tmp_path):
    for budget in (0, 100, 1000, None):
        column = Column(np.uint32, ArrayPool(budget, str(tmp_path)))
        for start in range(0, 200, 10):
            column.append(np.arange(start, start + 10))
        assert len(column) == 200
        assert column.finish().tolist() == list(range(200))
    assert list(tmp_path.iterdir()) == []


def test_pool__names_the_place_that_has_no_room(tmp_path):
    with pytest.raises(ResourceError, match=r"nowhere: no room.*--temp-dir"):
        ArrayPool(0, str(tmp_path / "nowhere")).empty(10, np.uint8)


def test_pool__arrays_on_disk_are_arrays(tmp_path):
    array = ArrayPool(0, str(tmp_path)).empty(10, np.uint32)
    array[:] = 7
    assert array.sum() == 70 and list(tmp_path.iterdir()) == []
