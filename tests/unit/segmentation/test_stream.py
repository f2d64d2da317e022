from __future__ import annotations

import io
import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmine.errors import CorpusError
from cnmine.io.paths import Source, find_sources
from cnmine.segmentation import stream
from cnmine.segmentation.stream import read_text


def read(tmp_path, data, **options):
    path = tmp_path / "text"
    path.write_bytes(data)
    return list(read_text(find_sources([str(path)]), **options))


@given(st.text(st.sampled_from("甲乙,\n\r\0 𠀀"), max_size=60), st.integers(1, 9), st.booleans())
def test_read_text__blocks_are_the_text(tmp_path_factory, text, limit, whole):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stream, "CONTEXT", 3)
        patch.setattr(stream, "BLOCK_BYTES", 7)
        blocks = read(tmp_path_factory.mktemp("t"), text.encode(), block_characters=limit, whole_lines=whole)
    assert "".join(block.text for block in blocks) == text
    at = 0
    for block in blocks:
        line = text.rfind("\n", 0, at) + 1
        assert text[:at].endswith(block.before) and len(block.before) == min(3, at - line)
        at += len(block.text)
        assert text[at:].startswith(block.after) and "\n" not in block.after
        assert not whole or block.text.endswith("\n") or at == len(text)
        assert block.first_line == text.count("\n", 0, at - len(block.text))
        if not whole and not block.text.endswith("\n"):
            assert len(block.after) == min(3, len(text[at:].partition("\n")[0]))


def test_read_text__counts_lines_over_sources(tmp_path):
    (tmp_path / "a").write_text("甲\n乙\n", encoding="utf-8")
    (tmp_path / "b").write_text("丙\n丁", encoding="utf-8")
    blocks = list(read_text(find_sources([str(tmp_path / "a"), str(tmp_path / "b")])))
    assert [(block.text, block.first_line) for block in blocks] == [("甲\n乙\n", 0), ("丙\n丁", 2)]


def test_read_text__keeps_a_byte_order_mark_apart(tmp_path):
    [block] = read(tmp_path, b"\xef\xbb\xbf\xe7\x94\xb2")
    assert (block.prefix, block.text) == ("\ufeff", "甲")
    [block] = read(tmp_path, "\ufeff甲".encode("utf-16-le"))
    assert (block.prefix, block.text) == ("", "甲")
    [block] = read(tmp_path, b"\xef\xbb\xbf")
    assert (block.prefix, block.text) == ("\ufeff", "")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_read_text__bad_bytes(tmp_path, monkeypatch, size):
    monkeypatch.setattr(stream, "BLOCK_BYTES", size)
    data = "甲𠀀".encode() + b"\xff\xe4\xb8" + "乙\n".encode() + b"\xf0\x9f"
    with pytest.raises(CorpusError, match="byte 7 is not UTF-8"):
        read(tmp_path, data)
    notices, bad = [], []
    options = {"on_notice": notices.append, "on_bad": bad.append}
    assert "".join(block.text for block in read(tmp_path, data, bad_bytes="skip", **options)) == "甲𠀀乙\n"
    assert "".join(block.text for block in read(tmp_path, data, bad_bytes="replace", **options)) == "甲𠀀��乙\n�"
    assert bad == [3, 3]
    assert "first at byte 7" in notices[0]


def test_read_text__fields_and_columns(tmp_path):
    data = '{"a": "甲"}\n{"a": "乙\\n丙"}\n'.encode()
    assert "".join(block.text for block in read(tmp_path, data, jsonl_field="a")) == "甲\n乙\n丙\n"
    assert "".join(block.text for block in read(tmp_path, "1\t甲\n2\t乙\n".encode(), column=2)) == "甲\n乙\n"


def test_read_text__lines_of_a_pipe_come_as_they_are_written(monkeypatch):
    reader, writer = os.pipe()
    file = io.TextIOWrapper(os.fdopen(reader, "rb"))
    monkeypatch.setattr("sys.stdin", file)
    wrote, go_on = threading.Event(), threading.Event()

    def write():
        os.write(writer, "第一行有些字\n第二".encode())
        wrote.set()
        go_on.wait(10)
        os.write(writer, "行\n".encode())
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    blocks = read_text([Source("standard input", None, None)])
    first = next(blocks)
    assert (first.text, first.is_last_for_now) == ("第一行有些字\n", True)
    go_on.set()
    assert "".join(block.text for block in blocks) == "第二行\n"
    thread.join()
    file.close()


def test_map_prompt__keeps_order_and_raises(threads):
    done = stream.map_prompt(lambda n: 2 * n, range(50), threads=threads, is_last=lambda n: n % 7 == 0)
    assert list(done) == list(range(0, 100, 2))
    with pytest.raises(ZeroDivisionError):
        list(stream.map_prompt(lambda n: 1 // n, [2, 1, 0], threads=threads, is_last=lambda n: False))
