"""Features of candidates and the marks of a dictionary in, the log odds that each is a word out.

The words of the dictionary that occur in the corpus are labelled examples of how a word behaves in this
corpus. All other candidates are unlabelled: most of them are no words, some are the words we look for.
This is learning from positive and unlabelled examples (Elkan & Noto 2008). Every candidate is scored by
models that have not seen it (cross-fitting).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.newwords.features import DIRECTIONS, READING, ROBUST, STATISTICS, Features, stack
from cnmine.newwords.ranking import steps, take

MIN_KNOWN = 50  # dictionary words in the corpus; with fewer there is nothing to learn from
N_FOLDS = 3
MAX_EXAMPLES = 30_000  # of one fit
TREES = {
    "max_iter": 60,
    "learning_rate": 0.1,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "early_stopping": False,
}
VIEWS = ((*ROBUST, *READING), (*STATISTICS, *READING))
N_FITS = N_FOLDS * (1 + len(VIEWS))
# The share of words that the dictionary knows is estimated per length and kept within these bounds.
MIN_COVERAGE, MAX_COVERAGE = 0.02, 0.98
MIN_TOP = 20


def judge_by_dictionary(
    features: Features,
    is_known: np.ndarray,
    *,
    seed: int = 0,
    threads: int = 1,
    on_progress: Callable[[int], None] = lambda n: None,
) -> np.ndarray:
    """Log odds that a candidate is a word, if the dictionary does not know it, learned from what it knows.

    Parameters
    ----------
    features
        Of `Statistics.measure` and `reading_features` together.
    is_known
        ``bool[n]``; candidates that the dictionary knows.
    seed
        Of folds, examples and trees.
    threads
        Fits at a time; the result does not depend on it.
    on_progress
        Called with 1 after every of the ``N_FITS`` fits.

    Returns
    -------
    ``float64[n]``. For a word of the dictionary the same, from a model that did not know it for one.

    Notes
    -----
    With s = P(in the dictionary | features) and c = P(in the dictionary | word), an unknown candidate is a
    word with the odds s / (1 - s) · (1 - c) / c (Elkan & Noto 2008, section 3): where the dictionary knows
    nearly all words, what it does not know is hardly one, however good it looks. We leave the paper in that
    c depends on the length: a dictionary knows most words of two units but few longer ones.
    """
    probabilities = _probability_of_entry(features, is_known, seed, threads, on_progress)
    lengths = features["length"].astype(np.uint8)
    coverages = estimate_coverage(probabilities, is_known, lengths)
    for part in steps(len(lengths)):
        some, coverage = probabilities[part], coverages[lengths[part]]
        probabilities[part] = np.log(some / (1.0 - some) * (1.0 - coverage) / coverage)
    return probabilities


def _probability_of_entry(
    features: Features, is_known: np.ndarray, seed: int, threads: int, on_progress: Callable[[int], None]
) -> np.ndarray:
    """Probability of being in the dictionary, by boosted trees that must follow ``DIRECTIONS``.

    A first fit to the robust features tells which unlabelled candidates look like words; each of these is
    dropped from the examples with the probability that it is one. Then each view of the features is fitted;
    the result is the mean of their log odds.
    """
    folds, is_drawn = _draw_folds(len(is_known), seed)

    def cross_fit(views: list[int], is_example: np.ndarray) -> np.ndarray:
        def fit(task: tuple[int, int]) -> np.ndarray:
            view, fold = task
            examples = np.flatnonzero(is_example & (folds != fold))
            return _fit_and_predict(features, is_known, examples, np.flatnonzero(folds == fold), VIEWS[view], seed)

        results = np.empty((len(views), len(is_known)))
        tasks = list(product(views, range(N_FOLDS)))
        for (view, fold), probabilities in zip(tasks, map_ordered(fit, tasks, threads=threads), strict=True):
            results[view, folds == fold] = probabilities
            on_progress(1)
        return results

    first = cross_fit([0], is_drawn)[0]
    # Dropping at random does what a weight would do; weights make the learner several times slower.
    is_example = is_drawn & (is_known | (np.random.default_rng((seed, 1)).random(len(is_known)) >= first))
    del first
    second = cross_fit([0, 1], is_example)
    result = np.empty(len(is_known))
    for part in steps(len(result)):
        some = second[:, part]
        log_odds = np.log(some / (1.0 - some)).mean(axis=0)
        result[part] = 1.0 / (1.0 + np.exp(-log_odds))
    return result


def estimate_coverage(probabilities: np.ndarray, is_known: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Share of the words of each length that the dictionary knows, in this corpus.

    Estimated where words are surest: among as many of the candidates of that length that look most like
    words as the dictionary has words among them (cf. Elkan & Noto 2008, section 2, estimator e3).

    Parameters
    ----------
    probabilities
        ``float64[n]``; of being in the dictionary.
    is_known
        ``bool[n]``.
    lengths
        ``int[n]``, units.

    Returns
    -------
    ``float64[max(lengths) + 1]``; coverage of every length, within ``MIN_COVERAGE`` … ``MAX_COVERAGE``.
    """
    coverage = np.full(int(lengths.max(initial=0)) + 1, 0.5)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        n_top = min(max(int(is_known[rows].sum()), MIN_TOP), len(rows))
        top = rows[np.lexsort((rows, -probabilities[rows]))[:n_top]]
        coverage[length] = (is_known[top].sum() + 1) / (n_top + 2)
    return np.clip(coverage, MIN_COVERAGE, MAX_COVERAGE)


def _draw_folds(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Fold of every candidate, and which ones are drawn as examples."""
    generator = np.random.default_rng(seed)
    folds = generator.integers(0, N_FOLDS, n, dtype=np.uint8)
    limit = MAX_EXAMPLES * N_FOLDS // (N_FOLDS - 1)
    return folds, generator.random(n) < limit / max(n, 1)


def _fit_and_predict(
    features: Features,
    is_known: np.ndarray,
    examples: np.ndarray,
    scored: np.ndarray,
    names: tuple[str, ...],
    seed: int,
) -> np.ndarray:
    from sklearn.ensemble import HistGradientBoostingClassifier

    labels = is_known[examples]
    if labels.all() or not labels.any():
        return np.full(len(scored), 0.5)
    directions = [DIRECTIONS[name] for name in names]
    model = HistGradientBoostingClassifier(monotonic_cst=directions, random_state=seed, **TREES)
    probabilities = np.empty(len(scored))
    # One fit a thread: the learner's own threads wait for one another by spinning, which takes minutes
    # on a machine with other work to do.
    with _openmp().limit(limits=1, user_api="openmp"):
        model.fit(_take(features, names, examples), labels)
        for part in steps(len(scored)):
            probabilities[part] = model.predict_proba(_take(features, names, scored[part]))[:, 1]
    return np.clip(probabilities, 1e-9, 1 - 1e-9)


def _take(features: Features, names: tuple[str, ...], rows: np.ndarray) -> np.ndarray:
    """``float32[len(rows), len(names)]``; some features of some candidates."""
    return stack({name: take(features[name], rows) for name in names}, names)


_controllers: list[Any] = []


def _openmp() -> Any:
    """The thread pools of the process; looking for them takes long, so it is done once."""
    if not _controllers:
        from threadpoolctl import ThreadpoolController

        _controllers.append(ThreadpoolController())
    return _controllers[0]
