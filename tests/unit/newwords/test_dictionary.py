"""Dictionaries of several makes in, sets of words out, and back."""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess
import sys
import time

import pytest

from cnmine.errors import CorpusError, StoreError, UsageError
from cnmine.newwords import dictionary
from cnmine.newwords.dictionary import find_unusable, format_entries, load_dictionary


@pytest.mark.parametrize(
    "text",
    [
        "区块链 12 n\n新冠 3 nz\n",  # jieba
        "区块链 12\n新冠\n",  # jieba, fields left out
        "区块链\n新冠\n",  # IK, plain
        "区块链 n 12\n新冠 nz 3 vn 1\n",  # HanLP
        "区块链\t12\n新冠\t3\n",  # THUOCL
        "区块链\t 12\n新冠 \t3\n",
        "\n区块链\n\n  新冠  \n\n",
        "区块链\r\n新冠",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_load_dictionary__reads_every_make(tmp_path, text, encoding):
    path = tmp_path / "words.txt"
    path.write_bytes(text.encode(encoding))
    assert load_dictionary([path]) == {"区块链", "新冠"}


def test_load_dictionary__reads_gb18030_by_itself(tmp_path):
    path = tmp_path / "words.txt"
    words = {"中国", "人民", "发展", "经济"}
    path.write_bytes("\n".join(words).encode("gb18030"))
    assert load_dictionary([path]) == words


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress])
def test_load_dictionary__unpacks(tmp_path, compress):
    path = tmp_path / "words"
    path.write_bytes(compress("区块链 1 n\n".encode()))
    assert load_dictionary([path]) == {"区块链"}


def test_load_dictionary__joins_files_and_keeps_blanks_inside_a_word(tmp_path):
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("New York City 5 nz\nPM2.5 4 n\n", encoding="utf-8")
    second.write_text("元宇宙\nTensor Flow 2.0\n", encoding="utf-8")
    words = load_dictionary([str(first), second])
    assert {"PM2.5", "元宇宙"} <= words
    assert "New" not in words


def test_load_dictionary__folds_as_text_is_folded(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("Ｔ恤\n5Ｇ手机 2 n\n\uf9e9程\n", encoding="utf-8")
    assert load_dictionary([path]) == {"T恤", "5G手机", "里程"}
    assert load_dictionary([path], fold_case=True) == {"t恤", "5g手机", "里程"}


def test_load_dictionary__names_what_is_wrong(tmp_path):
    empty, bad = tmp_path / "empty", tmp_path / "bad"
    empty.write_bytes(b"\n \n")
    bad.write_bytes("区块链新冠元宇宙\n".encode() * 9 + b"\xff\n")
    for path, message in [
        (empty, "holds no word"),
        (bad, "byte 225 is not UTF-8"),
        (tmp_path / "none", "no such file"),
        (tmp_path, "is a directory"),
    ]:
        with pytest.raises(CorpusError, match=message) as caught:
            load_dictionary([path])
        assert str(path) in str(caught.value)


def test_load_dictionary__default_is_jiebas_without_running_it():
    start = time.process_time()
    words = load_dictionary()
    seconds = time.process_time() - start
    assert len(words) > 300_000
    assert {"中国", "发展", "T恤"} <= words
    assert not any(" " in word or word.isdecimal() for word in list(words)[:1000])
    assert "jieba" not in sys.modules or seconds < 5
    assert seconds < 1.5  # 0.14 on a quiet machine


def test_load_dictionary__runs_no_jieba():
    code = "import sys; from cnmine.newwords.dictionary import load_dictionary as f; f(); print('jieba' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert result.stdout.strip() == b"False"
    assert result.stderr == b""


def test_find_jieba_dictionary__says_what_to_do_without_it(monkeypatch):
    monkeypatch.setattr(dictionary.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StoreError, match="pip install jieba.*--no-dict"):
        load_dictionary()


def test_format_entries__formats():
    words, counts = ["区块链", "a b", "5G"], [12, 3, 4]
    assert format_entries(words, counts, "words") == ["区块链\n", "a b\n", "5G\n"]
    assert format_entries(words, counts, "ik") == ["区块链\n", "a b\n", "5G\n"]
    assert format_entries(words, counts, "jieba") == ["区块链 12 n\n", "5G 4 n\n"]
    assert format_entries(words, counts, "hanlp") == ["区块链 n 12\n", "5G n 4\n"]
    with pytest.raises(UsageError, match="choose one of words, jieba, hanlp, ik"):
        format_entries(words, counts, "csv")


@pytest.mark.parametrize("make", ["words", "jieba", "hanlp", "ik"])
def test_format_entries__can_be_read_again(tmp_path, make):
    words = ["区块链", "PM2.5", "C++语言", "𠮷野家", "〇八宪章", "café店"]
    path = tmp_path / "words.txt"
    path.write_text("".join(format_entries(words, [3] * len(words), make)), encoding="utf-8")
    assert load_dictionary([path]) == set(words)


def test_find_unusable__by_target():
    words = ["区块链", "大黄䓬虫", "𠮷野家", "C++语言", "PM2.5", "〇八", "é城"]
    assert find_unusable(words, "words") == []
    assert find_unusable(words, "hanlp") == []
    assert find_unusable(words, "jieba") == ["大黄䓬虫", "𠮷野家", "〇八", "é城"]
    assert find_unusable(words, "ik") == ["𠮷野家", "C++语言", "PM2.5", "〇八", "é城"]


def test_format_entries__jieba_loads_what_it_is_said_to(tmp_path):
    jieba = pytest.importorskip("jieba")
    words = ["区块猫", "C++猫", "大黄䓬猫"]
    jieba.default_logger.setLevel("ERROR")
    base, user = tmp_path / "base.txt", tmp_path / "user.txt"
    base.write_text("猫 5 n\n", encoding="utf-8")
    user.write_text("".join(format_entries(words, [50, 50, 50], "jieba")), encoding="utf-8")
    tokenizer = jieba.Tokenizer(str(base))
    tokenizer.tmp_dir = str(tmp_path)
    with open(user, "rb") as file:
        tokenizer.load_userdict(file)
    unusable = find_unusable(words, "jieba")
    for word in words:
        assert (tokenizer.lcut(word, HMM=False) == [word]) == (word not in unusable)
