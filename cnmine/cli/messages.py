"""What the user sees on standard error: notices, steps, progress and the final figures."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

PROGRESS_DELAY = 1.0  # seconds before a bar appears
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in (0x09, 0x0A)}
# Most commands compile these first; they stand for the others.
_FIRST_KERNELS = ("io/_kernels.py", "counting/_kernels.py")


def show_error(text: str) -> None:
    """Print the line that tells why a command failed."""
    label = "error:"
    if _has_colour():
        label = f"\x1b[1;31m{label}\x1b[0m"
    _write(f"cnmine: {label} {_printable(text)}\n")


def _has_colour() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and sys.stderr.isatty()


def _printable(text: str) -> str:
    """One line without control characters, which file names may hold."""
    return text.translate(_CONTROLS).replace("\n", " ")


def _write(text: str) -> None:
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except (OSError, ValueError):
        pass  # nobody is left to be told


class Messages:
    """Messages of one command; a context manager that takes the progress bar away at the end.

    Parameters
    ----------
    quiet
        Whether only errors are shown.
    verbose
        Whether steps are shown with their times.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet, self._verbose = quiet, verbose and not quiet
        self._started = time.monotonic()
        self._is_live = not quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._bar: Any = None

    def __enter__(self) -> Messages:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._close_bar()

    @property
    def seconds(self) -> float:
        """Since the command began."""
        return time.monotonic() - self._started

    def notice(self, text: str) -> None:
        """Show a line, unless told to be quiet."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.clear()
        _write(f"cnmine: {_printable(text)}\n")

    def detail(self, text: str) -> None:
        """Show a line if asked to be verbose."""
        if self._verbose:
            self.notice(f"{self.seconds:6.2f} s  {text}")

    def step(self, text: str, *, total: int | None = None, unit: str = " units") -> None:
        """Begin a step of the work: a line if verbose, a new bar on a terminal."""
        self.detail(text)
        self._close_bar()
        if self._is_live:
            from tqdm import tqdm

            # A command that has run for a while shows at once what it does now.
            delay = max(0.0, PROGRESS_DELAY - self.seconds)
            options = {"unit": unit, "unit_scale": True, "leave": False, "file": sys.stderr}
            self._bar = tqdm(desc=text, total=total, delay=delay, **options)

    def advance(self, n: int) -> None:
        """Move the bar of the current step."""
        if self._bar is not None:
            self._bar.update(n)

    def _close_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def kernel_notice(*first_kernels: str) -> str | None:
    """What to say before the first kernel runs: that it has to be compiled; None if it has been.

    ``first_kernels`` are files of kernels that the command always runs, if they are not those of most commands.
    """
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return None
    from cnmine import _jit

    if _jit.CHECKED:
        return "compiling kernels with bounds checks"
    if not _jit.IS_CACHED:
        return "no writable cache directory: compiling kernels in memory (set NUMBA_CACHE_DIR to keep them)"
    package = Path(_jit.__file__).parent
    if all(_is_compiled(package / name) for name in first_kernels or _FIRST_KERNELS):
        return None
    return "compiling kernels (first run only)"


def _is_compiled(source: Path) -> bool:
    """Whether Numba keeps machine code of this file: of its contents, or, in older versions, made after its change."""
    import hashlib

    from cnmine import _jit

    pattern = f"{source.stem}.*.nbi"
    if os.environ.get("NUMBA_CACHE_DIR"):
        found = list(Path(os.environ["NUMBA_CACHE_DIR"]).glob(f"{source.parent.name}_*/{pattern}"))
    else:
        found = list((source.parent / "__pycache__").glob(pattern))
        found += (_jit.user_cache_dir() / "numba").glob(f"{source.parent.name}_*/{pattern}")
    changed, digest = source.stat().st_mtime, hashlib.sha256(source.read_bytes()).digest()
    return any(path.stat().st_mtime >= changed or digest in path.read_bytes() for path in found)


def format_size(n_bytes: float) -> str:
    """A size with a unit, as one would say it.

    Examples
    --------
    >>> format_size(500_000_000), format_size(2_340_000_000)
    ('500 MB', '2.3 GB')
    """
    if n_bytes < 1e6:
        return f"{n_bytes / 1e3:.0f} kB"
    return f"{n_bytes / 1e6:.0f} MB" if n_bytes < 1e9 else f"{n_bytes / 1e9:.1f} GB"
