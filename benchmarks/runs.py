"""What all benchmarks share: where the checkout is, on what a figure was measured, tables and JSON Lines.

Importing this module puts the checkout in front of the import path, so that the code beside the
benchmarks is measured and not an installed version.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = "../shared/data"
PACKAGES = ("numpy", "numba", "scikit-learn")
sys.path.insert(0, str(ROOT))


def describe_run() -> dict:
    """Commit, versions and hardware: what a figure is worth nothing without."""
    return {
        "commit": find_commit(),
        "python": platform.python_version(),
        **{package: find_version(package) for package in PACKAGES},
        "hardware": f"{os.cpu_count()} x {find_processor()}",
    }


def find_commit() -> str:
    """Short hash of the checkout, with a + behind it if ``cnmine/`` differs from it; empty outside a checkout."""
    commit = _run_git("rev-parse", "--short", "HEAD")
    return commit + "+" if commit and _run_git("status", "--porcelain", "--", "cnmine") else commit


def _run_git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def find_version(package: str) -> str:
    """Version of an installed package, or nothing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def find_processor() -> str:
    """Model of the processor as the system names it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n")
    except OSError:
        return platform.machine()
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """The options that every benchmark has."""
    parser.add_argument("--data", type=Path, default=ROOT / DATA, help=f"folder of the data sets (default {DATA})")
    parser.add_argument("--jsonl", type=Path, metavar="FILE", help="append one record a line to FILE")


class Recorder:
    """Adds the description of the run to records and appends them to a file.

    Parameters
    ----------
    benchmark
        Name of the script.
    path
        JSON Lines; None to keep the records in memory only.
    """

    def __init__(self, benchmark: str, path: Path | None) -> None:
        self.path = path
        self.shared = {"benchmark": benchmark, **describe_run()}
        self.records: list[dict] = []

    def add(self, record: dict) -> None:
        """Keep a record and append it to the file at once: a run that is stopped leaves what it has measured."""
        self.records.append(record)
        if self.path is not None:
            with open(self.path, "a", encoding="utf-8", newline="\n") as file:
                file.write(json.dumps(record | self.shared, ensure_ascii=False) + "\n")


def print_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns; numbers to the right, as everything but the first two columns is one."""
    texts = [list(header), *([format_cell(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for row in texts:
        cells = [
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip(), flush=True)


def format_cell(cell: object) -> str:
    """What was not measured is a dash; three digits for shares, fewer for large numbers."""
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:.3f}" if abs(cell) < 10 else f"{cell:.1f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def report(text: str) -> None:
    """A line on stderr: what is being done, or why something is left out."""
    print(text, file=sys.stderr, flush=True)
