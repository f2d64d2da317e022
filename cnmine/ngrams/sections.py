"""Windows in sorted order → the sections of a store of n-grams, in one pass; see docs/formats.md."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from cnmine.dtypes import N_BOUNDARIES
from cnmine.sorting.windows import WindowBlock, window_keys
from cnmine.store.packing import bits_for
from cnmine.store.writing import StoreWriter

KIND, VERSION = "ngrams", 1
WINDOWS_PER_KEY = 64
WINDOWS_PER_SAMPLE = 256
KEY_BITS = 64


class WindowIndex:
    """Gathers, block after block, what finds a window again; memory: 3 bits a unit of text and 16 bytes a unit id."""

    def __init__(self, n_units: int, n_tokens: int, max_order: int) -> None:
        self._id_bits = bits_for(N_BOUNDARIES - 1 + n_units)
        self._n_symbols = min(KEY_BITS // self._id_bits, max_order + 1)
        self._n_tokens = n_tokens
        self.n_windows = 0
        self._n_positions = 0
        self._next_unit = 0  # ranks below it have their first window
        self._first_windows = np.zeros(n_units + 1, dtype=np.int64)
        self._is_start = np.zeros(-(-n_tokens // 64) * 8, dtype=np.uint8)
        self._samples: list[np.ndarray] = []
        self._keys: list[np.ndarray] = []

    def append(self, block: WindowBlock) -> None:
        """Take the next windows of the sorted order."""
        n = len(block.pointers)
        starts = self._n_positions + np.cumsum(block.counts, dtype=np.int64) - block.counts
        self._mark(starts, self._n_positions + int(block.counts.sum(dtype=np.int64)))
        # A copy: a view would keep all of them.
        self._samples.append(starts[-self.n_windows % WINDOWS_PER_SAMPLE :: WINDOWS_PER_SAMPLE].copy())
        sampled = block.places[-self.n_windows % WINDOWS_PER_KEY :: WINDOWS_PER_KEY]
        self._keys.append(window_keys(block.text, sampled, self._id_bits, self._n_symbols))
        self._find_first_windows(block.text, block.places)
        self.n_windows += n
        self._n_positions += int(block.counts.sum(dtype=np.int64))

    def _mark(self, starts: np.ndarray, stop: int) -> None:
        """Set a bit for every position at which a new window begins."""
        first_byte = self._n_positions // 8
        bits = np.zeros(stop - first_byte * 8, dtype=np.uint8)
        bits[starts - first_byte * 8] = 1
        packed = np.packbits(bits, bitorder="little")
        self._is_start[first_byte : first_byte + len(packed)] |= packed

    def _find_first_windows(self, text: np.ndarray, places: np.ndarray) -> None:
        """By binary search for all units that begin in this block at once."""
        last_unit = int(text[places[-1]]) - N_BOUNDARIES
        ranks = np.arange(self._next_unit, last_unit + 1)
        low, high = np.zeros(len(ranks), dtype=np.int64), np.full(len(ranks), len(places))
        while (low < high).any():
            middle = (low + high) // 2
            units = text[places[np.minimum(middle, len(places) - 1)]].astype(np.int64)
            is_less = (low < high) & (units < N_BOUNDARIES + ranks)
            low, high = np.where(is_less, middle + 1, low), np.where(is_less, high, middle)
        self._first_windows[ranks] = self.n_windows + low
        self._next_unit = last_unit + 1

    def write(self, writer: StoreWriter) -> None:
        """Write the sections ``first_windows``, ``occurrences``, ``occurrence_samples`` and ``keys``."""
        self._first_windows[self._next_unit :] = self.n_windows
        writer.add("first_windows", self._first_windows, bits=bits_for(self.n_windows))
        writer.add("occurrences", self._is_start.view("<u8"))
        samples = np.concatenate([*self._samples, np.zeros(0, dtype=np.int64)])
        if self.n_windows % WINDOWS_PER_SAMPLE == 0:
            samples = np.append(samples, self._n_tokens)
        writer.add("occurrence_samples", samples, bits=bits_for(self._n_tokens))
        writer.add("keys", np.concatenate([*self._keys, np.zeros(0, dtype=np.uint64)]))


def write_vocabulary(writer: StoreWriter, unit_texts: list[bytes]) -> None:
    """Write the sections ``unit_texts`` and ``unit_offsets``; texts in the order of their bytes."""
    offsets = np.zeros(len(unit_texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in unit_texts], out=offsets[1:])
    writer.add("unit_texts", b"".join(unit_texts))
    writer.add("unit_offsets", offsets, bits=bits_for(int(offsets[-1])))


def write_settings(writer: StoreWriter, settings: dict[str, Any]) -> None:
    """Write the section ``settings``; equal settings give equal bytes."""
    writer.add("settings", json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
