"""Linking as a whole: a small knowledge base, labelled texts, models kept in files."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import StoreError, UsageError
from cnmine.io.paths import find_sources
from cnmine.linking import pieces, training
from cnmine.linking.build import build_kb
from cnmine.linking.kb import open_kb
from cnmine.linking.lines import train_lines
from cnmine.linking.linker import Linker
from cnmine.linking.model import LEAST_LOG_ODDS
from cnmine.linking.model_file import open_linker, save_linker
from cnmine.linking.records import Mention, Record
from cnmine.linking.training import find_summit, train_linker

ENTITIES = [
    ("1", "青石", ["青石"], "岩石", "坚硬的石材，可以铺路、刻碑。"),
    ("2", "青石乐队", ["青石", "青石乐队"], "乐队", "四人摇滚乐队，巡回演出，主唱写歌。"),
    ("3", "白塘镇", ["白塘镇", "白塘"], "地点", "产莲藕的水乡小镇，有石桥。"),
    ("4", "陆小满", ["陆小满"], "人物", "青石乐队的主唱。"),
]
ROCK, BAND = "这条路用{}铺成，石材坚硬", "{}在体育馆演出，主唱唱歌"


def labelled(text, *mentions):
    return Record(text[:9], text, [Mention(text.index(name), name, kb_id) for name, kb_id in mentions])


def training_texts():
    texts = []
    for i in range(12):
        texts.append(labelled(f"{i}号{ROCK.format('青石')}", ("青石", "1")))
        texts.append(labelled(f"{i}月{BAND.format('青石')}", ("青石", "2")))
        texts.append(labelled(f"{i}人从白塘出发，听陆小满唱歌", ("白塘", "3"), ("陆小满", "4")))
        texts.append(labelled(f"{i}家商店都没有什么东西"))
    return texts


@pytest.fixture(scope="module")
def kb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kb")
    rows = [
        {
            "subject_id": i,
            "subject": title,
            "alias": names,
            "type": [kind],
            "data": [{"predicate": "摘要", "object": text}],
        }
        for i, title, names, kind, text in ENTITIES
    ]
    source = folder / "kb.jsonl"
    source.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    build_kb(find_sources([str(source)]), str(folder / "small.kb"))
    with open_kb(str(folder / "small.kb")) as opened:
        yield opened


@pytest.fixture(scope="module")
def model(kb):
    return train_linker(kb, training_texts())


def links(record):
    return [(mention.mention, mention.kb_id) for mention in record.mentions]


def test_link__tells_entities_of_one_name_apart(kb, model):
    found = Linker(kb, model).link(
        [Record("a", ROCK.format("青石")), Record("b", BAND.format("青石")), Record("c", "")]
    )
    assert [links(record) for record in found] == [[("青石", "1")], [("青石", "2")], []]


def test_link__offsets_are_those_of_the_text(kb, model):
    text = "😀\n他说ＡＢ，" + BAND.format("青石")
    (record,) = Linker(kb, model).link([Record("a", text)])
    assert record.mentions
    for mention in record.mentions:
        assert text[mention.offset :].startswith(mention.mention)


def test_link__same_for_any_number_of_threads_and_batch(kb, model, threads, monkeypatch):
    texts = [Record(str(i), f"{i}{text}") for i, text in enumerate([ROCK.format("青石"), BAND.format("青石")] * 20)]
    whole = list(Linker(kb, model).link(texts))
    monkeypatch.setattr(pieces, "BATCH_CODES", 50)
    assert list(Linker(kb, model).link(texts, threads=threads)) == whole


def test_link__same_however_a_long_text_is_cut(kb, model, monkeypatch):
    text = "。".join([ROCK.format("青石"), BAND.format("青石"), "从白塘出发，听陆小满唱歌", "商店里没有东西"] * 60)
    (whole,) = Linker(kb, model).link([Record("a", text)])
    monkeypatch.setattr(pieces, "MAX_LINE", 300)
    (cut,) = Linker(kb, model).link([Record("a", text)])
    assert links(cut) == links(whole) and len(links(whole)) > 100
    assert [m.offset for m in cut.mentions] == [m.offset for m in whole.mentions]
    np.testing.assert_allclose([m.score for m in cut.mentions], [m.score for m in whole.mentions], atol=1e-6)


def test_link__pieces_of_a_text_are_linked_some_at_a_time(kb, model, monkeypatch):
    text = "。".join([ROCK.format("青石"), BAND.format("青石"), "从白塘出发，听陆小满唱歌", "商店里没有东西"] * 60)
    records = [Record("a", "青石"), Record("b", text), Record("c", ""), Record("d", text[:500])]
    monkeypatch.setattr(pieces, "MAX_LINE", 300)
    linker = Linker(kb, model)
    whole, lines = list(linker.link(records, n_candidates=2)), b"".join(linker.link_to_json(records))
    monkeypatch.setattr(pieces, "BATCH_CODES", 400)
    parts = [len(part) for batch in pieces.split_texts(records) for part in pieces.cut_batch(batch)]
    assert len(parts) > 4 and max(parts) < 5
    assert list(linker.link(records, n_candidates=2)) == whole
    assert b"".join(linker.link_to_json(records)) == lines


def test_link__without_a_model_ranks_by_the_text(kb):
    texts = [Record("a", "《青石》" + BAND[2:]), Record("b", "陆小满，白塘镇")]
    found = [links(record) for record in Linker(kb).link(texts)]
    assert found == [[("青石", "2")], [("陆小满", "4"), ("白塘镇", "3")]]


def test_link__candidates_threshold_and_nil(kb, model):
    linker = Linker(kb, model)
    (record,) = linker.link([Record("a", BAND.format("青石"))], n_candidates=5)
    candidates = record.mentions[0].candidates
    assert [kb_id for kb_id, _ in candidates] == ["2", "1"]
    assert sum(score for _, score in candidates) == pytest.approx(1)
    (record,) = linker.link([Record("a", BAND.format("青石"))], threshold=1.0)
    assert record.mentions == []
    (record,) = linker.link([Record("a", BAND.format("青石"))], nil_threshold=0.0)
    assert links(record) == [("青石", "NIL")]
    (record,) = linker.link([Record("a", BAND.format("青石"))], nil_threshold=0.0, keep_nil=False)
    assert record.mentions == []


@pytest.mark.parametrize("is_trained", [True, False])
def test_link__nothing_has_a_score_below_the_threshold(kb, model, is_trained):
    linker = Linker(kb, model if is_trained else None)
    texts = [
        Record(str(i), text.format(name)) for i, text in enumerate([ROCK, BAND, "{}"]) for name in ("青石", "白塘")
    ]
    scores = [mention.score for record in linker.link(texts, threshold=0.0) for mention in record.mentions]
    assert len(set(scores)) > 2
    for limit in sorted(scores)[1:4]:
        found = [mention.score for record in linker.link(texts, threshold=limit) for mention in record.mentions]
        assert found == [score for score in scores if score >= limit]
    assert b"".join(linker.link_to_json(texts, threshold=1.0)).count(b'"mention_data":[]') == len(texts)


def test_find_candidates__as_many_as_the_knowledge_base_gives(tmp_path):
    (tmp_path / "many").write_text("".join(f"{i}\t青石\n" for i in range(1200)), encoding="utf-8")
    build_kb(find_sources([str(tmp_path / "many")]), str(tmp_path / "kb"))
    with open_kb(str(tmp_path / "kb")) as many:
        (record,) = Linker(many).link([Record("a", "青石")], n_candidates=5000)
        assert len(record.mentions[0].candidates) == len(many.candidates(0)) == 1000


def test_link__cover_takes_names(kb, model):
    (record,) = Linker(kb, model).link([Record("a", BAND.format("青石乐队"))], mentions="cover")
    assert [mention.mention for mention in record.mentions] == ["青石乐队"]


def test_save_linker__opened_links_alike(kb, model, tmp_path):
    texts = [Record("a", ROCK.format("青石")), Record("b", BAND.format("青石"))]
    save_linker(model, str(tmp_path / "a.linker"))
    opened = open_linker(str(tmp_path / "a.linker"))
    assert list(Linker(kb, opened).link(texts)) == list(Linker(kb, model).link(texts))
    save_linker(train_linker(kb, training_texts()), str(tmp_path / "b.linker"))
    assert (tmp_path / "a.linker").read_bytes() == (tmp_path / "b.linker").read_bytes()
    damaged = bytearray((tmp_path / "a.linker").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "c.linker").write_bytes(damaged)
    with pytest.raises(StoreError, match="damaged"):
        open_linker(str(tmp_path / "c.linker"))


def test_linker__refuses_the_model_of_another_knowledge_base(kb, model, monkeypatch):
    monkeypatch.setattr(model, "kb_digest", "0" * 32)
    with pytest.raises(StoreError, match="another|knowledge base 0000"):
        Linker(kb, model)


@pytest.mark.parametrize(
    "options", [{"mentions": "some"}, {"overlap": "much"}, {"threshold": 2.0}, {"mentions": "line"}]
)
def test_link__refuses_bad_options(kb, model, options):
    with pytest.raises(UsageError):
        list(Linker(kb, model).link([Record("a", "青石")], **options))


def test_train_linker__labels_that_cannot_be_used(kb):
    notices = []
    texts = training_texts()
    texts.append(Record("m", "看见陆小满了", [Mention(0, "陆小满", "4")]))  # moved
    texts.append(Record("n", "青石，青石", [Mention(1, "青石", "1")]))  # unclear
    texts.append(Record("o", "看见白塘了", [Mention(2, "白塘", "77")]))  # unknown id
    texts.append(Record("p", "看见张三丰了", [Mention(2, "张三丰", "NIL")]))  # no name
    train_linker(kb, texts, on_notice=notices.append)
    assert [notice.split()[0] for notice in notices] == ["1", "1", "1", "1"]
    with pytest.raises(UsageError, match="no labelled mention"):
        train_linker(kb, [Record("a", "青石", [])])
    with pytest.raises(UsageError, match="folds"):
        train_linker(kb, texts, folds=1)


def test_train_linker__spans_without_a_chance_are_not_looked_at(kb, model, monkeypatch):
    assert model.least_log_odds == LEAST_LOG_ODDS  # too few were chosen to tell
    monkeypatch.setattr(training, "_LOST", 0.05)
    bounded = train_linker(kb, training_texts())
    assert LEAST_LOG_ODDS < bounded.least_log_odds <= 0
    linker, looked_at = Linker(kb, bounded), []
    monkeypatch.setattr(
        linker, "decide", lambda *args, decide=linker.decide: looked_at.append(args[2]) or decide(*args)
    )
    records = [Record("a", record.text) for record in [*training_texts(), labelled("走过青石和白塘镇，什么都没有")]]
    found, expected = ([links(record) for record in which.link(records)] for which in (linker, Linker(kb, model)))
    assert found[:-1] == expected[:-1]
    bounded.least_log_odds = float(np.median(looked_at.pop()))
    list(linker.link(records))
    assert looked_at[0].min() >= bounded.least_log_odds
    list(linker.link(records, threshold=0.0))  # the user may want more than training would choose
    assert len(looked_at[1]) > len(looked_at[0]) and looked_at[1].min() < bounded.least_log_odds


def test_train_linker__dev_decides_on_thresholds(kb):
    model = train_linker(kb, training_texts(), dev=training_texts()[:12])
    assert model.settings["f_in_training"] > 0.9


def test_find_summit__a_broad_back_beats_a_lone_peak():
    figures = np.zeros((12, 6))
    figures[1, 0] = 1.0  # luck
    figures[7:10, 3:6] = 0.8
    assert find_summit(figures, (1, 1)) == (8, 4)
    assert find_summit(figures, (0, 0)) == (1, 0)
    assert find_summit(np.ones((3, 2)), (5, 2)) == (0, 0)


@given(st.text("天地人。\n", max_size=80), st.integers(5, 20))
def test_split_texts__pieces_cover_the_text_once(text, limit):
    before, pieces.MAX_LINE = pieces.MAX_LINE, limit
    try:
        found = [piece for batch in pieces.split_texts([Record("a", text)]) for piece in batch]
    finally:
        pieces.MAX_LINE = before
    assert "".join(piece.text[piece.start : piece.stop] for piece in found) == text
    assert all(text[piece.offset :].startswith(piece.text) for piece in found)


def test_lines__learn_several_answers(kb, tmp_path):
    def term(text, *ids):
        return Record(text, text, [Mention(0, text, "##".join(ids))])

    texts = [term(f"{i}号青石乐队及白塘", "2", "3") for i in range(40)] + [term(f"石材{i}", "1") for i in range(40)]
    model = train_lines(kb, texts)
    save_linker(model, str(tmp_path / "lines"))
    linker = Linker(kb, open_linker(str(tmp_path / "lines")))
    found = list(
        linker.link([Record("a", "9号青石乐队及白塘"), Record("b", "石材"), Record("c", " ")], mentions="line")
    )
    assert [set(m.kb_id.split("##")) for record in found for m in record.mentions] == [{"2", "3"}, {"1"}]
    assert found[2].mentions == []
    with pytest.raises(UsageError, match="lines"):
        list(linker.link([Record("a", "青石")]))


def test_lines__without_a_model_takes_the_likest_name(kb):
    found = list(Linker(kb).link([Record("a", "白塘镇"), Record("b", "zzz")], mentions="line"))
    assert [links(record) for record in found] == [[("白塘镇", "3")], [("zzz", "NIL")]]
    found = list(Linker(kb).link([Record("a", "白塘镇"), Record("b", "zzz")], mentions="line", keep_nil=False))
    assert [links(record) for record in found] == [[("白塘镇", "3")], []]


def test_lines__answers_have_the_threshold_at_least(kb):
    def answer(text, **options):
        (record,) = Linker(kb).link([Record("a", text)], mentions="line", n_candidates=9, **options)
        return record.mentions[0]

    candidates = answer("白塘乐队").candidates
    assert len({kb_id for kb_id, _ in candidates}) == len(candidates) == 2  # of several names the likest counts
    for limit in (0.0, candidates[1][1], candidates[0][1], 1.0):
        wanted = [kb_id for kb_id, score in candidates if score >= limit] or ["NIL"]
        assert answer("白塘乐队", threshold=limit).kb_id == "##".join(wanted)
