"""Whether a text fits into memory, told before the work begins."""

from __future__ import annotations

from cnmine._memory import available_memory
from cnmine.cli.messages import format_size
from cnmine.errors import ResourceError

# Peak of the default method, measured: 223 MB of text take 2.14 GB, 1 MB takes 0.35 GB. The first number is for
# interpreter, libraries, compiled kernels and the learner; the second is for each byte of text.
NEEDED_BYTES = (350_000_000, 8.5)
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


def check_memory(n_bytes: int, limit: int | None) -> None:
    """Raise a ResourceError if a text of this size would need more than the limit.

    Parameters
    ----------
    n_bytes
        Of the text as UTF-8, or a lower bound.
    limit
        Bytes; None for no limit.
    """
    base, per_text_byte = NEEDED_BYTES
    needed = base + per_text_byte * n_bytes
    if limit is not None and needed > limit:
        raise ResourceError(
            f"{format_size(n_bytes)} of text need about {format_size(needed)} of memory and --memory allows "
            f"{format_size(limit)}; raise it, or give less text"
        )
