"""``cnmine evaluate``: files in, figures out."""

from __future__ import annotations

import json

import pytest

GOLD = "区块链 很 好\n" * 6 + "发展 区块链\n" * 5 + "元宇宙 好\n"


@pytest.fixture
def files(tmp_path):
    gold, ranking, words = tmp_path / "gold.txt", tmp_path / "words.tsv", tmp_path / "dict.txt"
    gold.write_text(GOLD, encoding="utf-8")
    ranking.write_text("word\tscore\tcount\n区块链\t0.9\t11\n发展\t0.8\t5\n很好\t0.3\t6\n", encoding="utf-8")
    words.write_text("发展 3 v\n", encoding="utf-8")
    return gold, ranking, words


def test_evaluate_newwords__tasks_as_json(invoke, files):
    gold, ranking, words = files
    got = invoke("evaluate", "newwords", gold, ranking, "--dict", words, "-f", "json")
    assert (got.code, got.stderr) == (0, "")
    report = json.loads(got.stdout)
    assert list(report) == ["all", "new"]
    assert (report["all"]["n_relevant"], report["all"]["average_precision"]) == (2, 1.0)
    assert (report["new"]["n_relevant"], report["new"]["n_ranked"]) == (1, 2)


def test_evaluate_newwords__table_and_order_of_tasks(invoke, files):
    gold, ranking, words = files
    tasks = ["--task", "published", "--task", "hidden-half", "--task", "all"]
    got = invoke("evaluate", "newwords", gold, ranking, "--dict", words, *tasks, "--seed", "1")
    assert got.code == 0
    lines = got.stdout.split("\n")
    assert lines[0].split() == ["measure", "published", "hidden-half", "all"]
    assert any(line.startswith("f1 ") for line in lines)


def test_evaluate__variables_are_called_as_the_flags_are(invoke, files):
    gold, ranking, words = files
    env = {
        "CNMINE_EVALUATE_NEWWORDS_TASK": "new all",
        "CNMINE_EVALUATE_NEWWORDS_DICT": str(words),
        "CNMINE_EVALUATE_NEWWORDS_FORMAT": "json",
    }
    got = invoke("evaluate", "newwords", gold, ranking, env=env)
    assert got.code == 0
    assert list(json.loads(got.stdout)) == ["new", "all"]
    env = {"CNMINE_EVALUATE_SEGMENT_TOP": "1", "CNMINE_EVALUATE_SEGMENT_FORMAT": "json"}
    assert "confusions" in json.loads(invoke("evaluate", "segment", gold, gold, env=env).stdout)["segmentation"]
    env = {"CNMINE_EVALUATE_HIDE_HALF_DICT": str(words)}
    assert set(invoke("evaluate", "hide-half", env=env).stdout.split()) <= {"发展"}


def test_evaluate_newwords__published_says_what_it_lacks(invoke, files, tmp_path):
    gold, ranking, _ = files
    listed = tmp_path / "list.txt"
    listed.write_text("区块链\n", encoding="utf-8")
    got = invoke("evaluate", "newwords", listed, ranking, "--task", "published")
    assert (got.code, "needs a segmented text" in got.stderr) == (2, True)
    got = invoke("evaluate", "newwords", gold, listed, "--task", "published")
    assert (got.code, "needs a list with counts" in got.stderr) == (2, True)


def test_evaluate_newwords__failures(invoke, files, tmp_path):
    gold, ranking, words = files
    assert invoke("evaluate", "newwords", tmp_path / "none", ranking, "--no-dict").code == 3
    assert invoke("evaluate", "newwords", gold, ranking, "--dict", words, "--no-dict").code == 2
    assert invoke("evaluate", "newwords", gold).code == 2
    assert invoke("evaluate", "newwords", gold, ranking, "--no-dict", "-o", gold).code == 2


def test_evaluate_segment__with_training_words(invoke, files, tmp_path):
    gold, _, words = files
    system = tmp_path / "system.txt"
    system.write_text(GOLD.replace("区块链", "区块 链"), encoding="utf-8")
    got = invoke("evaluate", "segment", gold, system, "--dict", words, "--format", "json", "--top", "1")
    report = json.loads(got.stdout)["segmentation"]
    assert report["gold_words"] == 30
    assert report["oov_words"] == 25
    assert report["confusions"] == [{"gold": "区块链", "system": "区块 链", "count": 11}]
    assert "recall" in invoke("evaluate", "segment", gold, system).stdout
    got = invoke("evaluate", "segment", gold, words)
    assert (got.code, got.stdout) == (3, "")


def test_evaluate_hide_half__splits_a_dictionary(invoke, tmp_path):
    words = [first + second for first in "天地人大小" for second in "山水火木金"]
    path, visible = tmp_path / "dict.txt", tmp_path / "visible.txt"
    path.write_text("\n".join(words), encoding="utf-8")
    assert invoke("evaluate", "hide-half", "--dict", path, "--seed", "1", "-o", visible).code == 0
    half = visible.read_text(encoding="utf-8").split()
    assert half == sorted(half)
    assert 5 < len(half) < 20
    assert invoke("evaluate", "hide-half", "--dict", path, "--seed", "2").stdout.split() != half
