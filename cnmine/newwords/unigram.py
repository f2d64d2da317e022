"""Candidates and a guess how likely each is a word in; how the corpus itself reads them out.

A unigram model over the candidates and all single units is trained by expectation maximization: read
every span in all ways at once (forward-backward), weigh the ways by the model, count how often each
candidate is expected to be a word, and estimate the model anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.counting.table import NgramTable
from cnmine.dtypes import N_BOUNDARIES
from cnmine.newwords import _unigram_kernels as kernels

N_ITERATIONS = 4
# Spans that the iterations read; the last pass reads all of them. Estimates on more change nothing.
SAMPLE_UNITS = 4_000_000
UNITS_PER_TASK = 1 << 20
# The guess weighs as much as this many places at which the candidate stands.
PRIOR_PLACES = 1.0
UNKNOWN_COUNT = 0.5
FULL_SAMPLE = np.uint64(1 << 32)


@dataclass
class Readings:
    """How the trained model reads every candidate, on average over all places where it stands.

    Attributes
    ----------
    shares
        ``float64[n]``; share of the places at which it is read as a word.
    left_edges, right_edges
        ``float64[n]``; probability of a word boundary at its edges.
    breaks
        ``float64[n]``; probability of the likeliest word boundary inside it.
    """

    shares: np.ndarray
    left_edges: np.ndarray
    right_edges: np.ndarray
    breaks: np.ndarray


def read_candidates(
    units: np.ndarray,
    table: NgramTable,
    rows: np.ndarray,
    guesses: np.ndarray,
    *,
    threads: int = 1,
    on_progress: Callable[[int], None] = lambda n: None,
) -> Readings:
    """Train the unigram model and read the corpus with it.

    Parameters
    ----------
    units
        ``uint16[n]`` of the corpus that was counted.
    table
        Its n-grams.
    rows
        ``int64[m]``, ascending; the candidates, rows of order 2 and more.
    guesses
        ``float64[m]``; probability that each is a word, from which the model starts and which outweighs
        the reading of a candidate with few places.
    threads
        Worker threads; the result does not depend on it, nor on the order of the text.
    on_progress
        Called with the number of units read since the last call; all passes together read
        `units_to_read` units.

    Returns
    -------
    One value a candidate.

    Notes
    -----
    Time: linear in the corpus; ``N_ITERATIONS`` passes over a sample of at most about ``SAMPLE_UNITS`` units
    and one over all.
    Memory: 4 bytes a unit.
    """
    n_single = int(table.order_offsets[1])
    node_rows = np.concatenate([np.arange(n_single), rows])
    node_of_row = np.full(len(table), -1, dtype=np.int32)
    node_of_row[node_rows] = np.arange(len(node_rows), dtype=np.int32)
    up = np.empty(len(node_rows), dtype=np.int32)
    nearest = np.empty(len(table), dtype=np.int32)
    kernels.link_nodes(node_of_row, table.parents, nearest, up)
    node_at = np.empty(len(units), dtype=np.int32)
    kernels.place_nodes(table.deepest, nearest, node_at)

    counts = table.counts[node_rows].astype(np.float64)
    priors = np.concatenate([np.ones(n_single), guesses])
    lengths = np.ones(len(node_rows), dtype=np.uint8)
    lengths[n_single:] = table.orders()[rows]
    tasks = list(_tasks(units))
    threshold = _sampling_threshold(table.n_tokens)
    shares = priors
    for _ in range(N_ITERATIONS):
        lattice = (up, lengths, *_weights(counts, shares))
        shares = _estimate(units, node_at, lattice, tasks, threshold, priors, threads, on_progress)
    lattice = (up, lengths, *_weights(counts, shares))
    sums = np.zeros((len(node_rows), 4), dtype=np.int64)

    def read(task: tuple[int, int]) -> np.ndarray:
        part = np.zeros_like(sums)
        kernels.add_edges(units, node_at, lattice, task, part)
        return part

    for task, part in zip(tasks, map_ordered(read, tasks, threads=threads), strict=True):
        sums += part
        on_progress(task[1] - task[0])
    means = sums[n_single:] / kernels.ONE / counts[n_single:, None]
    return Readings(*(np.ascontiguousarray(column) for column in means.T))


def units_to_read(n_units: int) -> int:
    """How many units `read_candidates` reports to ``on_progress``, all passes together."""
    return n_units * (N_ITERATIONS + 1)


def _tasks(units: np.ndarray) -> Iterator[tuple[int, int]]:
    """Stretches of the corpus that begin and end at a boundary."""
    start = 0
    while start < len(units):
        stop = min(start + UNITS_PER_TASK, len(units))
        while stop < len(units) and units[stop] >= N_BOUNDARIES:
            stop += 1
        yield start, stop
        start = stop


def _sampling_threshold(n_tokens: int) -> np.uint64:
    if n_tokens <= SAMPLE_UNITS:
        return FULL_SAMPLE
    return np.uint64(int(FULL_SAMPLE) * SAMPLE_UNITS // n_tokens)


def _weights(counts: np.ndarray, shares: np.ndarray) -> tuple[np.ndarray, float]:
    """Probability of every word of the model, and that of a unit too rare to be in the table."""
    expected = np.maximum(counts * shares, 1e-3)
    total = float(expected.sum()) + UNKNOWN_COUNT
    return expected / total, UNKNOWN_COUNT / total


def _estimate(
    units: np.ndarray,
    node_at: np.ndarray,
    lattice: tuple,
    tasks: list[tuple[int, int]],
    threshold: np.uint64,
    priors: np.ndarray,
    threads: int,
    on_progress: Callable[[int], None],
) -> np.ndarray:
    """One iteration: share of the places at which each word is read, drawn towards its prior."""
    expected = np.zeros(len(priors), dtype=np.int64)
    seen = np.zeros(len(priors), dtype=np.int64)

    def read(task: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        part = (np.zeros_like(expected), np.zeros_like(seen))
        kernels.add_posteriors(units, node_at, lattice, task, threshold, part)
        return part

    for task, part in zip(tasks, map_ordered(read, tasks, threads=threads), strict=True):
        expected += part[0]
        seen += part[1]
        on_progress(task[1] - task[0])
    return (expected / kernels.ONE + PRIOR_PLACES * priors) / (seen + PRIOR_PLACES)
