"""What all tests share: hypothesis settings, thread counts, a small corpus."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import hypothesis
import numpy as np
import pytest

hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture
def make_units() -> Callable[..., np.ndarray]:
    """Builder of a small corpus, always the same for the same arguments."""

    def make(n_words: int = 2000, *, n_units: int = 12, seed: int = 0) -> np.ndarray:
        """Unit ids of words drawn from a small lexicon, with a boundary after some of them."""
        source = random.Random(seed)
        lexicon = [source.choices(range(4, 4 + n_units), k=source.randint(1, 5)) for _ in range(n_units)]
        units = [0]
        for _ in range(n_words):
            units += lexicon[int(len(lexicon) * source.random() ** 2)]
            if source.random() < 0.2:
                units.append(source.randrange(4))
        return np.array(units + [0] * 8, dtype=np.uint16)

    return make
