import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_kb import ReferenceKb

from cnmine.errors import StoreError, UsageError
from cnmine.io.paths import find_sources
from cnmine.linking import indexing
from cnmine.linking.build import build_kb
from cnmine.linking.indexing import IDF_STEP, WEIGHT_STEP, rank_aliases
from cnmine.linking.kb import open_kb
from cnmine.linking.normalize import normalize
from cnmine.linking.sources import ReadOptions
from cnmine.store.container import open_store
from cnmine.store.writing import create_store

ROWS = [
    ("w1", ["胜利", "胜利号", "Victory"], ["Vehicle"], [("摘要", "英国的风帆战列舰"), ("国家", "英国")]),
    ("p1", ["李娜"], ["Person", "Athlete"], [("职业", "网球运动员、教练"), ("籍贯", "武汉")]),
    ("p2", ["李娜", "释昌圣"], ["Person"], [("职业", "歌手"), ("代表作", "《青藏高原》，好人一生平安")]),
    ("c1", ["英国", "UK"], ["Place"], []),
    ("c2", ["武汉", "江城"], [], [("摘要", "李娜的家乡"), ("大学", "武汉大学")]),
]
WORDS = {"胜利": 9.0, "歌手": 5.0, "大学": 6.0}


def as_ccks(rows):
    return "".join(
        json.dumps(
            {
                "subject_id": entity_id,
                "subject": names[0],
                "alias": names[1:],
                "type": types,
                "data": [{"predicate": name, "object": value} for name, value in attributes],
            },
            ensure_ascii=False,
        )
        + "\n"
        for entity_id, names, types, attributes in rows
    )


@pytest.fixture(scope="session")
def build(tmp_path_factory):
    """Builds a store from the text of a source; gives its path and the notices."""

    def build(text, *, words=WORDS, anchors="", **options):
        place = tmp_path_factory.mktemp("kb")
        (place / "source").write_text(text, encoding="utf-8")
        (place / "dict").write_text(
            "".join(f"{word} {count:.0f} n\n" for word, count in words.items()), encoding="utf-8"
        )
        (place / "anchors").write_text(anchors, encoding="utf-8")
        notices = []
        build_kb(
            find_sources([str(place / "source")]),
            str(place / "kb"),
            options=ReadOptions(**options),
            anchors=find_sources([str(place / "anchors")]) if anchors else [],
            dictionary=[str(place / "dict")] if words else [],
            temp_dir=str(place),
            on_notice=notices.append,
        )
        assert sorted(path.name for path in place.iterdir()) == ["anchors", "dict", "kb", "source"]
        return str(place / "kb"), notices

    return build


@pytest.fixture(scope="session")
def path(build):
    return build(as_ccks(ROWS))[0]


@pytest.fixture
def kb(path):
    with open_kb(path) as kb:
        yield kb


def test_keys__are_names_and_words(kb):
    keys = [kb.key_text(i) for i in range(kb.n_keys)]
    assert keys == ReferenceKb(ROWS, WORDS).keys
    assert [kb.find_key(key) for key in keys] == list(range(kb.n_keys))
    assert (kb.n_entities, kb.n_aliases) == (5, 9)
    assert kb.find_key("ＵＫ") == keys.index("uk")
    assert kb.find_key("无") == kb.find_key("") == -1


def test_key_log_freqs__floor_for_what_is_no_word(kb):
    freqs = {kb.key_text(i): freq for i, freq in enumerate(np.exp(kb.key_log_freqs).tolist())}
    assert freqs["胜利"] == pytest.approx(9 / 20)
    assert freqs["大学"] == pytest.approx(6 / 20)
    assert freqs["李娜"] == pytest.approx(np.exp(kb.log_freq_floor), rel=1e-5)
    assert freqs["李娜"] == pytest.approx(0.1 / 20, rel=1e-4)


def test_match__finds_names_and_words(kb):
    starts, lengths, keys = kb.match(normalize("武漢大學在UK胜利号"))
    found = [(s, n, kb.key_text(k)) for s, n, k in zip(*map(np.ndarray.tolist, (starts, lengths, keys)), strict=True)]
    assert found == [(0, 2, "武汉"), (2, 2, "大学"), (5, 2, "uk"), (7, 2, "胜利"), (7, 3, "胜利号")]


def test_entities__are_as_in_the_source(kb):
    for i, (entity_id, names, types, _) in enumerate(ROWS):
        assert kb.entity_id(i) == entity_id
        assert kb.entity_number(entity_id) == i
        assert kb.title(i) == names[0]
        assert kb.types(i) == types
        assert kb.aliases(i) == sorted(name.lower() for name in names)
        assert kb.title_keys[i] == kb.find_key(names[0])
    assert kb.entity_number("w") == kb.entity_number("") == kb.entity_number("z") == -1
    assert [kb.gloss(i) for i in range(5)] == [
        "英国的风帆战列舰",
        "网球运动员、教练",
        "《青藏高原》，好人一生平安",
        "",
        "李娜的家乡",
    ]
    assert [sizes.tolist() for sizes in kb.entity_sizes] == [[2, 2, 2, 0, 2], [10, 10, 15, 0, 9], [3, 1, 2, 2, 2]]


texts = st.text("胜利李娜英国武汉aB1、，《》 ", max_size=12)
names = st.text("胜利李娜英国武汉aB1·", min_size=1, max_size=4).filter(lambda name: name.strip() == name)
entities = st.tuples(
    st.lists(names, min_size=1, max_size=3, unique=True),
    st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=2),
    st.lists(st.tuples(st.sampled_from(["摘要", "国家", "作者"]), texts.map(str.strip).filter(bool)), max_size=3),
)


def check(kb, reference):
    offsets, bigrams, weights = kb.entity_bigrams
    for i in range(len(reference.rows)):
        expected = reference.bigrams(i)
        row = slice(offsets[i], offsets[i + 1])
        assert bigrams[row].tolist() == list(expected)
        steps = [min(255, max(1, weight / WEIGHT_STEP)) for weight in expected.values()]
        assert weights[row].tolist() == pytest.approx(steps, abs=0.51)
        assert kb.entity_mentions.row(i).tolist() == reference.mentions(i)
        assert kb.entity_values.row(i).tolist() == reference.values(i)
    counts = [sum(key in reference.mentions(i) for i in range(len(reference.rows))) for key in range(kb.n_keys)]
    assert kb.key_mention_counts.tolist() == counts
    for key, name in enumerate(reference.keys):
        found = kb.candidates(key)
        assert [number for number, _ in found] == [number for number, _ in reference.candidates(name)]
        assert [prior for _, prior in found] == pytest.approx([prior for _, prior in reference.candidates(name)])


def test_kb__matches_reference(kb):
    check(kb, ReferenceKb(ROWS, WORDS))


@settings(max_examples=25)
@given(st.lists(entities, min_size=1, max_size=6))
def test_kb__matches_reference_for_any_entities(build, found):
    rows = [(str(i), *row) for i, row in enumerate(found)]
    with open_kb(build(as_ccks(rows))[0]) as kb:
        check(kb, ReferenceKb(rows, WORDS))


def test_bigram_idf__of_pairs_in_one_slot_adds_up(kb):
    reference = ReferenceKb(ROWS, WORDS)
    keys = np.array(sorted(set().union(*reference.counters)), np.uint32)
    n_texts = np.array([sum(key in counter for counter in reference.counters) for key in keys.tolist()])
    expected = np.log1p((5 - n_texts + 0.5) / (n_texts + 0.5))
    found = kb.bigram_idf(keys)
    slots = indexing.bigram_slots(keys, kb.slot_bits)
    alone = np.bincount(slots)[slots] == 1
    assert found[alone] == pytest.approx(expected[alone], abs=IDF_STEP)
    assert (found <= expected + IDF_STEP).all()
    assert kb.bigram_idf(np.array([12345], np.uint32)) >= found.max() or not alone.all()


def test_build_kb__same_bytes_whatever_the_size_of_a_batch(build, path, monkeypatch):
    monkeypatch.setattr(indexing, "_BATCH_CODES", 1)
    monkeypatch.setattr(indexing, "_READ_BYTES", 16)
    monkeypatch.setattr(indexing, "_WRITE_BYTES", 10)
    monkeypatch.setattr(indexing, "_ITEMS", 4)
    other, _ = build(as_ccks(ROWS))
    with open(path, "rb") as one, open(other, "rb") as two:
        assert one.read() == two.read()


def test_digest__tells_knowledge_bases_apart(build, kb):
    with open_kb(build(as_ccks(ROWS))[0]) as same, open_kb(build(as_ccks(ROWS[:4]))[0]) as other:
        assert same.digest == kb.digest != other.digest
        assert len(kb.digest) == 32


def test_build_kb__an_id_that_comes_again_adds_its_names(build):
    rows = [*ROWS, ("w1", ["凯旋", "胜利"], ["Work"], [("作者", "某人")])]
    path, notices = build(as_ccks(rows))
    assert any(notice.startswith("1 entities came again") for notice in notices)
    with open_kb(path) as kb:
        assert kb.aliases(0) == ["victory", "凯旋", "胜利", "胜利号"]
        assert kb.n_entities == 5
        assert kb.types(0) == ["Vehicle"]


def test_build_kb__names_that_cannot_be_keys_are_left_out(build):
    names = [" 甲\t乙 ", "\u3000", "\x01", "\u200b\ufeff", "长" * 64, "长" * 65, "\U00030000", "!", "😀"]
    path, notices = build(as_ccks([("1", names, [], [])]))
    assert any(notice.startswith("4 names had nothing visible, more than 64 characters") for notice in notices)
    with open_kb(path) as kb:
        assert kb.aliases(0) == ["!", "甲 乙", "长" * 64, "😀"]
        assert kb.title(0) == "甲 乙"


def test_build_kb__an_entity_without_a_name_is_called_by_its_id(build):
    with open_kb(build(as_ccks([("x1", [""], [], [])]))[0]) as kb:
        assert (kb.title(0), kb.aliases(0)) == ("x1", ["x1"])


def test_build_kb__a_title_that_cannot_be_a_key(build):
    with open_kb(build(as_ccks([("x1", ["长" * 65, "短"], [], [])]))[0]) as kb:
        assert (kb.title(0), kb.title_keys.tolist(), kb.aliases(0)) == ("长" * 65, [-1], ["短"])


def test_build_kb__anchors_decide_priors_and_add_names(build):
    path, notices = build(as_ccks(ROWS), anchors="李娜\tp2\t8\n李娜\tp1\t1\n青藏\tp2\n无\tp9\t5\n")
    assert notices[-1].endswith("1 rows have an id that no entity has: left out")
    with open_kb(path) as kb:
        assert [(kb.entity_id(number), round(prior, 3)) for number, prior in kb.candidates(kb.find_key("李娜"))] == [
            ("p2", pytest.approx(0.85, abs=0.01)),
            ("p1", pytest.approx(0.15, abs=0.01)),
        ]
        assert kb.aliases(2) == ["李娜", "释昌圣", "青藏"]
        assert kb.settings["has_anchors"]


def test_build_kb__wikidata_references_become_names(build):
    def item(entity_id, name, targets=(), n_links=0):
        claims = {
            "P31": [{"mainsnak": {"datavalue": {"type": "wikibase-entityid", "value": {"id": i}}}} for i in targets]
        }
        row = {"id": entity_id, "labels": {"zh": {"value": name}}, "claims": claims if targets else []}
        return json.dumps(
            row
            | {
                "type": "property" if entity_id[0] == "P" else "item",
                "sitelinks": {str(i): {} for i in range(n_links)},
            }
        )

    rows = [item("Q1", "张三", ["Q5", "Q77"], 9), item("Q5", "人类"), item("P31", "隶属"), item("Q2", "张三", ["Q5"])]
    with open_kb(build("[\n" + ",\n".join(rows) + "\n]\n", claims=["P31=Q5"])[0]) as kb:
        assert kb.n_entities == 2
        assert kb.types(0) == ["人类", "Q77"]
        values = [kb.entity_values.row(i).tolist() for i in range(2)]
        assert values[0] == values[1] != []
        assert kb.settings["has_popularity"]
        assert [number for number, _ in kb.candidates(kb.find_key("张三"))] == [0, 1]
        keys = kb.entity_bigrams[1].tolist()
        assert ord("隶") << 16 | ord("属") in keys


def test_build_kb__control_characters_and_lone_surrogates_do_no_harm(build):
    rows = [("1\ud800", ["甲\x1f\x1e\n", "乙\ud800"], ["t\ud800"], [("a\n\x1f", "b\x1e\n\n\ud800c"), ("", "")])]
    text = as_ccks(rows).encode("utf-8", "surrogatepass")  # not JSON's escapes
    assert b"\xed" in text
    text = (
        json.dumps(
            {
                "subject_id": rows[0][0],
                "subject": rows[0][1][0],
                "alias": rows[0][1][1:],
                "type": rows[0][2],
                "data": [{"predicate": a, "object": b} for a, b in rows[0][3]],
            }
        )
        + "\n"
    )
    with open_kb(build(text)[0]) as kb:
        assert kb.entity_id(0) == "1\ud800"
        assert kb.entity_number("1\ud800") == 0
        assert kb.aliases(0) == ["乙\ud800", "甲"]
        assert kb.types(0) == ["t\ud800"]


def test_build_kb__without_words(build):
    with open_kb(build(as_ccks(ROWS), words={})[0]) as kb:
        assert kb.n_keys == kb.n_aliases == 9
        assert set(kb.key_log_freqs.tolist()) == {kb.log_freq_floor}


def test_build_kb__nothing_to_build(build):
    for text in ("", "[\n]\n"):
        with pytest.raises(UsageError, match="no entity"):
            build(text)


def test_candidates__as_many_as_asked_for(build):
    rows = [(str(i), ["李娜"], [], []) for i in range(9)]
    with open_kb(build(as_ccks(rows))[0]) as kb:
        key = kb.find_key("李娜")
        assert len(kb.candidates(key)) == 9
        assert [number for number, _ in kb.candidates(key, 3)] == [0, 1, 2]
        assert kb.candidates(kb.find_key("歌手")) == []


def test_rank_aliases__same_pairs_add_up():
    aliases = rank_aliases(
        np.array([1, 1, 1, 0], np.int32),
        np.array([0, 1, 1, 1], np.int32),
        np.array([0, 1, 2, 0], np.float32),
        np.array([1, 1], np.float32),
        3,
    )
    assert aliases.offsets.tolist() == [0, 1, 3, 3]
    assert aliases.entities.tolist() == [1, 1, 0]
    assert aliases.priors.tolist() == pytest.approx([1, 3.5 / 4, 0.5 / 4])


def rewrite(path, target, **changed):
    """A store with other sections."""
    with open_store(path) as store, create_store(str(target), kind="kb", version=1) as writer:
        for name, section in store.sections.items():
            values = changed.get(name, store.packed(name).decode())
            writer.add(name, values, None if isinstance(values, bytes) else section.bits)


def test_match__a_damaged_trie_finds_something_or_nothing(path, tmp_path):
    with open_store(path) as store:
        nodes = store.packed("nodes").decode()
    source = np.random.default_rng(0)
    for column in range(2):
        damaged = nodes.copy()
        damaged[column::3] = source.integers(0, 1 << 32, len(damaged[column::3]), dtype=np.uint32)
        rewrite(path, tmp_path / "kb", nodes=damaged)
        with open_kb(str(tmp_path / "kb")) as kb:
            kb.match(normalize("武汉大学在UK胜利号" * 50))
            kb.find_key("武汉大学")


@pytest.mark.parametrize(
    "name, change, use",
    [
        ("settings", lambda a: b"{", lambda kb: kb),
        ("settings", lambda a: b'{"n_entities": -1}', lambda kb: kb),
        ("settings", lambda a: a.tobytes().replace(b'"normalizer":1', b'"normalizer":9'), lambda kb: kb),
        ("symbols", lambda a: a[:-1], lambda kb: kb),
        ("nodes", lambda a: a[:-1], lambda kb: kb),
        ("nodes", lambda a: np.where(np.arange(a.size) % 3 == 2, 99, a), lambda kb: kb.match(normalize("武汉"))),
        ("key_offsets", lambda a: a[::-1], lambda kb: kb.key_offsets),
        ("key_offsets", lambda a: a[:-1], lambda kb: kb.candidates(0)),
        ("key_entities", lambda a: a + 5, lambda kb: kb.candidates(0)),
        ("key_priors", lambda a: a[1:], lambda kb: kb.key_priors),
        ("types", lambda a: a + 9, lambda kb: kb.types(0)),
        ("bigram_weights", lambda a: a[1:], lambda kb: kb.entity_bigrams),
        ("mentions_offsets", lambda a: a + 1, lambda kb: kb.entity_mentions),
        ("entity_order", lambda a: a + 1, lambda kb: kb.entity_number("w1")),
        ("titles_offsets", lambda a: a * 2, lambda kb: kb.title(0)),
    ],
)
def test_open_kb__damage_is_told(path, tmp_path, name, change, use):
    with open_store(path) as store:
        values = store.packed(name).decode()
    values = values.astype(np.uint8) if name == "settings" else values
    rewrite(path, tmp_path / "kb", **{name: change(values)})
    with pytest.raises(StoreError, match="kb: (is damaged|was built by)"), open_kb(str(tmp_path / "kb")) as kb:
        use(kb)


def test_open_kb__another_kind(tmp_path):
    with create_store(str(tmp_path / "x"), kind="ngrams", version=1) as writer:
        writer.add("settings", b"{}")
    with pytest.raises(StoreError, match="kind ngrams, expected kb"):
        open_kb(str(tmp_path / "x"))
