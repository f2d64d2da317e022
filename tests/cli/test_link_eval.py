"""``cnmine link eval`` and ``errors``: files in, figures and mistakes out."""

from __future__ import annotations

import json

import pytest

from cnmine.cli.link_eval import KINDS
from cnmine.evaluation import linking_errors


def line(text_id, text, *mentions):
    names = ("mention", "offset", "kb_id", "score", "candidates")
    found = [dict(zip(names, mention, strict=False)) for mention in mentions]
    return json.dumps({"text_id": text_id, "text": text, "mention_data": found}, ensure_ascii=False) + "\n"


GOLD = line("1", "苹果发布会在北京", ("苹果", 0, "7"), ("北京", 6, "8")) + line(
    "2", "张伟爱苹果", ("张伟", 0, "NIL"), ("苹果", 3, "9")
)
SYSTEM = line(
    "1", "苹果发布会在北京", ("苹果", 0, "9", 0.6, [["9", 0.6], ["7", 0.3]]), ("北京", 6, "8", 0.9, [["8", 0.9]])
) + line("2", "张伟爱苹果", ("张伟", 0, "NIL", 0.2, []))


@pytest.fixture
def files(tmp_path):
    gold, system = tmp_path / "gold.jsonl", tmp_path / "system.jsonl"
    gold.write_text(GOLD, encoding="utf-8")
    system.write_text(SYSTEM, encoding="utf-8")
    return gold, system


def test_link_eval__json(invoke, files):
    got = invoke("link", "eval", *files, "-f", "json", "--curve", "--bootstrap", "20")
    assert (got.code, got.stderr) == (0, "")
    report = json.loads(got.stdout)
    assert report["texts"] == {"gold": 2, "missing": 0, "extra": 0, "different": 0, "mentions_off_place": 0}
    assert (report["mention"]["f1"], report["link"]["f1"], report["nil"]["f1"]) == (0.8571, 0.4, 1.0)
    assert report["hits"] == {"mentions": 2, "accuracy": 0.5, "candidate_recall": 1.0}
    assert len(report["curve"]) == 101
    assert len(report["link"]["interval"]["f1"]) == 2


def test_link_eval__tables(invoke, files):
    got = invoke("link", "eval", *files, "--bootstrap", "20", "--curve")
    tables = got.stdout.split("\n\n")
    assert [table.split()[0] for table in tables] == ["measure", "figure", "score_from", "threshold"]
    assert tables[0].split("\n")[0].split()[1:] == ["mention", "link", "all", "nil"]
    assert "interval f1" in tables[0]
    assert "0.4000" in tables[0]


def test_link_eval__missing_and_bad_lines(invoke, files, tmp_path):
    gold, system = files
    lines = SYSTEM.split("\n")
    system.write_text(f"{lines[0]}\n{{\n" + line("5", "新") * 1, encoding="utf-8")
    got = invoke("link", "eval", gold, system)
    assert got.code == 3
    assert "system.jsonl: line 2: not JSON" in got.stderr
    assert "1 texts of gold are missing in system" in got.stderr and "without mentions: 2" in got.stderr
    assert "1 texts are in system only" in got.stderr
    assert "measure" in got.stdout
    assert invoke("link", "eval", gold, system, "--quiet").stderr == ""
    got = invoke("link", "eval", gold, system, "--strict")
    assert (got.code, got.stdout) == (3, "")
    system.write_text('{"text_id":"1","text":"好"}\n', encoding="utf-8")
    got = invoke("link", "eval", system, gold)
    assert (got.code, got.stdout) == (3, "")
    assert "system.jsonl: line 1: no 'mention_data'" in got.stderr


def test_link_eval__refusals(invoke, files):
    assert invoke("link", "eval", *files, "--by-type").code == 2
    assert invoke("link", "eval", *files, "-o", files[0]).code == 2
    assert invoke("link", "eval", files[0]).code == 2
    assert invoke("link", "eval", files[0], files[0].parent / "none").code == 3


def test_link_eval__tac(invoke, files, tmp_path):
    assert invoke("link", "eval", *files, "--tac", tmp_path / "tac").code == 0
    assert (tmp_path / "tac.gold.tsv").read_text(encoding="utf-8").split("\n")[0] == "1\t0\t1\t7\t1.0\tKB"
    assert (tmp_path / "tac.system.tsv").read_text(encoding="utf-8").split("\n")[2] == "2\t0\t1\tNIL\t0.2000\tNIL"


def test_link_errors__rows_grouped_by_kind(invoke, files):
    got = invoke("link", "errors", *files)
    header, *rows = got.rows
    cells = [dict(zip(header, row, strict=True)) for row in rows]
    assert [(row["kind"], row["cause"], row["context"]) for row in cells] == [
        ("not_found", "passed over", "张伟爱【苹果】"),
        ("wrong_entity", "entity ranked lower", "【苹果】发布会在北京"),
    ]
    assert cells[1]["gold_rank"] == "2"
    assert cells[1]["score"] == "0.6000"
    assert got.stderr == "cnmine: 2 errors: 1 not_found, 1 wrong_entity\n"
    assert len(invoke("link", "errors", *files, "--kind", "nil", "--no-header").rows) == 0
    assert invoke("link", "errors", files[0], files[0], "-q").rows == [header]


def test_link_errors__summary(invoke, files):
    got = invoke("link", "errors", *files, "--summary", "-f", "jsonl")
    assert [json.loads(line) for line in got.stdout.split("\n")[:-1]] == [
        {"kind": "not_found", "cause": "passed over", "count": 1},
        {"kind": "wrong_entity", "cause": "entity ranked lower", "count": 1},
    ]


def test_link_errors__kinds_are_those_of_the_library():
    assert KINDS == linking_errors.KINDS
