from __future__ import annotations

import gzip

import pytest

from cnmine.errors import CorpusError
from cnmine.segmentation.lexicon import bonuses_of, read_lexicon


@pytest.mark.parametrize(
    "content, expected",
    [
        ("区块链\n元宇宙\n", {"区块链": 1, "元宇宙": 1}),
        ("\ufeff区块链 12 n\r\n元宇宙\tn\r\n", {"区块链": 1, "元宇宙": 1}),
        ("word\tscore\tcount\n区块链\t0.5\t9\n元宇宙\t7\t9\n", {"区块链": 0.5, "元宇宙": 1}),
        ('{"word": "区块链", "score": 0.25}\n{"word": "元宇宙"}\n', {"区块链": 0.25, "元宇宙": 1}),
    ],
)
def test_read_lexicon__takes_lists_and_tables(tmp_path, content, expected):
    path = tmp_path / "words"
    path.write_text(content, encoding="utf-8")
    words, probabilities = read_lexicon([str(path)])
    assert dict(zip(words, probabilities.tolist(), strict=True)) == expected


def test_read_lexicon__later_files_overrule(tmp_path):
    (tmp_path / "a").write_text("word\tscore\n甲乙\t0.5\n", encoding="utf-8")
    (tmp_path / "b.gz").write_bytes(gzip.compress("甲乙\n".encode()))
    words, probabilities = read_lexicon([str(tmp_path / "a"), str(tmp_path / "b.gz")])
    assert (words, probabilities.tolist()) == (["甲乙"], [1.0])
    assert bonuses_of(probabilities, 3.0).tolist() == [3.0]


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "holds no word"),
        (b"word\tscore\n\xe7\x94\xb2\tx\n", "line 2"),
        (b'{"score": 1}\n', "line 1"),
        (b"\xff\xfe", "byte 0 is not UTF-8"),
    ],
)
def test_read_lexicon__names_the_place_of_an_error(tmp_path, content, message):
    (tmp_path / "words").write_bytes(content)
    with pytest.raises(CorpusError, match=message):
        read_lexicon([str(tmp_path / "words")])
