"""Names that labels know and the knowledge base does not."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import reference_trie as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from cnmine.errors import StoreError
from cnmine.io.paths import find_sources
from cnmine.linking import names as module
from cnmine.linking.build import build_kb
from cnmine.linking.kb import open_kb
from cnmine.linking.linker import Linker
from cnmine.linking.model_file import open_linker, save_linker
from cnmine.linking.names import NIL_ENTITY, LearnedNames, Names, decode_names, encode_names, learn_names
from cnmine.linking.normalize import normalize
from cnmine.linking.records import Mention, Record
from cnmine.linking.training import train_linker
from cnmine.store.container import open_store
from cnmine.store.writing import create_store

ENTITIES = [("r", "青石"), ("b", "青石乐队"), ("p", "陆小满"), ("t", "白塘镇")]
ROCK, BAND, SINGER, TOWN = range(4)


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kb")
    rows = [{"subject_id": i, "subject": name, "alias": [], "type": [], "data": []} for i, name in ENTITIES]
    (folder / "kb").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "dict").write_text("小满 50 n\n唱歌 50 v\n", encoding="utf-8")
    build_kb(find_sources([str(folder / "kb")]), str(folder / "small.kb"), dictionary=(str(folder / "dict"),))
    with open_kb(str(folder / "small.kb")) as opened:
        yield opened


LABELS = Counter(
    {
        ("青石", ROCK): 9,
        ("青石", BAND): 3,  # not listed under this name
        ("青石", TOWN): 2,  # too rare
        ("小满", SINGER): 4,  # a word
        ("满姐", SINGER): 5,  # no key
        ("满姐", NIL_ENTITY): 1,
        ("雾都", NIL_ENTITY): 3,  # a name of nothing
        ("老陆", SINGER): 2,  # too rare
        ("\n\n", ROCK): 3,
        ("长" * 65, ROCK): 3,
    }
)


def test_learn_names__takes_what_the_knowledge_base_lacks(kb):
    learned = learn_names(kb, LABELS)
    assert learned.texts == ["满姐", "雾都"]
    keys = {kb.find_key("青石"): BAND, kb.find_key("小满"): SINGER, kb.n_keys: SINGER}
    assert {pair >> 32: pair & 0xFFFFFFFF for pair in learned.pairs.tolist()} == keys
    priors = dict(zip((learned.pairs >> 32).tolist(), learned.priors.tolist(), strict=True))
    assert priors == pytest.approx({kb.find_key("青石"): 3 / 15, kb.find_key("小满"): 4 / 5, kb.n_keys: 5 / 7})


def test_names__lists_all_entities_by_falling_prior(kb):
    names = Names(kb, learn_names(kb, LABELS))

    def listed(key):
        start, stop = names.key_offsets[key : key + 2]
        return names.key_entities[start:stop].tolist(), names.key_priors[start:stop].tolist()

    assert [listed(kb.find_key(name))[0] for name in ("青石", "小满", "唱歌", "陆小满")] == [
        [ROCK, BAND], [SINGER], [], [SINGER],
    ]  # fmt: skip
    assert [listed(kb.n_keys + i)[0] for i in range(2)] == [[SINGER], []]
    for key in range(names.n_keys):
        assert sorted(listed(key)[1], reverse=True) == listed(key)[1]
    assert len(names.key_log_freqs) == names.n_keys == len(names.is_name) == kb.n_keys + 2
    assert names.is_name[[kb.find_key("小满"), kb.n_keys, kb.n_keys + 1]].tolist() == [True, True, False]


def test_names__of_the_knowledge_base_alone_are_its_arrays(kb):
    names = Names(kb)
    assert names.key_offsets is kb.key_offsets and names.key_log_freqs is kb.key_log_freqs
    codes = normalize("\n满姐和陆小满\n")
    assert [array.tolist() for array in names.match(codes)] == [array.tolist() for array in kb.match(codes)]


@settings(max_examples=60)
@given(
    st.text("青石乐队陆小满abA1 \n", max_size=40),
    st.sets(st.text("青石乐队陆小满ab1", min_size=1, max_size=4), max_size=6),
)
def test_match__finds_keys_and_learned_names_in_order(kb, text, learned):
    texts = sorted(name for name in learned if kb.find_key(name) < 0)
    names = Names(kb, LearnedNames(texts))
    codes = normalize("\n" + text + "\n")
    line = "".join(map(chr, codes.tolist()))
    own = [(start, length, kb.n_keys + key) for start, length, key in reference.match_keys(line, texts)]
    rows = zip(*(array.tolist() for array in names.match(codes)), strict=True)
    assert list(rows) == sorted([*own, *zip(*(array.tolist() for array in kb.match(codes)), strict=True)])


@given(st.sets(st.text(min_size=1, max_size=5).filter(lambda text: max(text) < "\U00030000")))
def test_decode_names__undoes_encode_names(texts):
    assert decode_names(*encode_names(sorted(texts))) == sorted(texts)


@pytest.mark.parametrize(
    ("texts", "offsets"), [(["b", "a"], None), (["a"], [0, 0, 1]), (["a"], [0]), (["a"], []), (["\U00030000"], None)]
)
def test_decode_names__refuses_what_are_none(texts, offsets):
    codes, ends = encode_names(texts)
    with pytest.raises(ValueError, match="name"):
        decode_names(codes, ends if offsets is None else np.array(offsets, np.int64))


def training_texts():
    texts = []
    for i in range(15):
        texts.append(record(f"{i}月青石乐队巡演，满姐站在前排", ("青石乐队", "b"), ("满姐", "p")))
        texts.append(record(f"{i}点雾都下雨，陆小满在家", ("雾都", "NIL"), ("陆小满", "p")))
        texts.append(record(f"{i}块青石铺在路上，小满唱歌", ("青石", "r"), ("小满", "p")))
        texts.append(record(f"{i}个人没有什么东西"))
    return texts


def record(text, *mentions):
    return Record(text, text, [Mention(text.index(name), name, kb_id) for name, kb_id in mentions])


@pytest.fixture(scope="module")
def trained(kb):
    notices = []
    return train_linker(kb, training_texts(), on_notice=notices.append), notices


def links(linker, text, **options):
    (found,) = linker.link([Record("a", text)], **options)
    return [(mention.mention, mention.kb_id) for mention in found.mentions]


def test_train_linker__learns_names_from_labels(kb, trained, tmp_path):
    model, notices = trained
    assert notices == [
        "2 names, and 2 entities of names, that the knowledge base does not have were learned from labels given "
        "3 times or more"
    ]
    text = "9月青石乐队巡演，满姐站在前排，雾都下雨，小满唱歌"
    expected = [("青石乐队", "b"), ("满姐", "p"), ("雾都", "NIL"), ("小满", "p")]
    assert links(Linker(kb, model), text) == expected
    save_linker(model, str(tmp_path / "a.linker"))
    assert links(Linker(kb, open_linker(str(tmp_path / "a.linker"))), text) == expected
    # Rules and the cover are those of the knowledge base.
    assert links(Linker(kb, model), "满姐站着", mentions="cover") == []
    assert links(Linker(kb), "满姐站着") == []


def test_train_linker__without_learned_names_they_are_not_found(kb, monkeypatch):
    monkeypatch.setattr(module, "MIN_LABELS", 1000)
    notices = []
    linker = Linker(kb, train_linker(kb, training_texts(), on_notice=notices.append))
    assert [notice.split()[0] for notice in notices] == ["30"]  # not learned: 满姐, 雾都
    assert ("满姐", "p") not in links(linker, "9月青石乐队巡演，满姐站在前排")


def test_linker__refuses_names_that_do_not_fit(kb, trained, monkeypatch):
    model, _ = trained
    monkeypatch.setattr(model, "names", LearnedNames())
    with pytest.raises(StoreError, match="scores of"):
        Linker(kb, model)
    monkeypatch.setattr(model, "names", LearnedNames((), np.array([99]), np.array([0.5], np.float32)))
    with pytest.raises(StoreError, match="does not have"):
        Linker(kb, model)


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("name_offsets", lambda array: array[::-1]),
        ("name_priors", lambda array: array[:-1]),
        ("name_priors", lambda array: array + 2),
        ("name_pairs", lambda array: array[::-1]),
        ("name_codes", lambda array: array + np.uint32(0x30000)),
    ],
)
def test_open_linker__refuses_damaged_names(trained, tmp_path, section, change):
    save_linker(trained[0], str(tmp_path / "a.linker"))
    with (
        open_store(str(tmp_path / "a.linker"), kind="linker", version=1) as store,
        create_store(str(tmp_path / "b.linker"), kind="linker", version=1) as writer,
    ):
        for name, part in store.sections.items():
            array = store.array(name)
            if name == section:
                dtype = np.float32 if name == "name_priors" else array.dtype
                array = np.ascontiguousarray(change(array.view(dtype)))
            assert part.bits in (8, 16, 32, 64)
            writer.add(name, array)
    with pytest.raises(StoreError, match="damaged"):
        open_linker(str(tmp_path / "b.linker"))
