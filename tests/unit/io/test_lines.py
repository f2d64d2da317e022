"""Batches of whole lines."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import CorpusError, UsageError
from cnmine.io.lines import read_lines
from cnmine.io.paths import Source, find_sources

TEXTS = st.lists(st.sampled_from(["", "中", "国人", " ", "a" * 70, "\u2028", "\x85", "😂", "\v"]), max_size=6).map(
    "".join
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("lines")


def put(directory, data):
    path = directory / "text"
    path.write_bytes(data)
    return Source("text", str(path), len(data))


@given(
    st.lists(TEXTS, max_size=8), st.sampled_from(["\n", "\r\n"]), st.sampled_from([1, 3, 64, 1 << 20]), st.booleans()
)
def test_read_lines__are_the_lines(directory, lines, line_end, batch_bytes, has_end):
    data = line_end.join(lines) + (line_end if has_end else "")
    source = put(directory, data.encode())
    batches = list(read_lines([source], batch_bytes=batch_bytes))
    got = [line for batch in batches for line in batch.texts]
    expected = data.split("\n")
    expected = [line.removesuffix("\r") for line in (expected[:-1] if expected[-1] == "" else expected)]
    assert got == expected
    number = 1
    for batch in batches:
        assert batch.first_number == number
        number += len(batch.texts)
    assert sum(batch.n_bytes_read for batch in batches) <= len(data.encode())


def test_read_lines__mark_and_compression_and_encodings(tmp_path):
    paths = []
    for name, data in {
        "a": b"\xef\xbb\xbf" + "甲\n乙".encode(),
        "b.gz": gzip.compress("丙\r\n".encode()),
        "c": "丁\n".encode("utf-16"),
    }.items():
        (tmp_path / name).write_bytes(data)
        paths.append(str(tmp_path / name))
    notices = []
    batches = read_lines(find_sources(paths), on_notice=notices.append)
    assert [line for batch in batches for line in batch.texts] == ["甲", "乙", "丙", "丁"]
    assert len(notices) == 1 and "utf-16" in notices[0]
    (tmp_path / "d").write_bytes("戊".encode("gb18030"))
    assert [b.texts for b in read_lines(find_sources([str(tmp_path / "d")]), encoding="gb18030")] == [["戊"]]


def test_read_lines__bad_bytes_are_named_or_replaced(directory):
    source = put(directory, "好\n".encode() + b"x\xffy\n")
    with pytest.raises(CorpusError, match="text: byte 5 is not UTF-8"):
        list(read_lines([source]))
    bad, notices = [], []
    batches = list(read_lines([source], bad_bytes="replace", on_bad=bad.append, on_notice=notices.append))
    assert [line for batch in batches for line in batch.texts] == ["好", "x\ufffdy"]
    assert (bad, notices) == ([1], ["text: replaced 1 bad byte sequence, first at byte 5"])


def test_read_lines__refuses_options_at_once(directory):
    source = put(directory, b"")
    for options in ({"bad_bytes": "drop"}, {"encoding": "latin-1"}):
        with pytest.raises(UsageError):
            read_lines([source], **options)
    assert list(read_lines([source])) == []
