"""Table of n-grams → how firmly the units of every n-gram hold together."""

from __future__ import annotations

import numpy as np

from cnmine.counting.table import ROWS_PER_STEP, NgramTable
from cnmine.stats import _kernels as kernels


def min_split_pmi(table: NgramTable, rows: np.ndarray | None = None) -> np.ndarray:
    """Cohesion of n-grams: the pointwise mutual information of the weakest binary split of each.

    The minimum over w = xy of ln(N·c(w) / (c(x)·c(y))), with N the number of units of the corpus.

    Parameters
    ----------
    table
        From `count_ngrams`.
    rows
        ``int64[n]``; which n-grams; None for all.

    Returns
    -------
    ``float64[n]``, nats. 0 at order 1, where there is nothing to split.

    Notes
    -----
    Every part of an n-gram is at least as frequent as the n-gram itself, hence in the table: nothing
    is estimated. Time: two look-ups for each row and split.
    """
    pmi = np.zeros(len(table) if rows is None else len(rows))
    arrays = (table.parents, table.suffixes, table.counts)
    for start in range(0, len(pmi), ROWS_PER_STEP):
        stop = min(start + ROWS_PER_STEP, len(pmi))
        some = np.arange(start, stop) if rows is None else np.ascontiguousarray(rows[start:stop], np.int64)
        kernels.min_split_pmi(some, table.orders_of(some), arrays, float(table.n_tokens), pmi[start:stop])
        table.release()
    return pmi


def npmi(table: NgramTable, rows: np.ndarray | None = None) -> np.ndarray:
    """Cohesion in relation to the most that the n-gram could reach (Bouma 2009): min-split PMI / −ln p(w).

    Parameters are those of `min_split_pmi`.

    Returns
    -------
    ``float64[n]``, at most 1: the parts of the weakest split never occur apart. 0 at order 1.
    """
    chosen = np.arange(len(table)) if rows is None else rows
    normalized = np.zeros(len(chosen))
    is_longer = chosen >= table.order_offsets[1]
    longer = chosen[is_longer]
    # From order 2 on c(w) < N, because the last unit of the corpus begins nothing longer.
    normalized[is_longer] = min_split_pmi(table, longer) / -np.log(table.counts[longer] / table.n_tokens)
    return normalized


def conditional_probabilities(table: NgramTable, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Share of the prefix, and of the suffix, that is part of the n-gram.

    Parameters are those of `min_split_pmi`.

    Returns
    -------
    ``forward``
        ``float64[n]``; c(w) / c(prefix): the probability of the last unit after the others.
    ``backward``
        ``float64[n]``; c(w) / c(suffix): the probability of the first unit before the others.

    Both are 1 at order 1, where there is no prefix or suffix.
    """
    chosen = np.arange(len(table)) if rows is None else rows
    forward, backward = np.ones((2, len(chosen)))
    is_longer = chosen >= table.order_offsets[1]
    longer = chosen[is_longer]
    counts = table.counts[longer]
    forward[is_longer] = counts / table.counts[table.parents[longer]]
    backward[is_longer] = counts / table.counts[table.suffixes[longer]]
    return forward, backward
