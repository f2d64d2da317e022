"""Failures become exit codes and one line each."""

from __future__ import annotations

import errno
import hashlib
import os

import click
import pytest

from cnmine import __version__, cli
from cnmine.cli import group as group_module
from cnmine.cli import memory, messages, options
from cnmine.errors import CorpusError, ResourceError, StoreError, UsageError


def test_run__help_and_version(invoke):
    for args in (["--help"], ["-h"], ["newwords", "-h"], ["evaluate", "newwords", "--help"]):
        got = invoke(*args)
        assert got.code == 0
        assert got.stdout.startswith("Usage: cnmine")
    assert invoke("--version").stdout == f"cnmine {__version__}\n"


def test_run__without_command_shows_help(invoke):
    got = invoke()
    assert (got.code, got.stdout) == (2, "")
    assert "Commands:" in got.stderr


def test_run__unknown_command(invoke):
    got = invoke("newword")
    assert got.code == 2
    assert got.stderr.startswith("cnmine: error: No such command 'newword'")
    assert got.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("wrong"), 2, "wrong"),
        (CorpusError("a.txt: bad"), 3, "a.txt: bad"),
        (StoreError("old"), 4, "old"),
        (ResourceError("full"), 5, "full"),
        (OSError(errno.EIO, "Input/output error", "a.txt"), 3, "a.txt: Input/output error"),
        (OSError(errno.ENOSPC, "No space left on device", "b"), 5, "b: No space left on device"),
        (MemoryError(), 5, "out of memory; close other programs, or give less text at once"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (cli.Terminated(15), 143, "terminated"),
        (BrokenPipeError(), 0, None),
        (CorpusError("name\nwith\x1b[31m controls"), 3, "name with\\x1b[31m controls"),
    ],
)
def test_run__maps_failures(invoke, monkeypatch, error, code, line):
    monkeypatch.setattr(group_module, "group", failing(error))
    got = invoke()
    assert got.code == code
    assert got.stderr == ("" if line is None else f"cnmine: error: {line}\n")


def test_run__bug_asks_for_a_report(invoke, monkeypatch):
    monkeypatch.setattr(group_module, "group", failing(ValueError("odd\nthing")))
    got = invoke()
    assert got.code == 1
    assert got.stderr.startswith("cnmine: error: ValueError: odd thing; this is a bug in cnmine; please report it")
    assert got.stderr.count("\n") == 1
    got = invoke(env={"CNMINE_DEBUG": "1"})
    assert "Traceback" in got.stderr
    assert got.code == 1


def failing(error):
    @click.command()
    def command():
        raise error

    return command


@pytest.mark.parametrize(
    ("text", "size"),
    [("500000", 500_000), ("512M", 512_000_000), ("2GiB", 2 << 30), ("1.5g", 1_500_000_000), ("3 kB", 3000), ("7b", 7)],
)
def test_size_type__units(text, size):
    assert options.SizeType().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["", "G", "-1", "2iB", "1X", "0", "1 2M"])
def test_size_type__refuses(text):
    with pytest.raises(click.BadParameter):
        options.SizeType().convert(text, None, None)


def test_memory_limit__default_is_half_of_what_is_free(monkeypatch):
    for available, expected in [(8 << 30, 4 << 30), (1 << 30, 1 << 30), (600 << 20, 600 << 20), (None, None)]:
        monkeypatch.setattr(memory, "available_memory", lambda available=available: available)
        assert memory.memory_limit(None) == expected
    assert memory.memory_limit(5) == 5


def test_kernel_notice__cold_warm_and_without_a_place(tmp_path, monkeypatch):
    from cnmine import _jit

    package = tmp_path / "cnmine"
    for name in messages._FIRST_KERNELS:
        source = package / name
        (source.parent / "__pycache__").mkdir(parents=True)
        source.write_text("")
    monkeypatch.setattr(_jit, "__file__", str(package / "_jit.py"))
    monkeypatch.setattr(_jit, "IS_CACHED", True)
    monkeypatch.setattr(_jit, "CHECKED", False)
    monkeypatch.delenv("NUMBA_DISABLE_JIT", raising=False)
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert messages.kernel_notice() == "compiling kernels (first run only)"
    for name in messages._FIRST_KERNELS:
        ((package / name).parent / "__pycache__" / "_kernels.f-1.py311.nbi").write_text("")
    assert messages.kernel_notice() is None
    os.utime(package / messages._FIRST_KERNELS[0], (2**32, 2**32))
    assert messages.kernel_notice() == "compiling kernels (first run only)"
    for name in messages._FIRST_KERNELS:  # the same contents as when they were compiled, whatever the time
        index = (package / name).parent / "__pycache__" / "_kernels.f-1.py311.nbi"
        index.write_bytes(b"stamp " + hashlib.sha256(b"").digest())
    assert messages.kernel_notice() is None
    (package / "linking").mkdir()
    (package / "linking" / "_x_kernels.py").write_text("")
    assert messages.kernel_notice("linking/_x_kernels.py") == "compiling kernels (first run only)"
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "numba"))
    assert messages.kernel_notice() == "compiling kernels (first run only)"
    monkeypatch.setattr(_jit, "IS_CACHED", False)
    assert "no writable cache directory" in messages.kernel_notice()
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert messages.kernel_notice() is None


def test_show_error__colour_only_on_terminals(monkeypatch, capsys):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    messages.show_error("x")
    assert capsys.readouterr().err == "cnmine: error: x\n"
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    messages.show_error("x")
    assert "\x1b[1;31m" in capsys.readouterr().err
    monkeypatch.setenv("NO_COLOR", "1")
    messages.show_error("x")
    assert capsys.readouterr().err == "cnmine: error: x\n"


def test_messages__bar_only_on_a_terminal_and_after_a_while(monkeypatch, capsys):
    for is_terminal, seconds_ago, is_shown in [(False, 9, False), (True, 0, False), (True, 9, True)]:
        monkeypatch.setattr("sys.stderr.isatty", lambda is_terminal=is_terminal: is_terminal, raising=False)
        monkeypatch.setenv("TERM", "xterm")
        with messages.Messages() as shown:
            shown._started -= seconds_ago
            shown.step("reading", total=100, unit="B")
            shown.advance(50)
            shown.notice("by the way")
        err = capsys.readouterr().err
        assert ("reading:" in err) == is_shown
        assert "cnmine: by the way\n" in err


def test_available_memory__least_of_all_limits(monkeypatch, tmp_path):
    from cnmine import _memory

    limit = tmp_path / "memory.max"
    monkeypatch.setattr(_memory, "_CGROUP_LIMITS", (str(tmp_path / "none"), str(limit)))
    monkeypatch.setattr(_memory, "_free_memory", lambda: 8 << 30)
    monkeypatch.setattr(_memory, "_process_limits", lambda: [4 << 30])
    assert _memory.available_memory() == 4 << 30
    limit.write_text("200000000\n")
    assert _memory.available_memory() == 200_000_000
    limit.write_text("9223372036854771712\n")
    assert _memory.available_memory() == 4 << 30
    limit.write_text("max\n")
    assert _memory.available_memory() == 4 << 30
    monkeypatch.undo()
    assert _memory.available_memory() is None or _memory.available_memory() > 0
