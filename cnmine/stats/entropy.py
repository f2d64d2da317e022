"""Table of n-grams → how freely every n-gram meets its neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from cnmine._parallel import map_ordered
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
    """How the branching entropy rises from shorter n-grams to those of each order, over all their occurrences.

    Attributes
    ----------
    means, deviations
        ``float64[2, max_order + 1]``, nats; to the left, to the right. A deviation is 0 where all rise alike.
    """

    means: np.ndarray
    deviations: np.ndarray


SIDES = ("left", "right")


def measure_rises(table: NgramTable, *, boundary: str = "single", threads: int = 1) -> Rises:
    """Mean and standard deviation of the rises that `autonomy` compares with, over all n-grams of each order.

    Parameters are those of `branching_entropy`.

    Notes
    -----
    Every n-gram weighs as much as its count. Summed in steps of ``ROWS_PER_STEP`` rows, whatever the memory and the
    threads.
    """
    means, deviations = np.zeros((2, len(SIDES), table.max_order + 1))

    def add(task: tuple[int, int, int, float]) -> tuple[float, float]:
        side, start, stop, origin = task
        rows = np.arange(start, stop)
        rises = _rises(table, rows, SIDES[side], boundary) - origin
        weights = table.counts[rows]
        table.release()
        return float((weights * rises).sum()), float((weights * rises * rises).sum())

    for side, order in product(range(len(SIDES)), range(1, table.max_order + 1)):
        level = table.rows_of_order(order)
        if level.start == level.stop:
            continue
        # Sums of squares of what is far from 0 would lose digits; the first rise is near enough to the mean.
        origin = float(_rises(table, np.arange(level.start, level.start + 1), SIDES[side], boundary)[0])
        starts = range(level.start, level.stop, ROWS_PER_STEP)
        tasks = [(side, start, min(start + ROWS_PER_STEP, level.stop), origin) for start in starts]
        total, squares = np.sum(list(map_ordered(add, tasks, threads=threads)), axis=0)
        weight = float(table.counts[level].sum())
        mean = total / weight
        means[side, order] = origin + mean
        deviation = np.sqrt(max(squares / weight - mean**2, 0.0))
        # A deviation of nothing but rounding errors is none.
        deviations[side, order] = deviation if deviation > MIN_DEVIATION else 0.0
    table.release()
    return Rises(means, deviations)


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
    for side, name in enumerate(SIDES):
        deviations = known.deviations[side][orders]
        distances = _rises(table, chosen, name, boundary) - known.means[side][orders]
        found.append(np.divide(distances, deviations, out=np.zeros(len(chosen)), where=deviations > 0))
    return found[0], found[1]


def _rises(table: NgramTable, rows: np.ndarray, side: str, boundary: str) -> np.ndarray:
    """Rise of the entropy to some n-grams from those without the outermost unit of that side."""
    beside = neighbours(table, side)

    def entropies(rows: np.ndarray) -> np.ndarray:
        return _entropies(table.counts[rows], beside.boundaries[rows], beside.spreads[rows], boundary)

    rises = entropies(rows)
    shorter = (table.suffixes if side == "left" else table.parents)[rows]
    is_longer = shorter != NO_ROW
    if is_longer.all():
        return rises - entropies(shorter)
    rises[is_longer] -= entropies(shorter[is_longer])
    return rises
