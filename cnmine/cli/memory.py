"""Whether a text fits into memory, told before the work begins."""

from __future__ import annotations

from cnmine._memory import available_memory
from cnmine.cli.messages import format_size
from cnmine.errors import ResourceError

# Peak of the default method in memory, measured: 1 GB of text takes 6.4 GB, 223 MB take 1.45 GB, 1 MB takes 0.35 GB.
# The first number is for interpreter, libraries, compiled kernels and the learner; the second is for a byte of text.
NEEDED_BYTES = (350_000_000, 6.5)
LIBRARY_BYTES = 220_000_000  # interpreter, NumPy, Numba and the compiled kernels, measured
DEFAULT_BYTES = 2 << 30  # where the system does not tell what is free
SMALL_MACHINE_BYTES = 1 << 30  # half of less than this would refuse even small files


def memory_limit(memory: int | None) -> int | None:
    """The limit asked for, or half of what is free; None if the system does not tell."""
    if memory is not None:
        return memory
    available = available_memory()
    return None if available is None else max(available // 2, min(available, SMALL_MACHINE_BYTES))


def budget_bytes(memory: int | None) -> int:
    """What a command may take besides the interpreter and its libraries, within the limit asked for."""
    limit = memory_limit(memory)
    return max((limit if limit is not None else DEFAULT_BYTES) - LIBRARY_BYTES, 0)


def fits_memory(n_bytes: int, limit: int | None) -> bool:
    """Whether new words are found in a text of this size, as UTF-8, without going over the disk."""
    return limit is None or _needed_bytes(n_bytes) <= limit


def check_memory(n_bytes: int, limit: int | None) -> None:
    """Raise a ResourceError if a text of this size would need more than the limit.

    Parameters
    ----------
    n_bytes
        Of the text as UTF-8, or a lower bound.
    limit
        Bytes; None for no limit.
    """
    if limit is not None and not fits_memory(n_bytes, limit):
        raise ResourceError(
            f"{format_size(n_bytes)} of text need about {format_size(_needed_bytes(n_bytes))} of memory and --memory "
            f"allows {format_size(limit)}; raise it, or give less text"
        )


def working_bytes(limit: int | None) -> int | None:
    """What new-word discovery may take besides interpreter, libraries and the learner; None for no limit.

    Raises
    ------
    ResourceError
        If the limit leaves nothing of use.
    """
    if limit is None:
        return None
    base = int(NEEDED_BYTES[0])
    if limit < base:
        raise ResourceError(
            f"--memory allows {format_size(limit)}, and {format_size(base)} are taken before any text is read; raise it"
        )
    return limit - base


def _needed_bytes(n_bytes: int) -> float:
    base, per_text_byte = NEEDED_BYTES
    return base + per_text_byte * n_bytes
