"""Statistics of n-grams → columns of features that tell words from other n-grams."""

from __future__ import annotations

import numpy as np

from cnmine.counting.table import NgramTable
from cnmine.newwords.unigram import Readings
from cnmine.stats.association import conditional_probabilities, min_split_pmi, npmi
from cnmine.stats.entropy import autonomy, branching_entropy
from cnmine.stats.extension import boundary_shares, extension_shares, neighbours, quotation_shares

# Which way each feature speaks for a word: +1 the more the better, -1 the less the better, 0 either way.
# The learner is held to it, so that it cannot learn that rare names are no words because they are not in
# the dictionary.
DIRECTIONS = {
    "log_count": 1,
    "log_freq": 0,
    "length": 0,
    "cohesion": 1,
    "npmi": 1,
    "left_entropy": 1,
    "right_entropy": 1,
    "freedom": 1,
    "left_evenness": 1,
    "right_evenness": 1,
    "evenness": 1,
    "left_variety": 1,
    "right_variety": 1,
    "left_extension": -1,
    "right_extension": -1,
    "extension": -1,
    "left_boundary": 0,
    "right_boundary": 0,
    "left_quotation": 1,
    "right_quotation": 1,
    "forward_probability": 1,
    "backward_probability": 1,
    "left_autonomy": 1,
    "right_autonomy": 1,
    "autonomy": 1,
    "share": 1,
    "left_edge": 1,
    "right_edge": 1,
    "break": -1,
}
# The few features that no kind of text and no convention of a dictionary distorts.
ROBUST = ("log_count", "length", "cohesion", "freedom", "evenness", "extension", "autonomy")
READING = ("share", "left_edge", "right_edge", "break")
# A frequency is a count in another corpus size: among the features of one corpus it would undo the
# direction of the count.
STATISTICS = tuple(name for name in DIRECTIONS if name not in READING and name != "log_freq")
MEASURED = (*STATISTICS, "log_freq")

Features = dict[str, np.ndarray]


class Statistics:
    """The features that follow from a table of n-grams, each computed once, when it is first asked for.

    Parameters
    ----------
    table
        The n-grams.
    """

    def __init__(self, table: NgramTable) -> None:
        self._table = table
        self._columns: Features = {}

    def measure(self, rows: np.ndarray, names: tuple[str, ...] = MEASURED) -> Features:
        """Features of some rows of the table.

        Parameters
        ----------
        rows
            ``int64[n]``.
        names
            Which features, of ``MEASURED``.

        Returns
        -------
        ``float32[n]`` by name. Entropies in nats, with every occurrence beside a boundary as a neighbour of
        its own; an evenness is the entropy over its greatest possible value; the names without a side are
        the weaker of both sides.
        """
        return {name: self._column(name)[rows] for name in names}

    def _column(self, name: str) -> np.ndarray:
        if name not in self._columns:
            self._columns[name] = self._compute(name).astype(np.float32, copy=False)
        return self._columns[name]

    def _compute(self, name: str) -> np.ndarray:
        table = self._table
        side, _, kind = name.partition("_")
        if side in ("left", "right"):
            return self._compute_side(side, kind)
        match name:
            case "log_count":
                return np.log(table.counts)
            case "log_freq":
                return np.log(table.counts / max(table.n_tokens, 1))
            case "length":
                return table.orders()
            case "cohesion":
                return min_split_pmi(table)
            case "npmi":
                return npmi(table)
            case "forward_probability" | "backward_probability":
                return self._keep(
                    ("forward_probability", "backward_probability"), conditional_probabilities(table), name
                )
            case "extension":
                return np.maximum(self._column("left_extension"), self._column("right_extension"))
        kind = {"freedom": "entropy"}.get(name, name)
        return np.minimum(self._column(f"left_{kind}"), self._column(f"right_{kind}"))

    def _compute_side(self, side: str, kind: str) -> np.ndarray:
        table = self._table
        match kind:
            case "entropy":
                return branching_entropy(table, side, boundary="distinct")
            case "evenness":
                return self._column(f"{side}_entropy") / np.maximum(self._column("log_count"), np.float32(1e-9))
            case "variety":
                return neighbours(table, side).varieties / table.counts
            case "extension":
                return extension_shares(table, side)
            case "boundary":
                return boundary_shares(table, side)
            case "quotation":
                return quotation_shares(table, side)
        return self._keep(("left_autonomy", "right_autonomy"), autonomy(table), f"{side}_{kind}")

    def _keep(self, names: tuple[str, ...], columns: tuple[np.ndarray, ...], wanted: str) -> np.ndarray:
        """Store columns that are computed together; return one of them."""
        for name, column in zip(names, columns, strict=True):
            self._columns[name] = column.astype(np.float32)
        return self._columns[wanted]


def reading_features(readings: Readings) -> Features:
    """The features that follow from how the unigram model reads the candidates."""
    columns = (readings.shares, readings.left_edges, readings.right_edges, readings.breaks)
    return {name: column.astype(np.float32) for name, column in zip(READING, columns, strict=True)}


def stack(features: Features, names: tuple[str, ...]) -> np.ndarray:
    """``float32[n, len(names)]`` of chosen features."""
    return np.stack([features[name] for name in names], axis=1)
