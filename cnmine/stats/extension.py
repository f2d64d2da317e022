"""Table of n-grams → what stands beside every n-gram, as a share of its occurrences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from cnmine.errors import UsageError


class HasNeighbours(Protocol):
    """N-grams with tallies of what stands beside them, as `NgramTable` defines them."""

    counts: np.ndarray
    left: np.ndarray
    right: np.ndarray
    left_spreads: np.ndarray
    right_spreads: np.ndarray


@dataclass(frozen=True)
class Neighbours:
    """The neighbour tallies of one side of a table by name; see `NgramTable` for what each one counts."""

    varieties: np.ndarray
    boundaries: np.ndarray
    quotations: np.ndarray
    top_counts: np.ndarray
    spreads: np.ndarray


@dataclass
class RowNeighbours:
    """`HasNeighbours` for some rows of a table."""

    counts: np.ndarray
    left: np.ndarray
    right: np.ndarray
    left_spreads: np.ndarray
    right_spreads: np.ndarray


def take_rows(table: HasNeighbours, rows: np.ndarray) -> RowNeighbours:
    """What stands beside some n-grams of a table, copied out of it."""
    return RowNeighbours(
        table.counts[rows], table.left[rows], table.right[rows], table.left_spreads[rows], table.right_spreads[rows]
    )


def neighbours(table: HasNeighbours, side: str) -> Neighbours:
    """The neighbours of every n-gram on one side, "left" or "right".

    Raises
    ------
    UsageError
        If ``side`` is anything else.
    """
    if side not in ("left", "right"):
        raise UsageError(f"side is {side!r}; choose left or right")
    is_left = side == "left"
    varieties, boundaries, quotations, top_counts = (table.left if is_left else table.right).T
    return Neighbours(
        varieties, boundaries, quotations, top_counts, table.left_spreads if is_left else table.right_spreads
    )


def extension_shares(table: HasNeighbours, side: str) -> np.ndarray:
    """Share of the occurrences that have the most frequent neighbour unit of that side beside them.

    Near 1, the n-gram is a fragment of a longer one.

    Returns
    -------
    ``float64[n]``, 0 … 1. 0 if only boundaries stand beside it.
    """
    return neighbours(table, side).top_counts / table.counts


def boundary_shares(table: HasNeighbours, side: str) -> np.ndarray:
    """Share of the occurrences that have a boundary on that side.

    Returns
    -------
    ``float64[n]``, 0 … 1.
    """
    return neighbours(table, side).boundaries / table.counts


def quotation_shares(table: HasNeighbours, side: str) -> np.ndarray:
    """Share of the occurrences that have a quotation mark or bracket on that side, opening left or closing right.

    Returns
    -------
    ``float64[n]``, 0 … 1, never above the `boundary_shares`.
    """
    return neighbours(table, side).quotations / table.counts
