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


def measure_candidates(table: NgramTable, rows: np.ndarray) -> Features:
    """All features of candidates that follow from the table.

    Parameters
    ----------
    table
        The n-grams.
    rows
        ``int64[n]``; the candidates.

    Returns
    -------
    One ``float32[n]`` for every name in ``MEASURED``. Entropies in nats, with every occurrence beside a
    boundary as a neighbour of its own; an evenness is the entropy over its greatest possible value; the
    names without a side are the weaker of both sides.
    """
    counts = table.counts[rows].astype(np.float64)
    log_counts = np.log(counts)
    features: Features = {"log_count": log_counts, "length": table.orders()[rows].astype(np.float64)}
    features["log_freq"] = log_counts - np.log(max(table.n_tokens, 1))
    features["cohesion"] = min_split_pmi(table)[rows]
    features["npmi"] = npmi(table)[rows]
    for side in ("left", "right"):
        entropy = branching_entropy(table, side, boundary="distinct")[rows]
        features[f"{side}_entropy"] = entropy
        features[f"{side}_evenness"] = entropy / np.maximum(log_counts, 1e-9)
        features[f"{side}_variety"] = neighbours(table, side).varieties[rows] / counts
        features[f"{side}_extension"] = extension_shares(table, side)[rows]
        features[f"{side}_boundary"] = boundary_shares(table, side)[rows]
        features[f"{side}_quotation"] = quotation_shares(table, side)[rows]
    left_autonomy, right_autonomy = autonomy(table)
    features["left_autonomy"], features["right_autonomy"] = left_autonomy[rows], right_autonomy[rows]
    forward, backward = conditional_probabilities(table)
    features["forward_probability"], features["backward_probability"] = forward[rows], backward[rows]
    features["freedom"] = np.minimum(features["left_entropy"], features["right_entropy"])
    features["evenness"] = np.minimum(features["left_evenness"], features["right_evenness"])
    features["autonomy"] = np.minimum(features["left_autonomy"], features["right_autonomy"])
    features["extension"] = np.maximum(features["left_extension"], features["right_extension"])
    return {name: features[name].astype(np.float32) for name in MEASURED}


def reading_features(readings: Readings) -> Features:
    """The features that follow from how the unigram model reads the candidates."""
    columns = (readings.shares, readings.left_edges, readings.right_edges, readings.breaks)
    return {name: column.astype(np.float32) for name, column in zip(READING, columns, strict=True)}


def stack(features: Features, names: tuple[str, ...]) -> np.ndarray:
    """``float32[n, len(names)]`` of chosen features."""
    return np.stack([features[name] for name in names], axis=1)
