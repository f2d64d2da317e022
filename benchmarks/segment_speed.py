"""How fast text is segmented: the command through a pipe, the library, jieba and rjieba, in the same run.

    python benchmarks/segment_speed.py --data ../shared/data
    python benchmarks/segment_speed.py --size 50 --threads 1 2 --jsonl speed.jsonl

The model is trained on the text first. Medians of several runs; the command with its start, jieba and rjieba without
theirs, on a part of the text.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import corpora
import runs
from processes import launcher, run_process

HEADER = ("what", "threads", "million characters", "seconds", "million/s", "times jieba")
REPEATS = 5
PEER_CHARACTERS = 400_000


def time_pipe(model: Path, text: Path, threads: int) -> float:
    """Seconds from start to end of the command, fed through a pipe."""
    command = [*launcher(), "segment", "--model", str(model), "--threads", str(threads), "--quiet"]
    return run_process(command, stdin=text, is_piped=True, discard=True).seconds


def time_calls(function: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Median seconds of a call, the first of which does not count."""
    return statistics.median([time_once(function) for _ in range(repeats + 1)][1:])


def time_once(function: Callable[[], Any]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def peers(lines: list[str]) -> dict[str, float]:
    """Seconds of jieba and rjieba, where they are installed."""
    found = {}
    try:
        import jieba

        jieba.setLogLevel(60)
        jieba.initialize()
        found["jieba"] = time_calls(lambda: [" ".join(jieba.cut(line)) for line in lines], 3)
        found["jieba without HMM"] = time_calls(lambda: [" ".join(jieba.cut(line, HMM=False)) for line in lines], 3)
    except ImportError as err:
        runs.report(f"jieba: skipped, {err}")
    try:
        import rjieba

        found["rjieba"] = time_calls(lambda: [" ".join(rjieba.cut(line)) for line in lines], 3)
    except ImportError as err:
        runs.report(f"rjieba: skipped, {err}")
    return found


def measure(path: Path, folder: Path, threads: list[int]) -> list[dict]:
    """All rows for one text."""
    from cnmine.segmentation.storage import save_segmenter
    from cnmine.segmentation.tokens import code_points, encode_text
    from cnmine.segmentation.training import train_segmenter

    text = path.read_text(encoding="utf-8")
    started = time.perf_counter()
    segmenter = train_segmenter(encode_text([text]), threads=max(threads))
    rows = [row("training", max(threads), len(text), time.perf_counter() - started)]
    model = folder / "model"
    save_segmenter(segmenter, str(model))
    for n in threads:
        seconds = statistics.median([time_pipe(model, path, n) for _ in range(REPEATS + 1)][1:])
        rows.append(row("command, pipe", n, len(text), seconds))
    codes = code_points(text)
    rows.append(row("Segmenter.mark", 1, len(text), time_calls(lambda: segmenter.mark(codes))))
    lines = text.split("\n")
    part = lines[:: max(1, len(text) // PEER_CHARACTERS)]  # of all kinds of text in it
    n_characters = len("\n".join(part))
    seconds = time_calls(lambda: [segmenter.tokenize(line) for line in part])
    rows.append(row("Segmenter.tokenize", 1, n_characters, seconds))
    rows += [row(name, 1, n_characters, seconds) for name, seconds in peers(part).items()]
    rate = next((r["million_per_second"] for r in rows if r["what"] == "jieba"), None)
    return [r | {"times_jieba": None if rate is None else round(r["million_per_second"] / rate, 1)} for r in rows]


def row(what: str, threads: int, n_characters: int, seconds: float) -> dict:
    return {
        "what": what,
        "threads": threads,
        "n_characters": n_characters,
        "seconds": round(seconds, 4),
        "million_per_second": round(n_characters / seconds / 1e6, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the speed of segmentation.")
    runs.add_common_options(parser)
    parser.add_argument("--size", type=float, default=30, help="MB of text (default 30)")
    parser.add_argument("--text", type=Path, help="a text of your own")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    arguments = parser.parse_args()
    recorder = runs.Recorder("segment_speed", arguments.jsonl)
    with tempfile.TemporaryDirectory(prefix="cnmine-") as name:
        folder = Path(name)
        path = arguments.text or folder / "text"
        if arguments.text is None:
            corpora.make_corpus(path, int(arguments.size * 1e6), arguments.data)
        for record in measure(path, folder, arguments.threads):
            recorder.add(record)
    rows = [
        (r["what"], str(r["threads"]), r["n_characters"] / 1e6, r["seconds"], r["million_per_second"], r["times_jieba"])
        for r in recorder.records
    ]
    runs.print_table(HEADER, rows)


if __name__ == "__main__":
    main()
