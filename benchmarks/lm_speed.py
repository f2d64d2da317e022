"""Language models: training beside KenLM's lmplz, queries beside the Python module kenlm, in the same run.

    python benchmarks/lm_speed.py --size 10 --lmplz kenlm/build/bin/lmplz
    python benchmarks/lm_speed.py --size 220 --memory 1G --jsonl lm.jsonl --lmplz kenlm/build/bin/lmplz
    python benchmarks/lm_speed.py --text corpus.txt --parts train

Both train on the same units with the same memory. lmplz takes as many threads as it has stages; ``--threads`` of
processors are given to both (Linux). KenLM's ARPA file is written, as its program does nothing else.

Queries: a sample of the lines, one thread, each model in a process of its own. First the probability of every unit
in its line: score_ids beside the methods of the kenlm module for a line (full_scores, and score, which gives the
sum alone) and for a token (BaseScore). Then the probability of every unit behind 0, 1, … units, as a segmenter
wants it: conditionals, beside kenlm as the published decoder calls it, score(n-gram) - score(context).
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import corpora
import runs
from processes import Usage, launcher, run_apart, run_process

PARTS = ("train", "queries")
HEADER = ("task", "what", "MB", "wall s", "CPU s", "peak MB", "million/s", "ratio")
REPEATS = 5
SAMPLE_LINES = 30_000


def write_spaced(source: Path, target: Path) -> None:
    """The units of every line with blanks between them; blank lines stay."""
    from cnmine.io.units import decode_units, encode_block

    with open(source, "rb") as lines, open(target, "w", encoding="utf-8", newline="\n") as out:
        for line in lines:
            block = encode_block(line.rstrip(b"\n"), punctuation="keep")
            out.write(" ".join(decode_units(block.codes, block.runs)) + "\n")


def sample_lines(source: Path, target: Path, n_lines: int) -> None:
    """Some lines of a text, always the same, in random order."""
    lines = source.read_bytes().split(b"\n")
    random.Random(0).shuffle(lines)
    target.write_bytes(b"\n".join(line for line in lines[:n_lines] if line) + b"\n")


def time_queries(model_path: str, text: Path) -> list[dict]:
    """Our queries: medians of several runs, and the sum of all results."""
    from cnmine.lm.model import open_model

    started = time.perf_counter()
    with open_model(model_path) as model:
        opening = time.perf_counter() - started
        lines = model.encode(text.read_bytes())
        found = []
        for what, query in (("score_ids", model.score_ids), ("conditionals", model.conditionals)):
            seconds, cpu = [], []
            for _ in range(REPEATS + 1):  # the first one compiles and reads the file
                started, cpu_started = time.perf_counter(), time.thread_time()
                scores = query(lines.ids, lines.offsets)
                seconds.append(time.perf_counter() - started)
                cpu.append(time.thread_time() - cpu_started)
            found.append(
                {
                    "what": what,
                    "seconds": statistics.median(seconds[1:]),
                    "cpu_seconds": statistics.median(cpu[1:]),
                    "n": scores.size,
                    "sum": float(scores.sum(dtype="f8")),
                    "open_seconds": opening,
                }
            )
    return found


def time_kenlm(arpa: str, spaced: Path, order: int) -> list[dict]:
    """The same with the module kenlm, from lines that are spaced already."""
    import kenlm

    model = kenlm.Model(arpa)
    lines = spaced.read_text(encoding="utf-8").split("\n")[:-1]
    n_tokens = sum(line.count(" ") + 1 for line in lines)
    ways = (
        ("full_scores", n_tokens + len(lines), lambda line: sum(score for score, _, _ in model.full_scores(line))),
        ("score", n_tokens + len(lines), model.score),
        ("BaseScore", n_tokens + len(lines), partial(_score_tokens, model)),
        ("n-grams by score", n_tokens * order, partial(_score_ngrams, model, order)),
    )
    found = []
    for what, n, way in ways:
        started, cpu_started = time.perf_counter(), time.thread_time()
        total = math.fsum(map(way, lines))
        seconds, cpu = time.perf_counter() - started, time.thread_time() - cpu_started
        found.append({"what": f"kenlm {what}", "seconds": seconds, "cpu_seconds": cpu, "n": n, "sum": total})
    return found


def _score_tokens(model: Any, line: str) -> float:
    import kenlm

    state, following = kenlm.State(), kenlm.State()
    model.BeginSentenceWrite(state)
    total = 0.0
    for token in [*line.split(" "), "</s>"]:
        total += model.BaseScore(state, token, following)
        state, following = following, state
    return total


def _score_ngrams(model: Any, order: int, line: str) -> float:
    tokens = line.split(" ")
    total = 0.0
    for i in range(len(tokens)):
        for start in range(i, i - order, -1):
            ngram = " ".join(tokens[max(start, 0) : i + 1])
            context = " ".join(tokens[max(start, 0) : i])
            total += model.score(ngram, bos=False, eos=False) - model.score(context, bos=False, eos=False)
    return total


def measure_training(text: Path, spaced: Path, folder: Path, options: argparse.Namespace) -> Iterator[dict]:
    model, arpa = folder / "text.lm", folder / "text.arpa"
    train = [*launcher(), "lm", "train", str(text), "-o", str(model), "--order", str(options.order), "-q"]
    train += ["--memory", options.memory, "--threads", str(options.threads), "--temp-dir", str(folder)]
    run_process([*launcher(), "lm", "train", str(runs.ROOT / "data" / "sample.txt"), "-o", str(model)])  # compiles
    ours = run_process(train)
    yield record("train", "cnmine lm train", text, ours)
    if options.lmplz:
        command = [
            options.lmplz,
            "-o",
            str(options.order),
            "-S",
            options.memory.rstrip("B"),
            "-T",
            f"{folder}/",
            "--arpa",
            str(arpa),
        ]
        theirs = run_process(command, stdin=spaced, discard=True)
        yield record("train", "lmplz", text, theirs) | {"ratio": theirs.seconds / ours.seconds}


def record(task: str, what: str, text: Path, usage: Usage) -> dict:
    return {
        "task": task,
        "what": what,
        "n_bytes": text.stat().st_size,
        "seconds": usage.seconds,
        "cpu_seconds": usage.cpu_seconds,
        "peak_bytes": usage.peak_bytes,
    }


def measure_queries(text: Path, folder: Path, options: argparse.Namespace) -> Iterator[dict]:
    sample, sample_spaced = folder / "sample.txt", folder / "sample.spaced"
    run_apart(sample_lines, text, sample, SAMPLE_LINES)
    run_apart(write_spaced, sample, sample_spaced)
    shared = {"task": "queries", "n_bytes": sample.stat().st_size}
    lines, conditionals = run_apart(time_queries, str(folder / "text.lm"), sample)
    yield shared | lines
    yield shared | conditionals
    if not (folder / "text.arpa").exists():
        return
    try:
        found = run_apart(time_kenlm, str(folder / "text.arpa"), sample_spaced, options.order)
    except ImportError:
        runs.report("the module kenlm is not installed: left out")
        return
    for theirs in found:
        ours = conditionals if "n-grams" in theirs["what"] else lines
        if abs(theirs["sum"] - ours["sum"]) > 1e-4 * abs(ours["sum"]):
            raise SystemExit(f"{theirs['what']}: the sum is {theirs['sum']}, ours {ours['sum']}")
        ratio = (theirs["seconds"] / theirs["n"]) / (ours["seconds"] / ours["n"])
        yield shared | theirs | {"ratio": ratio}


def row(found: dict) -> tuple:
    per_second = found["n"] / found["seconds"] / 1e6 if "n" in found else None
    peak = found["peak_bytes"] / 1e6 if "peak_bytes" in found else None
    return (
        found["task"],
        found["what"],
        found["n_bytes"] / 1e6,
        found["seconds"],
        found["cpu_seconds"],
        peak,
        per_second,
        found.get("ratio"),
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure language models beside KenLM.")
    runs.add_common_options(parser)
    parser.add_argument("--size", type=float, default=10.0, metavar="MB", help="of the text (default 10)")
    parser.add_argument("--text", type=Path, help="a text in place of the made one")
    parser.add_argument("--order", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory", default="1G", metavar="SIZE", help="of both (default 1G)")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="queries need train")
    parser.add_argument("--lmplz", default=os.environ.get("CNMINE_LMPLZ"), metavar="PROGRAM")
    parser.add_argument("--temp-dir", type=Path, help="where texts and models are written")
    return parser.parse_args()


def main() -> None:
    options = parse_arguments()
    recorder = runs.Recorder("lm_speed", options.jsonl)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    folder = Path(tempfile.mkdtemp(prefix="lm-speed-", dir=options.temp_dir))
    try:
        text = options.text or folder / "corpus.txt"
        if options.text is None:
            run_apart(corpora.make_long_corpus, text, int(options.size * 1e6), options.data)
        spaced = folder / "corpus.spaced"
        if options.lmplz:
            run_apart(write_spaced, text, spaced)
        for found in measure_training(text, spaced, folder, options):
            recorder.add(found)
        if "queries" in options.parts:
            for found in measure_queries(text, folder, options):
                recorder.add(found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    runs.print_table(HEADER, map(row, recorder.records))


if __name__ == "__main__":
    main()
