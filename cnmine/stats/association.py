"""Table of n-grams → how firmly the units of every n-gram hold together."""

from __future__ import annotations

import numpy as np

from cnmine.counting.table import NgramTable
from cnmine.stats import _kernels as kernels


def min_split_pmi(table: NgramTable) -> np.ndarray:
    """Cohesion of every n-gram: the pointwise mutual information of its weakest binary split.

    The minimum over w = xy of ln(N·c(w) / (c(x)·c(y))), with N the number of units of the corpus.

    Returns
    -------
    ``float64[n]``, nats. 0 at order 1, where there is nothing to split.

    Notes
    -----
    Every part of an n-gram is at least as frequent as the n-gram itself, hence in the table: nothing
    is estimated. Time: two look-ups for each row and split.
    """
    pmi = np.zeros(len(table))
    arrays = (table.parents, table.suffixes, table.counts)
    for order in range(2, table.max_order + 1):
        rows = table.rows_of_order(order)
        kernels.min_split_pmi((rows.start, rows.stop), order, arrays, float(table.n_tokens), pmi)
    return pmi


def npmi(table: NgramTable) -> np.ndarray:
    """Cohesion in relation to the most that the n-gram could reach (Bouma 2009): min-split PMI / −ln p(w).

    Returns
    -------
    ``float64[n]``, at most 1: the parts of the weakest split never occur apart. 0 at order 1.
    """
    normalized = np.zeros(len(table))
    longer = slice(int(table.order_offsets[1]), None)
    # From order 2 on c(w) < N, because the last unit of the corpus begins nothing longer.
    normalized[longer] = min_split_pmi(table)[longer] / -np.log(table.counts[longer] / table.n_tokens)
    return normalized


def conditional_probabilities(table: NgramTable) -> tuple[np.ndarray, np.ndarray]:
    """Share of the prefix, and of the suffix, that is part of the n-gram.

    Returns
    -------
    ``forward``
        ``float64[n]``; c(w) / c(prefix): the probability of the last unit after the others.
    ``backward``
        ``float64[n]``; c(w) / c(suffix): the probability of the first unit before the others.

    Both are 1 at order 1, where there is no prefix or suffix.
    """
    forward, backward = np.ones((2, len(table)))
    longer = slice(int(table.order_offsets[1]), None)
    forward[longer] = table.counts[longer] / table.counts[table.parents[longer]]
    backward[longer] = table.counts[longer] / table.counts[table.suffixes[longer]]
    return forward, backward
