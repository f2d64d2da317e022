"""Records in and out."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import CorpusError, UsageError
from cnmine.io.paths import Source, find_sources
from cnmine.linking.records import Mention, Record, format_records, is_nil, read_records, write_records

NAMES = st.text(min_size=1, max_size=5)
SCORES = st.none() | st.integers(0, 10_000).map(lambda n: n / 10_000)
CANDIDATES = st.none() | st.lists(st.tuples(NAMES, SCORES.filter(lambda s: s is not None)), max_size=3)
MENTIONS = st.builds(Mention, st.integers(0, 10**7), NAMES, NAMES, SCORES, CANDIDATES)
RECORDS = st.lists(
    st.builds(Record, NAMES, st.text(max_size=9), st.none() | st.lists(MENTIONS, max_size=3)), max_size=5
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("records")


@pytest.fixture
def read(tmp_path):
    """Reads one file of these bytes; gives records, notices and counts of bad lines."""

    def read(data, **options):
        path = tmp_path / "in"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        notices, bad = [], []
        records = list(
            read_records([Source("in", str(path), None)], on_notice=notices.append, on_bad=bad.append, **options)
        )
        return records, notices, bad

    return read


@given(RECORDS)
def test_records__survive_writing_and_reading(directory, records):
    path = directory / "records"
    with open(path, "wb") as file:
        assert write_records(file, records) == len(records)
    assert list(read_records(find_sources([str(path)]), input_format="jsonl")) == records


@given(RECORDS)
def test_format_records__is_what_json_writes(records):
    lines = format_records(records).decode("utf-8").split("\n")
    for line, record in zip(lines[:-1], records, strict=True):
        got = json.loads(line)
        expected = {"text_id": record.text_id, "text": record.text}
        if record.mentions is not None:
            expected["mention_data"] = [
                {name: getattr(m, name) for name in ("mention", "offset", "kb_id")}
                | ({} if m.score is None else {"score": m.score})
                | ({} if m.candidates is None else {"candidates": [list(pair) for pair in m.candidates]})
                for m in record.mentions
            ]
        assert got == expected
        assert list(got) == list(expected)


def test_write_records__ccks_is_strings_only():
    record = Record("7", "在北京", [Mention(1, "北京", "12", 0.5, [("12", 0.5)])])
    file = io.BytesIO()
    write_records(file, [record], ccks=True)
    assert json.loads(file.getvalue()) == {
        "text_id": "7",
        "text": "在北京",
        "mention_data": [{"kb_id": "12", "mention": "北京", "offset": "1"}],
    }


def test_read_records__offsets_and_ids_as_numbers_or_strings(read):
    line = '{"text_id":%s,"text":"在北京","mention_data":[{"kb_id":%s,"mention":"北京","offset":%s}]}'
    records, _, _ = read("\n".join([line % ("3", "12", "1"), "", line % ('"3"', '"12"', '"1"')]))
    assert records[0] == records[1] == Record("3", "在北京", [Mention(1, "北京", "12")])


def test_read_records__text_lines_count_through_all_sources(tmp_path):
    (tmp_path / "a").write_bytes("甲\r\n\r\n".encode())
    (tmp_path / "b").write_bytes("\ufeff乙".encode())
    (tmp_path / "c").write_bytes('\n{"text":"丙"}\n'.encode())
    sources = find_sources([str(tmp_path / name) for name in "abc"])
    assert list(read_records(sources)) == [Record("1", "甲"), Record("2", ""), Record("3", "乙"), Record("5", "丙")]
    assert [record.text for record in read_records(sources[2:], input_format="text")] == ["", '{"text":"丙"}']


GOOD = '{"text_id":"1","text":"好","mention_data":[]}'
MENTION = '{"text":"好","mention_data":[%s]}'
BAD = {
    "{": "not JSON",
    "[" * 100_000: "nested too deep",
    "[]": "no JSON object",
    '{"text":3}': "no JSON object with a string in 'text'",
    '{"text":"好","mention_data":{}}': "'mention_data' is no list",
    '{"text":"好","text_id":[1]}': "'text_id'",
    MENTION % "3": "mention 1 is no object",
    MENTION % '{"offset":0,"kb_id":"1"}': "no string in 'mention'",
    MENTION % '{"offset":-1,"kb_id":"1","mention":"好"}': "no offset",
    MENTION % '{"offset":"x","kb_id":"1","mention":"好"}': "no offset",
    MENTION % '{"offset":true,"kb_id":"1","mention":"好"}': "no offset",
    MENTION % '{"offset":0,"mention":"好"}': "no 'kb_id'",
    MENTION % '{"offset":0,"mention":"好","kb_id":"1","score":"high"}': "score",
    MENTION % '{"offset":0,"mention":"好","kb_id":"1","candidates":[["1"]]}': "candidates",
}


@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
def test_read_records__bad_lines_are_told_and_passed_over(read, line):
    records, notices, bad = read(f"{GOOD}\n{line}\n{GOOD}\n", input_format="jsonl")
    assert [record.text for record in records] == ["好", "好"]
    assert bad == [1]
    assert len(notices) == 1 and notices[0].startswith("in: line 2: ") and BAD[line] in notices[0]
    with pytest.raises(CorpusError, match="in: line 2: "):
        read(f"{GOOD}\n{line}\n{GOOD}\n", input_format="jsonl", strict=True)


def test_read_records__many_bad_lines_are_counted(read):
    _, notices, bad = read("{\n" * 30)
    assert bad == [30]
    assert len(notices) == 11 and "30 bad lines" in notices[-1]


def test_read_records__labels_required_or_ignored(read):
    line = '{"text":"好"}\n' + MENTION % '{"offset":0,"kb_id":"1","mention":"好"}'
    records, notices, bad = read(line, labels="required")
    assert (len(records), bad) == (1, [1])
    assert "line 1: no 'mention_data'" in notices[0]
    records, _, bad = read(line, labels="ignored")
    assert ([record.mentions for record in records], bad) == ([None, None], [])
    for options in ({"input_format": "xml"}, {"labels": "some"}, {"labels": "required", "input_format": "text"}):
        with pytest.raises(UsageError):
            read_records([], **options)


def test_read_records__lone_surrogates_keep_their_place(read):
    records, _, _ = read(r'{"text":"\ud800好\ud83d\ude00","mention_data":[]}')
    assert records[0].text == "?好😀"
    assert json.loads(format_records(records))["text"] == "?好😀"


def test_is_nil():
    assert [is_nil(kb_id) for kb_id in ("NIL", "NIL_Work", "NILE", "1", "nil")] == [True, True, False, False, False]
