"""Columns of candidates, in memory or mapped from files, put into the order of their scores."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from cnmine._memory import release_pages
from cnmine._space import Space

ROWS_PER_STEP = 1 << 17  # after which the pages of columns that are mapped are let go of
SORT_BYTES = 100  # memory for a row that is sorted
MIN_BUDGET_BYTES = 4 << 20
SAMPLES_PER_PART = 256


def steps(n_rows: int, size: int = ROWS_PER_STEP) -> Iterator[slice]:
    """Consecutive slices that cover so many rows."""
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def take(column: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Some items of a column, a copy in memory; best ascending."""
    taken = np.empty(len(rows), column.dtype)
    for part in steps(len(rows)):
        taken[part] = column[rows[part]]
        release_pages(column)
    return taken


def put(column: np.ndarray, rows: np.ndarray, values: np.ndarray) -> None:
    """Replace some items of a column."""
    for part in steps(len(rows)):
        column[rows[part]] = values[part]
        release_pages(column)


def sort_by_score(
    scores: np.ndarray, columns: list[np.ndarray], space: Space, budget_bytes: int | None = None
) -> list[np.ndarray]:
    """Sort columns by descending score; rows of equal score keep their order.

    Parameters
    ----------
    scores
        ``float64[n]``, none of them nan.
    columns
        Arrays of as many rows.
    space
        Where the sorted columns are put.
    budget_bytes
        Memory for what is sorted at a time; the result does not depend on it. None for no limit.

    Returns
    -------
    The sorted columns.

    Notes
    -----
    Every part of the order takes one pass over the columns, from beginning to end.
    """
    n = len(scores)
    results = [space.new_array(n, column.dtype, "the ranked candidates") for column in columns]
    n_parts = 1 if budget_bytes is None else max(1, SORT_BYTES * n // max(budget_bytes, MIN_BUDGET_BYTES))
    stop = 0
    for high, low in _ranges(scores, n_parts):
        chosen = _choose(scores, high, low)
        start, stop = stop, stop + len(chosen)
        order = np.argsort(-take(scores, chosen), kind="stable") if high != low else slice(None)
        for column, result in zip(columns, results, strict=True):
            result[start:stop] = take(column, chosen)[order]
            release_pages(column)
            release_pages(result)
        release_pages(scores)
    return results


def _ranges(scores: np.ndarray, n_parts: int) -> Iterator[tuple[float, float]]:
    """Highest and lowest score of parts, descending; a score of many rows is a part by itself."""
    if n_parts == 1:
        yield np.inf, -np.inf
        return
    n_samples = min(len(scores), n_parts * SAMPLES_PER_PART)
    sample = np.sort(take(scores, len(scores) * np.arange(n_samples) // n_samples))[::-1]
    quantiles = sample[len(sample) * np.arange(1, n_parts) // n_parts]
    values, counts = np.unique(quantiles, return_counts=True)
    high = np.inf
    for value, count in zip(values[::-1].tolist(), counts[::-1].tolist(), strict=True):
        above = float(np.nextafter(value, np.inf))
        if count > 1:
            if above <= high:
                yield high, above
            yield value, value
            high = float(np.nextafter(value, -np.inf))
        else:
            yield high, value
            high = float(np.nextafter(value, -np.inf))
    yield high, -np.inf


def _choose(scores: np.ndarray, high: float, low: float) -> np.ndarray:
    """Rows with a score between two, both of them included."""
    found = [np.zeros(0, np.int64)]
    for part in steps(len(scores)):
        some = scores[part]
        found.append(np.flatnonzero((some <= high) & (some >= low)) + part.start)
        release_pages(scores)
    return np.concatenate(found)
