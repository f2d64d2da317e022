"""candidates: which rows may be words, which are known, and how they are spelled."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.counting.corpus import Corpus, read_corpus
from cnmine.counting.counter import count_ngrams
from cnmine.io.paths import find_sources
from cnmine.newwords.candidates import Texts, find_candidates, find_known_rows

VOCABULARY = ["", "", "", "", *"新词网恤", "T", "C++", "5G", "12", "3.5", "〇", "々", "𠮷"]
IS_RUN = [text.isascii() and text != "" for text in VOCABULARY]


def part_runs(units):
    """In a text there is always something between two runs."""
    parted = [0]
    for unit in units:
        parted += [0, unit] if IS_RUN[unit] and IS_RUN[parted[-1]] else [unit]
    return [*parted, *[0] * 8]


corpora = st.lists(st.integers(0, len(VOCABULARY) - 1), max_size=80).map(part_runs)
words = st.lists(st.sampled_from([*VOCABULARY[4:], "·", " ", "?", "无", "++", "Ｔ", "-"]), max_size=4).map("".join)
dictionaries = st.sets(words, max_size=25)


def make_corpus(units):
    return Corpus(np.array(units, np.uint16), VOCABULARY, n_bytes=0, n_characters=0)


def prepare(units, *, max_order=4, min_count=1):
    corpus = make_corpus(units)
    return corpus, count_ngrams(corpus.units, max_order=max_order, min_count=min_count)


def read(tmp_path, text, *, max_order=6):
    path = tmp_path / "text"
    path.write_text(text, encoding="utf-8")
    corpus = read_corpus(find_sources([str(path)]))
    return corpus, count_ngrams(corpus.units, max_order=max_order, min_count=1)


def spell(corpus, table, rows):
    return Texts(corpus, table, rows)[:]


def known_words(corpus, table, dictionary):
    return sorted(spell(corpus, table, np.flatnonzero(find_known_rows(corpus, table, dictionary))))


# --- candidates ---------------------------------------------------------------------------------------


@given(corpora, st.integers(1, 4), st.integers(1, 4), st.integers(1, 2))
def test_find_candidates__matches_reference(units, min_len, max_len, min_count):
    corpus, table = prepare(units, min_count=min_count)
    rows = find_candidates(corpus, table, min_len=min_len, max_len=max_len)
    found = [tuple(unit for unit in ngram if unit) for ngram in table.units_of(rows).tolist()]
    limits = {"min_len": min_len, "max_len": max_len, "max_order": 4, "min_count": min_count}
    assert rows.dtype == np.int64
    assert np.all(np.diff(rows) > 0)
    assert sorted(found) == sorted(reference.find_candidates(units, VOCABULARY, **limits))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("买T恤", ["买T", "买T恤", "T恤"]),
        ("5G网", ["5G网"]),
        ("第12章", []),
        ("3.5寸", []),
        ("C++", []),
        ("iPhone，Pro", []),
        ("二〇年", []),  # 〇 is a number, 二 is not
        ("人々", ["人々"]),
        ("甲，乙", []),
    ],
)
def test_find_candidates__needs_a_han_character_and_no_number(tmp_path, text, found):
    corpus, table = read(tmp_path, text)
    assert sorted(spell(corpus, table, find_candidates(corpus, table))) == sorted(found)


def test_find_candidates__lengths_are_those_of_units(tmp_path):
    corpus, table = read(tmp_path, "一二三四五六七八", max_order=7)
    lengths = list(map(len, spell(corpus, table, find_candidates(corpus, table))))
    assert sorted(set(lengths)) == [2, 3, 4, 5, 6]
    lengths = list(map(len, spell(corpus, table, find_candidates(corpus, table, min_len=7, max_len=7))))
    assert lengths == [7, 7]
    corpus, table = read(tmp_path, "用iPhone拍")
    assert spell(corpus, table, find_candidates(corpus, table, min_len=3, max_len=3)) == ["用iPhone拍"]


# --- known rows ---------------------------------------------------------------------------------------


@given(corpora, dictionaries, st.integers(1, 2))
def test_find_known_rows__matches_the_set_of_spelled_words(units, dictionary, min_count):
    corpus, table = prepare(units, min_count=min_count)
    is_known = find_known_rows(corpus, table, dictionary)
    folded = {word.replace("Ｔ", "T") for word in dictionary}
    expected = [word in folded for word in spell(corpus, table, np.arange(len(table)))]
    assert is_known.dtype == np.bool_
    assert is_known.tolist() == expected


@given(corpora, st.lists(words, max_size=12))
def test_find_known_rows__whatever_the_order_of_the_words(units, dictionary):
    corpus, table = prepare(units)
    forwards = find_known_rows(corpus, table, dictionary)
    np.testing.assert_array_equal(find_known_rows(corpus, table, dictionary[::-1]), forwards)


@pytest.mark.parametrize(
    ("dictionary", "found"),
    [
        ([], []),
        ([""], []),
        (["新词"], ["新词"]),
        (["新词", "新词"], ["新词"]),
        (["新", "词", "新词发现了"], ["新", "词"]),
        (["T恤", "C++", "T", "恤", "C", "+"], ["C++", "T", "T恤", "恤"]),
        (["新·词", "·新", "词·", "·"], []),
        (["新 词", " 新", "词 ", " "], []),
        (["“新词”", "新词。"], []),
        (["发现", "无", "𠮷"], []),
        (["新 词", "新词", "词 新"], ["新词"]),
    ],
)
def test_find_known_rows__of_a_small_text(tmp_path, dictionary, found):
    corpus, table = read(tmp_path, "新词，买T恤，学C++。新·词")
    assert known_words(corpus, table, dictionary) == found


def test_find_known_rows__in_an_empty_text(tmp_path):
    corpus, table = read(tmp_path, "")
    assert find_known_rows(corpus, table, {"新词"}).shape == (0,)


def test_find_known_rows__words_longer_than_the_table(tmp_path):
    corpus, table = read(tmp_path, "一二三四五", max_order=3)
    assert known_words(corpus, table, {"一二三四", "一二三", "五"}) == ["一二三", "五"]


def test_find_known_rows__reads_read_only_arrays(tmp_path):
    corpus, table = read(tmp_path, "新词，买T恤")
    for array in (corpus.units, table.last_units, table.child_offsets, table.parents):
        array.flags.writeable = False
    assert known_words(corpus, table, {"新词"}) == ["新词"]
    assert len(find_candidates(corpus, table)) == 4


# --- texts --------------------------------------------------------------------------------------------


@pytest.fixture
def texts(tmp_path):
    corpus, table = read(tmp_path, "新词买T恤")
    expected = ["新", "词", "买", "T", "恤", "新词", "词买", "买T", "T恤", "买T恤"]
    ids = corpus.ids()
    units = [[ids[unit] for unit in word] for word in expected]
    return Texts(corpus, table, np.array([table.find(word) for word in units])), expected


def test_texts__by_index(texts):
    found, expected = texts
    assert len(found) == len(expected)
    for i in range(len(expected)):
        assert found[i] == expected[i]
        assert found[np.int64(i)] == expected[i]
        assert found[-1 - i] == expected[-1 - i]
    for i in (len(expected), -1 - len(expected)):
        with pytest.raises(IndexError):
            found[i]


@pytest.mark.parametrize(
    "part", [slice(None), slice(2, 5), slice(None, None, -1), slice(-3, None), slice(1, 9, 3), slice(4, 4)]
)
def test_texts__by_slice(texts, part):
    found, expected = texts
    assert found[part] == expected[part]


def test_texts__by_array(texts):
    found, expected = texts
    assert found[np.array([3, 0, -1, 3])] == ["T", "新", "买T恤", "T"]
    assert found[np.array([], dtype=np.int64)] == []
    assert found[np.arange(10) % 2 == 0] == expected[::2]


def test_texts__by_iteration(texts):
    found, expected = texts
    assert list(found) == expected
    assert "买T" in found
    assert found.index("买T") == 7


def test_texts__iterates_over_more_than_one_step(texts):
    found, _ = texts
    many = Texts.__new__(Texts)
    many.__dict__.update(found.__dict__)
    many._rows = np.tile(found._rows, 1000)
    assert list(many) == list(found) * 1000


def test_texts__of_no_rows(texts):
    found, _ = texts
    found._rows = found._rows[:0]
    assert len(found) == 0
    assert list(found) == found[:] == []
