"""Table of n-grams → how freely every n-gram meets its neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnmine._memory import release_pages
from cnmine._parallel import map_ordered
from cnmine._space import MEMORY, Space
from cnmine.counting.table import NO_ROW, ROWS_PER_STEP, NgramTable
from cnmine.errors import UsageError
from cnmine.stats.extension import HasNeighbours, neighbours

MIN_DEVIATION = 1e-7


def branching_entropy(table: HasNeighbours, side: str, *, boundary: str = "single") -> np.ndarray:
    """Entropy of the neighbours of every n-gram (Jin & Tanaka-Ishii 2006).

    Parameters
    ----------
    table
        From `count_ngrams`, or words of a store. All neighbours take part, however rare the longer n-grams are.
    side
        "left" or "right".
    boundary
        What the occurrences beside a boundary are: "single", all together one more neighbour;
        "distinct", each a neighbour of its own, because the edge of a sentence is evidence of freedom;
        "omit", nothing.

    Returns
    -------
    ``float64[n]``, nats. 0 for an n-gram with one neighbour or none.

    Raises
    ------
    UsageError
        If ``side`` or ``boundary`` is none of the above.
    """
    beside = neighbours(table, side)
    return _entropies(table.counts, beside.boundaries, beside.spreads, boundary)


def _entropies(counts: np.ndarray, boundaries: np.ndarray, spreads: np.ndarray, boundary: str) -> np.ndarray:
    n_neighbours = counts
    if boundary == "omit":
        n_neighbours = n_neighbours - boundaries
    elif boundary == "single":
        spreads = spreads + _n_log_n(boundaries)
    elif boundary != "distinct":  # a neighbour that occurs once adds 1 · ln 1 to the spread
        raise UsageError(f"boundary is {boundary!r}; choose single, distinct or omit")
    # H = -sum c/n ln(c/n) = (n ln n - sum c ln c) / n; rounding may leave it just below 0
    return np.maximum(_n_log_n(n_neighbours) - spreads, 0.0) / np.maximum(n_neighbours, 1)


def _n_log_n(counts: np.ndarray) -> np.ndarray:
    return counts * np.log(np.maximum(counts, 1).astype(np.float64))


def accessor_variety(table: NgramTable, side: str) -> np.ndarray:
    """Number of distinct neighbours of every n-gram (Feng et al. 2004).

    As in the paper, every occurrence beside a boundary counts as a neighbour of its own.

    Returns
    -------
    ``float64[n]``, at least 1.
    """
    beside = neighbours(table, side)
    return beside.varieties.astype(np.float64) + beside.boundaries


def freedom(table: NgramTable, *, boundary: str = "single") -> np.ndarray:
    """The lesser of the left and the right `branching_entropy` of every n-gram.

    Returns
    -------
    ``float64[n]``, nats.
    """
    left, right = (branching_entropy(table, side, boundary=boundary) for side in ("left", "right"))
    return np.minimum(left, right)


@dataclass(frozen=True)
class Rises:
    """How the branching entropy rises from shorter n-grams to those of a table.

    Attributes
    ----------
    left, right
        ``float64[n]``, nats; to every row from that without its first unit, and without its last.
    means, deviations
        ``float64[2, max_order + 1]``; of these, left and right, over all occurrences of the n-grams of each order. A
        deviation is 0 where all rise alike.
    """

    left: np.ndarray
    right: np.ndarray
    means: np.ndarray
    deviations: np.ndarray


def measure_rises(table: NgramTable, *, boundary: str = "single", threads: int = 1, space: Space = MEMORY) -> Rises:
    """What `autonomy` compares.

    Parameters
    ----------
    table, boundary
        As for `branching_entropy`.
    threads
        Worker threads; the result does not depend on them.
    space
        Where the rises are put.
    """
    sides = []
    moments = np.zeros((2, 2, table.max_order + 1))
    for side, shorter in ((0, table.suffixes), (1, table.parents)):
        rises = _compute_rises(table, ("left", "right")[side], shorter, boundary, threads, space)
        for order in range(1, table.max_order + 1):
            moments[:, side, order] = _weighted_moments(rises, table.counts, table.rows_of_order(order))
        sides.append(rises)
    return Rises(*sides, *moments)


def _compute_rises(
    table: NgramTable, side: str, shorter: np.ndarray, boundary: str, threads: int, space: Space
) -> np.ndarray:
    n = len(table)
    entropies, rises = (space.new_array(n, np.float64, "branching entropies") for _ in range(2))
    beside = neighbours(table, side)

    def measure(start: int) -> None:
        part = slice(start, start + ROWS_PER_STEP)
        entropies[part] = _entropies(table.counts[part], beside.boundaries[part], beside.spreads[part], boundary)
        table.release()
        release_pages(entropies)

    def subtract(start: int) -> None:
        part = slice(start, start + ROWS_PER_STEP)
        above = shorter[part]
        rises[part] = entropies[part] - np.where(above != NO_ROW, entropies[above], 0.0)
        for array in (shorter, entropies, rises):
            release_pages(array)

    for step in (measure, subtract):
        for _ in map_ordered(step, range(0, n, ROWS_PER_STEP), threads=threads):
            pass
    return rises


def _weighted_moments(values: np.ndarray, weights: np.ndarray, rows: slice) -> tuple[float, float]:
    """Mean and standard deviation of some rows, a step at a time."""
    if rows.start == rows.stop:
        return 0.0, 0.0
    # Sums of squares of what is far from 0 would lose digits; the first value is near enough to the mean.
    origin = float(values[rows.start])
    weight = total = squares = 0.0
    for start in range(rows.start, rows.stop, ROWS_PER_STEP):
        part = slice(start, min(start + ROWS_PER_STEP, rows.stop))
        some, counts = values[part] - origin, weights[part]
        weight += float(counts.sum())
        total += float((counts * some).sum())
        squares += float((counts * some * some).sum())
        release_pages(values)
        release_pages(weights)
    mean = total / weight
    deviation = float(np.sqrt(max(squares / weight - mean**2, 0.0)))
    # A deviation of nothing but rounding errors is none.
    return origin + mean, deviation if deviation > MIN_DEVIATION else 0.0


def autonomy(
    table: NgramTable, rows: np.ndarray | None = None, *, boundary: str = "single", rises: Rises | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Normalized variation of the branching entropy (Magistry & Sagot 2012); the sum of both is the autonomy.

    Inside a word the next unit gets easier to guess with every unit; where a word ends, it gets harder.
    So: the rise of the right entropy from the n-gram without its last unit to the n-gram, in standard
    deviations from the mean over all n-grams of its order; the same to the left, without the first unit.

    Parameters
    ----------
    table, boundary
        As for `branching_entropy`.
    rows
        ``int64[n]``; which n-grams; None for all.
    rises
        From `measure_rises` of the same table and boundary; measured here if it is not given.

    Returns
    -------
    ``left``, ``right``
        ``float64[n]`` each. 0 where all n-grams of an order rise alike.

    Notes
    -----
    Mean and standard deviation are over occurrences: every n-gram weighs as much as its count. The
    rise at order 1 starts from the empty n-gram, the entropy of which is the same for all and cancels out.
    """
    chosen = np.arange(len(table)) if rows is None else rows
    known = rises or measure_rises(table, boundary=boundary)
    orders = table.orders_of(chosen)
    found = []
    for side, values in enumerate((known.left, known.right)):
        deviations = known.deviations[side][orders]
        distances = values[chosen] - known.means[side][orders]
        found.append(np.divide(distances, deviations, out=np.zeros(len(chosen)), where=deviations > 0))
        release_pages(values)
    return found[0], found[1]
