"""Real processes: ``python -m`` would import more than the launcher does, so it is the launcher that runs."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.process)


@pytest.fixture
def start():
    """Starts the command line in a process; what still runs at the end of the test is killed."""
    running = []

    def start(*args, env=None, launcher=ROOT / "cli.py", **options):
        command = [sys.executable, str(launcher), *map(str, args)]
        environment = {**os.environ, **(env or {})}
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        process = subprocess.Popen(command, env=environment, **options)
        running.append(process)
        return process

    yield start
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def lexicon():
    """Made-up words of one to four characters."""
    source = random.Random(1)
    characters = [chr(code) for code in range(0x4E00, 0x4E00 + 600)]
    return ["".join(source.choices(characters, k=source.randint(1, 4))) for _ in range(800)]


@pytest.fixture(scope="session")
def text(lexicon):
    """About 300 kB that repeat the words of the lexicon."""
    source = random.Random(0)
    weights = [1 / (rank + 5) for rank in range(len(lexicon))]
    lines = ["".join(source.choices(lexicon, weights, k=12)) + "。" for _ in range(4000)]
    return "\n".join(lines) + "\n"
