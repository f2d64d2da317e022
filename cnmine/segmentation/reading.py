"""Text, its n-grams and their scores → how the text would be segmented, averaged over the places of every n-gram."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.counting.table import NgramTable
from cnmine.dtypes import N_BOUNDARIES
from cnmine.segmentation import _reading_kernels as kernels
from cnmine.segmentation.experience import Scores
from cnmine.segmentation.statistics import Reading

# Of larger texts, spans are drawn, so that reading again costs no more. Equal spans are drawn together.
SAMPLE_UNITS = 4_200_000
UNITS_PER_TASK = 1 << 17
ALL = 1 << 32


def read_again(
    units: np.ndarray,
    table: NgramTable,
    scores: Scores,
    *,
    threads: int = 1,
    on_progress: Callable[[int], None] = lambda n: None,
) -> Reading:
    """Read a text in all ways at once, each weighed by its scores.

    Parameters
    ----------
    units
        ``uint16[n]``; what was counted.
    table, scores
        Its n-grams and their scores.
    threads
        Worker threads; the result does not depend on it, nor on the order of the text.
    on_progress
        Called with the number of units read since the last call; ``len(units)`` in all.

    Notes
    -----
    Time: linear up to `SAMPLE_UNITS`, constant beyond. Memory: 110 bytes a row of the table.
    """
    factors = tuple(
        np.exp(values.astype(np.float64))
        for values in (scores.word, scores.before, scores.after, scores.across, scores.unknown)
    )
    rows_table = (table.parents, table.orders())
    threshold = ALL if table.n_tokens <= SAMPLE_UNITS else ALL * SAMPLE_UNITS // table.n_tokens
    sums = (np.zeros((len(table), 8), np.int64), np.zeros(len(table), np.int64))

    def read(task: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        start, stop = task
        out = (np.empty(stop - start, np.float32), np.empty((stop - start, kernels.MAX_WORD), np.float32))
        kernels.read_text(units, table.deepest, rows_table, factors, (start, stop, threshold), out)
        return out

    n_tokens = 0
    tasks = list(_tasks(units))
    for task, out in zip(tasks, map_ordered(read, tasks, threads=threads), strict=True):
        n_tokens += kernels.add_reading(units, table.deepest, rows_table, task, out, sums)
        on_progress(task[1] - task[0])
    return Reading((sums[0] / kernels.ONE).astype(np.float32), sums[1].astype(np.float32), n_tokens)


def _tasks(units: np.ndarray) -> Iterator[tuple[int, int]]:
    """Stretches of the text that begin and end at a boundary."""
    start = 0
    while start < len(units):
        stop = min(start + UNITS_PER_TASK, len(units))
        while stop < len(units) and units[stop] >= N_BOUNDARIES:
            stop += 1
        yield start, stop
        start = stop
