"""What all tests share: hypothesis settings, thread counts, a small corpus, the command line in this process."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass

import hypothesis
import numpy as np
import pytest
from click.testing import CliRunner

from cnmine import cli

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


@dataclass
class Outcome:
    code: int
    stdout: str
    stderr: str

    @property
    def rows(self) -> list[list[str]]:
        return [line.split("\t") for line in self.stdout.split("\n")[:-1]]


@pytest.fixture(scope="session")
def invoke():
    """Runs the command line on arguments; gives exit code and both streams."""

    def invoke(*args, stdin=b"", env=None) -> Outcome:
        with CliRunner().isolation(input=stdin, env=env) as streams:
            code = cli.run([str(arg) for arg in args])
            sys.stdout.flush()
            out, err = (stream.getvalue().decode("utf-8") for stream in streams[:2])
        return Outcome(code, out, err)

    return invoke
