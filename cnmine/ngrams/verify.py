"""A store of n-grams → whether all of its sections say the same, and where not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cnmine.io.units import MAX_RUN_BYTES
from cnmine.ngrams import _verify_kernels as kernels
from cnmine.ngrams.lookup import SAMPLED_WINDOWS, NgramStore
from cnmine.sorting.spans import MAX_SPAN

_SLICE_UNITS = 1 << 22  # of the text, that one call of a kernel reads
_SLICE_WINDOWS = 1 << 19
_SLICE_WORDS = 1 << 19


def verify_ngrams(ngrams: NgramStore, on_progress: Callable[[int], object] = lambda n: None) -> None:
    """Check everything that can be known without counting again: order, pointers, numbers of occurrences.

    Checksums tell whether a store is as it was written, this whether it was written well.

    Parameters
    ----------
    on_progress
        Called with the number of windows checked since the last call.

    Raises
    ------
    StoreError
        At the first contradiction; names the place.

    Notes
    -----
    Time: one pass over the text and one over the windows, about 0.2 µs a window.
    """
    _check_units(ngrams)
    counts = _check_text(ngrams)
    _check_windows(ngrams, on_progress)
    _check_occurrences(ngrams, counts)


def _check_units(ngrams: NgramStore) -> None:
    texts, offsets = ngrams.store.array("unit_texts"), ngrams.store.packed("unit_offsets")
    bad = int(kernels.check_units(texts, offsets.words, offsets.bits, ngrams.n_units, MAX_RUN_BYTES))
    if bad != kernels.DONE:
        raise ngrams.damaged(f"unit {bad} is empty, too long or not greater than the one before")
    try:
        texts.tobytes().decode("utf-8")
    except UnicodeDecodeError as err:
        raise ngrams.damaged(f"byte {err.start} of its units is not UTF-8") from err


def _check_text(ngrams: NgramStore) -> np.ndarray:
    """Number of occurrences of every unit in the text, if that is in order."""
    counts = np.zeros(ngrams.n_units, np.int64)
    text = ngrams.store.packed("text")
    if not len(text):
        return counts
    if text[0] >= 4 or text[-1] >= 4:
        raise ngrams.damaged("its text does not begin and end with a boundary")
    state = np.zeros(kernels.N_STATE, np.int64)
    for start in range(0, len(text), _SLICE_UNITS):
        stop = min(start + _SLICE_UNITS, len(text))
        bad = int(kernels.check_text(start, stop, ngrams.tables[0], MAX_SPAN, counts, state))
        if bad != kernels.DONE:
            raise ngrams.damaged(f"its text is not in order at unit {bad}")
    found = {"n_tokens": int(state[kernels.N_UNITS]), "n_spans": int(state[kernels.N_SPANS])}
    for name, number in found.items():
        if number != ngrams.settings[name]:
            raise ngrams.damaged(f"{name} of its text is {number}, expected {ngrams.settings[name]}")
    if not counts.all():
        raise ngrams.damaged(f"unit {int(counts.argmin())} does not occur in its text")
    return counts


def _check_windows(ngrams: NgramStore, on_progress: Callable[[int], object]) -> None:
    text, windows, keys, _ = ngrams.tables
    for start in range(0, ngrams.n_windows, _SLICE_WINDOWS):
        stop = min(start + _SLICE_WINDOWS, ngrams.n_windows)
        bad = int(kernels.check_windows(start, stop, text, windows, keys, ngrams.max_order))
        if bad != kernels.DONE:
            raise ngrams.damaged(f"its windows are not in order at window {bad}")
        on_progress(stop - start)


def _check_occurrences(ngrams: NgramStore, counts: np.ndarray) -> None:
    occurrences = ngrams.tables[3]
    n_words = len(occurrences[0])
    state = np.zeros(3, np.int64)
    for start in range(0, n_words, _SLICE_WORDS):
        stop = min(start + _SLICE_WORDS, n_words)
        bad = int(kernels.check_occurrences(start, stop, occurrences, ngrams.tables[1], counts, state))
        if bad != kernels.DONE:
            raise ngrams.damaged(f"its numbers of occurrences are wrong at occurrence {bad}")
    n_windows, unit, place = state.tolist()
    samples = ngrams.store.packed("occurrence_samples")
    has_last = n_windows % SAMPLED_WINDOWS != 0 or samples[-1] == ngrams.n_tokens
    if n_windows != ngrams.n_windows or not has_last or int(counts[unit:].sum()) != ngrams.n_tokens - place:
        raise ngrams.damaged("its numbers of occurrences do not add up")
