"""Stores appear complete or not at all, whatever happens on the way."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys

import numpy as np
import pytest

from cnmine.errors import ResourceError, StoreError, UsageError
from cnmine.io.output import OutputFile
from cnmine.store import writing
from cnmine.store.container import open_store
from cnmine.store.writing import create_store

MIB = 1 << 20


def write(path, value=1, **options):
    """A small store that holds ``value``."""
    with create_store(str(path), kind="test", version=1, **options) as store:
        store.add("value", np.array([value], np.uint64))


def read(path):
    with open_store(str(path), kind="test") as store:
        return int(store.array("value")[0])


def failing(number):
    """A function of the system that fails."""

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.fixture
def path(tmp_path):
    """A place that holds the store of 1."""
    place = tmp_path / "store"
    write(place, 1)
    return place


@pytest.fixture
def assert_untouched(path):
    """To be called when writing has failed: the store before is there, and nothing else."""
    before = path.read_bytes()

    def check():
        assert path.read_bytes() == before
        assert os.listdir(path.parent) == ["store"]

    return check


def test_create_store__appears_when_complete(path):
    old = open_store(str(path))
    with create_store(str(path), kind="test", version=1) as store:
        store.add("value", np.array([2], np.uint64))
        assert read(path) == 1
        assert len(os.listdir(path.parent)) == 3  # old, partial, lock
    assert read(path) == 2
    assert os.listdir(path.parent) == ["store"]
    assert old.array("value")[0] == 1  # who has the old one open keeps it
    old.verify()


def test_create_store__keeps_mode_and_link(path, tmp_path_factory):
    path.chmod(0o640)
    link = tmp_path_factory.mktemp("link") / "link"
    link.symlink_to(path)
    write(link, 2)
    assert link.is_symlink()
    assert (read(path), path.stat().st_mode & 0o777) == (2, 0o640)
    assert os.listdir(link.parent) == ["link"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
@pytest.mark.parametrize("place", ["section", "store"])
def test_create_store__nothing_is_left_after_an_exception(path, assert_untouched, error, place):
    with pytest.raises(error), create_store(str(path), kind="test", version=1, expected_bytes=MIB) as store:
        with store.section("value", 64) as section:
            section.append(np.arange(MIB))
            if place == "section":
                raise error
        raise error
    assert_untouched()


def test_create_store__refuses_bad_places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("-", ".", "no/store", "store/", os.devnull):
        with pytest.raises(UsageError), create_store(path, kind="test", version=1):
            pytest.fail("was opened")
    for kind, version in [("Test", 1), ("", 1), ("a" * 17, 1), ("test", 0), ("test", 1 << 32)]:
        with pytest.raises(UsageError, match="no kind and version"), create_store("store", kind=kind, version=version):
            pytest.fail("was opened")
    assert os.listdir(tmp_path) == []


def test_section__refuses_bad_names_and_nesting(path, assert_untouched):
    for name in ("", "Text", "1", "a b", "名", "a" * 33, "twice"):
        with (
            pytest.raises(UsageError, match="no name for a section"),
            create_store(str(path), kind="test", version=1) as store,
        ):
            store.add("twice", b"")
            store.add(name, b"")
    with (
        pytest.raises(UsageError, match="'b' begins inside section 'a'"),
        create_store(str(path), kind="test", version=1) as store,
        store.section("a", 8),
        store.section("b", 8),
    ):
        pytest.fail("was opened")
    with (
        pytest.raises(UsageError, match="'a' was begun and not ended"),
        create_store(str(path), kind="test", version=1) as store,
        pytest.raises(ZeroDivisionError),
        store.section("a", 8),
    ):
        raise ZeroDivisionError
    with (
        pytest.raises(UsageError, match="does not fit into 3 bits"),
        create_store(str(path), kind="test", version=1) as store,
    ):
        store.add("a", np.array([8]), bits=3)
    assert_untouched()


@pytest.mark.parametrize("expected_bytes", [None, 0, 100, 50 * MIB])
def test_create_store__reserves_and_gives_back(tmp_path, expected_bytes):
    path = tmp_path / "store"
    with create_store(str(path), kind="test", version=1, expected_bytes=expected_bytes) as store:
        (partial,) = tmp_path.glob("store.partial-*")
        if hasattr(os, "posix_fallocate"):
            assert partial.stat().st_size == (expected_bytes if (expected_bytes or 0) > 64 else 0)
        store.add("value", np.arange(2 * MIB // 8, dtype=np.uint64))
    status = path.stat()
    assert 2 * MIB < status.st_size < 2 * MIB + 1000
    if hasattr(status, "st_blocks"):
        assert 0 <= status.st_blocks * 512 - status.st_size < MIB
    open_store(str(path)).verify()


def test_create_store__names_needed_and_free_room(path, assert_untouched):
    message = r"store: takes up to 1,000,000,000,000\.0 MB, and .* has [0-9,.]+ MB free; make room or .* --output"
    with pytest.raises(ResourceError, match=message):
        write(path, 2, expected_bytes=10**18)
    assert_untouched()


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="nothing is reserved here")
def test_create_store__reservation_that_fails(path, assert_untouched, monkeypatch):
    for number in (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL):
        monkeypatch.setattr(os, "posix_fallocate", failing(number))
        write(path, 1, expected_bytes=MIB)
        assert_untouched()
    monkeypatch.setattr(os, "posix_fallocate", failing(errno.ENOSPC))
    with pytest.raises(ResourceError, match="store: no space left on device; .*--output"):
        write(path, 2, expected_bytes=MIB)
    assert_untouched()


@pytest.mark.parametrize("function", ["fsync", "replace", "ftruncate"])
def test_create_store__errors_of_the_disk_are_named(path, assert_untouched, monkeypatch, function):
    for number, kind, message in [
        (errno.EIO, StoreError, "store: cannot be written: Input/output error"),
        (errno.ENOSPC, ResourceError, "store: no space left on device"),
    ]:
        with monkeypatch.context() as patch:
            patch.setattr(os, function, failing(number))
            # The file of the lock is cut as well, where a failure does not matter.
            with pytest.raises(kind, match=message):
                write(path, 2)
    assert_untouched()


def test_create_store__fsync_is_not_tried_again(path, monkeypatch):
    calls = []

    def fail(descriptor):
        calls.append(descriptor)
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError):
        write(path, 2)
    assert len(calls) == 1


def test_create_store__file_size_limit(path, assert_untouched):
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for expected_bytes in (None, 4 * MIB):
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, limits[1]))
        try:
            with (
                pytest.raises(ResourceError, match="store: file too large; .*--output"),
                create_store(str(path), kind="test", version=1, expected_bytes=expected_bytes) as store,
            ):
                store.add("value", np.zeros(MIB // 2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert_untouched()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of four megabytes, where the system lets us have one."""
    place = tmp_path / "disk"
    place.mkdir()
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(place)], capture_output=True)
    except OSError as err:
        pytest.skip(f"no mount here: {err}")
    if done.returncode:
        pytest.skip(f"cannot mount a small disk: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.process
@pytest.mark.parametrize(
    "expected_bytes, message", [(None, "no space left"), (3 * MIB, "no space left"), (9 * MIB, "takes up to 9")]
)
def test_create_store__full_disk(small_disk, expected_bytes, message):
    path = small_disk / "store"
    write(path, 1)
    with (
        pytest.raises(ResourceError, match=rf"store: {message}.*--output"),
        create_store(str(path), kind="test", version=1, expected_bytes=expected_bytes) as store,
    ):
        for i in range(8):
            store.add(f"part{i}", np.zeros(MIB // 8))
    assert os.listdir(small_disk) == ["store"]
    assert read(path) == 1


def test_write__short_writes_are_continued():
    class Slow(io.RawIOBase):
        def __init__(self):
            self.got = bytearray()

        def write(self, data):
            self.got += bytes(data[:3])
            return min(3, len(data))

    slow = Slow()
    assert OutputFile(slow, "slow").write(np.arange(10, dtype=np.uint8)) == 10
    assert slow.got == bytes(range(10))


def test_create_store__sweeps_what_killed_writers_left(path):
    other = path.parent / "store2.partial-01234567"
    kept = [path.parent / "store.partial-0123456", path.parent / "store.partial-0123456g", other]
    left = path.parent / "store.partial-0123abcd"
    for file in (*kept, left):
        file.write_bytes(b"x")
    notices: list[str] = []
    write(path, 2, on_notice=notices.append)
    assert notices == [f"{left}: removed; an interrupted run had left it"]
    assert sorted(os.listdir(path.parent)) == sorted(["store", *(file.name for file in kept)])


@pytest.mark.parametrize("n_bytes", [1, 7, 1000])
def test_add__checksums_do_not_depend_on_pieces(tmp_path, monkeypatch, n_bytes):
    monkeypatch.setattr(writing, "CHECKED_BYTES", 100)
    values = np.arange(2000, dtype=np.uint8)
    hashes = []
    for size in (n_bytes, 2000):
        with create_store(str(tmp_path / "store"), kind="test", version=1) as store:
            with store.section("a", 8) as section:
                for start in range(0, 2000, size):
                    section.append(values[start : start + size])
            hashes.append(store._sections[0].hashes.tolist())
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 21  # 2000 bytes and a word to spare


KILLED = """
import os, random, signal, sys, time
import numpy as np
from cnmine.store.container import open_store
from cnmine.store.writing import create_store

path, n_rounds = sys.argv[1], int(sys.argv[2])
random.seed(7)

def write(value):
    with create_store(path, kind="test", version=1, expected_bytes=150_000) as store:
        for name in "abc":
            store.add(name, np.full(5_000, value, np.uint64))

def read():
    with open_store(path, kind="test", verify="all") as store:
        (value,) = {int(x) for name in "abc" for x in store.array(name)[::100]}
        return value

write(0)
started = time.perf_counter()
write(0)
longest = min(0.1, 4 * (time.perf_counter() - started))
seen = set()
for round in range(1, n_rounds + 1):
    child = os.fork()
    if child == 0:
        while True:
            write(round)
    time.sleep(random.random() * longest)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    value = read()
    assert value == round or value == max(seen, default=0), (value, round)
    seen.add(value)
write(n_rounds + 1)
assert read() == n_rounds + 1
assert os.listdir(os.path.dirname(path)) == [os.path.basename(path)]
print(len(seen))
"""


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_create_store__killed_at_any_moment_leaves_old_or_new(tmp_path):
    run = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "store"), "30"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 1  # or the test has seen nothing


READERS = """
import os, sys, time
import numpy as np
from cnmine.store.container import open_store
from cnmine.store.writing import create_store

path = sys.argv[1]

def write(value):
    with create_store(path, kind="test", version=1) as store:
        store.add("value", np.full(2_000, value, np.uint32))

write(0)
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        last = 0
        while last < 30:
            with open_store(path) as store:
                values = store.array("value")
                assert values.min() == values.max() >= last
                last = int(values[0])
        os._exit(0)
    children.append(child)
for value in range(1, 31):
    write(value)
sys.exit(sum(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children))
"""


@pytest.mark.process
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_create_store__four_readers_while_it_is_replaced(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", READERS, str(tmp_path / "store")], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    assert os.listdir(tmp_path) == ["store"]
