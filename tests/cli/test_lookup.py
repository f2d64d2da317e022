"""``cnmine lookup``: words in, rows out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import pytest
from reference_store import spans_of_text, write_reference_store

from cnmine.cli import lookup
from cnmine.cli.lookup import read_words

TEXT = "他说“你好”。5G手机，5G手机很好！（完）他们说的很好，你好你好。"
HEADER = ["word", "count", "cohesion", "left_entropy", "right_entropy", "left_variety", "right_variety"]
NEIGHBOURS = ["left_neighbours", "right_neighbours"]


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "text.store"
    write_reference_store(path, spans_of_text(TEXT), max_order=3)
    return path


def test_lookup__words_of_the_arguments(invoke, store):
    got = invoke("lookup", store, "你好", "龙", "好")
    assert (got.code, got.stderr) == (0, "")
    assert got.rows == [
        HEADER + NEIGHBOURS,
        ["你好", "3", "1.5261", "1.0986", "1.0986", "1", "1", "好:1", "你:1"],
        ["龙", "0", "", "", "", "", "", "", ""],
        ["好", "5", "0.0000", "0.6730", "1.6094", "2", "1", "你:3 很:2", "你:1"],
    ]


def test_lookup__words_of_a_pipe_in_their_order(invoke, store):
    lines = "\ufeff好\r\n 你好 \n\n5G手机\n５Ｇ\n你好".encode()
    got = invoke("lookup", store, "--no-header", "--neighbours", "0", stdin=lines)
    assert [row[:2] for row in got.rows] == [
        ["好", "5"],
        ["你好", "3"],
        ["", ""],
        ["5G手机", "2"],
        ["５Ｇ", "2"],
        ["你好", "3"],
    ]
    assert {len(row) for row in got.rows} == {7}
    assert "1 words are empty" in got.stderr
    assert invoke("lookup", store, "-", "--no-header", stdin="好\n".encode()).rows[0][:2] == ["好", "5"]
    assert invoke("lookup", store, stdin=b"").rows == [HEADER + NEIGHBOURS]


def test_lookup__what_cannot_be_counted_is_said_once(invoke, store):
    got = invoke("lookup", store, "5G手机很", "你好你好", "你，好", "你 好")
    assert [row[1:] for row in got.rows[1:]] == [[""] * 8] * 4
    assert got.stderr == (
        "cnmine: 2 words are longer than the 3 units of --max-order that the store was counted with: left empty\n"
        "cnmine: 2 words are empty or hold punctuation or blanks: left empty\n"
    )
    assert invoke("lookup", store, "你，好", "-q").stderr == ""


def test_lookup__formats(invoke, store):
    got = invoke("lookup", store, "好", "龙", "你，好", "-f", "jsonl", "-q")
    rows = [json.loads(line) for line in got.stdout.split("\n")[:-1]]
    assert list(rows[0]) == HEADER + NEIGHBOURS
    assert rows[0]["left_neighbours"] == {"你": 3, "很": 2}
    assert (rows[1]["count"], rows[1]["cohesion"], rows[1]["left_neighbours"]) == (0, None, None)
    assert rows[2]["count"] is None
    lines = invoke("lookup", store, "好", "5G手机", "-f", "table").stdout.split("\n")
    assert lines[0].split() == HEADER + NEIGHBOURS
    assert lines[2].startswith("5G手机      2")


def test_lookup__output_file_and_refusals(invoke, store, tmp_path):
    out = tmp_path / "out.tsv"
    assert invoke("lookup", store, "好", "-o", out).stdout == ""
    assert out.read_text(encoding="utf-8").split("\n")[1].startswith("好\t5\t")
    assert invoke("lookup", store, "好", "-o", store).code == 2
    assert invoke("lookup", tmp_path / "none", "好").code == 4
    got = invoke("lookup", out, "好")
    assert (got.code, "expected a store of cnmine" in got.stderr) == (4, True)
    got = invoke("lookup", store, stdin="好\n你".encode() + b"\xff\n")
    assert (got.code, got.stdout) == (3, "")
    assert "standard input: byte 7 is not UTF-8" in got.stderr


def test_lookup__a_terminal_is_no_list_of_words(invoke, store, monkeypatch):
    monkeypatch.setattr(lookup, "read_words", lambda stream: pytest.fail("would wait"))

    class Terminal:
        buffer = None

        def isatty(self):
            return True

    monkeypatch.setattr(lookup.sys, "stdin", Terminal())
    with pytest.raises(lookup.UsageError, match="no words"):
        lookup._choose_words(())
    monkeypatch.setattr(lookup.sys, "stdin", None)
    with pytest.raises(lookup.UsageError, match="closed"):
        lookup._choose_words(("-",))


def test_read_words__gives_what_there_is_when_the_writer_pauses():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream, os.fdopen(writing, "wb", buffering=0) as pipe:
        batches = read_words(stream)
        pipe.write("你好\n手".encode())
        assert next(batches) == ["你好"]
        pipe.write("机\n".encode())
        pipe.write("好\n".encode())
        assert next(batches) == ["手机", "好"]
        pipe.write("很".encode())
        pipe.close()
        assert list(batches) == [["很"]]


def test_read_words__cuts_long_input_into_blocks(monkeypatch, tmp_path):
    monkeypatch.setattr(lookup, "READ_BYTES", 10)
    words = [f"词{i}" for i in range(100)] + ["长" * 30, "", "短"]
    path = tmp_path / "words.txt"
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    with open(path, "rb") as stream:
        batches = list(read_words(stream))
    assert [word for batch in batches for word in batch] == words
    assert len(batches) > 10


@pytest.mark.process
def test_lookup__answers_before_the_next_question(store):
    command = [sys.executable, "-c", "from cnmine.cli import main; main()", "lookup", str(store), "--no-header"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        guard = threading.Timer(60, process.kill)
        guard.start()
        for word, count in [("你好", b"3"), ("好", b"5")]:
            process.stdin.write(f"{word}\n".encode())
            process.stdin.flush()
            assert process.stdout.readline().split(b"\t")[1] == count
        process.stdin.close()
        assert process.wait() == 0
        guard.cancel()
