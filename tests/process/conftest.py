"""Real processes: ``python -m`` would import more than the launcher does, so it is the launcher that runs."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from process.outcomes import LAUNCHER


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.process)


@pytest.fixture
def start():
    """Starts the command line in a process; what still runs at the end of the test is killed."""
    running = []

    def start(*args, env=None, launcher=LAUNCHER, **options):
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


@pytest.fixture(scope="session")
def make_lines(lexicon):
    """Builder of texts of any size out of the words of the lexicon, always the same for the same seed."""

    def make_lines(n_lines, seed):
        source = random.Random(seed)
        weights = [1 / (rank + 5) for rank in range(len(lexicon))]
        words = source.choices(lexicon, weights, k=12 * n_lines)
        return "".join("".join(words[12 * i : 12 * i + 12]) + "。\n" for i in range(n_lines))

    return make_lines


@pytest.fixture
def small_disk(tmp_path):
    """Makes a file system of a given size, in memory; skips the test where that is not allowed."""
    mounted = []

    def small_disk(n_bytes):
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        mount(["-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(place)])
        mounted.append(place)
        return place

    yield small_disk
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)


def mount(arguments):
    if os.name == "nt" or os.geteuid() or not shutil.which("mount"):
        pytest.skip("mounting a file system takes root")
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")


@pytest.fixture
def read_only(small_disk):
    """Makes a directory that takes no files any more, for the superuser as well."""

    @contextmanager
    def read_only(fill):
        if os.geteuid():
            pytest.skip("mounting a file system takes root")
        place = small_disk(8 << 20)
        fill(place)
        mount(["-o", "remount,ro", str(place)])
        yield place

    return read_only
