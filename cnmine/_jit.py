"""The one place that decides how kernels are compiled and where their machine code is kept."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

CHECKED = os.environ.get("CNMINE_CHECKED") == "1"


def _has_cache_dir() -> bool:
    """Whether Numba will find a place for compiled kernels: beside the package or in the user's cache.

    Numba raises at import time when it finds none, so a read-only install without a home
    directory must compile in memory instead.
    """
    if os.environ.get("NUMBA_CACHE_DIR"):
        candidates = [Path(os.environ["NUMBA_CACHE_DIR"])]
    else:
        # A read-only package falls back to the user's cache directory, as Numba itself does.
        candidates = [Path(__file__).parent / "__pycache__", user_cache_dir()]
    return any(_is_writable(path) for path in candidates)


def user_cache_dir() -> Path:
    """Where the user's caches are kept, which is Numba's second choice."""
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))


def _is_writable(path: Path) -> bool:
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return True
    except (OSError, RuntimeError):
        return False


IS_CACHED = not CHECKED and _has_cache_dir()

# Numba imports SciPy for products of matrices, of which there are none here. That takes a fifth of a second and
# 80 MB, and under a limit of memory SciPy's OpenBLAS may wait for ever. In a process that is not the command line's
# others may want these products, so they stay.
_SPARES_SCIPY = "cnmine.cli" in sys.modules and "scipy" not in sys.modules
if _SPARES_SCIPY:
    sys.modules["scipy"] = None  # type: ignore[assignment]  # importing it fails
try:
    import numba  # after the cache decision: importing it takes half a second
    import numba.np.arraymath
finally:
    if _SPARES_SCIPY:
        del sys.modules["scipy"]

# The on-disk cache does not know about boundscheck, so a checked run must not use it.
kernel = numba.njit(cache=IS_CACHED, nogil=True, error_model="numpy", boundscheck=CHECKED)


def _ask_nothing(array: Any, i: int) -> None:
    """Take the place of `prefetch` where nothing is compiled."""


def _make_prefetch() -> Any:
    from llvmlite import ir
    from numba.core import types
    from numba.extending import intrinsic

    for_reading, keep, data_cache = 0, 3, 1  # as LLVM numbers them

    @intrinsic
    def prefetch(typing_context: Any, array: Any, i: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            data = context.make_array(array)(context, builder, arguments[0]).data
            byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
            place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
            kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
            ask = builder.module.declare_intrinsic("llvm.prefetch", [byte], kind)
            builder.call(ask, [place, number(for_reading), number(keep), number(data_cache)])
            return context.get_dummy_value()

        return types.void(array, types.int64), generate

    return prefetch


# In kernels only: begin to fetch item ``i`` of a contiguous array, without waiting for it. Nothing is read, so any
# number is allowed. It pays where a read depends on one that misses the caches, with something else to do in between.
prefetch: Any = _ask_nothing if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0") else _make_prefetch()
