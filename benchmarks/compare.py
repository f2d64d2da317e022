"""Two files of speed records in, ratios of time and memory out; refuses to compare different results.

    python benchmarks/compare.py before.jsonl after.jsonl

Exit 1 if any two records of the same work have different outputs, or if there is nothing to compare.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path

import runs

KEY = ("task", "stage", "method", "corpus", "n_bytes", "threads", "max_order", "memory")
BENCHMARKS = ("newwords_speed", "counting")
HEADER = ("work", "corpus", "MB", "threads", "before s", "after s", "ratio", "memory")

Records = dict[tuple, list[dict]]


def read_records(path: Path) -> Records:
    """Records of the same work together, in order of appearance."""
    grouped: Records = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            record = json.loads(line)
            if record.get("benchmark") in BENCHMARKS and "seconds" in record:
                grouped.setdefault(tuple(record.get(name) for name in KEY), []).append(record)
    return grouped


def find_differences(before: Records, after: Records) -> list[tuple]:
    """Keys of the work whose outputs differ, between the files or within one."""
    return [key for key in before if key in after and len(digests(before[key]) | digests(after[key])) > 1]


def digests(records: Sequence[dict]) -> set[str]:
    return {record["digest"] for record in records if "digest" in record}


def compare(key: tuple, before: Sequence[dict], after: Sequence[dict]) -> tuple:
    """A row: medians of the seconds, their ratio (below 1 is faster), the ratio of the peaks of memory."""
    seconds = [statistics.median(record["seconds"] for record in records) for records in (before, after)]
    peaks = [max(record.get("peak_bytes", 0) for record in records) for records in (before, after)]
    return (
        describe(key),
        key[KEY.index("corpus")],
        f"{key[KEY.index('n_bytes')] / 1e6:.1f}",
        key[KEY.index("threads")],
        *seconds,
        seconds[1] / seconds[0] if seconds[0] else None,
        peaks[1] / peaks[0] if peaks[0] else None,
    )


def describe(key: tuple) -> str:
    task, stage, method, *_, max_order, memory = key
    return " ".join(str(part) for part in (task, stage, method, max_order and f"order {max_order}", memory) if part)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the records of two runs of newwords_speed.py.")
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    arguments = parser.parse_args()
    before, after = read_records(arguments.before), read_records(arguments.after)
    differing = find_differences(before, after)
    rows = [compare(key, before[key], after[key]) for key in before if key in after and key not in differing]
    if rows:
        runs.print_table(HEADER, rows)
    for key in differing:
        runs.report(f"{describe(key)}, {key[4]:,} bytes, {key[5]} threads: different outputs, not compared")
    if not rows and not differing:
        runs.report("the two files have no work in common")
    if differing or not rows:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
