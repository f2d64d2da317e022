"""Data sets with gold words in; a corpus, its n-grams and the words to be found out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import corpora
import runs

from cnmine.counting.corpus import Corpus, read_corpus
from cnmine.counting.counter import count_ngrams
from cnmine.counting.table import NgramTable
from cnmine.evaluation.newwords import GoldWords, gold_from_counts, gold_word_counts, is_candidate
from cnmine.evaluation.reading import read_lines
from cnmine.evaluation.segmentation import split_words
from cnmine.io.paths import find_sources
from cnmine.newwords.candidates import Texts, find_known_rows
from cnmine.newwords.dictionary import load_dictionary

MIN_COUNT = 5
MAX_LEN = 6
TASKS = ("new", "all", "hidden-half")


@dataclass(frozen=True)
class GoldSet:
    """A data set before anything of it is read.

    Attributes
    ----------
    name
        As in ``--sets``.
    text
        Segmented lines if there are no ``lists``, else plain text.
    lists
        Files of gold words.
    tasks
        What it can measure: a list of nothing but new words says nothing about the others.
    """

    name: str
    text: Path
    lists: tuple[Path, ...] = ()
    tasks: tuple[str, ...] = TASKS

    def missing(self) -> list[Path]:
        return [path for path in (self.text, *self.lists) if not path.is_file()]


@dataclass
class Task:
    """A data set ready to be measured."""

    name: str
    tasks: tuple[str, ...]
    path: Path
    corpus: Corpus
    table: NgramTable
    gold: GoldWords


def list_sets(data: Path) -> list[GoldSet]:
    """All sets in the order in which they are measured."""
    seg, texts, words = data / "seg", data / "corpora", data / "words"
    sample = runs.ROOT / "data"
    general = (words / "general_core.txt", words / "chengyu.txt")
    return [
        GoldSet("sample", sample / "sample.txt", (sample / "sample_gold.txt",), ("new",)),
        GoldSet("zhuxian", seg / "zhuxian.seg.utf8"),
        GoldSet("gsd", seg / "zh_gsd-ud-train.v1-old.seg.utf8"),
        GoldSet("msr", seg / "liweitj47_msr_dev.seg.utf8"),
        GoldSet("pku", seg / "liweitj47_pku_dev.seg.utf8"),
        GoldSet("pfr199802", seg / "pfr199802_seg.utf8.xz"),
        GoldSet("law", texts / "law_statutes.txt.xz", (words / "law.txt", words / "THUOCL_law.txt")),
        GoldSet("it", texts / "it_lctt.txt.xz", (words / "it.txt", words / "THUOCL_IT.txt")),
        GoldSet("weibo", texts / "weibo_hotsearch_2020_2022.txt.xz", general),
    ]


def choose_sets(data: Path, names: list[str] | None) -> list[GoldSet]:
    """The sets that are asked for and present; says which ones are passed over and why."""
    known = {gold_set.name: gold_set for gold_set in list_sets(data)}
    if unknown := [name for name in names or [] if name not in known]:
        raise SystemExit(f"unknown set {unknown[0]}; choose from {', '.join(known)}")
    chosen = [known[name] for name in names] if names else list(known.values())
    present = []
    for gold_set in chosen:
        if missing := gold_set.missing():
            runs.report(f"{gold_set.name}: skipped, {missing[0].name} is not in the folder of --data")
        else:
            present.append(gold_set)
    return present


def prepare(gold_set: GoldSet, folder: Path, *, max_bytes: int | None, threads: int) -> Task:
    """Write the text without gold into ``folder``, read it as any corpus, and find the words to be found."""
    path = folder / f"{gold_set.name}.txt"
    if gold_set.lists:
        with open(path, "wb") as out:
            corpora.write_cut(out, corpora.read_pieces(gold_set.text), max_bytes or 1 << 62)
    else:
        segmented = list(_cut_lines(read_lines(gold_set.text), max_bytes))
        path.write_text("".join(map(strip_gold, segmented)), encoding="utf-8", newline="\n")
    corpus = read_corpus(find_sources([str(path)]), threads=threads)
    table = count_ngrams(corpus.units, max_order=MAX_LEN, min_count=MIN_COUNT, threads=threads)
    if gold_set.lists:
        gold = find_listed(corpus, table, gold_set.lists)
    else:
        gold = gold_from_counts(gold_word_counts(segmented), min_count=MIN_COUNT)
    return Task(gold_set.name, gold_set.tasks, path, corpus, table, gold)


def strip_gold(segmented_line: str) -> str:
    """The plain line behind a segmented one."""
    return "".join(split_words(segmented_line)) + "\n"


def find_listed(corpus: Corpus, table: NgramTable, lists: tuple[Path, ...]) -> GoldWords:
    """The words of the lists that are frequent in the corpus: only these can be found."""
    is_listed = find_known_rows(corpus, table, load_dictionary(lists))
    rows = is_listed.nonzero()[0]
    return GoldWords(frozenset(filter(is_candidate, Texts(corpus, table, rows))))


def _cut_lines(lines: Iterator[str], max_bytes: int | None) -> Iterator[str]:
    """Lines until the text without gold has ``max_bytes``."""
    n_bytes = 0
    for line in lines:
        n_bytes += len(strip_gold(line).encode())
        if max_bytes is not None and n_bytes > max_bytes:
            return
        yield line
