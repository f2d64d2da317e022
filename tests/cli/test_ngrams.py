"""``cnmine ngrams``: a store in, a list out."""

from __future__ import annotations

import json

import pytest
from reference_store import spans_of_text, write_reference_store

TEXT = "他说“你好”。5G手机，5G手机很好！（完）他们说的很好，你好你好。"


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "text.store"
    write_reference_store(path, spans_of_text(TEXT), max_order=3)
    return path


def test_ngrams__by_count_then_text(invoke, store):
    got = invoke("ngrams", store, "--min-count", "2")
    assert (got.code, got.stderr) == (0, "")
    assert got.rows == [["ngram", "count"], ["你好", "3"], ["5G手", "2"], ["很好", "2"], ["手机", "2"]]
    got = invoke("ngrams", store, "--order", "1", "--min-count", "3", "--no-header")
    assert got.rows == [["好", "5"], ["你", "3"]]


def test_ngrams__by_text(invoke, store):
    got = invoke("ngrams", store, "--order", "3", "--min-count", "1", "--sort", "text", "--top", "3", "--no-header")
    assert got.rows == [["5G手机", "2"], ["他们说", "1"], ["们说的", "1"]]


def test_ngrams__formats(invoke, store, tmp_path):
    out = tmp_path / "out.txt"
    assert invoke("ngrams", store, "--min-count", "2", "-f", "words", "--top", "2", "-o", out).stdout == ""
    assert out.read_text(encoding="utf-8") == "你好\n5G手\n"
    got = invoke("ngrams", store, "--top", "1", "--min-count", "1", "-f", "jsonl")
    assert json.loads(got.stdout) == {"ngram": "你好", "count": 3}
    assert invoke("ngrams", store, "--min-count", "3", "-f", "table").stdout == "ngram  count\n你好       3\n"


def test_ngrams__nothing_is_said_but_no_failure(invoke, store):
    got = invoke("ngrams", store, "--min-count", "9")
    assert (got.code, got.rows) == (0, [["ngram", "count"]])
    assert got.stderr == "cnmine: no n-gram of 2 units reaches --min-count 9\n"


def test_ngrams__refusals(invoke, store, tmp_path):
    got = invoke("ngrams", store, "--order", "4")
    assert (got.code, "this store has the orders 1 … 3" in got.stderr) == (2, True)
    assert invoke("ngrams", store, "-o", store).code == 2
    assert invoke("ngrams", tmp_path / "none").code == 4
    got = invoke("ngrams", store, "--min-count", "1", "--memory", "1K")
    assert (got.code, got.stdout) == (5, "")
    assert "--memory allows" in got.stderr
