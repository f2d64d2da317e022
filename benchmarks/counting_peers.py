"""What counting is compared with: KenLM, NumPy's sort, `sort | uniq -c`, Python's dictionaries."""

from __future__ import annotations

import collections
import itertools
import re
import shutil
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import processes

CACHE_KEYS = 1 << 16  # 512 kB: what a second-level cache holds
SORT_REPEATS = 3
PAIR_MAX_MB = 10.0  # of text for the plain ways
# The units of cnmine, near enough: Han characters, and runs of letters and digits.
_UNIT = re.compile("[A-Za-z0-9]+|[\u3005\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")


def space_text(source: Path, target: Path) -> None:
    """Write the units of every line with blanks between them, as KenLM takes text, and nothing else.

    Punctuation is left out: KenLM would count it as well, and count more than cnmine does.
    """
    with (
        open(source, encoding="utf-8", newline="\n") as lines,
        open(target, "w", encoding="utf-8", newline="\n") as out,
    ):
        for line in lines:
            if units := _UNIT.findall(line):
                out.write(" ".join(units) + "\n")


def run_kenlm(program: str, spaced: Path, order: int, memory: str, folder: Path) -> processes.Usage:
    """One of the two programs of KenLM on spaced text; what it makes is thrown away."""
    watched = folder / "kenlm"
    watched.mkdir()
    options = ["-o", str(order), "-S", memory, "-T", f"{watched}/"]
    if Path(program).name == "lmplz":
        options += ["--discount_fallback"]
    else:
        options += ["--write_vocab_list", str(folder / "vocabulary")]
    usage = processes.run_process([program, *options], stdin=spaced, discard=True, watched=watched)
    shutil.rmtree(watched)
    return usage


def sort_keys(n_keys: int, threads: int) -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds of NumPy's sort of random 64-bit keys.

    "np.sort in cache": in arrays that fit into it; "np.sort": in one for each thread.
    """
    keys = np.random.default_rng(0).integers(0, 1 << 63, n_keys, dtype=np.uint64)
    return {
        "np.sort in cache": _time_sort(keys, CACHE_KEYS, threads),
        "np.sort": _time_sort(keys, -(-n_keys // threads), threads),
    }


def _time_sort(keys: np.ndarray, n_together: int, threads: int) -> tuple[float, float]:
    """Medians of sorting all keys, so many together."""
    wall, cpu = [], []
    for _ in range(SORT_REPEATS):
        scratch = keys.copy()
        parts = [scratch[start : start + n_together] for start in range(0, len(keys), n_together)]
        with ThreadPoolExecutor(threads) as pool:
            started = time.perf_counter(), time.process_time()
            # Each thread has a stretch of the parts: a task for every part would measure the pool.
            stretches = [parts[i * len(parts) // threads : (i + 1) * len(parts) // threads] for i in range(threads)]
            list(pool.map(lambda stretch: [part.sort() for part in stretch], stretches))
            wall.append(time.perf_counter() - started[0])
            cpu.append(time.process_time() - started[1])
    return statistics.median(wall), statistics.median(cpu)


def count_with_dictionary(path: Path, order: int) -> tuple[float, float, int]:
    """Wall and CPU seconds, and the number of n-grams, of counting stretches of units with Python's dictionaries."""
    spans = re.findall(f"(?:{_UNIT.pattern})+", path.read_text(encoding="utf-8"))
    started = time.perf_counter(), time.process_time()
    counts: collections.Counter[str] = collections.Counter()
    for span in spans:
        for n in range(1, order + 1):
            counts.update(span[start : start + n] for start in range(len(span) - n + 1))
    return time.perf_counter() - started[0], time.process_time() - started[1], len(counts)


def write_pairs(source: Path, target: Path) -> None:
    """All pairs of units that stand side by side, one a line, for ``sort``."""
    with (
        open(source, encoding="utf-8", newline="\n") as lines,
        open(target, "w", encoding="utf-8", newline="\n") as out,
    ):
        for line in lines:
            for span in re.findall(f"(?:{_UNIT.pattern})+", line):
                units = _UNIT.findall(span)
                out.writelines(f"{a}{b}\n" for a, b in itertools.pairwise(units))


def sort_pairs(pairs: Path, threads: int, folder: Path) -> processes.Usage:
    """``sort | uniq -c`` of lines."""
    watched = folder / "sort"
    watched.mkdir()
    script = 'LC_ALL=C sort --parallel="$1" -T "$2" "$3" | uniq -c'
    command = ["sh", "-c", script, "sh", str(threads), str(watched), str(pairs)]
    usage = processes.run_process(command, discard=True, watched=watched)
    shutil.rmtree(watched)
    return usage
