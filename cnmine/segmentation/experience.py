"""Features of n-grams → scores, by weights that were learned once on segmented corpora.

``benchmarks/fit_segmentation.py`` makes the file; docs/segmentation.md tells from which corpora.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.segmentation import _statistics_kernels as kernels
from cnmine.segmentation.statistics import KINDS, RowStatistics

FILE = Path(__file__).with_name("experience.npz")
N_STAGES = 3
ROWS_PER_TASK = 1 << 14
_FIELDS = ("means", "deviations", "weights", "biases", "factors", "slopes", "constant")


@dataclass(frozen=True)
class Net:
    """A layer of rectified units and a linear one.

    Attributes
    ----------
    means, deviations
        ``float32[k]``; of the features. What is more than four deviations away counts as four.
    weights, biases, factors
        ``float32[k, h]``, ``float32[h]``, ``float32[h]``; into the layer and out of it.
    slopes, constant
        ``float32[k]``, ``float32[1]``; the linear part.
    """

    means: np.ndarray
    deviations: np.ndarray
    weights: np.ndarray
    biases: np.ndarray
    factors: np.ndarray
    slopes: np.ndarray
    constant: np.ndarray

    def evaluate(self, features: np.ndarray) -> np.ndarray:
        """``float32[m]``; one value a row."""
        out = np.empty(len(features), np.float32)
        kernels.evaluate(
            features,
            (self.means, self.deviations),
            (self.weights, self.biases, self.factors),
            (self.slopes, self.constant[0]),
            out,
        )
        return out


@dataclass(frozen=True)
class Stage:
    """What is learned for one stage.

    Attributes
    ----------
    nets
        One for each of `KINDS`.
    unknown
        ``float32[6]``; score of a word that is no row of the table, by its length.
    """

    nets: Mapping[str, Net]
    unknown: np.ndarray


@dataclass(frozen=True)
class Scores:
    """Scores of the rows of a table, 0 for rows that have none of the kind.

    Attributes
    ----------
    word, before, after, across
        ``float32[n]``; of the n-gram as a word, as what stands left of a gap, right of it, and as a pair across it.
    unknown
        ``float32[6]``; of words that are no row.
    """

    word: np.ndarray
    before: np.ndarray
    after: np.ndarray
    across: np.ndarray
    unknown: np.ndarray


@cache
def load_experience(path: Path = FILE) -> tuple[Stage, ...]:
    """The stages that come with cnmine."""
    with np.load(path, allow_pickle=False) as arrays:
        return tuple(
            Stage(
                {
                    kind: Net(*(arrays[f"{stage}_{kind}_{field}"].astype(np.float32) for field in _FIELDS))
                    for kind in KINDS
                },
                arrays[f"{stage}_unknown"].astype(np.float32),
            )
            for stage in range(N_STAGES)
        )


def save_experience(path: Path, stages: tuple[Stage, ...]) -> None:
    """Write the file that `load_experience` reads; equal weights give equal bytes."""
    arrays = {}
    for i, stage in enumerate(stages):
        for kind, net in stage.nets.items():
            arrays.update({f"{i}_{kind}_{field}": getattr(net, field).astype(np.float32) for field in _FIELDS})
        arrays[f"{i}_unknown"] = stage.unknown.astype(np.float32)
    np.savez_compressed(path, **arrays)


def score_rows(
    statistics: RowStatistics,
    stage: Stage,
    *,
    threads: int = 1,
    on_progress: Callable[[int], None] = lambda n: None,
) -> Scores:
    """Scores of all rows; cost: some 2 µs a row."""

    def score(task: tuple[str, int, int]) -> np.ndarray:
        kind, start, stop = task
        return stage.nets[kind].evaluate(statistics.features(kind, start, stop))

    found = {kind: np.zeros(len(statistics.table), np.float32) for kind in KINDS}
    tasks = [
        (kind, start, min(start + ROWS_PER_TASK, stop))
        for kind in KINDS
        for first, stop in [statistics.rows_of(kind)]
        for start in range(first, stop, ROWS_PER_TASK)
    ]
    for (kind, start, stop), values in zip(tasks, map_ordered(score, tasks, threads=threads), strict=True):
        found[kind][start:stop] = values
        on_progress(stop - start)
    return Scores(**found, unknown=stage.unknown)
