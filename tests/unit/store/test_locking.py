"""One writer at a time."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading

import pytest

from cnmine.errors import ResourceError, StoreError, UsageError
from cnmine.store.locking import exclusive_lock
from cnmine.store.writing import create_store

HOLDER = """
import sys
from cnmine.store.locking import exclusive_lock
with exclusive_lock(sys.argv[1], "store"):
    print("held", flush=True)
    sys.stdin.read()
"""


def start_holder(target):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(target)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline() == "held\n"
    return holder


def stop(holder):
    holder.stdin.close()
    holder.stdout.close()
    return holder.wait(10)


@pytest.mark.process
def test_exclusive_lock__second_process_fails_and_names_the_first(tmp_path):
    target = tmp_path / "store"
    holder = start_holder(target)
    try:
        with (
            pytest.raises(StoreError, match=f"process {holder.pid} is writing it; wait"),
            create_store(str(target), kind="test", version=1),
        ):
            pytest.fail("was opened")
    finally:
        assert stop(holder) == 0
    assert os.listdir(tmp_path) == []


@pytest.mark.process
def test_exclusive_lock__ends_with_its_process(tmp_path):
    target = tmp_path / "store"
    holder = start_holder(target)
    holder.kill()
    stop(holder)
    assert os.listdir(tmp_path) == ["store.lock"]
    with exclusive_lock(str(target), "store") as is_locked:
        assert is_locked
    assert os.listdir(tmp_path) == []


def test_exclusive_lock__second_writer_of_this_process_fails(tmp_path):
    target = str(tmp_path / "store")
    with (
        exclusive_lock(target, "store"),
        pytest.raises(StoreError, match=f"process {os.getpid()} is writing"),
        exclusive_lock(target, "store"),
    ):
        pytest.fail("was locked twice")
    with exclusive_lock(target, "store"):
        pass


def test_exclusive_lock__never_two_holders_when_files_come_and_go(tmp_path):
    target = str(tmp_path / "store")
    inside, most, n_held = 0, 0, 0
    guard = threading.Lock()

    def hold():
        nonlocal inside, most, n_held
        for _ in range(200):
            try:
                with exclusive_lock(target, "store"):
                    with guard:
                        inside += 1
                        most, n_held = max(most, inside), n_held + 1
                    with guard:
                        inside -= 1
            except StoreError:
                pass

    workers = [threading.Thread(target=hold) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert most == 1
    assert n_held >= 200 // 4
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number, kind", [(errno.ENOSPC, ResourceError), (errno.EACCES, UsageError)])
def test_exclusive_lock__says_why_there_can_be_no_lock(tmp_path, monkeypatch, number, kind):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", fail)
    with (
        pytest.raises(kind, match=f"store: cannot be written: .*store.lock: {os.strerror(number)}; "),
        exclusive_lock(str(tmp_path / "store"), "store"),
    ):
        pytest.fail("was locked")


@pytest.mark.parametrize("content", [b"[packages]\n", b"12", b"1" * 40, b"\n"])
def test_exclusive_lock__leaves_files_that_are_something_else(tmp_path, content):
    (tmp_path / "store.lock").write_bytes(content)
    with pytest.raises(UsageError, match="is not a lock of cnmine"), exclusive_lock(str(tmp_path / "store"), "store"):
        pytest.fail("was locked")
    assert (tmp_path / "store.lock").read_bytes() == content


def test_exclusive_lock__follows_no_link(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"")
    (tmp_path / "store.lock").symlink_to(other)
    with (
        pytest.raises(UsageError, match="store.lock: .*; choose another place"),
        exclusive_lock(str(tmp_path / "store"), "store"),
    ):
        pytest.fail("was locked")
    assert other.read_bytes() == b""


def test_exclusive_lock__file_systems_without_locks(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def fail(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fail)
    left = tmp_path / "store.partial-01234567"
    left.write_bytes(b"")
    with create_store(str(tmp_path / "store"), kind="test", version=1):
        pass
    # Without a lock nobody knows whether its writer lives.
    assert sorted(os.listdir(tmp_path)) == ["store", left.name]
