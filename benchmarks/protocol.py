"""The published protocol: words found in news become the only dictionary of a segmenter, which is scored.

The original took 50,000 words from a news corpus that is not at hand (THUCNews) and segmented the PKU test
text of SIGHAN 2005. Here the words come from all news-like text of the data sets, and the gold is a cut of
the PKU training text. The text to be segmented, without its gold, is part of the corpus.

F is that of the gold as it is, like the published figures. The gold writes digits and letters in full width,
of which jieba makes a word each, whatever its dictionary holds; "F folded" is that of the same gold in half
width, in which jieba keeps numbers together. The two must not be mixed in a comparison.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import corpora
import runs

from cnmine.counting.corpus import Corpus, read_corpus
from cnmine.counting.counter import count_ngrams
from cnmine.evaluation.newwords import published_protocol
from cnmine.evaluation.reading import read_lines
from cnmine.evaluation.segmentation import split_words
from cnmine.io.paths import find_sources
from cnmine.newwords.compat2019 import discover_compat_2019
from cnmine.newwords.cutting import BACK_CHECKS, THRESHOLDS, cut_words

MIN_COUNT = 4
COMPAT_MIN_COUNTS = (4, 32)
GOLD = "seg/liweitj47_pku_dev.seg.utf8"
# People's Daily and other papers, encyclopedia entries; the first one is the text to be segmented.
NEWS = (
    GOLD,
    "seg/liweitj47_msr_dev.seg.utf8",
    "seg/pfr199802_seg.utf8.xz",
    "seg/zh_gsd-ud-train.v1-old.seg.utf8",
)
TITLES = "corpora/weibo_hotsearch_2020_2022.txt.xz"
LAW = "corpora/law_statutes.txt.xz"
TECHNOLOGY = "corpora/it_lctt.txt.xz"
# In this order up to the size of --protocol-mb; the last text is cut. There are no 47 MB of news at hand.
MIXTURES = {
    "news": NEWS,
    "news+titles": (*NEWS, TITLES),
    "news+titles+law": (*NEWS, TITLES, LAW),
    "news+titles+technology": (*NEWS, TITLES, TECHNOLOGY),
}
SIZE_MB = 47.0
HEADER = ("corpus", "method", "MB", "min_count", "words", "P", "R", "F", "F folded", "seconds")
# Full-width letters, digits and signs of ASCII.
FOLDED = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}

Words = list[tuple[str, int]]


def run(data: Path, size_mb: float, threads: int, recorder: runs.Recorder) -> None:
    """Measure all methods on all mixtures; prints a table and records every figure."""
    names = dict.fromkeys(name for mixture in MIXTURES.values() for name in mixture)
    if missing := [name for name in names if not (data / name).is_file()]:
        runs.report(f"published protocol: skipped, {missing[0]} is not in the folder of --data")
        return
    gold_lines = list(read_lines(data / GOLD))
    rows = []
    for mixture, texts in MIXTURES.items():
        runs.report(f"{mixture} …")
        with tempfile.TemporaryDirectory(prefix="cnmine-") as folder:
            paths = write_texts([data / text for text in texts], Path(folder), int(size_mb * 1e6))
            corpus = read_corpus(find_sources([str(path) for path in paths]), threads=threads)
            for method, min_count, find in list_methods(corpus, paths, threads):
                record = measure(find, corpus, gold_lines) | {"set": mixture, "method": method, "min_count": min_count}
                recorder.add({"task": "published"} | record)
                rows.append(table_row(record))
    runs.print_table(HEADER, rows)


def measure(find: Callable[[], Words], corpus: Corpus, gold_lines: list[str]) -> dict:
    """The figures of one method on one text."""
    started = time.perf_counter()
    words = find()
    seconds = round(time.perf_counter() - started, 3)
    score = published_protocol(words, gold_lines)
    folded = published_protocol(words, [line.translate(FOLDED) for line in gold_lines])
    return {
        "n_bytes": corpus.n_bytes,
        "n_characters": corpus.n_characters,
        "n_ranked": len(words),
        "precision": score.precision,
        "recall": score.recall,
        "f1": score.f1,
        "f1_folded": folded.f1,
        "seconds": seconds,
    }


def table_row(record: dict) -> tuple:
    shares = (record[name] for name in ("precision", "recall", "f1", "f1_folded"))
    size = f"{record['n_bytes'] / 1e6:.1f}"
    return record["set"], record["method"], size, record["min_count"], record["n_ranked"], *shares, record["seconds"]


def list_methods(corpus: Corpus, paths: list[Path], threads: int) -> Iterator[tuple[str, int, Callable[[], Words]]]:
    """(name, min_count, what finds the words) of everything that is compared; all count for themselves."""
    for back_check in BACK_CHECKS:
        yield f"cut {back_check}", MIN_COUNT, lambda back_check=back_check: cut_exactly(corpus, back_check, threads)
    for min_count in COMPAT_MIN_COUNTS:
        documents = (path.read_text(encoding="utf-8") for path in paths)
        yield (
            "compat-2019",
            min_count,
            lambda min_count=min_count, documents=documents: discover_compat_2019(
                documents, min_count=min_count, threads=threads
            ),
        )


def cut_exactly(corpus: Corpus, back_check: str, threads: int) -> Words:
    table = count_ngrams(corpus.units, max_order=len(THRESHOLDS), min_count=MIN_COUNT, threads=threads)
    return cut_words(corpus, table, back_check=back_check, threads=threads)


def write_texts(texts: list[Path], folder: Path, n_bytes: int) -> list[Path]:
    """Write texts without their gold, one file each, until ``n_bytes`` are reached."""
    paths = []
    for text in texts:
        path = folder / f"{len(paths)}.txt"
        with open(path, "wb") as out:
            n_bytes -= corpora.write_cut(out, plain_pieces(text), n_bytes)
        paths.append(path)
    return [path for path in paths if path.stat().st_size > 0]


def plain_pieces(path: Path) -> Iterator[bytes]:
    """A text as it is, or the text behind segmented lines."""
    if ".seg." not in path.name and "_seg." not in path.name:
        yield from corpora.read_pieces(path)
        return
    for line in read_lines(path):
        yield ("".join(split_words(line)) + "\n").encode()
