"""Linking from large sources, on full disks, in closed pipes, interrupted and killed: a clear message, the old file, nothing left about."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from process.outcomes import ROOT, assert_fails, digest, finish, names, run_to_end, take_first_line, wait_until

from cnmine.linking.kb import open_kb
from cnmine.linking.model_file import open_linker

DATA = ROOT / "data" / "linking"
TRAIN, TEST = DATA / "sample_train.jsonl", DATA / "sample_test.jsonl"
posix = pytest.mark.skipif(os.name == "nt", reason="signals, limits and pipes of Unix")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A knowledge base, a model, and texts linked with them."""
    folder = tmp_path_factory.mktemp("faults")
    kb, model, linked = (folder / name for name in ("sample.kb", "sample.linker", "linked.jsonl"))
    run_to_end("kb", "build", DATA / "sample_kb.jsonl", "-o", kb, "--no-dict")
    run_to_end("link", "train", kb, TRAIN, "-o", model, "--no-dict")
    run_to_end("link", "run", kb, "-m", model, TEST, "-o", linked)
    return kb, model, linked


@pytest.fixture(scope="module")
def large_source(tmp_path_factory):
    """Entities with 5 MB of text."""
    source = random.Random(2)
    path = tmp_path_factory.mktemp("source") / "large.tsv"
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for i in range(1600):
            text = "".join(chr(0x4E00 + source.randrange(3000)) for _ in range(1000))
            file.write(f"{i}\t{text[:3]}\t{text[3:6]}\t类\t{text}\n")
    return path


def fill(args, made):
    """Arguments with the files in the places of their names."""
    found = dict(zip(("KB", "MODEL", "LINKED"), made, strict=True))
    return [found.get(arg, arg) for arg in args]


# Large sources


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory as Linux has them")
def test_kb_build__streams_a_dump(start, tmp_path):
    """250 MB of items that are not kept, in less memory than they are long."""
    import resource

    labels = {f"l{i}": {"language": f"l{i}", "value": f"name {i} of an item"} for i in range(20)}
    labels["zh"] = {"language": "zh", "value": "某物"}
    kept = {"type": "item", "id": "Q1", "labels": labels, "claims": {"P31": [claim("Q5")]}}
    with gzip.open(tmp_path / "dump.json.gz", "wt", encoding="utf-8", compresslevel=1) as file:
        file.write("[\n" + json.dumps(kept))
        other = json.dumps(kept | {"id": "Q1%06d", "claims": {"P31": [claim("Q7")]}})
        n_bytes = sum(file.write(",\n" + other % i) for i in range(175_000))
        file.write("\n]\n")
    limit = 220 << 20
    assert n_bytes > limit
    args = ("kb", "build", tmp_path / "dump.json.gz", "-o", tmp_path / "kb", "--claim", "P31=Q5", "--no-dict", "-q")
    limited = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))}
    code, _, err = finish(start(*args, env={"OPENBLAS_NUM_THREADS": "1"}, **limited))
    assert code == 0, err
    with open_kb(str(tmp_path / "kb")) as kb:
        assert kb.n_entities == 1


def claim(target):
    value = {"type": "wikibase-entityid", "value": {"id": target}}
    return {"mainsnak": {"snaktype": "value", "datavalue": value}, "rank": "normal"}


# Full disks


def test_kb_build__disk_too_small_for_the_store(start, small_disk, large_source):
    disk = small_disk(2 << 20)
    (disk / "kb").write_bytes(b"old")
    outcome = finish(start("kb", "build", large_source, "-o", disk / "kb", "--no-dict", "-q"))
    assert_fails(outcome, 5, disk / "kb", "--output")
    assert names(disk) == ["kb"]
    assert (disk / "kb").read_bytes() == b"old"


def test_kb_build__disk_too_small_for_the_temporary_files(start, small_disk, large_source, tmp_path):
    disk = small_disk(2 << 20)
    outcome = finish(start("kb", "build", large_source, "-o", tmp_path / "kb", "-T", disk, "--no-dict", "-q"))
    assert_fails(outcome, 5, disk, "--temp-dir")
    assert names(disk) == []
    assert not (tmp_path / "kb").exists()


def test_link_train_and_run__disk_too_small(start, small_disk, made):
    disk = small_disk(64 << 10)
    for args in (("link", "train", "KB", TRAIN, "--no-dict"), ("link", "run", "KB", "-m", "MODEL", *[TEST] * 40)):
        (disk / "out").write_bytes(b"old")
        outcome = finish(start(*fill(args, made), "-o", disk / "out", "-q"))
        assert_fails(outcome, 5, disk / "out")
        assert names(disk) == ["out"]
        assert (disk / "out").read_bytes() == b"old"


@posix
@pytest.mark.parametrize("limit", [1 << 12, 300_000])
@pytest.mark.parametrize(
    "args",
    [
        ("kb", "build", "LARGE", "--no-dict"),
        ("link", "train", "KB", TRAIN, "--no-dict"),
        ("link", "run", "KB", "-m", "MODEL", *[TEST] * 40),
    ],
    ids=lambda args: f"{args[0]}_{args[1]}",
)
def test_link__disk_fills_up_on_the_way(start, made, large_source, tmp_path, args, limit):
    """A limit of the length of files comes unforeseen, as another program does that takes the last room."""
    import resource

    scratch, target = tmp_path / "scratch", tmp_path / "out" / "file"
    scratch.mkdir()
    target.parent.mkdir()
    target.write_bytes(b"old")
    args = [large_source if arg == "LARGE" else arg for arg in fill(args, made)]
    temp_dir = ["-T", scratch] if args[0] == "kb" else []
    limited = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))}
    outcome = finish(start(*args, *temp_dir, "-o", target, "-q", **limited))
    assert_fails(outcome, 5)
    assert str(tmp_path).encode() in outcome[2]
    assert names(target.parent) == ["file"]
    assert target.read_bytes() == b"old"
    assert names(scratch) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize(
    "args",
    [
        ("kb", "info", "KB"),
        ("kb", "lookup", "KB", "胜利"),
        ("link", "run", "KB", "-m", "MODEL", TEST),
        ("link", "eval", TEST, "LINKED"),
        ("link", "errors", TEST, "LINKED", "-q"),
    ],
    ids=lambda args: f"{args[0]}_{args[1]}",
)
def test_link__full_device_is_a_failure(start, made, args):
    with open("/dev/full", "wb") as full:
        outcome = finish(start(*fill(args, made), stdout=full))
    assert_fails(outcome, 5, "standard output: ")


# Closed pipes


@posix
@pytest.mark.parametrize(
    "args",
    [
        ("kb", "lookup", "KB"),
        ("link", "run", "KB", "--input", "text"),
        ("link", "run", "KB", "-m", "MODEL", "--input", "text", "--candidates", "3"),
        ("link", "run", "KB", "--mentions", "line"),
        ("link", "errors", TEST, "LINKED", "-q"),
    ],
)
def test_link__head_takes_the_first_line(start, made, args):
    process = start(*fill(args, made), stdin=subprocess.PIPE)
    first, outcome = take_first_line(process, "胜利\n苹果公司\n李娜在武汉\n".encode() * 5000)
    assert outcome == (0, None, b"")
    assert first.endswith(b"\n") and first.count(b"\n") == 1


# Kills and signals


@posix
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("command", ["kb build", "link train"])
def test_link__signals_leave_nothing_behind(start, made, tmp_path, command, number, code):
    """While it reads: the end of its input never comes."""
    scratch, target = tmp_path / "scratch", tmp_path / "out" / "file"
    scratch.mkdir()
    target.parent.mkdir()
    if command == "kb build":
        process = start("kb", "build", "-", "-o", target, "-T", scratch, "--no-dict", stdin=subprocess.PIPE)
        process.stdin.write((DATA / "sample_kb.jsonl").read_bytes())
        process.stdin.flush()
        wait_until(lambda: names(target.parent))
    else:
        process = start("link", "train", made[0], "-", "-o", target, "-v", "--no-dict", stdin=subprocess.PIPE)
        process.stdin.write(TRAIN.read_bytes())
        process.stdin.flush()
        assert b"finding names" in process.stderr.readline()
    process.send_signal(number)
    _, _, err = finish(process, timeout=60)
    assert process.returncode == code
    assert err.strip().split(b"\n")[-1] in (b"cnmine: error: interrupted", b"cnmine: error: terminated")
    assert names(target.parent) == names(scratch) == []


@posix
def test_kb_build__interrupted_at_any_moment(start, tmp_path, large_source):
    """Ends at once, with nothing left, whatever it was doing; later ones are done before the signal comes."""
    scratch, target = tmp_path / "scratch", tmp_path / "out" / "kb"
    scratch.mkdir()
    target.parent.mkdir()
    args = ("kb", "build", large_source, "-o", target, "-T", scratch, "--no-dict", "-q")
    started = time.monotonic()
    assert finish(start(*args))[0] == 0
    seconds, expected = time.monotonic() - started, digest(target)
    codes = []
    for part in (0.4, 0.7, 0.9):
        target.unlink(missing_ok=True)
        process = start(*args)
        time.sleep(part * seconds)
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        code, _, err = finish(process)
        assert time.monotonic() - sent < 5
        codes.append(code)
        assert code in (0, 130), err
        assert names(scratch) == []
        assert names(target.parent) == (["kb"] if code == 0 else [])
        assert code or digest(target) == expected
    assert 130 in codes


@posix
@pytest.mark.parametrize("command", ["kb build", "link train"])
def test_link__killed_at_any_moment_leaves_the_old_file_or_the_new_one(start, made, tmp_path, large_source, command):
    """What is left about is gone with the next run that ends well."""
    scratch, target = tmp_path / "scratch", tmp_path / "out" / "file"
    scratch.mkdir()
    target.parent.mkdir()
    if command == "kb build":
        args = ("kb", "build", large_source, "-o", target, "-T", scratch, "--no-dict", "-q")
    else:
        args = ("link", "train", made[0], TRAIN, "-o", target, "--no-dict", "-q")
    started = time.monotonic()
    assert finish(start(*args))[0] == 0
    seconds, new = time.monotonic() - started, digest(target)
    target.write_bytes(b"old")
    old = digest(target)
    for part in (0.6, 0.9):
        process = start(*args)
        time.sleep(part * seconds)
        process.kill()
        code, _, err = finish(process)
        assert code in (0, -signal.SIGKILL), err
        assert digest(target) in (old, new)
    assert finish(start(*args))[0] == 0
    assert digest(target) == new
    assert names(target.parent) == ["file"]
    assert names(scratch) == []
    if command == "kb build":
        open_kb(str(target), verify="all").close()
    else:
        open_linker(str(target), verify="all")
