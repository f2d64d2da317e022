"""Features of candidates in, the log odds that each is a word out, as learned once from segmented corpora.

What a word looks like in its statistics hardly depends on the text: weights that were fitted on some
segmented corpora rank the words of another one well. They need no dictionary and do not favour words that
look like those of a dictionary, so names and coined words gain most. ``benchmarks/fit_experience.py``
fits them and measures them on corpora that were left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnmine.newwords.features import MEASURED, READING, ROBUST, Features, stack

CLIP = 4.0  # standard deviations beyond which a feature says no more
ROWS_PER_STEP = 1 << 16


@dataclass(frozen=True)
class LogisticWeights:
    """A logistic regression on standardized features, each with one slope below its mean and one above.

    The slopes obey `DIRECTIONS`, so that a corpus unlike those of the fit, far larger for example, cannot
    turn evidence for a word into evidence against it.

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
            result[part] = expand(matrix, np.array(self.center), np.array(self.spread)) @ slopes + self.bias
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
        below=(0.295, -4.77, 2.564, 1.363, 1.502, 0.0, 1.264),
        above=(0.0, -1.025, 1.074, 0.1286, 0.4501, 0.0, 0.6888),
        bias=-2.234,
    ),
    judge=LogisticWeights(
        names=JUDGE_FEATURES,
        center=(
            2.39,
            2.348,
            3.643,
            0.3702,
            1.915,
            1.922,
            1.686,
            0.8082,
            0.81,
            0.7114,
            0.6048,
            0.5976,
            0.2905,
            0.2901,
            0.38,
            0.1549,
            0.1673,
            0.01128,
            0.00733,
            0.2472,
            0.2378,
            -0.07851,
            -0.09218,
            -0.4607,
            -10.02,
            0.6334,
            0.7856,
            0.7858,
            0.2221,
        ),
        spread=(
            0.7828,
            0.689,
            2.038,
            0.2126,
            0.7995,
            0.8142,
            0.7998,
            0.2403,
            0.2418,
            0.2643,
            0.253,
            0.2666,
            0.2186,
            0.2214,
            0.2365,
            0.2204,
            0.242,
            0.06203,
            0.05094,
            0.3261,
            0.3267,
            0.7922,
            0.7673,
            0.6933,
            1.168,
            0.3878,
            0.3233,
            0.3222,
            0.3306,
        ),
        below=(
            0.6079,
            -4.717,
            0.2761,
            0.4193,
            0.0,
            0.1022,
            0.568,
            0.0,
            0.0,
            0.446,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.4373,
            1.262,
            0.9023,
            0.3997,
            0.0,
            0.0,
            0.0,
            0.0,
            0.3734,
            -0.09097,
            0.7541,
            0.343,
            0.1056,
            -3.333,
        ),
        above=(
            0.1889,
            -1.144,
            0.04214,
            0.7021,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
            -0.1848,
            -0.2189,
            0.0,
            0.1455,
            0.0,
            0.269,
            0.0,
            0.0,
            0.2446,
            -0.5834,
            0.0,
            0.0,
            0.0,
            -1.069,
        ),
        bias=-0.9435,
    ),
    scale=0.4603,
    unknown_offset=-1.407,
    known_offset=0.368,
)
