import bz2
import gzip
import json

import pytest

from cnmine.errors import CorpusError, UsageError
from cnmine.io.paths import find_sources
from cnmine.linking.sources import (
    EntityRecord,
    ReadOptions,
    Tally,
    read_anchors,
    read_entities,
    read_word_counts,
)


@pytest.fixture
def read(tmp_path):
    """Writes a source and reads it; gives the records, the notices and the tally."""

    def read(content, *, name="kb", reader=read_entities, **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        notices, tally = [], Tally()
        sources = find_sources([str(path)])
        source = sources if reader is read_entities else sources[0]
        records = list(reader(source, ReadOptions(**options), tally=tally, on_notice=notices.append))
        return records, [notice.removeprefix(f"{path}: ") for notice in notices], tally

    return read


def dump(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


CCKS = {
    "subject_id": "7",
    "subject": "胜利",
    "alias": ["胜利号", "胜利"],
    "type": ["Vehicle"],
    "data": [{"predicate": "摘要", "object": "风帆战列舰"}, {"predicate": "国家", "object": "英国"}],
}


def test_ccks__subject_is_the_first_name_and_comes_once(read):
    assert read(dump(CCKS))[0] == [
        EntityRecord("7", ["胜利", "胜利号"], ["Vehicle"], [("摘要", "风帆战列舰"), ("国家", "英国")])
    ]


def test_ccks__duel_has_a_type_that_is_a_text_and_numbers_for_ids(read):
    row = {"subject_id": 7, "subject": "胜利", "alias": [], "type": "Work|Film", "data": []}
    assert read(dump(row))[0] == [EntityRecord("7", ["胜利"], ["Work", "Film"])]


def test_ccks__whatever_is_missing_or_of_another_type_is_passed_over(read):
    row = {"subject_id": "7", "alias": "胜利", "type": None, "data": [{"predicate": "x"}, 3, {"object": "y"}]}
    assert read(dump(row))[0] == [EntityRecord("7", ["胜利"], [], [("", "y")])]


def test_ccks__a_list_of_objects_is_an_attribute_each(read):
    row = CCKS | {"data": [{"predicate": "主演", "object": ["张三", 5, None, ""]}, {"predicate": "x", "object": {}}]}
    assert read(dump(row))[0][0].attributes == [("主演", "张三"), ("主演", "5")]


@pytest.mark.parametrize(
    "line, record",
    [
        ("A00\t霍乱", EntityRecord("A00", ["霍乱"])),
        (
            "7\t胜利\t胜利号|胜利\tWork|Film\t一部\t电影",
            EntityRecord("7", ["胜利", "胜利号"], ["Work", "Film"], [("摘要", "一部\t电影")]),
        ),
        ("7\t", EntityRecord("7", [])),
    ],
)
def test_tsv__has_two_columns_or_more(read, line, record):
    assert read(line + "\r\n\n")[0] == [record]


HUMAN = {
    "type": "item",
    "id": "Q7",
    "labels": {"zh": {"language": "zh", "value": "張三"}, "zh-hans": {"value": "张三"}, "en": {"value": "Zhang San"}},
    "descriptions": {"zh": {"value": "作家"}},
    "aliases": {"zh": [{"value": "老张"}], "en": [{"value": "Z"}]},
    "claims": {
        "P31": [{"mainsnak": {"datavalue": {"type": "wikibase-entityid", "value": {"id": "Q5"}}}}],
        "P106": [{"mainsnak": {"datavalue": {"type": "wikibase-entityid", "value": {"numeric-id": 36180}}}}],
        "P569": [{"mainsnak": {"datavalue": {"type": "time", "value": {}}}}, {"mainsnak": {"snaktype": "novalue"}}],
        "P27": [
            {"rank": "deprecated", "mainsnak": {"datavalue": {"type": "wikibase-entityid", "value": {"id": "Q1"}}}}
        ],
    },
    "sitelinks": {"zhwiki": {}, "enwiki": {}},
}
DUMP = (
    "[\n"
    + ",\n".join(map(json.dumps, [HUMAN, {"type": "item", "id": "Q5", "labels": {"zh": {"value": "人"}}}]))
    + "\n]\n"
)


def test_wikidata__names_in_the_order_of_languages(read):
    (human, kind), _, _ = read(DUMP)
    assert human == EntityRecord(
        "Q7",
        ["张三", "張三", "老张"],
        attributes=[("description", "作家")],
        references=[("P31", "Q5"), ("P106", "Q36180")],
        popularity=2,
    )
    assert kind.names == ["人"]
    assert read(DUMP, languages=["en"])[0][0].names == ["Zhang San", "Z"]


@pytest.mark.parametrize(
    "text", [DUMP.replace("[\n", "[", 1), DUMP[::-1].replace("\n", "", 2)[::-1], DUMP.replace(",\n", " ,\r\n\n")]
)
def test_wikidata__brackets_and_commas_may_stand_anywhere_between_the_items(read, text):
    records, _, tally = read(text)
    assert [record.entity_id for record in records] == ["Q7", "Q5"]
    assert tally.n_bad_lines == 0


@pytest.mark.parametrize(
    "claims, is_kept",
    [(["P31=Q5"], True), (["P31=Q1,Q5", "P106"], True), (["P31=Q1"], False), (["P31=Q5", "P1"], False)],
)
def test_wikidata__keeps_items_with_all_claims(read, claims, is_kept):
    assert [record.is_kept for record in read(DUMP, claims=claims)[0]] == [is_kept, False]


def test_wikidata__properties_only_give_names_and_the_nameless_are_left_out(read):
    rows = [{"type": "property", "id": "P31", "labels": {"zh": {"value": "隶属"}}}, {"id": "Q8", "labels": []}]
    records, _, tally = read(dump(*rows), source_format="wikidata")
    assert [(record.entity_id, record.is_kept) for record in records] == [("P31", False)]
    assert tally.n_bad_lines == 0


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
def test_read_entities__compressed(read, compress):
    assert len(read(compress(DUMP.encode()))[0]) == 2


def test_read_entities__byte_order_mark_and_last_line_without_end(read):
    records, _, tally = read(b"\xef\xbb\xbf" + dump(CCKS, CCKS | {"subject_id": "8"}).strip().encode())
    assert [record.entity_id for record in records] == ["7", "8"]
    (source,) = tally.sources
    assert source["bytes"] == 3 + len(dump(CCKS, CCKS).strip().encode())


def test_read_entities__bad_lines_are_told_and_passed_over(read):
    text = dump(CCKS) + "{oops\n[]\n" + '{"subject_id": "8", "subject": "x"}\n' + "3\n4\n5\n"
    records, notices, tally = read(text)
    assert [record.entity_id for record in records] == ["7", "8"]
    assert notices[0] == "line 2 is not JSON: passed over"
    assert notices[1] == "line 3 is not a JSON object: passed over"
    assert notices[3:] == ["5 lines in all were passed over"]
    assert tally.n_bad_lines == 5
    with pytest.raises(CorpusError, match="kb: line 2 is not JSON; mend it"):
        read(text, strict=True)


def test_read_entities__misshapen_wikidata_is_a_bad_line(read):
    _, notices, tally = read(dump(HUMAN, HUMAN | {"labels": {"zh": 3}}))
    assert notices == ["line 2 is no entity of this format: passed over"]
    assert tally.n_bad_lines == 1


@pytest.mark.parametrize("text", [dump(CCKS, {"subject": "x", "alias": []}), "7\t胜利\n\t败\n"])
def test_read_entities__an_entity_without_id_is_an_error(read, text):
    with pytest.raises(CorpusError, match="line 2 has no id"):
        read(text)


def test_read_entities__bytes_that_are_not_utf8(read):
    text = "7\t胜利\n".encode() + b"8\t\xff\n" + "9\t败\n".encode()
    with pytest.raises(CorpusError, match="byte 11 is not UTF-8"):
        read(text)
    records, notices, tally = read(text, bad_bytes="skip")
    assert notices == ["1 lines passed over: bytes that are not UTF-8"]
    assert [record.entity_id for record in records] == ["7", "9"]
    assert tally.n_bad_lines == 1
    assert read(text, bad_bytes="replace")[0][1].names == ["\ufffd"]


def test_read_entities__utf_16_is_named(read):
    with pytest.raises(CorpusError, match="kb: is UTF-16; convert it first: iconv -f UTF-16"):
        read("7\t胜利\n".encode("utf-16"))


def test_read_entities__what_is_no_knowledge_base(read):
    with pytest.raises(CorpusError, match="no knowledge base of a known format"):
        read("胜利是一种结果\n")
    assert read("")[0] == []


def test_read_anchors__count_is_one_if_missing(read):
    rows, notices, tally = read("胜利\t7\t12\n败\t8\n坏\n坏\t7\tx\n坏\t7\t-1\n", reader=read_anchors)
    assert rows == [("胜利", "7", 12.0), ("败", "8", 1.0)]
    assert notices == [
        f"line {number} is not alias, id and count with tabs between: passed over" for number in (3, 4, 5)
    ]
    assert tally.n_bad_lines == 3
    with pytest.raises(CorpusError, match="line 1 is not"):
        read("坏\n", reader=read_anchors, strict=True)


def test_read_word_counts__any_order_of_count_and_tag(tmp_path):
    path = tmp_path / "dict"
    path.write_text("胜利 12 n\n苹果 n 3\n词\t5\n字\n\n", encoding="utf-8")
    assert list(read_word_counts(str(path))) == [("胜利", 12.0), ("苹果", 3.0), ("词", 5.0), ("字", 1.0)]


@pytest.mark.parametrize(
    "options", [{"source_format": "xml"}, {"bad_bytes": "x"}, {"claims": ["Q5"]}, {"claims": ["P"]}]
)
def test_options__refuse_what_is_not_possible(options):
    with pytest.raises(UsageError):
        ReadOptions(**options)
