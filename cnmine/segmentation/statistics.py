"""Table of n-grams, and how a text was read → features of n-grams as words and as surroundings of gaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnmine.counting.table import NgramTable
from cnmine.segmentation import _statistics_kernels as kernels
from cnmine.stats.association import min_split_pmi
from cnmine.stats.entropy import autonomy, branching_entropy
from cnmine.stats.extension import extension_shares, neighbours

# What is scored: an n-gram as a word, left of a gap, right of it, and a pair across it; the orders of each.
KINDS = {"word": 6, "before": 3, "after": 3, "across": 2}
N_FEATURES = {"word": (34, 41), "before": (19, 22), "after": (19, 22), "across": (15, 20)}  # first stage, later ones
_PRIOR_PLACES = 3.0  # places beside a boundary or not that every n-gram is credited with


@dataclass(frozen=True)
class Reading:
    """How a model reads a text, summed over the places of every n-gram.

    Attributes
    ----------
    sums
        ``float32[n, 8]``; probability of a word boundary at each cut of the n-gram, its edges included: the cut
        behind ``i`` units in column ``i``; in the last column that of being a word.
    seen
        ``float32[n]``; places that were read.
    n_tokens
        Units that were read.
    """

    sums: np.ndarray
    seen: np.ndarray
    n_tokens: int


class RowStatistics:
    """What the features of n-grams are made of.

    Parameters
    ----------
    table
        Of a text with at least one unit.
    """

    def __init__(self, table: NgramTable) -> None:
        self.table = table
        self._stats = _measure(table)
        self._shape = (table.orders(), table.parents, table.suffixes, np.float32(np.log(table.n_tokens)))
        firsts, lasts = np.empty((2, len(table)), np.int32)
        kernels.first_and_last(table.parents, table.suffixes, firsts, lasts)
        self._ends = (firsts, lasts)
        self.reading: Reading | None = None

    def rows_of(self, kind: str) -> tuple[int, int]:
        """The rows that have a score of this kind."""
        offsets = self.table.order_offsets
        first = 1 if kind == "across" else 0
        return int(offsets[min(first, len(offsets) - 1)]), int(offsets[min(KINDS[kind], len(offsets) - 1)])

    def features(self, kind: str, start: int, stop: int) -> np.ndarray:
        """``float32[stop - start, k]``; more columns once there is a reading."""
        reading = self.reading
        out = np.zeros((stop - start, N_FEATURES[kind][reading is not None]), np.float32)
        if reading is None:
            read = (np.zeros((1, 8), np.float32), np.zeros(1, np.float32), np.float32(0))
        else:
            read = (reading.sums, reading.seen, np.float32(np.log(max(reading.n_tokens, 1))))
        rows = (start, stop)
        if kind == "word":
            kernels.word_features(rows, self._shape, self._ends, self._stats, read, out)
        elif kind == "across":
            kernels.pair_features(rows, self._shape, self._stats, read, out)
        else:
            kernels.context_features(rows, kind == "before", self._shape, self._stats, read, out)
        return out


def _measure(table: NgramTable) -> np.ndarray:
    """``float32[n, 16]``; columns as in the kernels."""
    stats = np.zeros((len(table), kernels.N_STATISTICS), np.float32)
    log_counts = np.log(table.counts)
    left, right = (branching_entropy(table, side, boundary="distinct") for side in ("left", "right"))
    stats[:, kernels.LC], stats[:, kernels.HL], stats[:, kernels.HR] = log_counts, left, right
    stats[:, kernels.AL], stats[:, kernels.AR] = autonomy(table, boundary="distinct")
    stats[:, kernels.BL], stats[:, kernels.BR] = _edge_odds(table, "left"), _edge_odds(table, "right")
    stats[:, kernels.XL], stats[:, kernels.XR] = (extension_shares(table, side) for side in ("left", "right"))
    stats[:, kernels.COH] = min_split_pmi(table)
    spread = np.maximum(log_counts, 0.5)
    stats[:, kernels.EL], stats[:, kernels.ER] = left / spread, right / spread
    shape = (table.parents, table.suffixes, table.counts)
    varieties = (table.left[:, 0].copy(), table.right[:, 0].copy())
    n_roots = int(table.order_offsets[1])
    kernels.chain_probabilities(shape, varieties, n_roots, float(table.counts[:n_roots].sum()), stats)
    return stats


def _edge_odds(table: NgramTable, side: str) -> np.ndarray:
    """How much more likely than others an n-gram stands beside a boundary, as log odds."""
    n_roots = int(table.order_offsets[1])
    beside = neighbours(table, side).boundaries.astype(np.float64)
    expected = beside[:n_roots].sum() / table.counts[:n_roots].sum()
    expected = min(max(expected, 1e-6), 1 - 1e-6)
    odds = (beside + _PRIOR_PLACES * expected) / (table.counts - beside + _PRIOR_PLACES * (1 - expected))
    return np.log(odds) - np.log(expected / (1 - expected))
