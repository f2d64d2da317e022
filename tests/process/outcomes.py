"""How a process ended, and what lies about afterwards."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAUNCHER = ROOT / "cli.py"


def finish(process, timeout=300):
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def take_first_line(process, data):
    """Feed a process and let ``head -1`` read what it writes; the line, and how the process ended."""
    feeder = threading.Thread(target=_feed, args=(process.stdin, data))
    feeder.start()
    first = subprocess.run(["head", "-1"], stdin=process.stdout, capture_output=True, check=True).stdout
    process.stdout.close()
    process.stdout = process.stdin = None
    feeder.join()
    return first, finish(process)


def _feed(pipe, data):
    try:
        with pipe:
            pipe.write(data)
    except BrokenPipeError:
        pass


def run_to_end(*args, launcher=LAUNCHER):
    command = [sys.executable, str(launcher), *map(str, args)]
    return subprocess.run(command, capture_output=True, check=True, stdin=subprocess.DEVNULL)


def assert_fails(outcome, code, *words):
    """One line on standard error, with everything in it that the user has to know."""
    returncode, _, err = outcome
    text = err.decode("utf-8")
    assert returncode == code, text
    lines = text.strip().split("\n")
    assert len(lines) == 1 and lines[0].startswith("cnmine: error: "), text
    for word in words:
        assert str(word) in lines[0]


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def names(folder):
    return sorted(os.listdir(folder))


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
