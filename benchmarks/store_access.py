"""How fast a store of n-grams answers: opened for the first time, and asked for a million words at once."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import numpy as np
import processes
import runs  # noqa: F401  (finds cnmine)

from cnmine.newwords.dictionary import load_dictionary

N_WORDS = 1_000_000
OPENINGS, BATCHES = 5, 3
FIRST_WORD = "中国"


def read_settings(store: Path) -> dict:
    """What is written in a store about itself."""
    from cnmine.ngrams.lookup import open_ngrams

    with open_ngrams(str(store)) as ngrams:
        return dict(ngrams.settings)


def measure_opening(store: Path, small: Path) -> dict[str, float]:
    """Median seconds from the call of `open_ngrams` to the count of a first word, each time in a new process.

    The libraries are imported before. Cold: the system was told to drop the pages of the file. "First of all": with
    the loading of the compiled kernels, which each process does once; for the others a look into a small store has
    done that.
    """
    found = {}
    for state, before in (("open, cold", small), ("open, warm", small), ("open, first of all", None)):
        seconds = []
        for _ in range(OPENINGS):
            if state == "open, cold":
                drop_pages(store)
            seconds.append(processes.run_apart(open_store_once, store, before))
        found[state] = statistics.median(seconds)
    return found


def drop_pages(path: Path) -> None:
    """Have the system forget what it keeps of a file in memory; does nothing where it cannot be asked to."""
    if hasattr(os, "posix_fadvise"):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def open_store_once(store: Path, before: Path | None) -> float:
    from cnmine.ngrams.lookup import open_ngrams

    if before is not None:
        with open_ngrams(str(before)) as ngrams:
            ngrams.counts([FIRST_WORD])
    started = time.perf_counter()
    with open_ngrams(str(store)) as ngrams:
        ngrams.counts([FIRST_WORD])
        return time.perf_counter() - started


def write_words(text: Path, target: Path) -> None:
    """A million words to look up, one a line, shuffled: half out of jieba's dictionary, half stretches of the text."""
    generator = np.random.default_rng(0)
    known = sorted(load_dictionary())
    words = [known[i] for i in generator.integers(0, len(known), N_WORDS // 2)]
    size = text.stat().st_size
    with open(text, "rb") as file:
        for start in generator.integers(0, max(size - 4096, 1), N_WORDS // 2000):
            file.seek(int(start))
            characters = file.read(4096).decode("utf-8", errors="ignore").replace("\n", "，")
            starts = generator.integers(0, max(len(characters) - 4, 1), 1000)
            lengths = generator.integers(1, 5, 1000)
            words += [characters[i : i + n] for i, n in zip(starts.tolist(), lengths.tolist(), strict=True)]
    order = generator.permutation(len(words))
    with open(target, "w", encoding="utf-8", newline="\n") as out:
        out.writelines(f"{words[i]}\n" for i in order)


def measure_batch(store: Path, words: Path, threads: int) -> tuple[float, int]:
    """Median seconds of counting all words of a list in one call, kernels and pages warm; how many occur."""
    from cnmine.ngrams.lookup import open_ngrams

    asked = words.read_text(encoding="utf-8").split("\n")[:-1]
    seconds = []
    with open_ngrams(str(store)) as ngrams:
        ngrams.counts(asked[:1000], threads=threads)
        for _ in range(BATCHES):
            started = time.perf_counter()
            counts = ngrams.counts(asked, threads=threads)
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds), int((counts > 0).sum())
