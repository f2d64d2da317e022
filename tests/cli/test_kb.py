"""``cnmine kb``: knowledge bases in, stores and rows out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import cnmine
from cnmine.linking import build as module
from cnmine.linking.kb import open_kb

SAMPLE = Path(cnmine.__file__).parents[1] / "data" / "linking" / "sample_kb.jsonl"
HEADER = ["name", "id", "title", "prior", "types", "gloss"]


@pytest.fixture
def kb(invoke, tmp_path):
    path = tmp_path / "sample.kb"
    assert invoke("kb", "build", SAMPLE, "-o", path, "--no-dict", "-q").code == 0
    return path


def test_build__tells_what_is_in_it(invoke, tmp_path):
    words = tmp_path / "words"
    words.write_text("胜利 12 n\n", encoding="utf-8")
    got = invoke("kb", "build", SAMPLE, "-o", tmp_path / "kb", "--dict", words)
    assert got.code == 0
    assert got.stdout == ""
    assert got.stderr.startswith("cnmine: 343 entities, 885 names, 1 words, ")


def test_build__bad_lines_give_exit_code_3_and_a_store(invoke, tmp_path):
    path = tmp_path / "kb"
    got = invoke("kb", "build", "-", "-o", path, "--no-dict", stdin=SAMPLE.read_bytes() + b"{\n")
    assert got.code == 3
    assert "stdin: line 344 is not JSON: passed over\n" in got.stderr
    with open_kb(str(path)) as kb:
        assert kb.n_entities == 343


@pytest.mark.parametrize(
    "args, text, code, message",
    [
        (["--strict"], "1\t甲\n乙\n", 3, "line 2 has no tab"),
        ([], "1\t甲\n\t乙\n", 3, "line 2 has no id"),
        ([], "甲\n", 3, "no knowledge base of a known format"),
        ([], "", 2, "no entity in the sources"),
        (["--claim", "Q5"], "1\t甲\n", 2, "'Q5' is no claim"),
        (["--dict", "x"], "1\t甲\n", 2, "exclude each other"),
        (["--aliases", "missing.tsv"], "1\t甲\n", 3, "missing.tsv: no such file"),
    ],
)
def test_build__failures(invoke, tmp_path, args, text, code, message):
    got = invoke("kb", "build", "-", "-o", tmp_path / "kb", "--no-dict", *args, stdin=text.encode())
    assert got.code == code
    assert got.stderr.count("\n") == 1
    assert message in got.stderr
    assert list(tmp_path.iterdir()) == []


def test_build__does_not_overwrite_a_source(invoke, tmp_path):
    source = tmp_path / "kb"
    source.write_text("1\t甲\n", encoding="utf-8")
    assert invoke("kb", "build", source, "-o", source, "--no-dict").code == 2
    assert invoke("kb", "build", SAMPLE, "-o", source, "--no-dict", "--aliases", source).code == 2
    assert source.read_text(encoding="utf-8") == "1\t甲\n"


def test_build__calls_the_library_with_the_documented_defaults(invoke, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(
        module, "build_kb", lambda *args, **options: calls.append(options) or (_ for _ in ()).throw(KeyboardInterrupt)
    )
    invoke("kb", "build", SAMPLE, "-o", tmp_path / "kb")
    (options,) = calls
    assert options["options"] == module.DEFAULT_OPTIONS.__class__(languages=list(module.DEFAULT_OPTIONS.languages))
    assert (options["anchors"], options["temp_dir"]) == ([], None)
    assert [Path(path).name for path in options["dictionary"]] == ["dict.txt"]


def test_lookup__entities_by_falling_prior(invoke, kb):
    got = invoke("kb", "lookup", kb, "蘋果", "无此名")
    assert got.code == 0
    assert got.rows[0] == HEADER
    assert {row[1] for row in got.rows[1:4]} == {"10026", "10144", "10228"}
    priors = [float(row[3]) for row in got.rows[1:4]]
    assert priors == sorted(priors, reverse=True)
    assert sum(priors) == pytest.approx(1, abs=1e-3)
    assert got.rows[4:] == [["无此名", "", "", "", "", ""]]


def test_lookup__lines_of_standard_input(invoke, kb):
    got = invoke("kb", "lookup", kb, "--top", "1", "--no-header", stdin="胜利\n苹果\n".encode())
    assert [row[0] for row in got.rows] == ["胜利", "苹果"]


def test_lookup__json_has_types_as_an_array(invoke, kb):
    got = invoke("kb", "lookup", kb, "胜利", "--top", "1", "-f", "jsonl")
    row = json.loads(got.stdout)
    assert list(row) == HEADER
    assert row["types"] == ["Vehicle"]


def test_lookup__table_is_as_wide_as_its_rows(invoke, kb):
    lines = invoke("kb", "lookup", kb, "胜利", "-f", "table").stdout.split("\n")
    assert len(lines) == 1 + 4 + 1
    assert len({line.index("101") for line in lines[1:-1]}) == 1


def test_info__table_and_json_say_the_same(invoke, kb):
    report = json.loads(invoke("kb", "info", kb, "-f", "json").stdout)
    assert (report["entities"], report["names"], report["most_entities_of_a_name"]) == (343, 885, 4)
    assert report["types"]["Organization"] == 73
    assert report["sources"][0]["bytes"] == SAMPLE.stat().st_size
    table = invoke("kb", "info", kb).stdout
    assert report["digest"] in table
    assert report["sources"][0]["sha256"] in table


def test_info__of_the_store_verifies(invoke, kb):
    assert invoke("info", kb, "--verify").code == 0


@pytest.mark.parametrize("command", [["info"], ["lookup"]])
def test_commands__what_is_no_knowledge_base(invoke, command):
    got = invoke("kb", *command, SAMPLE, *(["x"] if command == ["lookup"] else []))
    assert got.code == 4
    assert "expected" in got.stderr or "is a text" in got.stderr or "no store" in got.stderr
