"""Candidates and a guess how likely each is a word in; how the corpus itself reads them out.

A unigram model over the candidates and all single units is trained by expectation maximization: read
every span in all ways at once (forward-backward), weigh the ways by the model, count how often each
candidate is expected to be a word, and estimate the model anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from cnmine._memory import release_pages
from cnmine._parallel import map_ordered
from cnmine._space import MEMORY, Space
from cnmine.counting.table import NgramTable
from cnmine.dtypes import N_BOUNDARIES
from cnmine.newwords import _unigram_kernels as kernels
from cnmine.newwords.ranking import steps, take

N_ITERATIONS = 4
# Spans that the iterations read; the last pass reads all of them. Estimates on more change nothing.
SAMPLE_UNITS = 4_000_000
UNITS_PER_TASK = 1 << 20
# The guess weighs as much as this many places at which the candidate stands.
PRIOR_PLACES = 1.0
UNKNOWN_COUNT = 0.5
SUM_BYTES = 96  # of memory for a candidate and thread, of which the sums are a third
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
    budget_bytes: int | None = None,
    space: Space = MEMORY,
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
    budget_bytes
        Memory for sums: with less than 96 bytes for each candidate and thread there are fewer threads.
    space
        Where 4 bytes for every row of the table are put, and the sample.
    on_progress
        Called with the number of units read since the last call; all passes together read
        `units_to_read` units.

    Returns
    -------
    One value a candidate.

    Notes
    -----
    Time: linear in the corpus; a pass that draws a sample of at most about ``SAMPLE_UNITS`` units, ``N_ITERATIONS``
    over the sample, and one over all. Memory: some 60 bytes a candidate, and 32 for each of them and each thread.
    """
    n_single = int(table.order_offsets[1])
    n_nodes = n_single + len(rows)
    if budget_bytes is not None:
        threads = min(threads, max(1, budget_bytes // (SUM_BYTES * (n_nodes + 1))))
    text, links, counts = _link_nodes(units, table, rows, threads, space)
    shares = priors = np.concatenate([np.ones(n_single), guesses])
    del rows, guesses
    if N_ITERATIONS:
        sample = text.draw(_sampling_threshold(table.n_tokens), space)
        for _ in range(N_ITERATIONS):
            shares = _estimate(sample, (*links, *_weights(counts, shares)), priors, threads, on_progress)
        del sample
    lattice = (*links, *_weights(counts, shares))
    del shares, priors

    def read(task: tuple[int, int], sums: np.ndarray) -> None:
        kernels.add_edges(*text.take(task), lattice, sums)

    sums = _add_up(read, text.tasks, (n_nodes, 4), threads, on_progress)[n_single:]
    return Readings(*(sums[:, i] / kernels.ONE / counts[n_single:] for i in range(4)))


def _link_nodes(
    units: np.ndarray, table: NgramTable, rows: np.ndarray, threads: int, space: Space
) -> tuple[_Text, tuple[np.ndarray, np.ndarray], np.ndarray]:
    """The text with a node for every unit and candidate at its places; parent and length of each node; its count."""
    node_rows = np.concatenate([np.arange(table.order_offsets[1]), rows])
    nearest = space.new_array(len(table), np.int32, "the words at every place")
    up = np.empty(len(node_rows), dtype=np.int32)
    for part in steps(len(table)):
        nearest[part] = -1
        mine = slice(*np.searchsorted(node_rows, (part.start, part.stop)))
        nearest[node_rows[mine]] = np.arange(mine.start, mine.stop, dtype=np.int32)
        kernels.link_nodes((part.start, part.stop), nearest, table.parents, up)
        release_pages(table.parents)
        release_pages(nearest)
    counts = take(table.counts, node_rows).astype(np.float64)
    text = _Text(units, table.deepest, nearest, list(_tasks(units)), threads)
    return text, (up, table.orders_of(node_rows)), counts


def units_to_read(n_units: int) -> int:
    """How many units `read_candidates` reports to ``on_progress``, all passes together."""
    return n_units * (N_ITERATIONS + 1)


@dataclass(frozen=True)
class _Sample:
    """Some spans of a text, their nodes, and for each task over the text where its spans are."""

    units: np.ndarray
    node_at: np.ndarray
    offsets: np.ndarray
    tasks: list[tuple[int, int]]


@dataclass(frozen=True)
class _Text:
    """A text that is read a stretch at a time, with the words at its places."""

    units: np.ndarray
    deepest: np.ndarray
    nearest: np.ndarray
    tasks: list[tuple[int, int]]
    threads: int

    def take(self, task: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """The units of a stretch, and one more, and the nodes of the stretch."""
        start, stop = task
        node_at = np.empty(stop - start, np.int32)
        kernels.place_nodes(self.deepest[start:stop], self.nearest, node_at)
        units = self.units[start : stop + 1].copy()
        self._release()
        return units, node_at

    def draw(self, threshold: np.uint64, space: Space) -> _Sample:
        """The spans whose hash falls below the threshold."""
        nothing = np.empty(0, np.uint16), np.empty(0, np.int32)
        sizes = list(map_ordered(partial(self._draw, threshold, nothing), self.tasks, threads=self.threads))
        offsets = np.append(0, np.cumsum(sizes)).astype(np.int64)
        what = "a sample of the text"
        units = space.new_array(int(offsets[-1]), np.uint16, what)
        node_at = space.new_array(int(offsets[-1]), np.int32, what)

        def draw(number: int) -> None:
            mine = slice(int(offsets[number]), int(offsets[number + 1]))
            if mine.stop > mine.start:
                self._draw(threshold, (units[mine], node_at[mine]), self.tasks[number])

        for _ in map_ordered(draw, range(len(self.tasks)), threads=self.threads):
            pass
        return _Sample(units, node_at, offsets, self.tasks)

    def _draw(self, threshold: np.uint64, drawn: tuple[np.ndarray, np.ndarray], task: tuple[int, int]) -> int:
        start, stop = task
        n = kernels.draw_spans(self.units[start : stop + 1], self.deepest[start:stop], self.nearest, threshold, drawn)
        self._release()
        return int(n)

    def _release(self) -> None:
        for array in (self.units, self.deepest, self.nearest):
            release_pages(array)


def _tasks(units: np.ndarray) -> Iterator[tuple[int, int]]:
    """Stretches of the corpus that begin and end where spans do, or where a long one is cut when it is read."""
    start = 0
    while start < len(units):
        stop = min(start + UNITS_PER_TASK, len(units))
        boundaries = np.flatnonzero(units[start:stop] < N_BOUNDARIES)
        origin = start + int(boundaries[-1]) + 1 if len(boundaries) else start
        cut = origin - (origin - stop) // kernels.MAX_SPAN * kernels.MAX_SPAN  # rounded up
        following = np.flatnonzero(units[stop:cut] < N_BOUNDARIES)
        stop = min(stop + int(following[0]) if len(following) else cut, len(units))
        yield start, stop
        release_pages(units)
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
    sample: _Sample, lattice: tuple, priors: np.ndarray, threads: int, on_progress: Callable[[int], None]
) -> np.ndarray:
    """One iteration: share of the places at which each word is read, drawn towards its prior."""
    place_of_task = dict(zip(sample.tasks, pairwise(sample.offsets.tolist()), strict=True))

    def read(task: tuple[int, int], sums: np.ndarray) -> None:
        mine = slice(*place_of_task[task])
        kernels.add_posteriors(sample.units[mine], sample.node_at[mine], lattice, (sums[0], sums[1]))
        release_pages(sample.units)
        release_pages(sample.node_at)

    expected, seen = _add_up(read, sample.tasks, (2, len(priors)), threads, on_progress)
    return (expected / kernels.ONE + PRIOR_PLACES * priors) / (seen + PRIOR_PLACES)


def _add_up(
    read: Callable[[tuple[int, int], np.ndarray], None],
    tasks: list[tuple[int, int]],
    shape: tuple[int, ...],
    threads: int,
    on_progress: Callable[[int], None],
) -> np.ndarray:
    """The sum of what all tasks add to an array of integers; every thread has one of its own."""
    free = [np.zeros(shape, np.int64) for _ in range(threads)]

    def add(task: tuple[int, int]) -> tuple[int, int]:
        sums = free.pop()
        try:
            read(task, sums)
        finally:
            free.append(sums)
        return task

    for start, stop in map_ordered(add, tasks, threads=threads):
        on_progress(stop - start)
    total, *others = free
    for sums in others:
        total += sums
    return total
