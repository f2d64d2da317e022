"""Files of words: every accepted form, and what is said about the others."""

import bz2
import gzip
import lzma

import pytest

from cnmine.errors import CorpusError
from cnmine.evaluation.newwords import Ranking
from cnmine.evaluation.reading import read_gold, read_lines, read_ranking

PACKERS = {"": bytes, ".xz": lzma.compress, ".gz": gzip.compress, ".bz2": bz2.compress}


@pytest.mark.parametrize("suffix", PACKERS)
def test_read_lines__unpacks_and_splits_at_line_feeds_only(tmp_path, suffix):
    path = tmp_path / f"words.txt{suffix}"
    path.write_bytes(PACKERS[suffix]("\ufeff甲\u2028乙\r\n\n\ufeff丙".encode()))
    assert list(read_lines(path)) == ["甲\u2028乙", "", "\ufeff丙"]
    assert list(read_lines(str(path))) == list(read_lines(path))


def test_read_lines__names_file_and_line_of_bad_bytes(tmp_path):
    path = tmp_path / "gbk.txt"
    path.write_bytes("abc\n新词\n".encode("gb18030"))
    with pytest.raises(CorpusError, match=r"gbk\.txt: line 2: byte 1 of the line is not UTF-8"):
        list(read_lines(path))


@pytest.mark.parametrize("suffix", [".xz", ".gz", ".bz2"])
@pytest.mark.parametrize("is_cut", [True, False])
def test_read_lines__reports_damaged_files(tmp_path, suffix, is_cut):
    path = tmp_path / f"words.txt{suffix}"
    path.write_bytes(PACKERS[suffix]("新词\n".encode() * 100)[:-9] if is_cut else b"not packed at all")
    with pytest.raises(CorpusError, match="cannot be read"):
        list(read_lines(path))


def test_read_lines__reports_a_missing_file(tmp_path):
    with pytest.raises(CorpusError, match=r"none\.txt: cannot be read: No such file"):
        list(read_lines(tmp_path / "none.txt"))


def test_read_ranking__columns():
    lines = ["score\tword\tlength\tcount\n", "0.9\t新词\t2\t7\n", "\n", "1e-3\t发现\t2\t5\r\n"]
    assert read_ranking(lines) == Ranking(["新词", "发现"], [0.9, 0.001], [7, 5])
    assert read_ranking(["word", "新词"]) == Ranking(["新词"])


@pytest.mark.parametrize(
    "lines", [["新词 7", "发现\t5"], ["新词 7 n", "发现 5 nz"], ["", "新词 \t 7", " 99", "发现 5"]]
)
def test_read_ranking__counted(lines):
    assert read_ranking(lines) == Ranking(["新词", "发现"], None, [7, 5])


def test_read_ranking__passes_over_the_pseudo_words_of_the_2019_program():
    assert read_ranking(["  99", "", " 88", "新词 7", " 5", ""]) == Ranking(["新词"], None, [7])


def test_read_ranking__one_word_a_line(tmp_path):
    path = tmp_path / "words.txt.gz"
    path.write_bytes(gzip.compress("\ufeff新词\n\n发现 \nVisual Studio\n".encode()))
    assert read_ranking(path) == Ranking(["新词", "发现", "Visual Studio"])


@pytest.mark.parametrize("lines", [[], ["", " \n"]])
def test_read_ranking__of_nothing_is_empty(lines):
    assert read_ranking(lines) == Ranking([])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["word\tscore", "新词\t0.5", "发现"], "ranking: line 3: 1 columns; the header has 2"),
        (["word\tscore", "新词\thigh"], "ranking: line 2: 'high' is no score"),
        (["word\tscore", "新词\tnan"], "ranking: line 2: 'nan' is no score"),
        (["word\tcount", "新词\t1.5"], "ranking: line 2: '1.5' is no count"),
        (["word\tcount", "\t1"], "ranking: line 2: '' is no word"),
        (["新词 7", "", "发现"], "ranking: line 3: '发现' is not 'word count'"),
        (["新词 7", "99"], "ranking: line 2: '99' is not"),
        (["新词", "发现 7"], "ranking: line 2: '发现 7' is more than a word"),
        (["新词", "发现\tx"], "ranking: line 2: .* is more than a word"),
    ],
)
def test_read_ranking__names_the_malformed_line(lines, message):
    with pytest.raises(CorpusError, match=message):
        read_ranking(lines)


def test_read_gold__segmented_corpus(tmp_path):
    path = tmp_path / "gold.txt.xz"
    path.write_bytes(lzma.compress("标题\n新词  发现  新词\n\n我　爱　新词\n".encode()))
    gold = read_gold(path, min_count=2)
    assert (gold.relevant, gold.neutral) == ({"新词"}, {"标题", "发现"})
    assert list(gold.lines) == ["标题", "新词  发现  新词", "", "我　爱　新词"]


@pytest.mark.parametrize(
    "text", ["新词\n发现\n", "新词\t99\n发现\t1\n", "新词 \t 99\n\n发现 \t 1", "新词 3 n\n发现 1 v\n"]
)
def test_read_gold__word_list(tmp_path, text):
    path = tmp_path / "list.txt"
    path.write_text(text, encoding="utf-8")
    gold = read_gold(path)
    assert (gold.relevant, gold.neutral, gold.lines) == ({"新词", "发现"}, frozenset(), None)
    assert read_gold(path, corpus_counts={"发现": 2}).relevant == {"发现"}


@pytest.mark.parametrize("text", ["", "\n \n", "㐖毒: xié dú\n㚻奸: jī jiān\n", "新\n词\n"])
def test_read_gold__refuses_a_file_without_words(tmp_path, text):
    path = tmp_path / "gold.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"gold\.txt: no word of 2 to 6 Han characters"):
        read_gold(path)
