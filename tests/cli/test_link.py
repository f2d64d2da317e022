"""From the sample knowledge base to measured links: kb build, link train, run, eval and errors."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import cnmine

DATA = Path(cnmine.__file__).parents[1] / "data" / "linking"
GOLDEN = Path(__file__).parents[1] / "golden" / "link"
IS_REGOLD = os.environ.get("CNMINE_REGOLD") == "1"
TOLERANCE = 0.03  # of scores and figures, between versions of the libraries that learn


@pytest.fixture(scope="module")
def run(invoke):
    """Runs the command line, which has to succeed; gives standard output."""

    def run(*args):
        got = invoke(*args)
        assert got.code == 0, got.stderr
        return got.stdout

    return run


@pytest.fixture(scope="module")
def files(run, tmp_path_factory):
    """The knowledge base, a model, and the test texts linked with and without it."""
    folder = tmp_path_factory.mktemp("link")
    made = {name: folder / name for name in ("sample.kb", "sample.linker", "linked.jsonl", "untrained.jsonl")}
    kb, model, linked, untrained = made.values()
    test = DATA / "sample_test.jsonl"
    run("kb", "build", DATA / "sample_kb.jsonl", "-o", kb, "-q")
    run("link", "train", kb, DATA / "sample_train.jsonl", "-o", model, "-q")
    options = ["--candidates", "5", "-q"]
    run("link", "run", kb, "-m", model, test, "-o", linked, *options)
    run("link", "run", kb, test, "-o", untrained, *options)
    return made


def compare(path, got):
    """Golden file against text; rewritten with CNMINE_REGOLD=1."""
    if IS_REGOLD:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(got, encoding="utf-8", newline="\n")
    return path.read_bytes().decode("utf-8")


def assert_alike(got, expected, where=""):
    """The same values; numbers as near as learning allows."""
    if isinstance(expected, dict):
        assert got.keys() == expected.keys(), where
        for name, value in expected.items():
            assert_alike(got[name], value, f"{where} {name}")
    elif isinstance(expected, float) and isinstance(got, float):
        assert got == pytest.approx(expected, abs=TOLERANCE), where
    elif not isinstance(expected, list | int):
        assert got == expected, where


def test_link__reaches_the_floors(run, files):
    report = json.loads(run("link", "eval", DATA / "sample_test.jsonl", files["linked.jsonl"], "-f", "json"))
    assert report["link"]["f1"] >= 0.90
    assert report["nil"]["f1"] >= 0.80
    untrained = json.loads(run("link", "eval", DATA / "sample_test.jsonl", files["untrained.jsonl"], "-f", "json"))
    assert 0.5 < untrained["mention"]["f1"] < report["mention"]["f1"]


def test_link__golden_figures(run, files):
    options = ["--kb", files["sample.kb"], "-f", "json"]
    got = run("link", "eval", DATA / "sample_test.jsonl", files["linked.jsonl"], *options)
    assert_alike(json.loads(got), json.loads(compare(GOLDEN / "eval.json", got)))


def test_link__golden_summary_of_errors(run, files):
    options = ["--kb", files["sample.kb"], "--summary", "-f", "jsonl", "-q"]
    got = run("link", "errors", DATA / "sample_test.jsonl", files["linked.jsonl"], *options)
    rows, expected = (
        {(row["kind"], row["cause"]): row["count"] for row in map(json.loads, text.split("\n")[:-1])}
        for text in (got, compare(GOLDEN / "errors.jsonl", got))
    )
    for name in rows.keys() | expected.keys():
        assert rows.get(name, 0) == pytest.approx(expected.get(name, 0), abs=5), name


def test_link__golden_untrained(files):
    """Rules alone: nothing is learned, so nothing may differ."""
    got = "\n".join(files["untrained.jsonl"].read_text(encoding="utf-8").split("\n")[:40]) + "\n"
    lines, expected = got.split("\n"), compare(GOLDEN / "untrained.jsonl", got).split("\n")
    assert len(lines) == len(expected)
    for line, wanted in zip(lines[:-1], expected[:-1], strict=True):
        row, other = json.loads(line), json.loads(wanted)
        assert row["text"] == other["text"]
        mentions = [[(m["offset"], m["mention"], m["kb_id"]) for m in r["mention_data"]] for r in (row, other)]
        assert mentions[0] == mentions[1]
        for m, o in zip(row["mention_data"], other["mention_data"], strict=True):
            assert m["score"] == pytest.approx(o["score"], abs=2e-4)


def test_link__knowledge_base_has_all_names_of_gold(run, files):
    options = ["--kb", files["sample.kb"], "--by-type", "-f", "json"]
    report = json.loads(run("link", "eval", DATA / "sample_test.jsonl", files["linked.jsonl"], *options))
    assert {"Organization", "Person", "NIL"} <= report["by_type"].keys()
    assert report["coverage"] == {"entities": 1.0, "names": 1.0}
    assert report["hits"]["candidate_recall"] >= 0.99


@pytest.mark.parametrize("side", ["linked.jsonl", "untrained.jsonl"])
def test_link__mentions_stand_at_their_offsets(files, side):
    lines = files[side].read_text(encoding="utf-8").split("\n")[:-1]
    gold = [json.loads(line) for line in (DATA / "sample_test.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    assert len(lines) == len(gold)
    n_astral = 0
    for line, expected in zip(map(json.loads, lines), gold, strict=True):
        assert (line["text_id"], line["text"]) == (expected["text_id"], expected["text"])
        stop = 0
        for mention in line["mention_data"]:
            assert line["text"].startswith(mention["mention"], mention["offset"])
            assert mention["offset"] >= stop  # in order and without overlap
            stop = mention["offset"] + len(mention["mention"])
            assert 0 <= mention["score"] <= 1
            assert all(0 <= score <= 1 for _, score in mention["candidates"])
            n_astral += any(ord(c) > 0xFFFF for c in line["text"][: mention["offset"]])
    assert n_astral > 0


def test_link__ccks_strings_and_nil_dropped(run, files):
    options = ["-m", files["sample.linker"], DATA / "sample_test.jsonl", "--ccks", "--nil", "drop", "-q"]
    rows = [json.loads(line) for line in run("link", "run", files["sample.kb"], *options).split("\n")[:-1]]
    mentions = [mention for row in rows for mention in row["mention_data"]]
    assert mentions and all(list(mention) == ["kb_id", "mention", "offset"] for mention in mentions)
    assert all(isinstance(value, str) for mention in mentions for value in mention.values())
    assert all(mention["kb_id"] != "NIL" for mention in mentions)


def test_link__nested_mentions_lie_inside_of_others(run, files):
    spans = []
    for overlap in ("none", "nested"):
        options = ["-m", files["sample.linker"], DATA / "sample_test.jsonl", "--overlap", overlap, "-q"]
        rows = [json.loads(line) for line in run("link", "run", files["sample.kb"], *options).split("\n")[:-1]]
        found = [
            (i, m["offset"], m["offset"] + len(m["mention"])) for i, r in enumerate(rows) for m in r["mention_data"]
        ]
        assert found == sorted(found)
        spans.append(set(found))
    outer, both = spans
    assert outer < both
    for i, start, stop in both - outer:
        assert any(i == j and low <= start and stop <= high for j, low, high in outer)


def test_link__terms_without_context(invoke, run, tmp_path):
    """Two columns of codes and terms in, labelled terms with several answers, and new terms coded."""
    codes = {"A1": "急性上呼吸道感染", "A2": "慢性胃炎", "B1": "高血压", "B2": "二型糖尿病", "C1": "胆囊结石"}
    (tmp_path / "codes.tsv").write_text("".join(f"{i}\t{name}\n" for i, name in codes.items()), encoding="utf-8")
    words = {"上感": "A1", "慢胃炎": "A2", "血压高": "B1", "糖尿病": "B2", "胆结石": "C1", "高血压合并糖尿病": "B1##B2"}
    with open(tmp_path / "terms.jsonl", "w", encoding="utf-8") as file:
        for text, answer in [(f"{word}{i}", answer) for i in range(20) for word, answer in words.items()]:
            mention = {"mention": text, "offset": 0, "kb_id": answer}
            file.write(json.dumps({"text_id": text, "text": text, "mention_data": [mention]}) + "\n")
    (tmp_path / "new.txt").write_text("血压高\n\n高血压合并糖尿病\n", encoding="utf-8")
    kb, model, line = tmp_path / "codes.kb", tmp_path / "terms.linker", ("--mentions", "line")
    run("kb", "build", tmp_path / "codes.tsv", "-o", kb, "--no-dict", "-q")
    run("link", "train", kb, tmp_path / "terms.jsonl", "-o", model, *line, "-q")
    rows = [
        json.loads(row) for row in run("link", "run", kb, "-m", model, tmp_path / "new.txt", *line).split("\n")[:-1]
    ]
    answers = [[set(m["kb_id"].split("##")) for m in row["mention_data"]] for row in rows]
    assert answers == [[{"B1"}], [], [{"B1", "B2"}]]
    linked = run("link", "run", kb, "-m", model, tmp_path / "terms.jsonl", *line, "--candidates", "9", "-q")
    (tmp_path / "linked.jsonl").write_text(linked, encoding="utf-8")
    report = json.loads(run("link", "eval", tmp_path / "terms.jsonl", tmp_path / "linked.jsonl", "-f", "json"))
    assert report["link"]["gold"] == 20 * 7
    assert report["link"]["f1"] > 0.9
    assert report["hits"]["candidate_recall"] == 1
    got = invoke("link", "run", kb, "-m", model, tmp_path / "new.txt")
    assert got.code == 2 and "--mentions line" in got.stderr


def test_link__golden_links(files):
    lines = files["linked.jsonl"].read_text(encoding="utf-8").split("\n")[:60]
    expected = compare(GOLDEN / "linked.jsonl", "\n".join(lines) + "\n").split("\n")[:-1]
    n_same = 0
    for line, wanted in zip(lines, expected, strict=True):
        got, wanted = json.loads(line), json.loads(wanted)
        assert (got["text_id"], got["text"]) == (wanted["text_id"], wanted["text"])
        answers = [{(m["offset"], m["mention"], m["kb_id"]) for m in row["mention_data"]} for row in (got, wanted)]
        n_same += answers[0] == answers[1]
    assert n_same >= 0.95 * len(expected)


def test_link__every_error_has_a_cause(run, files):
    test = DATA / "sample_test.jsonl"
    rows = run("link", "errors", test, files["linked.jsonl"], "--kb", files["sample.kb"], "-f", "jsonl", "-q")
    errors = [json.loads(line) for line in rows.split("\n")[:-1]]
    assert errors and all(error["cause"] for error in errors)
    report = json.loads(run("link", "eval", test, files["linked.jsonl"], "-f", "json"))
    figures = report["all"]
    n_gold = sum(error["gold"] is not None for error in errors)
    n_system = sum(error["system"] is not None for error in errors)
    assert n_gold == figures["gold"] - figures["correct"]
    assert n_system == figures["system"] - figures["correct"]
