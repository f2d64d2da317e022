"""Complete output or none."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import threading
import types

import pytest

from cnmine.errors import CorpusError, ResourceError, UsageError
from cnmine.io.output import open_output

needs_full_device = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")


def test_open_output__appears_when_complete(tmp_path):
    path = tmp_path / "out.tsv"
    path.write_bytes(b"old")
    with open_output(str(path)) as output:
        output.write("中".encode())
        output.flush()
        assert path.read_bytes() == b"old"
        (partial,) = tmp_path.glob("out.tsv.partial-*")
    assert path.read_bytes().decode() == "中"
    assert os.listdir(tmp_path) == ["out.tsv"]
    assert not partial.exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, SystemExit])
def test_open_output__nothing_is_left_after_an_exception(tmp_path, error):
    path = tmp_path / "out.tsv"
    path.write_bytes(b"old")
    with pytest.raises(error), open_output(str(path)) as output:
        output.write(b"new")
        raise error
    assert os.listdir(tmp_path) == ["out.tsv"]
    assert path.read_bytes() == b"old"


def test_open_output__keeps_mode_and_link(tmp_path):
    path, link = tmp_path / "out.tsv", tmp_path / "link"
    path.write_bytes(b"old")
    path.chmod(0o640)
    link.symlink_to(path)
    with open_output(str(link)) as output:
        output.write(b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640


def test_open_output__refuses_bad_places_at_entry(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path, message in [(".", "is a directory"), ("no/out", "does not exist"), ("out/", "is a directory")]:
        with pytest.raises(UsageError, match=message), open_output(path):
            pytest.fail("was opened")
    monkeypatch.setattr(os, "access", lambda *_: False)
    (tmp_path / "locked").write_bytes(b"")
    with pytest.raises(UsageError, match="locked: is write-protected"), open_output("locked"):
        pytest.fail("was opened")


@needs_full_device
@pytest.mark.parametrize("n_bytes", [1, 1 << 20])
def test_open_output__full_device(n_bytes):
    with pytest.raises(ResourceError, match="/dev/full: no space left on device; "), open_output("/dev/full") as output:
        output.write(b"x" * n_bytes)


def test_open_output__full_disk_leaves_nothing(tmp_path, monkeypatch):
    def fail(descriptor):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ResourceError, match="out: no space left"), open_output(str(tmp_path / "out")) as output:
        output.write(b"x")
    assert os.listdir(tmp_path) == []


def test_open_output__other_errors_are_named(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "replace", fail)
    with (
        pytest.raises(CorpusError, match="out: cannot be written: Input/output error"),
        open_output(str(tmp_path / "out")),
    ):
        pass
    assert os.listdir(tmp_path) == []


def test_open_output__null_device_and_pipe(tmp_path):
    with open_output(os.devnull) as output:
        output.write(b"x")
    if not hasattr(os, "mkfifo"):
        return
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)
    got: list[bytes] = []

    def read():
        with open(pipe, "rb") as file:
            got.append(file.read())

    reader = threading.Thread(target=read)
    reader.start()
    with open_output(pipe) as output:
        output.write(b"through")
    reader.join(10)
    assert got == [b"through"]


def test_open_output__dash_is_standard_output(monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", types.SimpleNamespace(buffer=buffer, flush=lambda: None))
    with open_output("-") as output:
        output.write("中\n".encode())
    assert buffer.getvalue() == "中\n".encode()


def test_open_output__broken_pipe_passes(monkeypatch):
    class Closed(io.BytesIO):
        def write(self, data):
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", types.SimpleNamespace(buffer=Closed(), flush=lambda: None))
    with pytest.raises(BrokenPipeError), open_output("-") as output:
        output.write(b"x")


SCRIPT = """
import sys
from cnmine.errors import ResourceError
from cnmine.io.output import open_output
try:
    with open_output("-") as output:
        output.write(b"x" * int(sys.argv[1]))
except ResourceError as err:
    sys.stderr.write(str(err))
    sys.exit(5)
"""


@needs_full_device
@pytest.mark.parametrize("n_bytes", [1, 1 << 20])
def test_open_output__standard_output_on_a_full_device(n_bytes):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, str(n_bytes)], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 5
    assert done.stderr.startswith("standard output: no space left on device")
    assert "\n" not in done.stderr
