"""Whole outputs against files that were looked at once; CNMINE_REGOLD=1 writes them anew, to be read as a diff."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from cnmine.counting import counter
from cnmine.newwords import discovery

GOLDEN = Path(__file__).parents[1] / "golden"
IS_REGOLD = os.environ.get("CNMINE_REGOLD") == "1"

NAMES = ["元宇宙", "区块链", "脑机接口", "碳中和", "预制菜", "5G手机", "直播带货", "数字孪生"]
PLACES = ["北京", "上海", "工厂", "学校", "公司", "市场", "医院", "乡村"]
PATTERNS = [
    "今年{place}的{name}发展很快。",
    "专家说，{name}会改变{place}的生活！",
    "我们在{place}看到了{name}，{name}很有意思。",
    "“{name}”这个词，{place}里人人都知道",
    "没有{name}，{place}怎么办？",
    "{place}正在研究{name}和{other}",
]

CASES = {
    "default.tsv": [],
    "all.tsv": ["--min-score", "0.3", "--all"],
    "examples.jsonl": ["--method", "entropy", "--examples", "2", "--format", "jsonl"],
    "table.txt": ["--method", "entropy", "--min-score", "2.9", "--format", "table"],
    "jieba.txt": ["--method", "cut", "--format", "jieba"],
    "cohesion.tsv": ["--method", "cohesion", "--min-score", "4.43"],
    "entropy.tsv": ["--method", "entropy", "--min-score", "2"],
    "cut.tsv": ["--method", "cut"],
    "no_dict.tsv": ["--no-dict", "--min-score", "0.7"],
    "compat_2019.tsv": ["--compat-2019", "--min-count", "8", "--cut-thresholds", "0,1,2,3"],
}


# What is learned may differ in the last digits between versions of scikit-learn, and with it the order of equals.
LEARNED = ("default.tsv", "all.tsv", "no_dict.tsv")
TOLERANCE = 0.02


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A few hundred sentences about things that the dictionary does not know."""
    source = random.Random(2019)
    lines = []
    for _ in range(600):
        name, other = source.sample(NAMES, k=2)
        lines.append(source.choice(PATTERNS).format(name=name, other=other, place=source.choice(PLACES)))
    path = tmp_path_factory.mktemp("golden") / "corpus.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("case", CASES)
def test_newwords__golden(invoke, corpus, case, threads):
    path = GOLDEN / "newwords" / case
    got = invoke("newwords", corpus, "--threads", threads, *CASES[case])
    assert got.code == 0, got.stderr
    if IS_REGOLD and threads == 1:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(got.stdout, encoding="utf-8", newline="\n")
    if not path.exists():
        pytest.skip("not written yet: CNMINE_REGOLD=1")
    expected = path.read_bytes().decode("utf-8")
    if case in LEARNED:
        assert_alike(got.stdout, expected)
    else:
        assert got.stdout == expected


def assert_alike(got: str, expected: str) -> None:
    """The same words and counts; scores, shares and order as near as learning allows."""
    (header, *rows), (expected_header, *expected_rows) = map(parse, (got, expected))
    assert header == expected_header
    found, wanted = ({row[0]: row for row in table} for table in (rows, expected_rows))
    assert found.keys() == wanted.keys()
    scores = [float(row[1]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    for word, row in wanted.items():
        for name, value, other in zip(header[1:], found[word][1:], row[1:], strict=True):
            if name in ("count", "known") or "" in (value, other):
                assert value == other, (word, name)
            else:
                assert float(value) == pytest.approx(float(other), abs=TOLERANCE), (word, name)


def parse(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.split("\n")[:-1]]


def test_newwords__methods_and_lengths_are_those_of_the_library():
    from cnmine.cli.newwords import MAX_LEN, METHODS

    assert METHODS == discovery.METHODS
    assert MAX_LEN == counter.MAX_ORDER
