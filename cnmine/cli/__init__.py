"""The command line: arguments in, one library call each, rows out; failures become exit codes here and nowhere else."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import signal
import sys
import traceback
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

from cnmine.errors import CnmineError

EXIT_BUG, EXIT_USAGE, EXIT_INPUT, EXIT_RESOURCE, EXIT_INTERRUPTED = 1, 2, 3, 5, 130


class Terminated(BaseException):
    """A signal asked the process to end; passes through everything that cleans up."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number


def main() -> NoReturn:
    """Run the command line and end the process."""
    # Imports make a hundred thousand objects that all stay: looking through them again and again would
    # take a tenth of a short run.
    gc.set_threshold(100_000, 50, 50)
    _handle_signals()
    _prepare_streams()
    try:
        code = _flush_output(run(sys.argv[1:]))
    except (KeyboardInterrupt, Terminated) as err:  # in the very last moment
        code, _ = _explain(err)
    _end(code)


def run(args: Sequence[str]) -> int:
    """Run the command line with these arguments; return the exit code.

    Every failure is reported on standard error in one line; ``CNMINE_DEBUG=1`` adds the traceback.
    """
    try:
        return _invoke(list(args))
    except SystemExit as err:  # completion ends this way
        return err.code if isinstance(err.code, int) else 0
    except BaseException as err:
        code, message = _explain(err)
        if os.environ.get("CNMINE_DEBUG") == "1" and code:
            traceback.print_exception(err)
        if message:
            from cnmine.cli.messages import show_error

            show_error(message)
        return code


def _invoke(args: list[str]) -> int:
    import click

    from cnmine.cli.group import group

    if "_CNMINE_COMPLETE" in os.environ:
        group.main(args, prog_name="cnmine")
    try:
        with group.make_context("cnmine", args, auto_envvar_prefix="CNMINE") as context:
            group.invoke(context)
    except click.exceptions.Exit as err:  # --help, --version
        return err.exit_code
    except OSError as err:
        # Files are opened under their names; what has none was written by Click.
        err.filename = err.filename or "standard output"
        raise
    return 0


def _explain(err: BaseException) -> tuple[int, str]:
    """Exit code and message of a failure; an empty message if nothing is to be said."""
    if isinstance(err, CnmineError):
        return err.exit_code, str(err)
    if isinstance(err, BrokenPipeError):
        return 0, ""  # the reader has seen enough
    if isinstance(err, KeyboardInterrupt):
        return EXIT_INTERRUPTED, "interrupted"
    if isinstance(err, Terminated):
        return err.exit_code, "terminated"
    if isinstance(err, MemoryError):
        return EXIT_RESOURCE, "out of memory; close other programs, or give less text at once"
    if isinstance(err, OSError):
        return _explain_system(err)
    return _explain_usage(err) or _explain_bug(err)


def _explain_system(err: OSError) -> tuple[int, str]:
    code = EXIT_RESOURCE if err.errno in (errno.ENOSPC, errno.ENOMEM, errno.EDQUOT) else EXIT_INPUT
    name = f"{os.fsdecode(err.filename)}: " if isinstance(err.filename, str | bytes) else ""
    return code, f"{name}{err.strerror or err}"


def _explain_usage(err: BaseException) -> tuple[int, str] | None:
    import click

    if isinstance(err, click.exceptions.NoArgsIsHelpError):
        err.show()
        return EXIT_USAGE, ""
    if isinstance(err, click.exceptions.Abort):
        return EXIT_INTERRUPTED, "interrupted"
    if not isinstance(err, click.ClickException):
        return None
    context = getattr(err, "ctx", None)
    path = context.command_path if context is not None else "cnmine"
    text = " ".join(err.format_message().split()).removesuffix(".")
    return EXIT_USAGE, f"{text} (see {path} --help)"


def _explain_bug(err: BaseException) -> tuple[int, str]:
    detail = " ".join(str(err).split())
    hint = "this is a bug in cnmine; please report it with the output of the same command under CNMINE_DEBUG=1"
    return EXIT_BUG, f"{type(err).__name__}: {detail}; {hint}" if detail else f"{type(err).__name__}; {hint}"


def _end(code: int) -> NoReturn:
    """End the process; with Numba in it without taking the interpreter apart, which lasts a fifth of a second.

    Everything has been written and closed by now, and a signal has nothing left to interrupt.
    """
    if "numba" in sys.modules:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _handle_signals() -> None:
    def terminate(number: int, frame: FrameType | None) -> NoReturn:
        raise Terminated(number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # Whoever started us with the signal ignored (nohup) keeps it so.
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, terminate)


def _prepare_streams() -> None:
    """Results are UTF-8 with plain line ends, whatever the locale; messages never fail on a character."""
    if os.environ.get("CNMINE_DEBUG") != "1" and not sys.warnoptions:
        warnings.simplefilter("ignore")  # of the libraries below; they tell a user nothing
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (open until the end)
    if sys.stdout is None:
        # A descriptor that was closed (>&-) refuses to be written to, as it should.
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115
    for stream, encoding in ((sys.stdout, "utf-8"), (sys.stderr, None)):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding=encoding, errors="backslashreplace", newline="\n")


def _flush_output(code: int) -> int:
    """Hand over what is still buffered now, while a failure can still be told from success."""
    try:
        sys.stdout.flush()
    except OSError as err:
        # Whatever is still in the buffer goes nowhere, or the interpreter fails on it once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(err, BrokenPipeError) and code == 0:
            from cnmine.cli.messages import show_error

            code, reason = _explain_system(err)
            show_error(f"standard output: {reason}")
    return code
