"""Table of n-grams → how freely every n-gram meets its neighbours."""

from __future__ import annotations

import numpy as np

from cnmine.counting.table import NgramTable
from cnmine.errors import UsageError
from cnmine.stats.extension import HasNeighbours, neighbours


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
    spreads = beside.spreads
    n_neighbours = table.counts
    if boundary == "omit":
        n_neighbours = n_neighbours - beside.boundaries
    elif boundary == "single":
        spreads = spreads + _n_log_n(beside.boundaries)
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


def autonomy(table: NgramTable, *, boundary: str = "single") -> tuple[np.ndarray, np.ndarray]:
    """Normalized variation of the branching entropy (Magistry & Sagot 2012); the sum of both is the autonomy.

    Inside a word the next unit gets easier to guess with every unit; where a word ends, it gets harder.
    So: the rise of the right entropy from the n-gram without its last unit to the n-gram, in standard
    deviations from the mean over all n-grams of its order; the same to the left, without the first unit.

    Parameters
    ----------
    table, boundary
        As for `branching_entropy`.

    Returns
    -------
    ``left``, ``right``
        ``float64[n]`` each. 0 where all n-grams of an order rise alike.

    Notes
    -----
    Mean and standard deviation are over occurrences: every n-gram weighs as much as its count. The
    rise at order 1 starts from the empty n-gram, the entropy of which is the same for all and cancels out.
    """
    return (
        _normalized_rises(table, branching_entropy(table, "left", boundary=boundary), table.suffixes),
        _normalized_rises(table, branching_entropy(table, "right", boundary=boundary), table.parents),
    )


def _normalized_rises(table: NgramTable, entropies: np.ndarray, shorter: np.ndarray) -> np.ndarray:
    """Rise of the entropy from the row ``shorter`` to every row, normalized within each order."""
    rises = entropies.copy()
    longer = slice(int(table.order_offsets[1]), None)
    rises[longer] -= entropies[shorter[longer]]
    for order in range(1, table.max_order + 1):
        rows = table.rows_of_order(order)
        if rows.start == rows.stop:
            continue
        weights = table.counts[rows]
        deviations = rises[rows] - np.average(rises[rows], weights=weights)
        spread = np.sqrt(np.average(deviations**2, weights=weights))
        # A spread of nothing but rounding errors is none.
        rises[rows] = deviations / spread if spread > 1e-12 else 0.0
    return rises
