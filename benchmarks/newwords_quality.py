"""How good the ranking of new words is: every method on every data set with gold words.

    python benchmarks/newwords_quality.py --sets sample
    python benchmarks/newwords_quality.py --seeds 0 1 2 --jsonl quality.jsonl
    python benchmarks/newwords_quality.py --protocol

README.md says what the columns mean.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gold_sets
import left_out
import numpy as np
import protocol
import runs
from gold_sets import MAX_LEN, MIN_COUNT, TASKS, Task

from cnmine.evaluation.newwords import Ranking, evaluate_hidden_half, evaluate_new_words, hide_half
from cnmine.newwords.candidates import Texts, find_candidates
from cnmine.newwords.compat2019 import discover_compat_2019
from cnmine.newwords.cutting import cut_words
from cnmine.newwords.dictionary import load_dictionary
from cnmine.newwords.discovery import discover_words
from cnmine.newwords.experience import EXPERIENCE
from cnmine.stats.association import npmi

HEADER = (
    "set", "method", "task", "AP", "sd", "P@100", "P@500", "P@1000", "F1", "recall", "ECE", "P(>=.5)", "n(>=.5)",
    "relevant", "ranked", "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """What is measured, and how."""

    methods: Sequence[str]
    tasks: Sequence[str]
    seeds: Sequence[int]
    threads: int
    data: Path


def rank_discovered(method: str, task: Task, known: Collection[str], threads: int, **options: Any) -> Ranking:
    """The whole ranking of a method of the library, known words included."""
    found = discover_words(
        task.corpus,
        method=method,
        dictionary=frozenset(known),
        min_count=MIN_COUNT,
        max_len=MAX_LEN,
        threads=threads,
        **options,
    )
    return Ranking(list(found.words), found.scores.tolist(), found.counts.tolist())


def rank_by_column(measure: Callable, task: Task) -> Ranking:
    """All candidates by one column of the table; equal ones in the order of the table."""
    rows = find_candidates(task.corpus, task.table, max_len=MAX_LEN)
    rows = rows[np.argsort(-measure(task.table)[rows], kind="stable")]
    return Ranking(list(Texts(task.corpus, task.table, rows)))


def rank_pairs(pairs: Sequence[tuple[str, int]]) -> Ranking:
    """Words by count, as the methods that cut return them."""
    return Ranking([word for word, _ in pairs], None, [count for _, count in pairs])


# What the methods without a dictionary or a seed rank: one run serves all tasks.
CLASSICAL: dict[str, Callable[[Task, int], Ranking]] = {
    "cohesion": lambda task, threads: rank_discovered("cohesion", task, (), threads),
    "entropy": lambda task, threads: rank_discovered("entropy", task, (), threads),
    "cut": lambda task, threads: rank_pairs(cut_words(task.corpus, task.table, threads=threads)),
    "compat-2019": lambda task, threads: rank_pairs(
        discover_compat_2019([task.path.read_text(encoding="utf-8")], min_count=MIN_COUNT, threads=threads)
    ),
    "frequency": lambda task, _: rank_by_column(lambda table: table.counts, task),
    "npmi": lambda task, _: rank_by_column(npmi, task),
}
# "distant-shipped": with the weights that come with cnmine, on sets whose gold is in these weights.
LEARNED = ("distant", "distant-shipped")
METHODS = (*LEARNED, *CLASSICAL)


def measure_set(task: Task, dictionary: frozenset[str], settings: Settings) -> Iterator[dict]:
    """A record for every method, task and seed."""
    names = [name for name in settings.tasks if name in task.tasks]
    for method in settings.methods:
        measure = measure_learned if method in LEARNED else measure_classical
        for record in measure(method, task, names, dictionary, settings):
            yield {
                "set": task.name,
                "n_bytes": task.corpus.n_bytes,
                "n_characters": task.corpus.n_characters,
                "method": method,
            } | record


def measure_learned(
    method: str, task: Task, names: Sequence[str], dictionary: frozenset[str], settings: Settings
) -> Iterator[dict]:
    """One run with the whole dictionary for every seed, and one with half of it for *hidden-half*."""
    experience, left_out_sets = EXPERIENCE, []
    if method == "distant-shipped" and not left_out.is_fitted(task.name):
        return
    if method == "distant" and left_out.is_fitted(task.name):
        family = left_out.family_of(task.name)
        experience, left_out_sets = left_out.fit_without(family, settings.data), sorted(family)
        if experience is None:
            runs.report(f"{task.name}: distant skipped, no other segmented corpora to fit it on")
            return

    def rank(known: Collection[str], seed: int) -> tuple[Ranking, float]:
        return timed(
            lambda: rank_discovered("distant", task, known, settings.threads, seed=seed, experience=experience)
        )

    shared = {"fitted_without": left_out_sets}
    for seed in settings.seeds:
        if visible_names := [name for name in names if name != "hidden-half"]:
            ranking, seconds = rank(dictionary, seed)
            scores = evaluate_new_words(ranking, task.gold, dictionary_words=dictionary, tasks=visible_names)
            for name in visible_names:
                yield describe(name, seed, scores[name], seconds) | shared
        if "hidden-half" in names:
            ranking, seconds = rank(hide_half(dictionary, seed)[0], seed)
            score = evaluate_hidden_half(ranking, task.gold, dictionary, seed=seed)
            yield describe("hidden-half", seed, score, seconds) | shared


def measure_classical(
    method: str, task: Task, names: Sequence[str], dictionary: frozenset[str], settings: Settings
) -> Iterator[dict]:
    """One run; the seed only decides which half of the dictionary is looked for."""
    ranking, seconds = timed(lambda: CLASSICAL[method](task, settings.threads))
    ranking = Ranking(ranking.words)  # its scores, if any, are no probabilities
    for name in names:
        for seed in settings.seeds if name == "hidden-half" else [None]:
            scores = evaluate_new_words(ranking, task.gold, dictionary_words=dictionary, tasks=[name], seed=seed or 0)
            yield describe(name, seed, scores[name], seconds)


def timed(rank: Callable[[], Ranking]) -> tuple[Ranking, float]:
    started = time.perf_counter()
    ranking = rank()
    return ranking, round(time.perf_counter() - started, 3)


def describe(name: str, seed: int | None, score: dict, seconds: float) -> dict:
    return {"task": name, "seed": seed, **score, "seconds": seconds}


def summarize(records: Sequence[dict]) -> tuple:
    """A row of the table: means over the seeds, and the standard deviation of the average precision."""
    first = records[0]

    def mean(take: Callable[[dict], float | None]) -> float | None:
        values = [value for record in records if (value := take(record)) is not None]
        return statistics.fmean(values) if values else None

    def calibrated(name: str) -> float | None:
        return mean(lambda record: (record["calibration"] or {}).get(name))

    n_likely = calibrated("n_from_half")
    precisions = [record["average_precision"] or 0.0 for record in records]
    return (
        first["set"],
        first["method"],
        first["task"],
        mean(lambda record: record["average_precision"]),
        statistics.stdev(precisions) if len(precisions) > 1 else None,
        *(mean(lambda record, k=k: record["precision_at"][k]) for k in ("100", "500", "1000")),
        mean(lambda record: record["best_f1"]),
        mean(lambda record: record["recall"]),
        calibrated("ece"),
        calibrated("precision_from_half"),
        None if n_likely is None else round(n_likely),
        first["n_relevant"],
        first["n_ranked"],
        mean(lambda record: record["seconds"]),
    )


def group_records(records: Sequence[dict]) -> list[list[dict]]:
    """Records that differ by nothing but the seed, tasks together."""
    groups: dict[tuple, list[dict]] = {}
    for record in records:
        groups.setdefault((TASKS.index(record["task"]), record["method"]), []).append(record)
    # The order of the methods is that of the options; dictionaries keep it.
    return [groups[key] for key in sorted(groups, key=lambda key: key[0])]


def run_sets(arguments: argparse.Namespace, recorder: runs.Recorder) -> None:
    settings = Settings(arguments.methods, arguments.tasks, arguments.seeds, arguments.threads, arguments.data)
    max_bytes = None if arguments.max_mb is None else int(arguments.max_mb * 1e6)
    dictionary = load_dictionary()
    for gold_set in gold_sets.choose_sets(arguments.data, arguments.sets):
        runs.report(f"{gold_set.name} …")
        with tempfile.TemporaryDirectory(prefix="cnmine-") as folder:
            task = gold_sets.prepare(gold_set, Path(folder), max_bytes=max_bytes, threads=settings.threads)
            records = []
            for record in measure_set(task, dictionary, settings):
                recorder.add(record)
                records.append(record)
        runs.print_table(HEADER, map(summarize, group_records(records)))
        print()


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the rankings of new words against gold words.")
    runs.add_common_options(parser)
    parser.add_argument("--sets", nargs="+", metavar="SET", help="sample, zhuxian, gsd, … (default: all)")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="of the learner and of the halves")
    parser.add_argument("--max-mb", type=float, help="cut every text at the last line end before so many MB")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--protocol", action="store_true", help="run the published protocol and nothing else")
    parser.add_argument("--protocol-mb", type=float, default=protocol.SIZE_MB, help="most MB of its texts")
    return parser.parse_args(arguments)


def main() -> None:
    arguments = parse_arguments()
    recorder = runs.Recorder("newwords_quality", arguments.jsonl)
    if arguments.protocol:
        protocol.run(arguments.data, arguments.protocol_mb, arguments.threads, recorder)
    else:
        run_sets(arguments, recorder)


if __name__ == "__main__":
    main()
