"""The n-grams of a corpus and their neighbours counted with Python's dictionaries: the plain way, for reference."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from cnmine.dtypes import N_BOUNDARIES

SHIFT = 0x10000  # beyond the surrogates, which a text cannot hold


def count_naively(units: np.ndarray, *, max_order: int, min_count: int) -> dict[str, tuple[int, int, int]]:
    """Count n-grams of unit ids, written as characters ``id + SHIFT``.

    Returns
    -------
    n-gram → (count, distinct left neighbours, distinct right neighbours), of all n-grams without a boundary
    that occur at least ``min_count`` times. One order after another, so that extensions of rare n-grams
    need no memory.
    """
    text = (units.astype("<u4") + SHIFT).tobytes().decode("utf-32-le")
    is_boundary = (units < N_BOUNDARIES).tolist()
    starts = [start for start, bounds in enumerate(is_boundary) if not bounds]
    found: dict[str, tuple[int, int, int]] = {}
    for order in range(1, max_order + 1):
        counts = Counter(text[start : start + order] for start in starts)
        starts = [start for start in starts if counts[text[start : start + order]] >= min_count]
        lefts, rights = defaultdict(set), defaultdict(set)
        for start in starts:
            ngram = text[start : start + order]
            if not is_boundary[start - 1]:
                lefts[ngram].add(text[start - 1])
            if not is_boundary[start + order]:
                rights[ngram].add(text[start + order])
        frequent = (ngram for ngram, count in counts.items() if count >= min_count)
        found.update((ngram, (counts[ngram], len(lefts[ngram]), len(rights[ngram]))) for ngram in frequent)
        starts = [start for start in starts if not is_boundary[start + order]]
    return found
