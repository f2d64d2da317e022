"""Places of words in the text, whatever way the text is cut into files, blocks and threads."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnmine.counting.corpus import read_corpus
from cnmine.counting.counter import count_ngrams
from cnmine.errors import CorpusError
from cnmine.io import source as source_module
from cnmine.io.paths import find_sources
from cnmine.newwords import examples
from cnmine.newwords.examples import find_examples


def examples_of(paths, words, *, max_order=4, min_count=1, threads=1, n_examples=3, block_bytes=1 << 22, **options):
    """Examples of each word, by word."""
    sources = find_sources([str(path) for path in paths])
    corpus = read_corpus(sources, block_bytes=block_bytes, **options)
    table = count_ngrams(corpus.units, max_order=max_order, min_count=min_count)
    ids = corpus.ids()
    rows = []
    for word in words:
        units = [ids.get(unit, 0) for unit in (word if isinstance(word, tuple) else tuple(word))]
        rows.append(table.find(units) if len(units) <= max_order else -1)
    words = ["".join(word) for word in words]
    word_table = SimpleNamespace(words=words, rows=np.array(rows, dtype=np.int64), table=table)
    found = find_examples(
        word_table, np.arange(len(words)), corpus, sources, n_examples=n_examples, threads=threads, **options
    )
    return dict(zip(words, found, strict=True))


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def test_find_examples__shows_the_line_around_a_word(tmp_path):
    path = write(tmp_path / "a", "第一行\n他说：“区块链\t很好”。\r\n第三行\n")
    assert examples_of([path], ["区块链", "三行", "第二"]) == {
        "区块链": ["他说：“区块链 很好”。"],
        "三行": ["第三行"],
        "第二": [],
    }


def test_find_examples__cuts_at_the_width(tmp_path):
    path = write(tmp_path / "a", "左" * 30 + "区块链" + "右" * 30)
    assert examples_of([path], ["区块链"]) == {"区块链": ["左" * 20 + "区块链" + "右" * 20]}


def test_find_examples__different_contexts_first(tmp_path):
    path = write(tmp_path / "a", "好区块链\n" * 50 + "新区块链\n" + "《区块链》甲\n《区块链》乙\n")
    assert sorted(examples_of([path], ["区块链"])["区块链"])[1:] == ["好区块链", "新区块链"]
    got = examples_of([path], ["区块链"], n_examples=9)["区块链"]
    assert sorted(got) == ["《区块链》乙", "《区块链》甲", "好区块链", "新区块链"]
    assert len(examples_of([path], ["区块链"], n_examples=1)["区块链"]) == 1


def test_find_examples__words_longer_than_the_table(tmp_path):
    path = write(tmp_path / "a", "中华人民共和国成立了\n中华人民很好\n中华人民共和国")
    got = examples_of([path], ["中华人民共和国", "中华人民共和天"])
    assert sorted(got["中华人民共和国"]) == ["中华人民共和国", "中华人民共和国成立了"]
    assert got["中华人民共和天"] == []


def test_find_examples__runs_and_wide_letters(tmp_path):
    path = write(tmp_path / "a", "买了５Ｇ手机。买iPhone15手机！")
    got = examples_of([path], [("5G", "手", "机"), ("iPhone15", "手")])
    assert got == {"5G手机": ["买了５Ｇ手机。买iPhone15手机！"], "iPhone15手": ["买了５Ｇ手机。买iPhone15手机！"]}


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "big5"])
def test_find_examples__other_encodings(tmp_path, encoding):
    path = write(tmp_path / "a", "天上人間，人間天上\n", encoding)
    assert examples_of([path], ["人間"], encoding=encoding) == {"人間": ["天上人間，人間天上"]}


def test_find_examples__json_lines_and_bad_bytes(tmp_path):
    path = write(tmp_path / "a", '{"text": "好区块链\\n坏"}\n{"text": "新区块链"}\n')
    assert sorted(examples_of([path], ["区块链"], jsonl_field="text")["区块链"]) == ["好区块链", "新区块链"]
    path.write_bytes("好\n".encode() + b"\xff" + "区块链\n".encode())
    assert examples_of([path], ["区块链"], bad_bytes="skip") == {"区块链": ["\ufffd区块链"]}


LINES = st.lists(st.text("天地人5G，《》\n \U00020bb7", max_size=30), min_size=1, max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(texts=LINES, block_bytes=st.integers(400, 900))
def test_find_examples__hold_the_word_and_ignore_blocks_and_file_order(tmp_path, texts, block_bytes):
    texts = [text * 40 for text in texts]  # a block has to be longer than what is shown of it
    paths = [write(tmp_path / str(i), text) for i, text in enumerate(texts)]
    words = ["天地", "人", "地人天", "\U00020bb7天", "天地人天地"]
    whole = examples_of(paths, words, n_examples=2)
    for word, found in whole.items():
        assert len(found) == min(2, len(set(found)))
        assert all(word in text for text in found)
        assert bool(found) == any(word in text for text in texts)
    assert examples_of(paths[::-1], words, n_examples=2, threads=2) == whole
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examples, "read_blocks", cut_smaller(block_bytes))
        assert examples_of(paths, words, n_examples=2, block_bytes=block_bytes) == whole


def cut_smaller(block_bytes):
    def read(sources, **options):
        return source_module.read_blocks(sources, **{**options, "block_bytes": block_bytes})

    return read


def test_find_examples__rare_units_part_words(tmp_path, monkeypatch):
    monkeypatch.setattr("cnmine.counting.corpus.MAX_UNITS", 3)
    path = write(tmp_path / "a", "天地人天地人天地罕天地\n罕天\n天罕\n罕\n地人\n人人\n")
    got = examples_of([path], ["天地", "地人"], n_examples=9)
    assert got["天地"] == ["天地人天地人天地罕天地"]
    assert sorted(got["地人"]) == ["地人", "天地人天地人天地罕天地"]


def test_find_examples__tells_when_the_input_changed(tmp_path):
    path = write(tmp_path / "a", "好区块链\n" * 5)
    sources = find_sources([str(path)])
    corpus = read_corpus(sources)
    table = count_ngrams(corpus.units, max_order=3, min_count=1)
    row = table.find([corpus.ids()[unit] for unit in "区块链"])
    write(path, "好\n")
    word_table = SimpleNamespace(words=["区块链"], rows=np.array([row]), table=table)
    with pytest.raises(CorpusError, match="changed while it was read"):
        find_examples(word_table, np.array([0]), corpus, sources)


def test_find_examples__nothing_chosen(tmp_path):
    assert examples_of([write(tmp_path / "a", "好\n")], []) == {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(texts=LINES, block_bytes=st.integers(400, 900), max_units=st.integers(1, 4))
def test_find_examples__rare_units_in_any_block(tmp_path, texts, block_bytes, max_units):
    paths = [write(tmp_path / str(i), text * 40) for i, text in enumerate(texts)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cnmine.counting.corpus.MAX_UNITS", max_units)
        whole = examples_of(paths, ["天地", "人"])
        assert all(word in text for word, found in whole.items() for text in found)
        patch.setattr(examples, "read_blocks", cut_smaller(block_bytes))
        assert examples_of(paths, ["天地", "人"], block_bytes=block_bytes) == whole
