"""N-grams of all orders in any order, with their log10 values → the orders of a model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cnmine.dtypes import N_BOUNDARIES
from cnmine.lm.estimate import IMPOSSIBLE, LOG_PROB, Estimate, Model
from cnmine.lm.levels import ROW, UNKNOWN

MISSING_UNKNOWN = -100.0  # log10 probability of <unk> where a model does not say, as KenLM takes it
_WORD_BITS = np.uint64(32)


@dataclass
class Ngrams:
    """The n-grams of one order.

    Attributes
    ----------
    ids
        ``uint32[n, order]``.
    probs, backoffs
        ``float32[n]``, log10; a probability of NaN is to be computed from the lower order.
    """

    ids: np.ndarray
    probs: np.ndarray
    backoffs: np.ndarray


def assemble_model(orders: list[Ngrams], n_units: int) -> Model:
    """Sort n-grams into a trie.

    Parameters
    ----------
    orders
        From 1 on; ids as in `cnmine.lm.levels.build_levels`.
    n_units
        Size of the vocabulary.

    Notes
    -----
    Models that were pruned by SRILM may lack the beginning or the end of an n-gram. Those are added with the
    probability that back-off gives them, which changes no other probability.
    """
    while True:
        levels = [_sort(orders[0], n_units)]
        missing: list[list[np.ndarray]] = [[] for _ in orders]
        for order in range(2, len(orders) + 1):
            ids = orders[order - 1].ids
            parents = _find(levels, ids[:, :-1])
            links = _find(levels, ids[:, 1:])
            for part, rows in ((ids[:, :-1], parents), (ids[:, 1:], links)):
                missing[order - 2].append(part[rows < 0])
            levels.append(_sort_children(orders[order - 1], parents, links))
        absent = [np.concatenate(found) if found else np.empty((0, 1), np.uint32) for found in missing]
        if not any(len(ids) for ids in absent):
            break
        orders = [_add(ngrams, ids) for ngrams, ids in zip(orders, absent, strict=True)]
    return _finish(levels, n_units)


@dataclass
class _Sorted:
    """One order of the trie: ``keys`` are row of the parent and last id, ascending."""

    keys: np.ndarray
    parents: np.ndarray
    links: np.ndarray
    probs: np.ndarray
    backoffs: np.ndarray

    @property
    def words(self) -> np.ndarray:
        return self.keys.astype(np.uint32)  # the lower half


def _sort(units: Ngrams, n_units: int) -> _Sorted:
    n_rows = n_units + N_BOUNDARIES + 1
    probs, backoffs = np.full(n_rows, IMPOSSIBLE, LOG_PROB), np.zeros(n_rows, LOG_PROB)
    probs[UNKNOWN] = MISSING_UNKNOWN
    probs[units.ids[:, 0]], backoffs[units.ids[:, 0]] = units.probs, units.backoffs
    none = np.zeros(0, ROW)
    return _Sorted(np.arange(n_rows, dtype=np.uint64), none, none, probs, backoffs)


def _sort_children(ngrams: Ngrams, parents: np.ndarray, links: np.ndarray) -> _Sorted:
    keys = parents.astype(np.uint64) << _WORD_BITS | ngrams.ids[:, -1]
    keys, first = np.unique(keys, return_index=True)
    rows = (keys >> _WORD_BITS).astype(ROW)
    return _Sorted(keys, rows, links[first].astype(ROW), ngrams.probs[first], ngrams.backoffs[first])


def _find(levels: list[_Sorted], ids: np.ndarray) -> np.ndarray:
    """``int64[n]``; rows of n-grams, -1 for those that are not there."""
    rows = ids[:, 0].astype(np.int64)
    for level, words in zip(levels[1:], ids.T[1:], strict=False):
        keys = rows.astype(np.uint64) << _WORD_BITS | words
        found = np.searchsorted(level.keys, keys)
        is_there = (rows >= 0) & (found < len(level.keys))
        is_there[is_there] = level.keys[found[is_there]] == keys[is_there]
        rows = np.where(is_there, found, -1)
    return rows


def _add(ngrams: Ngrams, ids: np.ndarray) -> Ngrams:
    if not len(ids):
        return ngrams
    ids = np.unique(ids, axis=0)
    return Ngrams(
        np.concatenate([ngrams.ids, ids]),
        np.concatenate([ngrams.probs, np.full(len(ids), np.nan, LOG_PROB)]),
        np.concatenate([ngrams.backoffs, np.zeros(len(ids), LOG_PROB)]),
    )


def _finish(levels: list[_Sorted], n_units: int) -> Model:
    orders = []
    for level, lower, upper in zip(levels, [None, *levels], [*levels[1:], None], strict=False):
        if lower is not None:
            blank = np.flatnonzero(np.isnan(level.probs))
            level.probs[blank] = lower.backoffs[level.parents[blank]] + lower.probs[level.links[blank]]
        firsts = np.zeros(0, ROW)
        if upper is not None:
            firsts = np.searchsorted(upper.parents, np.arange(len(level.keys) + 1)).astype(ROW)
        backoffs = level.backoffs if upper is not None else level.backoffs[:0]
        orders.append(Estimate(level.words, level.links, firsts, level.probs, backoffs))
    return Model(orders, np.zeros((0, 4)), np.ones(n_units, np.bool_))
