"""How fast new words are found: whole commands from outside, stages from inside.

    python benchmarks/newwords_speed.py --sizes 1 10 --jsonl speed.jsonl
    python benchmarks/newwords_speed.py --sizes 1 10 100 220 --threads 1 2 --jsonl speed.jsonl
    python benchmarks/newwords_speed.py --sizes 220 1000 --memory plenty 1G --methods distant --parts command

README.md says what the columns mean; compare.py compares two files of records.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

import corpora
import runs
from processes import launcher, run_apart, run_process

PARTS = ("help", "command", "stages")
# Whole commands that are measured, by the name of what they do. The last ones are there to compare with.
COMMANDS = {
    "distant": [],
    "cohesion": ["--method", "cohesion"],
    "entropy": ["--method", "entropy"],
    "cut": ["--method", "cut"],
    "compat-2019": ["--compat-2019"],
}
SHORT_REPEATS = 5  # of what takes a few seconds: the median counts
SHORT_MB = 1.0
NAIVE_MAX_MB = 10.0  # the plain counter needs about 10 s and 300 MB for every MB
SHORTEST_SECONDS = 0.005  # a rate of anything shorter says nothing
PLENTY = "plenty"
COMMAND_HEADER = ("task", "method", "MB", "memory", "threads", "wall s", "MB/s", "CPU s", "peak MB", "runs")
STAGE_HEADER = ("stage", "corpus", "MB", "threads", "seconds", "MB/s", "CPU s", "of sort", "peak MB")


def measure_command(command: Sequence[str], repeats: int, *, output: Path | None = None) -> dict:
    """Medians of several runs, and the digest of what they wrote, which must be the same every time."""
    usages, digests = [], set()
    for _ in range(repeats):
        usages.append(run_process(command))
        digests.add(hashlib.sha256(usages[-1].output if output is None else output.read_bytes()).hexdigest())
    if len(digests) > 1:
        raise SystemExit(f"{' '.join(command)}: {len(digests)} different outputs in {repeats} runs")
    return {
        "seconds": round(statistics.median(usage.seconds for usage in usages), 4),
        "cpu_seconds": round(statistics.median(usage.cpu_seconds for usage in usages), 4),
        "peak_bytes": max(usage.peak_bytes for usage in usages),
        "runs": repeats,
        "digest": digests.pop(),
    }


def measure_help() -> Iterator[dict]:
    """Start to end of ``cnmine --help``: what every command costs before it begins."""
    run_process([*launcher(), "--help"])
    shared = {"task": "help", "method": "", "corpus": "", "n_bytes": 0, "threads": 1}
    yield shared | measure_command([*launcher(), "--help"], SHORT_REPEATS)


def measure_commands(path: Path, corpus: str, arguments: argparse.Namespace) -> Iterator[dict]:
    """``cnmine newwords FILE`` with every method and number of threads."""
    n_bytes = path.stat().st_size
    repeats = arguments.repeats or (SHORT_REPEATS if n_bytes <= SHORT_MB * 1e6 else 1)
    output = path.with_suffix(".tsv")
    for method, memory, threads in product(arguments.methods, arguments.memory, arguments.threads):
        limit = [] if memory == PLENTY else ["--memory", memory]
        options = ["-o", str(output), "-q", "--threads", str(threads), *COMMANDS[method]]
        command = [*launcher(), "newwords", str(path), *options, *limit]
        warm_up(options)
        runs.report(f"{n_bytes / 1e6:.0f} MB, {method}, memory {memory}, {threads} threads …")
        yield {
            "task": "newwords",
            "method": method,
            "corpus": corpus,
            "n_bytes": n_bytes,
            "memory": None if memory == PLENTY else memory,
            "threads": threads,
        } | measure_command(command, repeats, output=output)


def warm_up(options: Sequence[str]) -> None:
    """A run that is thrown away: afterwards all kernels lie compiled in the cache."""
    run_process([*launcher(), "newwords", str(corpora.SAMPLE), *options])


def measure_stages(path: Path, corpus: str, arguments: argparse.Namespace) -> Iterator[dict]:
    """A record for every stage of the default method, from a process of its own."""
    script = str(Path(__file__).with_name("stages.py"))
    for threads in arguments.threads:
        is_naive = path.stat().st_size <= NAIVE_MAX_MB * 1e6 and threads == min(arguments.threads)
        runs.report(f"{path.stat().st_size / 1e6:.0f} MB, stages, {threads} threads …")
        usage = run_process([sys.executable, script, str(path), "--threads", str(threads), *["--naive"] * is_naive])
        found = json.loads(usage.output)
        shared = {"task": "stage", "corpus": corpus, "threads": threads} | found["sizes"]
        sort_seconds = next(record["seconds"] for record in found["stages"] if record["stage"] == "np.sort")
        for record in found["stages"]:
            yield shared | record | {"sort_ratio": round(record["seconds"] / sort_seconds, 3)}


def command_row(record: dict) -> tuple:
    megabytes = record["n_bytes"] / 1e6
    return (
        record["task"],
        record["method"],
        f"{megabytes:.1f}" if megabytes else None,
        record.get("memory") or PLENTY,
        record["threads"],
        record["seconds"],
        megabytes / record["seconds"] if megabytes else None,
        record["cpu_seconds"],
        round(record["peak_bytes"] / 1e6),
        record["runs"],
    )


def stage_row(record: dict) -> tuple:
    megabytes = record["n_bytes"] / 1e6
    return (
        record["stage"],
        record["corpus"],
        f"{megabytes:.1f}",
        record["threads"],
        record["seconds"],
        megabytes / record["seconds"] if record["seconds"] >= SHORTEST_SECONDS else None,
        record["cpu_seconds"],
        record["sort_ratio"],
        round(record["peak_bytes"] / 1e6),
    )


Measure = Callable[[Path, str, argparse.Namespace], Iterator[dict]]


def run_sizes(arguments: argparse.Namespace, recorder: runs.Recorder) -> None:
    """All parts on all sizes; the text of a size is removed when it has been measured."""
    all_parts: dict[str, Measure] = {"command": measure_commands, "stages": measure_stages}
    parts = [measure for part, measure in all_parts.items() if part in arguments.parts]
    for size_mb in arguments.sizes:
        with tempfile.TemporaryDirectory(prefix="cnmine-", dir=arguments.temp_dir) as folder:
            path = Path(folder, "corpus.txt")
            corpus, _ = run_apart(corpora.make_long_corpus, path, int(size_mb * 1e6), arguments.data)
            if path.stat().st_size < (1 - corpora.SLACK) * size_mb * 1e6:
                runs.report(f"{size_mb:g} MB: the corpora have {path.stat().st_size / 1e6:.1f} MB")
            for measure in parts:
                for record in measure(path, corpus, arguments):
                    recorder.add(record)


def print_records(records: Sequence[dict]) -> None:
    commands = [record for record in records if record["task"] != "stage"]
    stages = [record for record in records if record["task"] == "stage"]
    if commands:
        runs.print_table(COMMAND_HEADER, map(command_row, commands))
    if commands and stages:
        print()
    if stages:
        runs.print_table(STAGE_HEADER, map(stage_row, stages))


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the speed and the memory of the discovery of new words.")
    runs.add_common_options(parser)
    parser.add_argument("--sizes", nargs="+", type=float, default=[1.0], metavar="MB", help="of the texts (default 1)")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--methods", nargs="+", choices=COMMANDS, default=["distant", "cut", "compat-2019"])
    parser.add_argument(
        "--memory", nargs="+", default=[PLENTY], help=f"--memory of the commands (default {PLENTY}: unset)"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--repeats", type=int, help="runs of a command (default 5 up to 1 MB, else 1)")
    parser.add_argument("--temp-dir", type=Path, help="where the texts are written")
    return parser.parse_args(arguments)


def main() -> None:
    arguments = parse_arguments()
    recorder = runs.Recorder("newwords_speed", arguments.jsonl)
    try:
        if "help" in arguments.parts:
            for record in measure_help():
                recorder.add(record)
        if {"command", "stages"} & set(arguments.parts):
            run_sizes(arguments, recorder)
    finally:
        print_records(recorder.records)


if __name__ == "__main__":
    main()
