"""Features of candidates and the marks of a dictionary in, the probability that each is a word out.

The words of the dictionary that occur in the corpus are labelled examples of how a word behaves in this
corpus; all other candidates are unlabelled: most of them are no words, some are the words we look for
(positive-unlabelled learning, Elkan & Noto 2008). Every candidate is scored by a model that has not
seen it (cross-fitting).
"""

from __future__ import annotations

import numpy as np

from cnmine.newwords.features import DIRECTIONS, READING, ROBUST, STATISTICS, Features, stack

N_FOLDS = 4
MAX_TRAINING = 60_000  # examples of one fit; more change the ranking by less than the seed does
MIN_KNOWN = 50  # dictionary words in the corpus; with fewer nothing can be learned
TREES = {
    "max_iter": 80,
    "learning_rate": 0.1,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "early_stopping": False,
}
VIEWS = ((*ROBUST, *READING), (*STATISTICS, *READING))


def guess_words(features: Features, is_known: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """A first guess by logistic regression on statistics alone.

    Returns
    -------
    ``float64[n]``; probability of being in the dictionary.
    """
    from sklearn.linear_model import LogisticRegression

    folds, is_sampled = _plan(is_known, seed)
    names = GUESS_FEATURES
    matrix = stack(features, names)
    center, spread = matrix[is_sampled].mean(axis=0), matrix[is_sampled].std(axis=0) + 1e-6
    guesses = np.empty(len(is_known))
    models = []
    for fold in range(N_FOLDS):
        chosen = is_sampled & (folds != fold)
        model = LogisticRegression(C=0.1, max_iter=200)
        models.append(model.fit(_expand(matrix[chosen], center, spread), is_known[chosen]))
    for start in range(0, len(guesses), PREDICT_ROWS):
        part = slice(start, start + PREDICT_ROWS)
        expanded = _expand(matrix[part], center, spread)
        for fold, model in enumerate(models):
            mine = folds[part] == fold
            guesses[part][mine] = model.predict_proba(expanded[mine])[:, 1]
    return guesses


GUESS_FEATURES = STATISTICS
PREDICT_ROWS = 1 << 16


def _expand(matrix: np.ndarray, center: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Standardized features and their squares: most are best in the middle of their range."""
    standard = np.clip((matrix - center) / spread, -4, 4)
    return np.concatenate([standard, standard**2], axis=1)


def judge_words(features: Features, is_known: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Probability of being in the dictionary, by gradient boosted trees under monotonic constraints.

    The mean of the log odds of two views: the robust features, and all. Each view is fitted twice; in the
    second round an unlabelled candidate that looks like a word counts less as an example of a non-word.

    Returns
    -------
    ``float64[n]``.
    """
    folds, is_sampled = _plan(is_known, seed)
    luck = np.random.default_rng((seed, 1)).random(len(is_known))
    log_odds = np.zeros(len(is_known))
    for names in VIEWS:
        matrix = stack(features, names)
        directions = [DIRECTIONS[name] for name in names]
        first = _cross_fit(matrix, is_known, directions, folds, is_sampled, seed)
        # Dropping at random instead of weighing: weights slow the learner down fivefold.
        is_example = is_sampled & (is_known | (luck >= first))
        second = _cross_fit(matrix, is_known, directions, folds, is_example, seed)
        log_odds += np.log(second / (1.0 - second))
    return 1.0 / (1.0 + np.exp(-log_odds / len(VIEWS)))


def _plan(is_known: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Fold of every candidate, and which ones are drawn as examples."""
    generator = np.random.default_rng(seed)
    folds = generator.integers(0, N_FOLDS, len(is_known), dtype=np.uint8)
    is_sampled = np.ones(len(is_known), dtype=np.bool_)
    limit = MAX_TRAINING * N_FOLDS // (N_FOLDS - 1)
    if len(is_known) > limit:
        is_sampled = generator.random(len(is_known)) < limit / len(is_known)
    return folds, is_sampled


def _cross_fit(
    matrix: np.ndarray,
    is_known: np.ndarray,
    directions: list[int],
    folds: np.ndarray,
    is_example: np.ndarray,
    seed: int,
) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier

    probabilities = np.empty(len(is_known))
    for fold in range(N_FOLDS):
        chosen = is_example & (folds != fold)
        model = HistGradientBoostingClassifier(monotonic_cst=directions, random_state=seed, **TREES)
        model.fit(matrix[chosen], is_known[chosen])
        mine = folds == fold
        probabilities[mine] = model.predict_proba(matrix[mine])[:, 1]
    return np.clip(probabilities, 1e-9, 1 - 1e-9)
