"""Seconds of every stage of ``discover_words`` on one file, in one process with warm kernels.

    python benchmarks/stages.py FILE --threads 2

Writes one JSON object with a record for every stage; newwords_speed.py runs it. The stages of the discovery
are the library functions that `discover_words` calls: each is timed where it is called, so that the stages
are what really runs, whatever it is.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import json
import resource
import statistics
import sys
import time
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import corpora
import naive_counter
import numpy as np
import runs  # noqa: F401  (finds cnmine)

from cnmine.counting.corpus import Corpus, read_corpus
from cnmine.counting.table import NgramTable
from cnmine.dtypes import N_BOUNDARIES
from cnmine.io.paths import find_sources
from cnmine.newwords import discovery, learner
from cnmine.newwords.cutting import cut_words
from cnmine.newwords.dictionary import load_dictionary

MIN_COUNT = 5
MAX_LEN = 6
SORT_REPEATS = 3
PLUMBING = ("put", "release_pages", "sigmoid", "steps", "take", "trim_heap")  # of no interest by themselves


class Timer:
    """Runs stages and keeps their seconds and the digests of what they return; stages may call stages."""

    def __init__(self) -> None:
        self.records: dict[str, dict] = {}
        self._paused = np.zeros(2)

    def run(self, stage: str, work: Callable[[], Any], digest: Callable[[Any], str] | None = None) -> Any:
        """The result of ``work``. The digest is taken outside of the time; a repeated stage adds up."""
        paused, started = self._paused.copy(), self._now()
        result = work()
        seconds, cpu_seconds = self._now() - started - (self._paused - paused)
        digesting = self._now()
        record = self.records.setdefault(stage, {"stage": stage, "seconds": 0.0, "cpu_seconds": 0.0, "digest": ""})
        record["seconds"] = round(record["seconds"] + float(seconds), 4)
        record["cpu_seconds"] = round(record["cpu_seconds"] + float(cpu_seconds), 4)
        record["peak_bytes"] = peak_bytes()
        record["digest"] = digest_texts([record["digest"], (digest or digest_any)(result)])
        self._paused += self._now() - digesting
        return result

    @staticmethod
    def _now() -> np.ndarray:
        return np.array([time.perf_counter(), time.process_time()])


@contextmanager
def timed_calls(module: types.ModuleType, timer: Timer) -> Iterator[None]:
    """Time every function that a module has imported from elsewhere, under its own name."""

    def wrap(name: str, function: Callable) -> Callable:
        @functools.wraps(function)
        def call(*positional: Any, **named: Any) -> Any:
            return timer.run(name, lambda: function(*positional, **named))

        return call

    imported = {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, types.FunctionType)
        and value.__module__.startswith("cnmine.")
        and value.__module__ != module.__name__
        and name not in PLUMBING
    }
    try:
        for name, function in imported.items():
            setattr(module, name, wrap(name, function))
        yield
    finally:
        for name, function in imported.items():
            setattr(module, name, function)


def time_stages(path: Path, threads: int, timer: Timer, *, with_naive: bool) -> Corpus:
    """Run all stages on one file."""
    dictionary = timer.run("load_dictionary", load_dictionary, lambda words: digest_texts(sorted(words)))
    corpus = timer.run(
        "read_corpus",
        lambda: read_corpus(find_sources([str(path)]), threads=threads),
        lambda corpus: digest_array(corpus.units),
    )
    time_sort(len(corpus.units), timer)
    with timed_calls(discovery, timer), timed_calls(learner, timer):
        found = timer.run(
            "discover_words",
            lambda: discovery.discover_words(
                corpus, dictionary=dictionary, min_count=MIN_COUNT, max_len=MAX_LEN, threads=threads
            ),
            digest_words,
        )
    timer.run("cut_words", lambda: cut_words(corpus, found.table, threads=threads), digest_pairs)
    if with_naive:
        naive = timer.run(
            "count_naively",
            lambda: naive_counter.count_naively(corpus.units, max_order=MAX_LEN, min_count=MIN_COUNT),
            lambda counts: str(len(counts)),
        )
        check_naive(naive, found.table)
    return corpus


def time_sort(n_keys: int, timer: Timer) -> None:
    """The yardstick: NumPy's sort of as many random 64-bit keys as the corpus has units; median of three."""
    keys = np.random.default_rng(0).integers(0, 1 << 63, n_keys, dtype=np.uint64)
    records = []
    for _ in range(SORT_REPEATS):
        single, scratch = Timer(), keys.copy()
        single.run("np.sort", scratch.sort, lambda _: str(n_keys))
        records.append(single.records["np.sort"])
    medians = {name: statistics.median(record[name] for record in records) for name in ("seconds", "cpu_seconds")}
    timer.records["np.sort"] = records[-1] | medians


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


def digest_any(result: Any) -> str:
    """Of all arrays in what a stage returns."""
    if isinstance(result, np.ndarray):
        return digest_array(result)
    if dataclasses.is_dataclass(result):
        result = vars(result)
    if isinstance(result, Mapping):
        return digest_texts(f"{name} {digest_any(value)}" for name, value in result.items())
    if isinstance(result, tuple | list):
        return digest_texts(map(digest_any, result))
    return digest_texts([str(result)]) if isinstance(result, int | float | str | None) else ""


def digest_pairs(pairs: list[tuple[str, int]]) -> str:
    return digest_texts(f"{word} {count}" for word, count in pairs)


def digest_words(found: discovery.WordTable) -> str:
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
    print(json.dumps({"sizes": sizes, "stages": list(timer.records.values())}))


if __name__ == "__main__":
    main()
