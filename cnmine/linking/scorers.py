"""Rows of features and labels → logistic models and boosted trees, which score rows of features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cnmine.linking import _ranking_kernels as kernels


@dataclass
class Logistic:
    """A logistic model: log odds ``((x - means) / scales) @ weights + bias``."""

    means: np.ndarray
    scales: np.ndarray
    weights: np.ndarray
    bias: float = 0.0

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Log odds of rows of features, ``float32[n]``."""
        slopes = self.weights / self.scales
        out = np.empty(len(rows), np.float32)
        # Row by row: what BLAS gives for a row depends on how many there are, and links must not.
        rows = np.ascontiguousarray(rows, np.float32)
        kernels.score_rows(rows, slopes, float(self.bias - self.means @ slopes), out)
        return out


def fit_logistic(rows: np.ndarray, labels: np.ndarray, *, penalty: float = 10.0, n_steps: int = 30) -> Logistic:
    """Logistic regression with an L2 penalty on standardized features, by Newton's method; float64 throughout."""
    means, scales = _standardize(rows)
    x = np.column_stack([(rows - means) / scales, np.ones(len(rows))])
    weights, ridge = np.zeros(x.shape[1]), np.append(np.full(x.shape[1] - 1, penalty), 1e-3)
    for _ in range(n_steps):
        shares = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (shares - labels) + ridge * weights
        curve = (x * (shares * (1 - shares))[:, None]).T @ x + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return Logistic(means, scales, weights[:-1], float(weights[-1]))


def fit_choice(
    rows: np.ndarray,
    offsets: np.ndarray,
    chosen: np.ndarray,
    *,
    guess: np.ndarray | None = None,
    penalty: float = 5.0,
    n_steps: int = 30,
) -> Logistic:
    """Conditional logistic regression: which candidate of each mention is chosen.

    Parameters
    ----------
    rows, offsets
        Features of candidates, and where those of each mention begin; no mention without one.
    chosen
        ``int64[r]``, the candidate that is right for each mention.
    guess
        Weights to which the penalty draws, per unit of each feature; 0 by default.
    """
    means, scales = _standardize(rows)
    x, starts, sizes = (rows - means) / scales, offsets[:-1], np.diff(offsets)
    center = np.zeros(x.shape[1]) if guess is None else guess * scales
    weights = center.copy()
    for _ in range(n_steps):
        scores = x @ weights
        scores -= np.repeat(np.maximum.reduceat(scores, starts), sizes)
        shares = np.exp(scores)
        shares /= np.repeat(np.add.reduceat(shares, starts), sizes)
        expected = np.add.reduceat(x * shares[:, None], starts)
        slope = (expected - x[chosen]).sum(axis=0) + penalty * (weights - center)
        curve = (x * shares[:, None]).T @ x - expected.T @ expected + penalty * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return Logistic(means, scales, weights)


def _standardize(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    means, scales = rows.mean(axis=0, dtype=np.float64), rows.std(axis=0, dtype=np.float64)
    return means, np.where(scales > 1e-9, scales, 1.0)


def sigmoid(log_odds: np.ndarray) -> np.ndarray:
    """Probabilities of log odds."""
    return 1.0 / (1.0 + np.exp(-np.clip(log_odds, -30.0, 30.0)))


@dataclass
class Trees:
    """Boosted trees as arrays.

    Attributes
    ----------
    nodes
        ``int32[k, 3]``: feature, -1 for a leaf; left and right child, which come behind their parents.
    limits, values
        ``float32[k]``: what the feature may be at most to go left; what a leaf adds.
    roots
        ``int64[t]``, ascending.
    base
        Log odds before any tree.
    """

    nodes: np.ndarray
    limits: np.ndarray
    values: np.ndarray
    roots: np.ndarray
    base: float

    def score(self, rows: np.ndarray) -> np.ndarray:
        """Log odds of rows of features, ``float32[n]``; with 100 trees of 15 leaves about a microsecond a row."""
        out = np.full(len(rows), self.base, np.float32)
        nodes, trees = self._walks
        kernels.predict_trees(np.ascontiguousarray(rows, np.float32), nodes, self.limits, self.values, trees, out)
        return out

    @cached_property
    def _walks(self) -> tuple[np.ndarray, np.ndarray]:
        """The nodes with leaves that lead to themselves; root and depth of every tree, ``uint32[t, 2]``."""
        is_leaf, numbers = self.nodes[:, 0] < 0, np.arange(len(self.nodes))
        nodes = np.where(is_leaf[:, None], np.stack([numbers * 0, numbers, numbers], axis=1), self.nodes)
        depths = np.zeros(len(nodes), np.int32)
        for node in np.flatnonzero(~is_leaf).tolist():
            depths[self.nodes[node, 1:]] = depths[node] + 1
        deepest = np.maximum.reduceat(depths, self.roots) if len(self.roots) else self.roots
        return nodes.astype(np.uint32), np.stack([self.roots, deepest], axis=1).astype(np.uint32)


def fit_trees(rows: np.ndarray, labels: np.ndarray, *, n_trees: int = 200, n_leaves: int = 31, seed: int = 0) -> Trees:
    """Gradient boosting of histograms for the logistic loss; `sklearn.ensemble.HistGradientBoostingClassifier`.

    Returns
    -------
    Its trees as arrays, so that predicting needs neither scikit-learn nor pickles.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(
        max_iter=n_trees,
        learning_rate=0.06,
        max_leaf_nodes=n_leaves,
        min_samples_leaf=20,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    # The learner's own threads wait for one another by spinning: ten times the time where there is other work.
    with threadpool_limits(1, user_api="openmp"):
        model.fit(np.ascontiguousarray(rows, np.float32), labels)
    nodes, limits, values, roots, n_nodes = [], [], [], [], 0
    for (predictor,) in model._predictors:
        tree = predictor.nodes
        children = np.stack([tree["left"], tree["right"]], axis=1).astype(np.int32) + n_nodes
        features = np.where(tree["is_leaf"], -1, tree["feature_idx"]).astype(np.int32)
        nodes.append(np.column_stack([features, children]))
        limit = tree["num_threshold"].astype(np.float32)
        # Features are float32: rounded up, a limit could let the next value pass.
        limits.append(np.where(limit > tree["num_threshold"], np.nextafter(limit, np.float32(-np.inf)), limit))
        values.append(tree["value"].astype(np.float32))
        roots.append(n_nodes)
        n_nodes += len(tree)
    return Trees(
        np.ascontiguousarray(np.concatenate(nodes), np.int32),
        np.concatenate(limits),
        np.concatenate(values),
        np.array(roots, np.int64),
        float(np.ravel(model._baseline_prediction)[0]),
    )
