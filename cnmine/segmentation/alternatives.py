"""Scores of words and gaps of a line → its best readings, or some drawn at random."""

from __future__ import annotations

import numpy as np

from cnmine.segmentation import _alternative_kernels as kernels


def best_readings(words: np.ndarray, gaps: np.ndarray, n_best: int) -> list[tuple[float, np.ndarray]]:
    """The best ways to read a line, best first.

    Parameters
    ----------
    words
        ``float64[n, longest]``; score of the word of every length that begins at every unit, -1e30 for none.
    gaps
        ``float64[n]``; score of a word boundary in front of every unit.
    n_best
        How many at most; a line may have fewer.

    Returns
    -------
    Score, and ``uint8[n]`` with 1 at the first unit of every word.

    Notes
    -----
    Memory: 16 bytes for each unit and reading.
    """
    n = len(words)
    scores, origins = np.empty((n + 1, n_best)), np.empty((n + 1, n_best, 2), np.int32)
    is_start = np.zeros((n_best, n), np.uint8)
    n_found = kernels.find_best(words, gaps, scores, origins, is_start)
    return [(float(scores[n, i]), is_start[i]) for i in range(n_found)]


def drawn_readings(
    words: np.ndarray, gaps: np.ndarray, n_samples: int, *, alpha: float, seed: tuple[int, ...]
) -> list[tuple[float, np.ndarray]]:
    """Ways to read a line, drawn with probabilities in proportion to exp(alpha · score).

    Parameters are those of `best_readings`, and

    alpha
        0 draws all ways alike; the greater, the likelier the best.
    seed
        The same numbers give the same readings.
    """
    n = len(words)
    draws = np.random.default_rng([number % (1 << 64) for number in seed]).random((n_samples, n))
    scores, is_start = np.zeros(n_samples), np.zeros((n_samples, n), np.uint8)
    kernels.draw(words, gaps, alpha, draws, np.zeros(n + 1), (scores, is_start))
    return [(float(scores[i]), is_start[i]) for i in range(n_samples)]
