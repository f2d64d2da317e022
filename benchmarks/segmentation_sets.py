"""Segmented texts and raw ones for the benchmarks of segmentation."""

from __future__ import annotations

import lzma
import re
from functools import cache
from pathlib import Path

SPACE = re.compile("[ \t\r\n\f\v\u3000]+")
GOLD = {
    "february": "seg/pfr199802_seg.utf8.xz",
    "pku": "seg/liweitj47_pku_dev.seg.utf8",
    "msr": "seg/liweitj47_msr_dev.seg.utf8",
    "gsd": "seg/zh_gsd-ud-train.v1-old.seg.utf8",
    "gsd-dev": "seg/zh_gsd-ud-dev.seg.utf8",
    "gsd-simplified": "seg/zh_gsdsimp-ud-dev.seg.utf8",
    "zhuxian": "seg/zhuxian.seg.utf8",
}
# A line of so many is taken.
RAW = {
    "weibo": ("corpora/weibo_hotsearch_2020_2022.txt.xz", 1),
    "law": ("corpora/law_statutes.txt.xz", 6),
    "it": ("corpora/it_lctt.txt.xz", 6),
}


def read_gold(name: str, data: Path) -> list[list[str]]:
    """Words of every line."""
    return [[word for word in SPACE.split(line) if word] for line in _read_lines(data / GOLD[name])]


def read_raw(name: str, data: Path) -> list[str]:
    """Lines without gold: segmented ones with their blanks taken away."""
    if name in GOLD:
        return ["".join(words) for words in read_gold(name, data)]
    path, step = RAW[name]
    return [SPACE.sub("\u3000", line) for line in _read_lines(data / path)[::step]]


@cache
def _read_lines(path: Path) -> list[str]:
    """Lines without their ends; the last line end ends a line too."""
    data = path.read_bytes()
    if path.suffix == ".xz":
        data = lzma.decompress(data)
    return data.decode("utf-8").removesuffix("\n").split("\n")
