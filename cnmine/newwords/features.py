"""Statistics of n-grams → columns of features that tell words from other n-grams."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from cnmine._memory import release_pages
from cnmine._parallel import map_ordered
from cnmine._space import MEMORY, Space
from cnmine.counting.table import NgramTable
from cnmine.newwords.unigram import Readings
from cnmine.stats.association import conditional_probabilities, min_split_pmi, npmi
from cnmine.stats.entropy import Rises, autonomy, branching_entropy, measure_rises
from cnmine.stats.extension import boundary_shares, extension_shares, neighbours, quotation_shares, take_rows

# Which way each feature speaks for a word: +1 the more the better, -1 the less the better, 0 either way.
# The learner is held to it, so that it cannot learn that rare names are no words because they are not in
# the dictionary.
DIRECTIONS = {
    "log_count": 1,
    "log_freq": 0,
    "length": 0,
    "cohesion": 1,
    "npmi": 1,
    "left_entropy": 1,
    "right_entropy": 1,
    "freedom": 1,
    "left_evenness": 1,
    "right_evenness": 1,
    "evenness": 1,
    "left_variety": 1,
    "right_variety": 1,
    "left_extension": -1,
    "right_extension": -1,
    "extension": -1,
    "left_boundary": 0,
    "right_boundary": 0,
    "left_quotation": 1,
    "right_quotation": 1,
    "forward_probability": 1,
    "backward_probability": 1,
    "left_autonomy": 1,
    "right_autonomy": 1,
    "autonomy": 1,
    "share": 1,
    "left_edge": 1,
    "right_edge": 1,
    "break": -1,
}
# The few features that no kind of text and no convention of a dictionary distorts.
ROBUST = ("log_count", "length", "cohesion", "freedom", "evenness", "extension", "autonomy")
READING = ("share", "left_edge", "right_edge", "break")
# A frequency is a count in another corpus size: among the features of one corpus it would undo the
# direction of the count.
STATISTICS = tuple(name for name in DIRECTIONS if name not in READING and name != "log_freq")
MEASURED = (*STATISTICS, "log_freq")
AUTONOMIES = frozenset({"left_autonomy", "right_autonomy", "autonomy"})
ROWS_PER_STEP = 1 << 15  # so that what is computed of them stays in the cache …
STRETCH_ROWS = 1 << 20  # … and from so many of the table, so that what is mapped of it stays small

Features = dict[str, np.ndarray]


class Statistics:
    """The features that follow from a table of n-grams, for any rows of it.

    Parameters
    ----------
    table
        The n-grams.
    threads
        Worker threads; the values do not depend on them.
    space
        Where 16 bytes for every row are put.
    """

    def __init__(self, table: NgramTable, threads: int = 1, space: Space = MEMORY) -> None:
        self.table, self._threads, self._space = table, threads, space

    @cached_property
    def _rises(self) -> Rises:
        return measure_rises(self.table, threads=self._threads, space=self._space)

    def measure(self, rows: np.ndarray, names: tuple[str, ...] = MEASURED, *, space: Space = MEMORY) -> Features:
        """Features of some rows of the table.

        Parameters
        ----------
        rows
            ``int64[n]``; best ascending.
        names
            Which features, of ``MEASURED``.
        space
            Where they are put.

        Returns
        -------
        ``float32[n]`` by name. Entropies in nats, with every occurrence beside a boundary as a neighbour of
        its own; an evenness is the entropy over its greatest possible value; the names without a side are
        the weaker of both sides.
        """
        if np.any(rows[1:] < rows[:-1]):
            order = np.argsort(rows, kind="stable")
            ascending = self.measure(rows[order], names, space=space)
            return {name: _put_back(column, order) for name, column in ascending.items()}
        rises = None if AUTONOMIES.isdisjoint(names) else self._rises
        columns: Features = {name: space.new_array(len(rows), np.float32, "features") for name in names}

        def fill(part: slice) -> None:
            some = _Rows(self.table, rows[part], rises)
            for name, column in columns.items():
                column[part] = some.column(name)
                release_pages(column)
            self.table.release()

        for _ in map_ordered(fill, _steps(rows), threads=self._threads):
            pass
        return columns


def _steps(rows: np.ndarray) -> Iterator[slice]:
    """Slices of ascending rows, each of which looks at a stretch of the table that is not too long."""
    start = 0
    while start < len(rows):
        stop = int(np.searchsorted(rows, rows[start] + STRETCH_ROWS))
        stop = min(stop, start + ROWS_PER_STEP)
        yield slice(start, stop)
        start = stop


def _put_back(column: np.ndarray, order: np.ndarray) -> np.ndarray:
    """What was sorted by ``order``, as it was before."""
    original = np.empty_like(column)
    original[order] = column
    return original


class _Rows:
    """The features of some rows, each computed once, when it is first asked for."""

    def __init__(self, table: NgramTable, rows: np.ndarray, rises: Rises | None) -> None:
        self._table, self._rows, self._rises = table, rows, rises
        self._beside = take_rows(table, rows)
        self._columns: Features = {}

    def column(self, name: str) -> np.ndarray:
        """``float32[n]``."""
        if name not in self._columns:
            self._columns[name] = self._compute(name).astype(np.float32, copy=False)
        return self._columns[name]

    def _compute(self, name: str) -> np.ndarray:
        table, rows, counts = self._table, self._rows, self._beside.counts
        side, _, kind = name.partition("_")
        if side in ("left", "right"):
            return self._compute_side(side, kind)
        match name:
            case "log_count":
                return np.log(counts)
            case "log_freq":
                return np.log(counts / max(table.n_tokens, 1))
            case "length":
                return table.orders_of(rows)
            case "cohesion":
                return min_split_pmi(table, rows)
            case "npmi":
                return npmi(table, rows)
            case "forward_probability" | "backward_probability":
                names = ("forward_probability", "backward_probability")
                return self._keep(names, conditional_probabilities(table, rows), name)
            case "extension":
                return np.maximum(self.column("left_extension"), self.column("right_extension"))
        kind = {"freedom": "entropy"}.get(name, name)
        return np.minimum(self.column(f"left_{kind}"), self.column(f"right_{kind}"))

    def _compute_side(self, side: str, kind: str) -> np.ndarray:
        beside = self._beside
        match kind:
            case "entropy":
                return branching_entropy(beside, side, boundary="distinct")
            case "evenness":
                return self.column(f"{side}_entropy") / np.maximum(self.column("log_count"), np.float32(1e-9))
            case "variety":
                return neighbours(beside, side).varieties / beside.counts
            case "extension":
                return extension_shares(beside, side)
            case "boundary":
                return boundary_shares(beside, side)
            case "quotation":
                return quotation_shares(beside, side)
        names = ("left_autonomy", "right_autonomy")
        return self._keep(names, autonomy(self._table, self._rows, rises=self._rises), f"{side}_{kind}")

    def _keep(self, names: tuple[str, ...], columns: tuple[np.ndarray, ...], wanted: str) -> np.ndarray:
        """Store columns that are computed together; return one of them."""
        for name, column in zip(names, columns, strict=True):
            self._columns[name] = column.astype(np.float32)
        return self._columns[wanted]


def reading_features(readings: Readings) -> Features:
    """The features that follow from how the unigram model reads the candidates."""
    columns = (readings.shares, readings.left_edges, readings.right_edges, readings.breaks)
    return {name: column.astype(np.float32) for name, column in zip(READING, columns, strict=True)}


def stack(features: Features, names: tuple[str, ...]) -> np.ndarray:
    """``float32[n, len(names)]`` of chosen features."""
    return np.stack([features[name] for name in names], axis=1)
