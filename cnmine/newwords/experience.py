"""Features of candidates in, the log odds that each is a word out, as learned once from segmented corpora.

What a word looks like in its statistics hardly depends on the text: weights that were fitted on some
segmented corpora rank the words of another one well. They need no dictionary and do not favour words that
look like those of a dictionary, so names and coined words gain most. ``benchmarks/fit_experience.py``
fits them and measures them on corpora that were left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnmine.newwords.features import READING, ROBUST, STATISTICS, Features, stack

CLIP = 4.0  # standard deviations beyond which a feature says no more
ROWS_PER_STEP = 1 << 16


@dataclass(frozen=True)
class LogisticWeights:
    """A logistic regression on standardized features and their squares.

    Attributes
    ----------
    names
        The features.
    center, spread
        Mean and standard deviation of each.
    linear, square
        Weights of the standardized features, clipped at ``CLIP``, and of their squares.
    bias
        Log odds where all of these are 0.
    """

    names: tuple[str, ...]
    center: tuple[float, ...]
    spread: tuple[float, ...]
    linear: tuple[float, ...]
    square: tuple[float, ...]
    bias: float

    def log_odds(self, features: Features) -> np.ndarray:
        """``float64[n]``; of every candidate."""
        n = len(features[self.names[0]])
        result = np.empty(n)
        for start in range(0, n, ROWS_PER_STEP):
            part = slice(start, start + ROWS_PER_STEP)
            matrix = stack({name: features[name][part] for name in self.names}, self.names)
            standard = np.clip((matrix - np.array(self.center)) / np.array(self.spread), -CLIP, CLIP)
            result[part] = standard @ np.array(self.linear) + standard**2 @ np.array(self.square) + self.bias
        return result


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
JUDGE_FEATURES = (*STATISTICS, *READING)

# Printed by benchmarks/fit_experience.py.
EXPERIENCE = Experience(
    guess=LogisticWeights(
        names=GUESS_FEATURES,
        center=(2.239, 2.591, 3.277, 1.22, 0.5344, 0.5403, -0.8129),
        spread=(0.6938, 0.891, 2.078, 0.9369, 0.3664, 0.3211, 0.8036),
        linear=(0.143, -2.671, 1.618, 0.6793, 2.327, 1.392, 0.9378),
        square=(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
        bias=-2.506,
    ),
    judge=LogisticWeights(
        names=JUDGE_FEATURES,
        center=(
            2.366,
            2.294,
            3.482,
            0.3542,
            1.865,
            1.87,
            1.626,
            0.7943,
            0.7944,
            0.6911,
            0.6051,
            0.5987,
            0.306,
            0.3074,
            0.402,
            0.1468,
            0.1565,
            0.01059,
            0.00701,
            0.2308,
            0.2215,
            -0.1331,
            -0.1433,
            -0.5271,
            0.594,
            0.764,
            0.7638,
            0.2566,
        ),
        spread=(
            0.7759,
            0.5478,
            2.134,
            0.2217,
            0.832,
            0.8478,
            0.8419,
            0.2644,
            0.2662,
            0.2909,
            0.261,
            0.2717,
            0.2398,
            0.2428,
            0.2599,
            0.2165,
            0.2346,
            0.05907,
            0.04949,
            0.3137,
            0.3138,
            0.8038,
            0.7783,
            0.6978,
            0.401,
            0.3385,
            0.338,
            0.3532,
        ),
        linear=(
            0.127,
            -1.328,
            0.5791,
            0.5342,
            0.0836,
            0.1394,
            0.2666,
            -0.01815,
            0.01233,
            0.09707,
            0.06209,
            -0.2847,
            0.1643,
            0.07051,
            0.21,
            0.14,
            0.4067,
            0.2702,
            0.2121,
            -0.8734,
            -0.6407,
            0.05518,
            0.2067,
            0.4074,
            0.4854,
            0.1364,
            -0.1287,
            -1.905,
        ),
        square=(
            0.02892,
            0.123,
            -0.06992,
            0.09515,
            -0.1148,
            -0.1303,
            -0.07458,
            -0.03707,
            -0.1693,
            -0.08539,
            -0.03756,
            -0.01566,
            -0.03475,
            -0.005395,
            0.02787,
            -0.01932,
            -0.1953,
            -0.08428,
            -0.02208,
            0.2111,
            0.286,
            0.08129,
            0.07158,
            -0.07244,
            -0.0007199,
            -0.2118,
            -0.2487,
            0.4712,
        ),
        bias=-0.9963,
    ),
    scale=0.645,
    unknown_offset=-1.232,
    known_offset=0.6431,
)
