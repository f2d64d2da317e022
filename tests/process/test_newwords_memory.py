"""``cnmine newwords`` on text that does not fit into the memory: over the disk, of which nothing is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time

import pytest
from process.outcomes import ROOT, assert_fails, finish, run_to_end, wait_until

posix = pytest.mark.skipif(os.name == "nt", reason="signals and nameless files of POSIX")

# As if every text were larger than the memory, whatever its size.
LITTLE_MEMORY = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import cnmine.cli.memory
cnmine.cli.memory.NEEDED_BYTES = 350_000_000, 1e6
from cnmine.cli import main
main()
"""
LIMIT = ("-m", "351M")


@pytest.fixture
def little_memory(tmp_path):
    path = tmp_path / "launcher.py"
    path.write_text(LITTLE_MEMORY, encoding="utf-8")
    return path


@pytest.fixture
def corpus(tmp_path, make_lines):
    path = tmp_path / "corpus.txt"
    path.write_text(make_lines(30_000, 0), encoding="utf-8")
    return path


@posix
@pytest.mark.parametrize(
    ("number", "code", "last"),
    [
        (signal.SIGINT, 130, b"cnmine: error: interrupted"),
        (signal.SIGTERM, 143, b"cnmine: error: terminated"),
        (signal.SIGKILL, -9, b""),
    ],
)
def test_newwords__over_the_disk_ended_at_any_moment_leaves_nothing(
    start, tmp_path, corpus, little_memory, number, code, last
):
    temporary, target = tmp_path / "tmp", tmp_path / "out.tsv"
    temporary.mkdir()
    args = ("newwords", corpus, "--no-dict", "-o", target, "-T", temporary, *LIMIT)
    begun = time.monotonic()
    assert finish(start(*args, "-q", launcher=little_memory))[0] == 0
    seconds, whole = time.monotonic() - begun, target.read_bytes()
    source = random.Random(number)
    for _ in range(3):
        target.write_bytes(b"old")
        process = start(*args, "-v", launcher=little_memory, env={"PYTHONUNBUFFERED": "1"})
        wait_until(lambda: list(tmp_path.glob("out.tsv.partial-*")))
        time.sleep(0.6 * seconds * source.random())
        process.send_signal(number)
        found, _, err = finish(process)
        assert found in (code, 0)
        assert found == 0 or err.strip().endswith(last)
        assert os.listdir(temporary) == []
        assert target.read_bytes() in ((whole,) if found == 0 else (whole, b"old"))


@posix
def test_newwords__too_small_a_disk_for_temporary_files(start, corpus, little_memory, small_disk):
    """Told before the work if the size of the text is known, and when the disk is full if it is not."""
    disk = small_disk(1 << 20)
    args = ("newwords", "--no-dict", "-q", "-T", disk, *LIMIT)
    assert_fails(finish(start(*args, corpus, launcher=little_memory)), 5, disk, "MB are free", "--temp-dir", "--memory")
    with open(corpus, "rb") as text:
        assert_fails(finish(start(*args, stdin=text, launcher=little_memory)), 5, disk, "no room", "--temp-dir")
    assert os.listdir(disk) == []


@posix
def test_newwords__examples_of_what_is_read_once_over_the_disk(start, tmp_path, corpus, little_memory):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    args = ("newwords", "-", "--no-dict", "--examples", "2", "-q", "-T", temporary)
    whole = run_to_end(*args[:1], corpus, *args[2:]).stdout
    process = start(*args, *LIMIT, launcher=little_memory, stdin=subprocess.PIPE)
    out, err = process.communicate(corpus.read_bytes())
    assert (process.returncode, err) == (0, b"")
    assert out == whole
    assert os.listdir(temporary) == []
