"""cutting: the kernels against a plain reading of the published algorithm."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.counting.corpus import Corpus
from cnmine.counting.counter import count_ngrams
from cnmine.errors import UsageError
from cnmine.newwords import cutting
from cnmine.newwords.cutting import BACK_CHECKS, count_segments, cut_words, split_text

VOCABULARY = ["", "", "", "", *"的新词发现一"]
PARTS = [[4], [5, 6], [7, 8], [5, 6, 7, 8], [4, 9, 4], [6, 8, 6, 9, 5], [0], [2], [1, 0]]
corpora = st.one_of(
    st.lists(st.integers(0, 9), max_size=150),
    st.lists(st.sampled_from(PARTS), max_size=60).map(lambda parts: [unit for part in parts for unit in part]),
).map(lambda units: [0, *units, *[0] * 8])
thresholds = st.lists(st.sampled_from([-math.inf, 0.0, 0.3, math.log(2), 1.0, 1.5, 2.0]), min_size=1, max_size=5)
back_checks = st.sampled_from(BACK_CHECKS)


def make_corpus(units):
    return Corpus(np.array(units, np.uint16), VOCABULARY, n_bytes=0, n_characters=0)


def corpus_of(text):
    ids = {character: unit for unit, character in enumerate(VOCABULARY) if character}
    return make_corpus([0, *(ids.get(character, 0) for character in text), *[0] * 8])


def cut(corpus, *, max_order=4, table_count=1, **options):
    return cut_words(corpus, count_ngrams(corpus.units, max_order=max_order, min_count=table_count), **options)


def reference_words(units, **options):
    words = reference.cut_words(units, **options)
    spelled = [("".join(VOCABULARY[unit] for unit in word), count) for word, count in words.items()]
    return sorted(spelled, key=lambda pair: (-pair[1], pair[0]))


@given(corpora, thresholds, st.integers(1, 4), back_checks)
def test_cut_words__matches_reference(units, thresholds, min_count, back_check):
    options = {"thresholds": thresholds, "min_count": min_count, "back_check": back_check}
    found = cut(make_corpus(units), max_order=len(thresholds), table_count=min_count, **options)
    assert found == reference_words(units, **options)


@given(corpora, thresholds, st.integers(1, 4), back_checks)
def test_cut_words__from_a_table_of_longer_and_rarer_ngrams(units, thresholds, min_count, back_check):
    options = {"thresholds": thresholds, "min_count": min_count, "back_check": back_check}
    assert cut(make_corpus(units), max_order=7, **options) == reference_words(units, **options)


@given(corpora, st.integers(1, 3), st.integers(1, 20))
def test_cut_words__same_words_for_any_thread_count_and_span(units, threads, size):
    corpus = make_corpus(units)
    options = {"thresholds": (0, 0.3, 1.0, 1.5), "back_check": "textual"}
    whole = cut(corpus, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "UNITS_PER_SPAN", size)
        assert cut(corpus, threads=threads, **options) == whole


@pytest.mark.parametrize(
    ("back_check", "is_found"),
    [("strict", [False, True]), ("textual", [True, True]), ("none", [True, True])],
)
def test_cut_words__back_check_of_a_word_of_four(back_check, is_found):
    """新词发现 always as a whole; the first threshold of three is beyond reach, the second is not."""
    corpus = corpus_of("新词发现，的一，一的，" * 4)
    found = [
        "新词发现" in dict(cut(corpus, thresholds=(0, 0, least, 0), back_check=back_check)) for least in (9.0, 0.0)
    ]
    assert found == is_found


def test_cut_words__back_check_of_a_word_longer_than_solid_ngrams():
    """The bigrams overlap, so nothing is cut; no trigram is solid."""
    corpus = corpus_of("新词发现，" * 4)
    assert cut(corpus, thresholds=(0, 0, 9), back_check="none") == [("新词发现", 4)]
    assert cut(corpus, thresholds=(0, 0, 9), back_check="textual") == []
    assert cut(corpus, thresholds=(0, 0, 0), back_check="textual") == [("新词发现", 4)]


def test_cut_words__the_threshold_itself_is_enough():
    corpus = corpus_of("新词，发现，" * 4)  # N = 16, each unit and each word 4 times: ln 4
    assert cut(corpus, thresholds=(0, math.log(4))) == [("发现", 4), ("新词", 4)]
    beyond = math.nextafter(math.log(4), math.inf)
    assert cut(corpus, thresholds=(0, beyond)) == [("发", 4), ("新", 4), ("现", 4), ("词", 4)]


def test_cut_words__counts_segments_not_ngrams():
    corpus = corpus_of("新词，" * 5 + "新，词，" * 2)
    assert cut(corpus, thresholds=(0, 0.0), min_count=2) == [("新词", 5), ("新", 2), ("词", 2)]
    assert cut(corpus, thresholds=(0, 0.0), min_count=3) == [("新词", 5)]


def test_cut_words__min_count_is_that_of_the_table_by_default():
    corpus = corpus_of("新词，" * 3 + "发现，" * 2)
    assert cut(corpus, table_count=3, thresholds=(0, 0)) == [("新词", 3)]
    assert cut(corpus, table_count=2, thresholds=(0, 0)) == [("新词", 3), ("发现", 2)]


@pytest.mark.parametrize("text", ["", "，", "的"])
def test_cut_words__nothing_to_find(text, threads):
    assert cut(corpus_of(text), min_count=2, threads=threads) == []


def test_cut_words__reports_all_units(threads, monkeypatch):
    monkeypatch.setattr(cutting, "UNITS_PER_SPAN", 7)
    corpus = corpus_of("新词，发现的，" * 9)
    progress = []
    cut(corpus, threads=threads, on_progress=progress.append)
    assert sum(progress) == len(corpus.units)
    assert len(progress) > 3


def test_cut_words__reads_read_only_arrays():
    corpus = corpus_of("新词，发现的，" * 9)
    whole = cut(corpus, thresholds=(0, 0, 0))
    table = count_ngrams(corpus.units, max_order=4, min_count=1)
    for array in (corpus.units, table.deepest, table.parents, table.suffixes, table.counts):
        array.flags.writeable = False
    assert cut_words(corpus, table, thresholds=(0, 0, 0)) == whole


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"back_check": "loose"}, "back_check is 'loose'; choose strict, textual, none"),
        ({"thresholds": ()}, "thresholds are"),
        ({"thresholds": (0, math.nan)}, "thresholds are"),
        ({"thresholds": (0,) * 5}, "5 thresholds need n-grams of 5 units, the table ends at 4"),
        ({"min_count": 1}, "min_count is 1, but the table holds n-grams from 2 occurrences on"),
    ],
)
def test_cut_words__refuses_impossible_options(options, message):
    with pytest.raises(UsageError, match=message):
        cut(corpus_of("新词"), table_count=2, **options)


def test_count_segments__of_many_distinct_segments(threads):
    """Tables grow and segments collide, but none are lost or mixed up."""
    text = np.random.default_rng(0).integers(0, 40, 30_000).astype(np.uint16)
    text[-1] = 0

    def cut(start, stop):
        bounds = [start, *(np.flatnonzero(text[start:stop] == 0) + start + 1).tolist()]
        return np.array(list(pairwise(bounds)), dtype=np.int64).reshape(-1, 2)

    spans = list(split_text(text, 0, 100))
    assert [stop for _, stop in spans[:-1]] == [start for start, _ in spans[1:]]
    assert all(text[stop - 1] == 0 for _, stop in spans)
    counted = count_segments(text, spans, cut, threads=threads)
    found = {tuple(text[start : start + length].tolist()): count for start, length, count in counted.tolist()}
    assert found == Counter(tuple(text[start:stop].tolist()) for start, stop in cut(0, len(text)).tolist())
    assert len(found) == len(counted)
