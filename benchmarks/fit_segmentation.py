"""Fit the weights of cnmine/segmentation/experience.npz on segmented corpora, never on what the benchmarks measure.

    python benchmarks/fit_segmentation.py --data ../shared/data                    writes the file
    python benchmarks/fit_segmentation.py --data ../shared/data --held-out         prints F on corpora left out

Every gold text is read inside of several tables of different size, so that the weights suit any amount of text. The
likelihood of the gold words in a semi-Markov field is maximized by Adam; the nets of three seeds are averaged, which is
one net with three times the units. Takes five to ten minutes and 3 GB.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import runs
from segmentation_sets import GOLD, read_gold, read_raw

from cnmine._jit import kernel
from cnmine.counting.counter import count_ngrams
from cnmine.evaluation.segmentation import score_segmentation
from cnmine.segmentation import _reading_kernels as reading_kernels
from cnmine.segmentation.experience import FILE, N_STAGES, Net, Scores, Stage, save_experience, score_rows
from cnmine.segmentation.reading import ALL, read_again
from cnmine.segmentation.segmenter import build_segmenter
from cnmine.segmentation.statistics import KINDS, RowStatistics
from cnmine.segmentation.tokens import code_points, encode_text, find_tokens

HIDDEN, SEEDS, EPOCHS, RATE, PENALTY = 16, (0, 1, 2), 8, 0.02, 1e-6
BATCH_UNITS = 40_000
MAX_WORD, CONTEXT_ORDER = 6, 3
FIRST_UNKNOWN = (-2, -1.5, -3, -4, -6, -8)
# Texts of a table, the first lines only if a number is given; those of which the gold is used come first.
TABLES = {
    "february-small": (("february", 2500),),
    "february-law": (("february", None), ("law", None)),
    "february": (("february", None),),
    "zhuxian": (("zhuxian", None),),
    "mixed": (("zhuxian", None), ("gsd-simplified", None), ("it", None), ("law", None)),
    "gsd": (("gsd", None), ("gsd-dev", None)),
    "news": (
        ("february", None),
        ("pku", None),
        ("msr", None),
        ("weibo", None),
        ("gsd-simplified", None),
        ("zhuxian", None),
    ),
}
# What is learned of each: table, gold text in it, most units.
LESSONS = {
    "february": (
        ("february-small", "february", None),
        ("february-law", "february", 500_000),
        ("february", "february", 300_000),
    ),
    "zhuxian": (("zhuxian", "zhuxian", None), ("mixed", "zhuxian", None)),
    "gsd": (("gsd", "gsd", None),),
    "gsd-simplified": (("mixed", "gsd-simplified", None),),
}
SHIPPED = ("february", "zhuxian", "gsd", "gsd-simplified")
HELD_OUT = (
    (("zhuxian", "gsd"), (("news", "february"), ("news", "pku"), ("news", "msr"))),
    (("february", "zhuxian"), (("gsd", "gsd"), ("gsd", "gsd-dev"))),
)


@kernel
def find_rows(units, deepest, rows_table, span, words, gaps):  # …, (i8, i8), i4[n, 6], i4[n, 3]
    """Write the rows of all words of a stretch, and those left of, right of and across every gap; -1 for none."""
    parents, orders = rows_table
    start, stop = span
    for k in range(stop - start):
        i = start + k
        gaps[k] = -1
        words[k] = -1
        row = deepest[i]
        while row >= 0:
            words[k, orders[row] - 1] = row
            row = parents[row]
        if units[i] < 4 or units[i - 1] < 4:
            continue
        for n in range(1, CONTEXT_ORDER + 1):
            row = deepest[i - n] if units[i - n] >= 4 else -1
            if row < 0:
                break
            while row >= 0 and orders[row] > n:
                row = parents[row]
            if row >= 0 and orders[row] == n:
                gaps[k, 0] = row
        for n in range(CONTEXT_ORDER):
            if words[k, n] >= 0:
                gaps[k, 1] = words[k, n]
        row = deepest[i - 1]
        while row >= 0 and orders[row] > 2:
            row = parents[row]
        if row >= 0 and orders[row] == 2:
            gaps[k, 2] = row


@kernel
def cut_gold(units, is_start, span, lengths):  # u2[N], b1[n + 1], (i8, i8), i4[n]
    """Write the length of the gold word that begins at every unit of a stretch, 0 for none; long ones are cut."""
    start, stop = span
    k = 0
    while k < stop - start:
        lengths[k] = 0
        if units[start + k] < 4:
            k += 1
            continue
        j = k + 1
        while j < stop - start and units[start + j] >= 4 and not is_start[j] and j - k < MAX_WORD:
            lengths[j] = 0
            j += 1
        lengths[k] = j - k
        k = j


@dataclass
class Batch:
    """A stretch of gold text, ready to be learned from."""

    example: Example
    span: tuple[int, int]
    rows: dict[str, np.ndarray]  # rows that occur, by kind
    places: dict[str, np.ndarray]  # where in them the row of every unit stands, their number for none
    features: dict[str, np.ndarray]
    gold: dict[str, np.ndarray]  # gold words or gaps by row
    gold_unknown: np.ndarray
    n_gaps: int


class Example:
    """A table of n-grams with some gold text in it."""

    def __init__(self, name: str, data: Path) -> None:
        texts = [("\n".join(read_raw(part, data)[:limit]), part) for part, limit in TABLES[name]]
        sizes = [len(find_tokens(code_points(text))[0]) + 1 for text, _ in texts]
        self.starts = dict(zip((part for _, part in texts), accumulate(sizes, initial=2), strict=False))
        self.texts = {part: text for text, part in texts}
        self.limits = dict(TABLES[name])
        text = encode_text(text for text, _ in texts)
        self.units, self.characters = text.units, text.characters
        self.table = count_ngrams(self.units, max_order=MAX_WORD, min_count=2, threads=2)
        self.rows_table = (self.table.parents, self.table.orders())
        self.statistics = RowStatistics(self.table)
        runs.report(f"  {name}: {self.table.n_tokens:,} units, {len(self.table):,} rows")

    def gold_starts(self, part: str, data: Path) -> tuple[int, int, np.ndarray]:
        """Where a gold text stands among the units, and which of them begin a word."""
        is_start = np.zeros(len(self.texts[part]) + 1, np.bool_)
        i = 0
        for words in read_gold(part, data)[: self.limits[part]]:
            for word in words:
                is_start[i] = True
                i += len(word)
            is_start[i] = True
            i += 1
        _, starts = find_tokens(code_points(self.texts[part]))
        first = self.starts[part]
        return first, first + len(starts), is_start[starts]

    def batches(self, part: str, limit: int | None, data: Path) -> list[Batch]:
        first, stop, is_start = self.gold_starts(part, data)
        stop = min(stop, first + (limit or len(self.units)))
        while limit and self.units[stop - 1] >= 4:  # whole spans
            stop -= 1
        made, start = [], first
        while start < stop:
            end = min(start + BATCH_UNITS, stop)
            while end < stop and self.units[end - 1] >= 4:
                end += 1
            made.append(self._batch((start, end), is_start[start - first : end - first]))
            start = end
        return made

    def _batch(self, span: tuple[int, int], is_start: np.ndarray) -> Batch:
        n = span[1] - span[0]
        words, gaps = np.empty((n, MAX_WORD), np.int32), np.empty((n, 3), np.int32)
        find_rows(self.units, self.table.deepest, self.rows_table, span, words, gaps)
        lengths = np.zeros(n, np.int32)
        cut_gold(self.units, np.append(is_start, True), span, lengths)
        found = {"word": words, "before": gaps[:, 0], "after": gaps[:, 1], "across": gaps[:, 2]}
        batch = Batch(self, span, {}, {}, {}, {}, np.zeros(MAX_WORD), 0)
        begins = np.flatnonzero(lengths)
        units = self.units[span[0] - 1 : span[1]]
        is_gap = (units[1:] >= 4) & (units[:-1] >= 4)
        batch.n_gaps = int(is_gap.sum())
        gold_gaps = is_gap & (lengths > 0)
        for kind, rows in found.items():
            used = np.unique(rows)
            used = used[used >= 0].astype(np.int64)
            places = np.where(rows >= 0, np.searchsorted(used, rows), len(used))
            chosen = places[begins, lengths[begins] - 1] if kind == "word" else places[gold_gaps]
            batch.rows[kind], batch.places[kind] = used, places
            batch.gold[kind] = np.bincount(chosen, minlength=len(used) + 1)[:-1].astype(np.float64)
            if kind == "word":
                batch.gold_unknown += np.bincount(lengths[begins][chosen == len(used)], minlength=MAX_WORD + 1)[1:]
        return batch

    def load_features(self, batch: Batch) -> None:
        """Features of the rows of a batch as they are now: they change with every reading."""
        for kind, rows in batch.rows.items():
            batch.features[kind] = self._features_of(kind, rows)

    def _features_of(self, kind: str, rows: np.ndarray) -> np.ndarray:
        first, stop = self.statistics.rows_of(kind)
        parts, block = [], 1 << 18
        for start in range(first, stop, block):
            inside = rows[(rows >= start) & (rows < start + block)]
            if len(inside):
                parts.append(self.statistics.features(kind, start, min(start + block, stop))[inside - start])
        return np.concatenate(parts)


class Learner:
    """The nets of one stage and one seed while they learn."""

    def __init__(self, batches: list[Batch], seed: int) -> None:
        generator = np.random.default_rng(seed)
        self.means, self.deviations, self.weights = {}, {}, {}
        for kind in ("across", "before", "after", "word"):
            sample = np.concatenate([batch.features[kind][::3] for batch in batches])
            self.means[kind], self.deviations[kind] = sample.mean(0), sample.std(0) + np.float32(1e-2)
            n = sample.shape[1]
            self.weights[kind] = [
                generator.normal(0, 1 / np.sqrt(n), (n, HIDDEN)).astype(np.float32),
                np.zeros(HIDDEN, np.float32),
                generator.normal(0, 0.3 / np.sqrt(HIDDEN), HIDDEN).astype(np.float32),
                np.zeros(1, np.float32),
                np.zeros(n, np.float32),
            ]
        self.unknown = np.array(FIRST_UNKNOWN, np.float32)

    def learn(self, batches: list[Batch], seed: int) -> None:
        parameters = [*(array for kind in self.weights for array in self.weights[kind]), self.unknown]
        means, squares = ([np.zeros_like(array) for array in parameters] for _ in range(2))
        generator = np.random.default_rng(seed)
        n_steps, step = EPOCHS * len(batches), 0
        for _ in range(EPOCHS):
            for i in generator.permutation(len(batches)):
                gradients = self._gradients(batches[i])
                step += 1
                rate = RATE * min(1, step / 10) * (0.5 * (1 + np.cos(np.pi * step / n_steps)) + 0.01)
                for array, gradient, mean, square in zip(parameters, gradients, means, squares, strict=True):
                    gradient = gradient + PENALTY * array
                    mean *= 0.9
                    mean += 0.1 * gradient
                    square *= 0.99
                    square += 0.01 * gradient**2
                    array -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)

    def _gradients(self, batch: Batch) -> list[np.ndarray]:
        """Of the negative log likelihood per gap."""
        inputs, layers, factors = {}, {}, {}
        n_rows = len(batch.example.table)
        for kind, weights in self.weights.items():
            x = np.clip((batch.features[kind] - self.means[kind]) / self.deviations[kind], -4, 4)
            layer = np.maximum(x @ weights[0] + weights[1], 0)
            inputs[kind], layers[kind] = x, layer
            factors[kind] = np.ones(n_rows)
            factors[kind][batch.rows[kind]] = np.exp(
                (layer @ weights[2] + weights[3][0] + x @ weights[4]).astype(float)
            )
        edges, words = self._read(batch, factors)
        found = {kind: np.maximum(edges, 0) for kind in ("before", "after", "across")} | {"word": words}
        gradients: list[np.ndarray] = []
        for kind, weights in self.weights.items():
            n = len(batch.rows[kind])
            expected = np.bincount(batch.places[kind].ravel(), weights=found[kind].ravel(), minlength=n + 1)[:-1]
            d = ((expected - batch.gold[kind]) / batch.n_gaps).astype(np.float32)
            x, layer = inputs[kind], layers[kind]
            through = np.outer(d, weights[2]) * (layer > 0)
            gradients += [x.T @ through, through.sum(0), layer.T @ d, np.array([d.sum()], np.float32), x.T @ d]
        is_unknown = batch.places["word"] == len(batch.rows["word"])
        gradients.append(
            ((words * is_unknown).sum(0) - batch.gold_unknown).astype(np.float32) / np.float32(batch.n_gaps)
        )
        return gradients

    def _read(self, batch: Batch, factors: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        n = batch.span[1] - batch.span[0]
        out = (np.empty(n, np.float32), np.zeros((n, MAX_WORD), np.float32))
        example = batch.example
        table = (*(factors[kind] for kind in KINDS), np.exp(self.unknown.astype(float)))
        reading_kernels.read_text(
            example.units, example.table.deepest, example.rows_table, table, (*batch.span, ALL), out
        )
        return out


def average(learners: list[Learner]) -> Stage:
    """The mean of several nets as one."""
    nets = {}
    for kind in KINDS:
        weights = [learner.weights[kind] for learner in learners]
        nets[kind] = Net(
            learners[0].means[kind],
            learners[0].deviations[kind],
            np.ascontiguousarray(np.concatenate([w[0] for w in weights], axis=1)),
            np.concatenate([w[1] for w in weights]),
            np.concatenate([w[2] for w in weights]) / np.float32(len(weights)),
            np.mean([w[4] for w in weights], axis=0, dtype=np.float32),
            np.mean([w[3] for w in weights], axis=0, dtype=np.float32),
        )
    return Stage(nets, np.mean([learner.unknown for learner in learners], axis=0, dtype=np.float32))


def fit(lessons: tuple[str, ...], data: Path, examples: dict[str, Example]) -> tuple[Stage, ...]:
    """All stages, of which each learns from what the one before has read."""
    chosen = [lesson for name in lessons for lesson in LESSONS[name]]
    used = {table for table, _, _ in chosen}
    for name in used:
        if name not in examples:
            examples[name] = Example(name, data)
        examples[name].statistics.reading = None
    batches = [batch for table, part, limit in chosen for batch in examples[table].batches(part, limit, data)]
    stages: list[Stage] = []
    for number in range(N_STAGES):
        runs.report(f"  stage {number + 1}: {len(batches)} batches")
        for batch in batches:
            batch.example.load_features(batch)
        learners = []
        for seed in SEEDS:
            learner = Learner(batches, seed)
            learner.learn(batches, seed)
            learners.append(learner)
        stages.append(average(learners))
        if number + 1 < N_STAGES:
            for name in used:
                example = examples[name]
                scores = score_rows(example.statistics, stages[-1], threads=2)
                example.statistics.reading = read_again(example.units, example.table, scores, threads=2)
    return tuple(stages)


def measure(stages: tuple[Stage, ...], example: Example, part: str, data: Path) -> float:
    """F on one text of a table."""
    example.statistics.reading = None
    scores: Scores
    for number, stage in enumerate(stages):
        scores = score_rows(example.statistics, stage, threads=2)
        if number + 1 < len(stages):
            example.statistics.reading = read_again(example.units, example.table, scores, threads=2)
    segmenter = build_segmenter(example.table, scores, example.characters, {})
    lines = [" ".join(segmenter.tokenize(line)) for line in example.texts[part].split("\n")]
    found = score_segmentation([" ".join(words) for words in read_gold(part, data)], lines).f1
    return found or 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Fit the weights of the segmenter.")
    runs.add_common_options(parser)
    parser.add_argument("--held-out", action="store_true", help="fit on some corpora, print F on others; write nothing")
    parser.add_argument("-o", "--output", type=Path, default=FILE, help="file for the weights")
    arguments = parser.parse_args()
    examples: dict[str, Example] = {}
    if missing := [name for name in GOLD if not read_raw(name, arguments.data)]:
        sys.exit(f"{missing[0]} is not in the folder of --data")
    if not arguments.held_out:
        save_experience(arguments.output, fit(SHIPPED, arguments.data, examples))
        return
    for lessons, measured in HELD_OUT:
        stages = fit(lessons, arguments.data, examples)
        for table, part in measured:
            if table not in examples:
                examples[table] = Example(table, arguments.data)
            f1 = measure(stages, examples[table], part, arguments.data)
            print(f"fitted on {' + '.join(lessons)}: {part} in table {table}: F {f1:.4f}", flush=True)


if __name__ == "__main__":
    main()
