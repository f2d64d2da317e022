"""Where ``cnmine newwords`` works: in memory if the text fits, else over the disk."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING

from cnmine._space import MEMORY, Space
from cnmine.cli.memory import check_memory, fits_memory, memory_limit, working_bytes
from cnmine.cli.messages import format_size
from cnmine.errors import ResourceError
from cnmine.sorting.pool import ArrayPool
from cnmine.sorting.scratch import check_temp_dir

if TYPE_CHECKING:
    from cnmine.cli.newwords import Settings
    from cnmine.counting.corpus import Corpus
    from cnmine.io.paths import Source

DISK_BYTES = 4  # of temporary files for a byte of text, at least; 6 or 7 if it is large and varied
POOL_SHARE, WORK_SHARE = 0.1, 0.7  # of the budget; the rest is for pages of files that are in use
READ_SHARE = 0.35  # while a text is read that may fit: what fits does not touch the disk


class Room:
    """The memory and the disk that one run may take; a context manager.

    Parameters
    ----------
    settings
        Of the command; the fold of a store becomes theirs.
    sources
        What is to be read.

    Attributes
    ----------
    space
        Where large arrays are put.
    budget_bytes
        Memory to work in; None if the text fits.

    Raises
    ------
    ResourceError
        If the memory is too small.
    UsageError
        If the directory for temporary files is none.
    """

    def __init__(self, settings: Settings, sources: list[Source]) -> None:
        self._limit = memory_limit(settings.memory)
        self._is_resident = settings.method == "cut"  # segments of any length are counted in memory
        self._pools = ExitStack()
        self.space: Space = MEMORY
        self.budget_bytes: int | None = None
        self._temp_dir = settings.temp_dir
        if settings.temp_dir:
            check_temp_dir(settings.temp_dir)
        n_bytes = sum(source.n_bytes or 0 for source in sources)
        if settings.store:
            from cnmine.ngrams.lookup import open_ngrams

            with open_ngrams(settings.store) as store:
                settings.fold_case = store.settings["fold_case"]
                n_bytes = store.settings["n_bytes"]
        if self._is_resident:
            check_memory(n_bytes, self._limit)
            return
        self._budget = working_bytes(self._limit)
        if self._budget is not None:
            share = READ_SHARE
            if not fits_memory(n_bytes, self._limit):
                check_disk(settings.temp_dir, n_bytes)
                share = POOL_SHARE
            self.space = self._new_pool(int(share * self._budget))

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *error: object) -> None:
        self._pools.close()

    def see(self, corpus: Corpus) -> None:
        """Decide anew when the size of the text is known; ResourceError if it cannot be worked on."""
        if self._is_resident:
            check_memory(corpus.n_bytes, self._limit)
        elif fits_memory(corpus.n_bytes, self._limit):
            self.space = MEMORY
        elif self._budget is not None and isinstance(self.space, ArrayPool):
            # What the text itself takes in memory, it takes until the end.
            over = self.space.n_taken - int(POOL_SHARE * self._budget)
            self.space = self._new_pool(max(0, -over))
            self.budget_bytes = int(WORK_SHARE * self._budget) - max(0, over)

    def _new_pool(self, budget_bytes: int) -> ArrayPool:
        return self._pools.enter_context(ArrayPool(budget_bytes, self._temp_dir))


def check_disk(temp_dir: str | None, n_bytes: int) -> None:
    """Raise a ResourceError if the disk has no room for the temporary files of a text of this size."""
    place = temp_dir or tempfile.gettempdir()
    free, needed = shutil.disk_usage(place).free, int(DISK_BYTES * n_bytes)
    if needed > free:
        raise ResourceError(
            f"{place}: {format_size(n_bytes)} of text in this memory take at least {format_size(needed)} of temporary "
            f"files and {free / 1e6:,.0f} MB are free; choose another --temp-dir, or raise --memory"
        )
