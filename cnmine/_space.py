"""Where arrays live that last: here in memory; `cnmine.sorting.pool` knows a place on disk for large ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


class Space:
    """Room in memory, for as much as is asked for."""

    def new_array(self, shape: int | tuple[int, ...], dtype: np.typing.DTypeLike, what: str) -> np.ndarray:
        """An array to be filled; ResourceError if there is no room.

        Parameters
        ----------
        shape, dtype
            As for `numpy.empty`.
        what
            What it holds, for the message.
        """
        return np.empty(shape, dtype)

    def keep(self, array: np.ndarray, what: str) -> np.ndarray:
        """The array itself, or a copy of it that takes no memory, to be read once from its beginning to its end."""
        return array

    def put_aside(self, array: np.ndarray, what: str) -> Callable[[], np.ndarray]:
        """Keep an array until it is asked for again, once: the array comes when what is returned is called."""
        kept = [array]
        return kept.pop


MEMORY = Space()
