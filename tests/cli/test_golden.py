"""Whole outputs against files that were looked at once; CNMINE_REGOLD=1 writes them anew, to be read as a diff."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

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
    "all.tsv": ["--min-score", "0", "--all", "--top", "40"],
    "examples.jsonl": ["--examples", "2", "--top", "8", "--format", "jsonl"],
    "table.txt": ["--top", "10", "--format", "table"],
    "jieba.txt": ["--format", "jieba"],
    "cohesion.tsv": ["--method", "cohesion", "--top", "20"],
    "entropy.tsv": ["--method", "entropy", "--min-score", "1", "--top", "20"],
    "cut.tsv": ["--method", "cut"],
    "no_dict.tsv": ["--no-dict", "--top", "20"],
    "compat_2019.tsv": ["--compat-2019", "--min-count", "8", "--cut-thresholds", "0,1,2,3"],
}


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
    assert got.stdout == path.read_bytes().decode("utf-8")


def test_newwords__methods_are_those_of_the_library():
    from cnmine.cli.newwords import METHODS

    assert METHODS == discovery.METHODS
