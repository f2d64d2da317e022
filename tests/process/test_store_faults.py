"""Stores survive what machines do to them: full disks, kills at any moment, damage, small memory, two writers.

``CNMINE_KILLS=100`` kills as many runs of each kind at random moments, and ``CNMINE_SIGNALS=40`` interrupts as many;
by default there are a few of each, so that all of this takes less than half a minute.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import stat
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from process.outcomes import (
    LAUNCHER,
    ROOT,
    assert_fails,
    digest,
    finish,
    names,
    run_to_end,
    take_first_line,
    wait_until,
)

from cnmine.counting import codes
from cnmine.ngrams import build
from cnmine.sorting.scratch import Scratch

N_KILLS = int(os.environ.get("CNMINE_KILLS", "10"))
N_SIGNALS = int(os.environ.get("CNMINE_SIGNALS", "4"))
AT_ONCE = 3  # runs that are started side by side: most of their time they import
SIGNAL_SECONDS = 2.0  # generous, for machines that do other things; 0.06 on the average, 0.3 at most were measured
posix = pytest.mark.skipif(os.name == "nt", reason="signals, limits and devices of POSIX")

TINY_BYTES, TINY_BLOCK = 1 << 19, 1 << 14
# The smallest budget that is kept to, and the blocks in which text is read, would need texts of many megabytes to
# make a run spill.
TINY_BUDGET = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import cnmine.counting.codes
import cnmine.ngrams.build
cnmine.ngrams.build.MIN_BUDGET_BYTES = {TINY_BYTES}
cnmine.counting.codes.read_codes.__kwdefaults__["block_bytes"] = {TINY_BLOCK}
from cnmine.cli import main
main()
"""


@pytest.fixture(scope="module")
def texts(tmp_path_factory, make_lines):
    """Two texts of 300 kB and 200 kB."""
    folder = tmp_path_factory.mktemp("texts")
    paths = folder / "monday.txt", folder / "tuesday.txt"
    for seed, (path, n_lines) in enumerate(zip(paths, (4000, 2700), strict=True)):
        path.write_text(make_lines(n_lines, seed), encoding="utf-8", newline="\n")
    return paths


@pytest.fixture(scope="module")
def stores(tmp_path_factory, texts):
    """A store for each of the texts, and one for both."""
    folder = tmp_path_factory.mktemp("stores")
    paths = [folder / name for name in ("monday", "tuesday", "both")]
    for path, sources in zip(paths, ([texts[0]], [texts[1]], texts), strict=True):
        run_to_end("count", *sources, "-o", path, "-q")
    return paths


@pytest.fixture(scope="module")
def long_text(tmp_path_factory, make_lines):
    """About 20 MB."""
    path = tmp_path_factory.mktemp("long") / "text.txt"
    lines = make_lines(40_000, 5)
    with open(path, "w", encoding="utf-8", newline="\n") as out:
        for i in range(7):  # each time in another order of characters, or it would be the same windows again
            out.write(lines.translate({code: code + 600 * i for code in range(0x4E00, 0x4E00 + 600)}))
    return path


@pytest.fixture
def tiny_budget(tmp_path):
    """A launcher under which also small texts do not fit into the memory."""
    path = tmp_path / "launcher.py"
    path.write_text(TINY_BUDGET, encoding="utf-8")
    return path


@pytest.fixture
def full_device(tmp_path):
    """A device of its own that is always full: a mistake in a test must not take away the one of the system."""
    path = tmp_path / "full"
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 7))
        with open(path, "wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
            file.write(b"x")
    except (AttributeError, PermissionError):
        pytest.skip("making a device takes root")
    return path


# Full disks


def test_count__disk_too_small_for_the_store(start, small_disk, long_text):
    """Said before it is written, with what is needed, what there is, and the option; an older store stays."""
    disk = small_disk(8 << 20)
    (disk / "store").write_bytes(b"old")
    outcome = finish(start("count", long_text, "-o", disk / "store", "-q"))
    assert_fails(outcome, 5, disk / "store", "MB", "free", "--output")
    assert len(re.findall(rb"[\d.,]+ MB", outcome[2])) == 2
    assert names(disk) == ["store"]
    assert (disk / "store").read_bytes() == b"old"


def test_count__disk_too_small_for_the_temporary_files(start, small_disk, long_text, tmp_path):
    disk = small_disk(8 << 20)
    target = tmp_path / "store"
    outcome = finish(start("count", long_text, "-o", target, "-T", disk, "--memory", "1M", "-q"))
    assert_fails(outcome, 5, disk, "MB", "free", "--temp-dir", "--memory")
    assert len(re.findall(rb"[\d.,]+ MB", outcome[2])) == 2
    assert names(disk) == []
    assert not target.exists()


@posix
@pytest.mark.parametrize("limit", [1 << 12, 100_000, 400_000])
@pytest.mark.parametrize("spills", [False, True])
def test_count__disk_fills_up_on_the_way(start, texts, tmp_path, tiny_budget, limit, spills):
    """A limit of the length of files comes unforeseen, as another program does that takes the last room."""
    import resource

    scratch, target = tmp_path / "scratch", tmp_path / "out" / "store"
    scratch.mkdir()
    target.parent.mkdir()
    target.write_bytes(b"old")
    args = ("count", *texts, "-o", target, "-T", scratch, "-m", "1M" if spills else "1G", "-q")
    limited = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))}
    outcome = finish(start(*args, launcher=tiny_budget, **limited))
    assert_fails(outcome, 5, "--temp-dir" if str(scratch).encode() in outcome[2] else "--output")
    assert names(target.parent) == ["store"]
    assert target.read_bytes() == b"old"
    assert names(scratch) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize(
    "args",
    [
        ("lookup", "STORE", "的"),
        ("ngrams", "STORE", "--order", "2"),
        ("ngrams", "STORE", "--order", "1", "--sort", "text"),
        ("info", "STORE"),
        ("info", "STORE", "--verify", "-f", "json"),
    ],
)
def test_cnmine__full_device_is_a_failure(start, stores, args):
    with open("/dev/full", "wb") as full:
        outcome = finish(start(*[stores[0] if arg == "STORE" else arg for arg in args], stdout=full))
    assert_fails(outcome, 5, "standard output: ")


@posix
@pytest.mark.parametrize("command", ["count", "merge"])
def test_cnmine__a_device_is_no_place_for_a_store(start, texts, stores, full_device, command):
    inputs = texts if command == "count" else stores[:2]
    assert_fails(finish(start(command, *inputs, "-o", full_device, "-q")), 2, full_device, "--output")
    assert stat.S_ISCHR(os.stat(full_device).st_mode)
    assert names(full_device.parent) == ["full"]


@posix
@pytest.mark.parametrize("args", [("ngrams", "STORE", "--order", "2"), ("lookup", "STORE", "-")])
def test_cnmine__head_takes_the_first_line(start, stores, args, lexicon):
    process = start(*[stores[0] if arg == "STORE" else arg for arg in args], stdin=subprocess.PIPE)
    first, outcome = take_first_line(process, ("\n".join(lexicon) + "\n").encode() * 100)
    assert outcome == (0, None, b"")
    assert first.endswith(b"\n") and first.count(b"\n") == 1


# Kills and signals


class Trial:
    """One run of a command in directories of its own, over an older store."""

    def __init__(self, start, folder, command, inputs, old, launcher):
        self.target, self.scratch = folder / "out" / "store", folder / "scratch"
        self.scratch.mkdir(parents=True)
        self.target.parent.mkdir()
        shutil.copy(old, self.target)
        self.args = (command, *inputs, "-o", self.target, "-T", self.scratch, "-m", "1M", "-q")
        self._start, self._launcher = start, launcher

    def start(self):
        """A process that has begun with its work."""
        process = self._start(*self.args, launcher=self._launcher)
        wait_until(lambda: process.poll() is not None or len(names(self.target.parent)) > 1)
        return process

    def run(self, number, delay, *, from_start=False):
        """Send a signal after some time; seconds until the process has ended, and its exit code."""
        process = self._start(*self.args, launcher=self._launcher) if from_start else self.start()
        time.sleep(delay)
        sent = time.monotonic()
        process.send_signal(number)
        code, _, err = finish(process)
        return time.monotonic() - sent, code, err


def make_trials(n, start, tmp_path, texts, stores, launcher):
    """By turns runs of count and of merge; and how long each takes undisturbed, from its start and from its work on."""
    kinds = {"count": (texts, stores[0]), "merge": (stores[:2], stores[1])}
    trials = [
        Trial(start, tmp_path / str(i), command, inputs, old, launcher)
        for i in range(n)
        for command, (inputs, old) in [list(kinds.items())[i % 2]]
    ]
    seconds = {}
    for i, (command, (inputs, old)) in enumerate(kinds.items()):
        trial = Trial(start, tmp_path / f"undisturbed{i}", command, inputs, old, launcher)
        started = time.monotonic()
        process = trial.start()
        working = time.monotonic()
        assert finish(process) == (0, b"", b"")
        seconds[command] = time.monotonic() - started, time.monotonic() - working
        assert digest(trial.target) == digest(stores[2])
    return trials, seconds


@posix
def test_cnmine__killed_at_any_moment_leaves_the_old_store_or_the_new_one(
    start, invoke, monkeypatch, tmp_path, texts, stores, tiny_budget
):
    trials, seconds = make_trials(N_KILLS, start, tmp_path, texts, stores, tiny_budget)
    source = random.Random(0)
    delays = []
    for i, trial in enumerate(trials):
        from_start = i % 8 < 2
        # Side by side they take longer.
        delays.append((1.5 * seconds[trial.args[0]][0 if from_start else 1] * source.random(), from_start))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        killed = list(
            pool.map(lambda trial, delay: trial.run(signal.SIGKILL, delay[0], from_start=delay[1]), trials, delays)
        )
    olds = {"count": digest(stores[0]), "merge": digest(stores[1])}
    new = digest(stores[2])
    left_partial = left_scratch = 0
    for trial, (_, code, _) in zip(trials, killed, strict=True):
        assert code in (0, -signal.SIGKILL)
        left_partial += bool([name for name in names(trial.target.parent) if ".partial-" in name])
        left_scratch += bool(names(trial.scratch))
        outcome = invoke("info", trial.target, "--verify")
        assert (outcome.code, outcome.stderr) == (0, "")
        assert digest(trial.target) in ({new} if code == 0 else {new, olds[trial.args[0]]})
    # Whatever was left goes with the next run.
    monkeypatch.setattr(build, "MIN_BUDGET_BYTES", TINY_BYTES)
    monkeypatch.setitem(codes.read_codes.__kwdefaults__, "block_bytes", TINY_BLOCK)
    for trial in trials:
        assert invoke(*trial.args).code == 0
        assert digest(trial.target) == new
        assert names(trial.target.parent) == ["store"]
        assert names(trial.scratch) == []
    print(f"{len(trials)} kills: {left_partial} left a partial store, {left_scratch} temporary files")
    assert left_partial or N_KILLS < 50  # a few kills may all come too early or too late


@posix
@pytest.mark.parametrize("command", ["count", "merge"])
def test_cnmine__temporary_files_of_a_killed_run_go_with_the_next_one(
    start, tmp_path, texts, stores, tiny_budget, command
):
    inputs = texts if command == "count" else stores[:2]
    trial = Trial(start, tmp_path, command, inputs, stores[0], tiny_budget)
    process = trial.start()
    wait_until(
        lambda: process.poll() is not None or any(os.path.isdir(trial.scratch / name) for name in names(trial.scratch))
    )
    process.kill()
    finish(process)
    left = names(trial.scratch)
    assert left
    with Scratch(str(trial.scratch)) as living:
        path = os.path.dirname(living.new_path())  # which removes what nobody owns
        code, _, err = finish(start(*trial.args, launcher=tiny_budget))
        assert (code, err) == (0, b"")
        assert names(trial.scratch) == sorted([os.path.basename(path), f"{os.path.basename(path)}.lock"])
    assert names(trial.scratch) == []
    assert digest(trial.target) == digest(stores[2])


@posix
def test_cnmine__signals_end_it_at_once_and_leave_nothing(start, tmp_path, long_text, stores, texts):
    """Measured on a text of 20 MB, at random moments of the work."""
    monday = tmp_path / "long.store"
    started = time.monotonic()
    run_to_end("count", long_text, "-o", monday, "-q")
    seconds = time.monotonic() - started
    kinds = {"count": [long_text], "merge": [monday, stores[1]]}
    source = random.Random(1)
    latencies = []
    for i in range(N_SIGNALS):
        command, number = list(kinds)[i % 2], (signal.SIGINT, signal.SIGTERM)[i // 2 % 2]
        trial = Trial(start, tmp_path / str(i), command, kinds[command], stores[0], LAUNCHER)
        latency, code, err = trial.run(number, seconds * 0.7 * source.random())
        if code == 0:
            continue  # it was faster
        latencies.append(latency)
        assert code == {signal.SIGINT: 130, signal.SIGTERM: 143}[number]
        assert err in (b"cnmine: error: interrupted\n", b"cnmine: error: terminated\n")
        assert names(trial.target.parent) == ["store"]
        assert digest(trial.target) == digest(stores[0])
        assert names(trial.scratch) == []
    print("seconds from the signal to the end:", *(f"{latency:.3f}" for latency in sorted(latencies)))
    assert latencies
    assert max(latencies) < SIGNAL_SECONDS


# Damage


def test_info_and_lookup__truncated_anywhere(invoke, stores, tmp_path):
    content, path = stores[2].read_bytes(), tmp_path / "store"
    for length in [*range(0, len(content), 1 << 12), len(content) - 1]:
        path.write_bytes(content[:length])
        for args in (("info", path), ("lookup", path, "的")):
            outcome = invoke(*args)
            assert_fails((outcome.code, b"", outcome.stderr.encode()), 4, path)


@pytest.mark.parametrize("args", [("info", "STORE", "--verify"), ("lookup", "STORE", "的"), ("ngrams", "STORE")])
def test_cnmine__flipped_anywhere(invoke, stores, tmp_path, args):
    content, path = bytearray(stores[2].read_bytes()), tmp_path / "store"
    source = random.Random(3)
    args = [path if arg == "STORE" else arg for arg in args]
    for place in [*range(100), *source.sample(range(len(content)), 60), *range(len(content) - 60, len(content))]:
        bit = 1 << source.randrange(8)
        content[place] ^= bit
        path.write_bytes(content)
        content[place] ^= bit
        outcome = invoke(*args)
        assert_fails((outcome.code, b"", outcome.stderr.encode()), 4, path)
        assert outcome.stdout == ""


def test_merge__damaged_input_leaves_the_output_alone(invoke, stores, tmp_path):
    content = bytearray(stores[1].read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "damaged").write_bytes(content)
    shutil.copy(stores[0], tmp_path / "store")
    outcome = invoke("merge", tmp_path / "store", tmp_path / "damaged", "-o", tmp_path / "store")
    assert_fails((outcome.code, b"", outcome.stderr.encode()), 4, tmp_path / "damaged")
    assert digest(tmp_path / "store") == digest(stores[0])
    assert names(tmp_path) == ["damaged", "store"]


def test_count__a_store_is_no_text(invoke, stores, texts, tmp_path):
    for inputs in ([stores[0]], stores[:2], [stores[0], texts[0]]):
        outcome = invoke("count", *inputs, "-o", tmp_path / "store", "-q")
        assert_fails((outcome.code, b"", outcome.stderr.encode()), 2, stores[0], ": ", "store")
        assert names(tmp_path) == []


@pytest.mark.parametrize(
    "args", [("lookup", "TEXT", "的"), ("ngrams", "TEXT"), ("info", "TEXT"), ("merge", "TEXT", "-o", "OUT")]
)
def test_cnmine__a_text_is_no_store(invoke, texts, tmp_path, args):
    args = [{"TEXT": texts[0], "OUT": tmp_path / "out"}.get(arg, arg) for arg in args]
    outcome = invoke(*args)
    assert_fails((outcome.code, b"", outcome.stderr.encode()), 4, texts[0], "store")
    assert names(tmp_path) == []


# Memory and threads


@posix
@pytest.mark.parametrize("megabytes", [300, 400, 600, 1000])
def test_count__works_within_a_limit_of_memory_or_says_so(start, texts, stores, tmp_path, megabytes):
    import resource

    limit = megabytes << 20
    limited = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))}
    target = tmp_path / "store"
    outcome = finish(start("count", *texts, "-o", target, "-q", **limited))
    if outcome[0] == 0:
        assert outcome[2] == b""
        assert digest(target) == digest(stores[2])
    else:
        assert_fails(outcome, 5, "memory")
        assert names(tmp_path) == []
    assert outcome[0] == 0 or megabytes < 600


@pytest.mark.parametrize(
    "kernel",
    [
        "cnmine.sorting._span_kernels",
        "cnmine.sorting._window_kernels",
        "cnmine.store._packing_kernels",
        "cnmine.io._kernels",
    ],
)
@pytest.mark.parametrize("command", ["count", "merge"])
def test_cnmine__a_thread_without_memory(invoke, monkeypatch, texts, stores, tmp_path, kernel, command):
    """Every kernel of a module fails from its second call on."""
    import importlib

    module = importlib.import_module(kernel)
    calls = []

    def fail_later(function):
        def call(*args):
            calls.append(threading.current_thread())
            if len(calls) > 1:
                raise MemoryError
            return function(*args)

        return call

    for name, value in list(vars(module).items()):
        if hasattr(value, "py_func") or (callable(value) and getattr(value, "__module__", "") == kernel):
            monkeypatch.setattr(module, name, fail_later(value))
    target, scratch = tmp_path / "out" / "store", tmp_path / "scratch"
    target.parent.mkdir()
    scratch.mkdir()
    inputs = texts if command == "count" else stores[:2]
    outcome = invoke(command, *inputs, "-o", target, "-T", scratch, "-t", "2", "-q")
    if len(calls) < 2:
        assert outcome.code == 0
        return
    assert_fails((outcome.code, b"", outcome.stderr.encode()), 5, "memory")
    assert names(target.parent) == names(scratch) == []
    assert threading.active_count() <= 1 + sum(thread.daemon for thread in threading.enumerate())


# Writers and readers


@contextmanager
def writing(start, target):
    """A writer that waits for its input; it has ended well when the block is left."""
    process = start("count", "-", "-o", target, "-q", stdin=subprocess.PIPE)
    wait_until(lambda: os.path.exists(f"{target}.lock") and any(".partial-" in name for name in names(target.parent)))
    yield process
    process.stdin.write("新闻。\n".encode())
    process.stdin.close()
    process.stdin = None
    assert finish(process) == (0, b"", b"")


@posix
@pytest.mark.parametrize("command", ["count", "merge"])
def test_cnmine__second_writer_fails_at_once(start, texts, stores, tmp_path, command):
    target = tmp_path / "store"
    inputs = texts if command == "count" else stores[:2]
    with writing(start, target) as process:
        outcome = finish(start(command, *inputs, "-o", target, "-q"))
        assert_fails(outcome, 4, target, process.pid)
    assert names(tmp_path) == ["store"]


def test_merge__opens_its_inputs_when_nobody_else_writes_them(invoke, monkeypatch, stores, tmp_path):
    """Another process that adds to the same store comes before or after, and never in between."""
    target = tmp_path / "all"
    shutil.copy(stores[0], target)
    create_store = build.create_store

    def create_late(*args, **options):
        monkeypatch.setattr(build, "create_store", create_store)
        assert invoke("merge", target, stores[1], "-o", target, "-q").code == 0
        return create_store(*args, **options)

    monkeypatch.setattr(build, "create_store", create_late)
    assert invoke("merge", target, stores[0], "-o", target, "-q").code == 0
    assert invoke("merge", stores[2], stores[0], "-o", tmp_path / "expected", "-q").code == 0
    assert digest(target) == digest(tmp_path / "expected")


@posix
def test_merge__writers_side_by_side_lose_nothing(start, stores, texts, tmp_path, make_lines):
    """Several processes add a part each to one store, and try again while another one writes it."""
    target = tmp_path / "all"
    shutil.copy(stores[0], target)
    parts = []
    for i in range(3):
        part = tmp_path / f"{i}.txt"
        part.write_text(make_lines(100, 10 + i), encoding="utf-8")
        parts.append(tmp_path / f"{i}.store")
        run_to_end("count", part, "-o", parts[-1], "-q")

    def add(part):
        while True:
            code, _, err = finish(start("merge", target, part, "-o", target, "-q"))
            if code == 0:
                return
            assert_fails((code, b"", err), 4, target)

    with ThreadPoolExecutor(len(parts)) as pool:
        list(pool.map(add, parts))
    run_to_end("count", texts[0], *(tmp_path / f"{i}.txt" for i in range(3)), "-o", tmp_path / "whole", "-q")
    assert digest(target) == digest(tmp_path / "whole")


@posix
def test_lookup__readers_keep_the_store_that_they_opened(start, stores, tmp_path):
    target = tmp_path / "store"
    shutil.copy(stores[0], target)

    def ask(process):
        process.stdin.write("一丁\n一\n".encode())
        process.stdin.flush()
        return process.stdout.readline(), process.stdout.readline()

    readers = [start("lookup", target, "-", "--no-header", stdin=subprocess.PIPE) for _ in range(4)]
    before = [ask(reader) for reader in readers]
    assert len(set(before)) == 1
    run_to_end("merge", target, stores[1], "-o", target, "-q")
    assert digest(target) == digest(stores[2])
    assert [ask(reader) for reader in readers] == before
    for reader in readers:
        reader.stdin.close()
        reader.stdin = None
        assert finish(reader) == (0, b"", b"")
    new = start("lookup", target, "-", "--no-header", stdin=subprocess.PIPE)
    assert ask(new) != before[0]


@posix
def test_cnmine__read_only_directory(start, stores, texts, read_only, tmp_path):
    with read_only(lambda place: shutil.copy(stores[0], place / "store")) as place:
        store = place / "store"
        for args in (("lookup", store, "的"), ("ngrams", store), ("info", store, "--verify")):
            code, out, err = finish(start(*args))
            assert (code, err) == (0, b"")
            assert out
        run_to_end("merge", store, stores[1], "-o", tmp_path / "both", "-q")
        assert digest(tmp_path / "both") == digest(stores[2])
        assert_fails(finish(start("count", *texts, "-o", store, "-q")), 2, store)
        outcome = finish(start("count", *texts, "-o", tmp_path / "new", "-T", place, "-q", "-m", "1M"))
        assert outcome[0] == 0 or b"--temp-dir" in outcome[2]
        assert names(place) == ["store"]
