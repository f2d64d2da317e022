import unicodedata

import numpy as np
import numpy.testing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.linking import normalize as module
from cnmine.linking.normalize import bigram_keys, code_points, decode, fold_table, normalize, normalize_text

any_text = st.text(st.characters(codec=None) | st.sampled_from("ＡＢ張國榮－・．𠮷🎬\ud800"))


@given(any_text)
def test_normalize__keeps_the_length_and_changes_nothing_twice(text):
    folded = normalize(text)
    assert len(folded) == len(text)
    npt.assert_array_equal(fold_table()[folded], folded)


@given(any_text)
def test_normalize_text__is_normalize(text):
    assert normalize_text(text) == decode(normalize(text))


@given(any_text)
def test_decode__undoes_code_points(text):
    assert decode(code_points(text)) == text


@pytest.mark.parametrize(
    "text, folded",
    [
        ("ＩＰｈｏｎｅ", "iphone"),
        ("艾萨克•牛顿", "艾萨克·牛顿"),
        ("讓—雅克・盧梭", "让-雅克·卢梭"),
        ("張國榮與《霸王別姬》", "张国荣与《霸王别姬》"),
        ("乾隆著瞭", "乾隆著瞭"),
        ("Ünï Σίγμα Жук", "ünï σίγμα жук"),
        ("İ Ⅻ ㎏", "İ ⅻ ㎏"),  # what would become several characters stays
        ("\u3000\xa0A", "  a"),
        ("𠮷野家🎬", "𠮷野家🎬"),
    ],
)
def test_normalize_text__folds(text, folded):
    assert normalize_text(text) == folded


def test_simplified__each_traditional_character_once_and_none_of_them_simplified():
    pairs = "".join(module._SIMPLIFIED)
    traditional, simplified = pairs[::2], pairs[1::2]
    assert len(set(traditional)) == len(traditional)
    assert set(traditional).isdisjoint(simplified)
    assert all(unicodedata.name(character).startswith("CJK UNIFIED") for character in pairs)


@given(any_text)
def test_bigram_keys__are_pairs_of_neighbouring_letters_and_digits(text):
    codes = normalize(text)
    places, keys = bigram_keys(codes)
    is_content = [bool(module.content_table()[code]) for code in codes]
    expected = [i for i in range(len(codes) - 1) if is_content[i] and is_content[i + 1]]
    assert places.tolist() == expected
    assert keys.tolist() == [(int(codes[i]) % 2**16) * 2**16 + int(codes[i + 1]) % 2**16 for i in expected]
    assert keys.dtype == np.uint32


def test_content_table__is_letters_and_digits():
    for character in "中a9é𠮷々":
        assert module.content_table()[ord(character)]
    for character in "，. 《\n🎬·-":
        assert not module.content_table()[ord(character)]
