import numpy as np
import pytest
import reference_trie as reference
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import UsageError
from cnmine.linking import _trie_kernels as kernels
from cnmine.linking import trie as module
from cnmine.linking.normalize import code_points
from cnmine.linking.trie import Trie, build_trie

ALPHABET = "abé1,.上海市丨\U0002f800"
words = st.text(ALPHABET, min_size=1, max_size=5)
key_lists = st.lists(words, unique=True, max_size=30).map(sorted)
texts = st.text(ALPHABET + "\n的🎬\U0010ffff", max_size=60)


def offsets_of(keys):
    return np.cumsum([0, *map(len, keys)], dtype=np.int64)


@given(key_lists, texts)
def test_match_keys__matches_reference(keys, text):
    found = Trie(*build_trie(keys)).match(code_points(text))
    assert list(zip(*(column.tolist() for column in found), strict=True)) == reference.match_keys(text, keys)
    assert [column.dtype for column in found] == [np.int64, np.int32, np.int32]


@given(key_lists, st.lists(words, max_size=20))
def test_find_keys__matches_reference(keys, others):
    trie = Trie(*build_trie(keys))
    asked = keys + others
    found = trie.find_all(code_points("".join(asked)), offsets_of(asked))
    assert found.tolist() == reference.find_keys(asked, keys)
    assert [trie.find(code_points(text)) for text in asked] == [reference.find_key(text, keys) for text in asked]


@given(key_lists)
def test_count_nodes__matches_reference(keys):
    symbol_of = {character: i for i, character in enumerate(ALPHABET)}
    symbols = np.array([symbol_of[character] for key in keys for character in key], np.uint16)
    assert kernels.count_nodes(symbols, offsets_of(keys)) == reference.count_nodes(keys)


@given(texts, st.data())
def test_is_inside__matches_reference(text, data):
    if len(text) > 1:
        i = data.draw(st.integers(1, len(text) - 1))
        assert kernels._is_inside(code_points(text), module.run_classes(), i) == reference.is_inside(text, i)


@given(texts)
def test_hash_codes__matches_reference(text):
    assert kernels.hash_codes(code_points(text)) == reference.hash_codes(text)


@pytest.mark.parametrize("max_tries", [0, 1, 1024])
def test_build_trie__many_keys_however_little_room(monkeypatch, max_tries):
    # Room for exactly one slot a node: the first attempts fail.
    monkeypatch.setattr(module, "_ROOM", 1.0)
    source = np.random.default_rng(0)
    alphabet = [chr(0x4E00 + i) for i in range(300)]
    keys = sorted({"".join(source.choice(alphabet, source.integers(1, 6))) for _ in range(3000)})
    trie = Trie(*build_trie(keys))
    assert trie.find_all(code_points("".join(keys)), offsets_of(keys)).tolist() == list(range(len(keys)))


def test_match__any_number_of_matches(monkeypatch):
    monkeypatch.setattr(module, "_MATCHES_PER_CODE", 0.0)
    keys = ["好" * n for n in range(1, 30)]
    starts, lengths, _ = Trie(*build_trie(keys)).match(code_points("好" * 500))
    assert len(starts) == sum(min(29, 500 - i) for i in range(500))
    assert lengths[:29].tolist() == list(range(1, 30))


def test_match__read_only_codes_and_tables():
    symbols, nodes = build_trie(["上海"])
    for array in (symbols, nodes):
        array.flags.writeable = False
    codes = code_points("在上海")
    assert not codes.flags.writeable
    assert Trie(symbols, nodes).match(codes)[0].tolist() == [1]


def test_match__nothing_in_nothing():
    for trie in (Trie(*build_trie([])), Trie(*build_trie(["上"]))):
        assert [len(column) for column in trie.match(code_points(""))] == [0, 0, 0]
    assert len(Trie(*build_trie([])).match(code_points("上"))[0]) == 0


@pytest.mark.parametrize("keys", [["b", "a"], ["a", "a"], [""], ["", "a"], ["\U00030000"]])
def test_build_trie__refuses_what_is_not_in_order(keys):
    with pytest.raises(UsageError):
        build_trie(keys)
