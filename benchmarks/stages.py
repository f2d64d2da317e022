"""Seconds of every stage of ``discover_words`` on one file, in one process with warm kernels.

    python benchmarks/stages.py FILE --threads 2

Writes one JSON object with a record for every stage; newwords_speed.py runs it, because the peak memory of
a process can only be measured from outside. The stages call the same functions in the same order as
`discover_words`, which is timed as a whole as well.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import corpora
import naive_counter
import numpy as np
import runs  # noqa: F401  (finds cnmine)

from cnmine.counting.corpus import Corpus, read_corpus
from cnmine.counting.counter import count_ngrams
from cnmine.counting.table import NgramTable
from cnmine.dtypes import N_BOUNDARIES
from cnmine.io.paths import find_sources
from cnmine.newwords.candidates import find_candidates, find_known_rows
from cnmine.newwords.cutting import cut_words
from cnmine.newwords.dictionary import load_dictionary
from cnmine.newwords.discovery import MIN_GUESS, WordTable, discover_words
from cnmine.newwords.features import measure_candidates, reading_features
from cnmine.newwords.unigram import read_candidates
from cnmine.newwords.wordhood import guess_words, judge_words

MIN_COUNT = 5
MAX_LEN = 6
SORT_REPEATS = 3


class Timer:
    """Runs stages and keeps their seconds and the digests of what they return."""

    def __init__(self) -> None:
        self.records: list[dict] = []

    def run(self, stage: str, work: Callable[[], Any], digest: Callable[[Any], str] = lambda result: "") -> Any:
        """The result of ``work``; the digest is taken outside of the time."""
        started, cpu = time.perf_counter(), time.process_time()
        result = work()
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
        self.records.append(
            {
                "stage": stage,
                "seconds": round(seconds, 4),
                "cpu_seconds": round(cpu_seconds, 4),
                "peak_bytes": peak_bytes(),
                "digest": digest(result),
            }
        )
        return result


def time_stages(path: Path, threads: int, timer: Timer, *, with_naive: bool) -> Corpus:
    """Run all stages on one file."""
    dictionary = timer.run("load dictionary", load_dictionary, lambda words: digest_texts(sorted(words)))
    corpus = timer.run("read", lambda: read_corpus(find_sources([str(path)]), threads=threads), digest_corpus)
    timer.run(
        "discover",
        lambda: discover_words(corpus, dictionary=dictionary, min_count=MIN_COUNT, max_len=MAX_LEN, threads=threads),
        digest_words,
    )
    time_sort(len(corpus.units), timer)
    table = timer.run(
        "count",
        lambda: count_ngrams(corpus.units, max_order=MAX_LEN, min_count=MIN_COUNT, threads=threads),
        digest_table,
    )
    time_ranking(corpus, table, dictionary, threads, timer)
    timer.run("cut", lambda: cut_words(corpus, table, threads=threads), digest_pairs)
    if with_naive:
        naive = timer.run(
            "count naively",
            lambda: naive_counter.count_naively(corpus.units, max_order=MAX_LEN, min_count=MIN_COUNT),
        )
        check_naive(naive, table)
    return corpus


def time_ranking(corpus: Corpus, table: NgramTable, dictionary: frozenset[str], threads: int, timer: Timer) -> None:
    """From the table to the scores, as in `discover_words`."""
    rows = timer.run("candidates", lambda: find_candidates(corpus, table, max_len=MAX_LEN), digest_array)
    is_known = timer.run("dictionary", lambda: find_known_rows(corpus, table, dictionary)[rows], digest_array)
    features = timer.run("features", lambda: measure_candidates(table, rows), digest_columns)
    guesses = timer.run("guess", lambda: guess_words(features, is_known), digest_array)
    likely = np.flatnonzero(guesses > MIN_GUESS)
    readings = timer.run(
        "read candidates",
        lambda: read_candidates(corpus.units, table, rows[likely], guesses[likely], threads=threads),
        lambda result: digest_columns(reading_features(result)),
    )
    chosen = {name: column[likely] for name, column in features.items()} | reading_features(readings)
    timer.run("judge", lambda: judge_words(chosen, is_known[likely]), digest_array)


def time_sort(n_keys: int, timer: Timer) -> None:
    """The yardstick: NumPy's sort of as many random 64-bit keys as the corpus has units; median of three."""
    keys = np.random.default_rng(0).integers(0, 1 << 63, n_keys, dtype=np.uint64)
    single = Timer()
    for _ in range(SORT_REPEATS):
        scratch = keys.copy()
        single.run("sort", scratch.sort)
    timer.records.append(
        {name: statistics.median(record[name] for record in single.records) for name in ("seconds", "cpu_seconds")}
        | {"stage": "sort", "peak_bytes": peak_bytes(), "digest": str(n_keys)}
    )


def peak_bytes() -> int:
    """Most memory that this process has had so far, in this stage or an earlier one."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * (1 if sys.platform == "darwin" else 1024)


def check_naive(naive: dict[str, tuple[int, int, int]], table: NgramTable) -> None:
    """The plain way must find the same n-grams, counts and neighbours; otherwise the times say nothing."""
    units = table.units_of(np.arange(len(table))).astype("<u4") + naive_counter.SHIFT
    padding = chr(naive_counter.SHIFT)
    texts = (row.tobytes().decode("utf-32-le").rstrip(padding) for row in units)
    figures = zip(table.counts.tolist(), table.left[:, 0].tolist(), table.right[:, 0].tolist(), strict=True)
    if naive != dict(zip(texts, figures, strict=True)):
        raise SystemExit("the naive counter and cnmine disagree")


def digest_array(array: np.ndarray) -> str:
    """Of the bytes; floats to six digits, because the last ones depend on the processor."""
    rounded = np.round(array, 6) + 0.0 if array.dtype.kind == "f" else array
    return hashlib.sha256(np.ascontiguousarray(rounded).tobytes()).hexdigest()


def digest_columns(columns: dict[str, np.ndarray]) -> str:
    return digest_texts(f"{name} {digest_array(column)}" for name, column in columns.items())


def digest_corpus(corpus: Corpus) -> str:
    return digest_array(corpus.units)


def digest_table(table: NgramTable) -> str:
    return digest_columns({name: getattr(table, name) for name in ("parents", "last_units", "counts", "left", "right")})


def digest_pairs(pairs: list[tuple[str, int]]) -> str:
    return digest_texts(f"{word} {count}" for word, count in pairs)


def digest_words(found: WordTable) -> str:
    rows = zip(found.words, found.scores.tolist(), found.counts.tolist(), strict=True)
    return digest_texts(f"{word} {score:.6f} {count}" for word, score, count in rows)


def digest_texts(texts: Iterable[str]) -> str:
    total = hashlib.sha256()
    for text in texts:
        total.update(text.encode() + b"\n")
    return total.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the stages of the discovery of new words.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--naive", action="store_true", help="also count with Python's dictionaries, and compare")
    arguments = parser.parse_args()
    # The first call of a kernel loads it, the first fit loads scikit-learn: not what is measured.
    time_stages(corpora.SAMPLE, arguments.threads, Timer(), with_naive=False)
    timer = Timer()
    corpus = time_stages(arguments.file, arguments.threads, timer, with_naive=arguments.naive)
    sizes = {
        "n_bytes": corpus.n_bytes,
        "n_characters": corpus.n_characters,
        "n_units": int(np.count_nonzero(corpus.units >= N_BOUNDARIES)),
        "n_keys": len(corpus.units),
    }
    print(json.dumps({"sizes": sizes, "stages": timer.records}))


if __name__ == "__main__":
    main()
