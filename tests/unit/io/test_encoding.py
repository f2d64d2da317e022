"""Encoding names and detection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import UsageError
from cnmine.io.encoding import SAMPLE_BYTES, BadBytes, codec_name, detect_encoding, repair_utf8

SIMPLIFIED = (
    "昨天下午，我们公司的同事在图书馆门口开了一个小会，讨论怎样把新系统做得更好。后来大家又去吃饭，谈得很高兴。"
)
TRADITIONAL = (
    "昨天下午，我們公司的同事在圖書館門口開了一個小會，討論怎樣把新系統做得更好。後來大家又去吃飯，談得很高興。"
)
CASES = [
    ("utf-8", SIMPLIFIED),
    ("utf-8", TRADITIONAL),
    ("gb18030", SIMPLIFIED),
    ("gb18030", TRADITIONAL),
    ("big5hkscs", TRADITIONAL),
]


@pytest.mark.parametrize(("encoding", "text"), CASES)
def test_detect_encoding__every_slice(encoding, text):
    for start in range(len(text) - 12):
        assert detect_encoding(text[start : start + 12].encode(encoding)) == encoding


@pytest.mark.parametrize(("encoding", "text"), CASES)
def test_detect_encoding__last_character_may_be_cut(encoding, text):
    data = (text * 3).encode(encoding)
    for stop in range(100, 140):
        assert detect_encoding(data[:stop], is_whole=False) == encoding
    assert detect_encoding((text * 1000).encode(encoding)[:SAMPLE_BYTES], is_whole=False) == encoding


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8"])
def test_detect_encoding__byte_order_mark(encoding):
    assert detect_encoding(("\ufeff" + SIMPLIFIED).encode(encoding)) == encoding


def test_detect_encoding__ascii_and_nothing_are_utf8():
    assert detect_encoding(b"") == detect_encoding(b"plain text\r\n") == "utf-8"


def test_detect_encoding__damaged_utf8_is_still_utf8():
    assert detect_encoding(SIMPLIFIED.encode() + b"\xff" + SIMPLIFIED.encode()) == "utf-8"


@pytest.mark.parametrize(
    ("name", "codec"), [("GBK", "gb18030"), ("gb2312", "gb18030"), ("Big5", "big5hkscs"), ("UTF8", "utf-8"), ("utf_16", "utf-16")]
)  # fmt: skip
def test_codec_name__families_and_spellings(name, codec):
    assert codec_name(name) == codec


def test_codec_name__unknown():
    with pytest.raises(UsageError, match="unknown encoding 'koi8-r'; choose one of utf-8, gb18030"):
        codec_name("koi8-r")


@given(st.binary())
def test_repair_utf8__agrees_with_python(data):
    tally = BadBytes()
    assert repair_utf8(data, tally).decode() == data.decode("utf-8", "replace")
    kept = BadBytes()
    assert len(repair_utf8(data, kept, base=7, keep_length=True)) == len(data)
    assert kept.count == tally.count
    assert kept.first_offset == (tally.first_offset + 7 if tally.count else -1)
