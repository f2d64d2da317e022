from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import reference_segmentation as reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.counting.corpus import read_corpus
from cnmine.io.paths import find_sources
from cnmine.segmentation.tokens import code_points, encode_corpus, encode_text, find_tokens, unit_ids

PIECES = [
    "今",
    "天",
    "二",
    "十",
    "〇",
    "万",
    "1",
    "90",
    "a",
    "Bc",
    ".",
    "%",
    "/",
    "://",
    "www.",
    "'",
    "，",
    "…",
    "-",
    " ",
    "\n",
]
texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


def split(text):
    _, starts = find_tokens(code_points(text))
    bounds = [*starts.tolist(), len(text)]
    return [text[start:stop] for start, stop in pairwise(bounds)]


@given(texts)
def test_find_tokens__matches_reference(text):
    codes, starts = find_tokens(code_points(text))
    assert list(zip(codes.tolist(), starts.tolist(), strict=True)) == reference.find_tokens(text)


@given(st.text())
def test_find_tokens__cover_any_text(text):
    codes, starts = find_tokens(code_points(text))
    assert starts.tolist() == sorted(set(starts.tolist()))
    assert starts[:1].tolist() == [0][: len(text)]
    assert len(codes) == len(starts) <= len(text)


@pytest.mark.parametrize(
    "text, tokens",
    [
        ("增长3.5%", ["增", "长", "3.5%"]),
        ("共１２万元", ["共", "１２万", "元"]),
        ("二十一个", ["二十一", "个"]),
        ("写信给wang.li+a@mail.example.cn。", ["写", "信", "给", "wang.li+a@mail.example.cn", "。"]),
        ("见https://a.cn/b?c=1#d。", ["见", "https://a.cn/b?c=1#d", "。"]),
        ("见 (www.a.cn/b).", ["见", " ", "(", "www.a.cn/b", ")", "."]),
        ("don't", ["don't"]),
        ("他说……好", ["他", "说", "……", "好"]),
        ("a@b", ["a", "@", "b"]),
        ("ελληνικά中", ["ελληνικά", "中"]),
        ("e\u0301t", ["e\u0301t"]),
        ("\0\ufeff", ["\0", "\ufeff"]),
    ],
)
def test_find_tokens__joins_what_rules_can_tell(text, tokens):
    assert split(text) == tokens


def test_find_tokens__does_not_look_far_for_an_address():
    text = "a." * 40_000
    assert len(split(text)) == 80_000


def test_encode_text__numbers_characters_by_frequency():
    text = encode_text(["他和她，他1999年", "他"])
    assert "".join(map(chr, text.characters)) == "他和她年"
    assert text.units[:-8].tolist() == [0, 0, 9, 10, 11, 0, 9, 4, 12, 0, 9, 0]
    assert text.units[-8:].tolist() == [0] * 8


def test_unit_ids__unseen_characters_are_one_unit():
    ids = unit_ids(code_points("他"))
    assert ids[[ord("他"), ord("她"), 0, 1, 4, 7]].tolist() == [9, 8, 0, 0, 4, 7]


def test_encode_corpus__is_the_text_itself(tmp_path):
    path = tmp_path / "text"
    content = "他在1998年写了３本书，用python和word97。二十五万字，共12万人！\n一个 人"
    path.write_text(content, encoding="utf-8")
    corpus = encode_corpus(read_corpus(find_sources([str(path)])))
    whole = encode_text([content])
    assert sorted(corpus.characters.tolist()) == sorted(whole.characters.tolist())
    assert spell(corpus) == spell(whole)


def spell(text):
    """Spans as texts, with the class of what is no character."""
    names = dict(enumerate("NLMC", start=4)) | dict(enumerate(map(chr, text.characters), start=9))
    return " ".join("".join(names.get(unit, " ") for unit in text.units.tolist()).split())


def test_character_classes__are_read_only():
    with pytest.raises(ValueError):
        find_tokens.__globals__["character_classes"]()[0][0] = 1
    assert code_points("a𠀀").dtype == np.uint32
