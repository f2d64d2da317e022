"""Features of candidates in, the log odds that each is a word out, as learned once from segmented corpora.

What a word looks like in its statistics hardly depends on the text: weights that were fitted on some
segmented corpora rank the words of another one well. They need no dictionary and do not favour words that
look like those of a dictionary, so names and coined words gain most. ``benchmarks/fit_experience.py``
fits them and measures them on corpora that were left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnmine._memory import release_pages
from cnmine.newwords.features import MEASURED, READING, ROBUST, Features, stack

CLIP = 4.0  # standard deviations beyond which a feature says no more
ROWS_PER_STEP = 1 << 16


@dataclass(frozen=True)
class LogisticWeights:
    """A logistic regression on standardized features, each with one slope below its mean and one above.

    Straight lines instead of squares: in a corpus far larger than those of the fit a square would turn
    strong evidence for a word into evidence against it.

    Attributes
    ----------
    names
        The features.
    center, spread
        Mean and standard deviation of each.
    below, above
        Slopes of the standardized features, which are clipped at ``CLIP``.
    bias
        Log odds at the means.
    """

    names: tuple[str, ...]
    center: tuple[float, ...]
    spread: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]
    bias: float

    def log_odds(self, features: Features) -> np.ndarray:
        """``float64[n]``; of every candidate."""
        n = len(features[self.names[0]])
        slopes = np.array([*self.below, *self.above])
        result = np.empty(n)
        for start in range(0, n, ROWS_PER_STEP):
            part = slice(start, start + ROWS_PER_STEP)
            matrix = stack({name: features[name][part] for name in self.names}, self.names)
            terms = expand(matrix, np.array(self.center), np.array(self.spread)) * slopes
            # A matrix product would add in an order that depends on the number of rows.
            result[part] = terms.sum(axis=1) + self.bias
            for name in self.names:
                release_pages(features[name])
        return result


def expand(matrix: np.ndarray, center: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """``float64[n, 2 k]``; the parts of the standardized features below and above their means."""
    standard = (matrix - center) / spread
    return np.concatenate([np.clip(standard, -CLIP, 0), np.clip(standard, 0, CLIP)], axis=1)


@dataclass(frozen=True)
class Experience:
    """What was learned from segmented corpora.

    Attributes
    ----------
    guess
        Weights of the robust statistics: a first guess, which the unigram model starts from.
    judge
        Weights of all features, readings of the unigram model included.
    scale, unknown_offset, known_offset
        From the combined log odds of experience and dictionary to the calibrated ones, for candidates that
        the dictionary does not know and for those that it knows.
    """

    guess: LogisticWeights
    judge: LogisticWeights
    scale: float
    unknown_offset: float
    known_offset: float


GUESS_FEATURES = ROBUST
JUDGE_FEATURES = (*MEASURED, *READING)

# Printed by benchmarks/fit_experience.py.
EXPERIENCE = Experience(
    guess=LogisticWeights(
        names=GUESS_FEATURES,
        center=(2.239, 2.591, 3.277, 1.22, 0.5344, 0.5403, -0.8129),
        spread=(0.6938, 0.891, 2.078, 0.9369, 0.3664, 0.3211, 0.8036),
        below=(0.287, -4.745, 2.546, 2.946, 2.2, 1.075, 1.26),
        above=(-0.1356, -1.038, 1.076, 0.6518, 1.024, 2.14, 0.6935),
        bias=-2.157,
    ),
    judge=LogisticWeights(
        names=JUDGE_FEATURES,
        center=(
            2.386,
            2.349,
            3.651,
            0.3709,
            1.914,
            1.922,
            1.687,
            0.8089,
            0.8105,
            0.7124,
            0.606,
            0.5989,
            0.2916,
            0.2915,
            0.3821,
            0.1555,
            0.1676,
            0.01131,
            0.007381,
            0.2478,
            0.2387,
            -0.07595,
            -0.09043,
            -0.4571,
            -10.03,
            0.6365,
            0.7884,
            0.7877,
            0.2191,
        ),
        spread=(
            0.7791,
            0.6907,
            2.037,
            0.2124,
            0.7992,
            0.8139,
            0.8017,
            0.2406,
            0.2419,
            0.2646,
            0.2523,
            0.2656,
            0.2202,
            0.2232,
            0.2386,
            0.2202,
            0.2415,
            0.06186,
            0.05122,
            0.3264,
            0.3273,
            0.7914,
            0.7662,
            0.6926,
            1.17,
            0.386,
            0.321,
            0.32,
            0.3283,
        ),
        below=(
            0.06672,
            -2.381,
            0.3353,
            0.6622,
            0.2043,
            0.5343,
            1.248,
            0.155,
            0.4932,
            0.3323,
            0.09405,
            -0.3331,
            0.2766,
            0.2128,
            0.1596,
            0.291,
            0.7298,
            0.9558,
            0.4271,
            -1.711,
            -1.511,
            -0.05451,
            0.1815,
            0.3492,
            0.002492,
            0.7292,
            0.4696,
            0.1529,
            -3.653,
        ),
        above=(
            0.005643,
            -0.9696,
            0.2329,
            1.012,
            -0.006192,
            0.05195,
            -0.01643,
            0.2392,
            0.1913,
            -0.2753,
            -0.1021,
            -0.5943,
            0.1895,
            0.2787,
            0.559,
            -0.07297,
            -0.3932,
            -0.04494,
            0.1415,
            -0.2999,
            0.248,
            0.06306,
            0.2533,
            0.3028,
            -0.28,
            0.2295,
            -0.4661,
            -0.5649,
            -1.132,
        ),
        bias=-0.9974,
    ),
    scale=0.5961,
    unknown_offset=-1.374,
    known_offset=0.05257,
)
