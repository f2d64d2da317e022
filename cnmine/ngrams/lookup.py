"""A store of n-grams → counts, statistics and neighbours of any of them, straight from the file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.dtypes import N_BOUNDARIES
from cnmine.errors import StoreError, UsageError
from cnmine.ngrams import _lookup_kernels as kernels
from cnmine.ngrams.vocabulary import COUNTABLE, UNKNOWN, EncodedWords, Vocabulary
from cnmine.store.container import Store, open_store
from cnmine.store.packing import bits_for

KIND, VERSION = "ngrams", 1
NO_COUNT = -1
MAX_ORDER = 63
BATCH_WORDS = 1 << 15  # words that one thread encodes and finds at once
SAMPLED_WINDOWS, KEYED_WINDOWS = 256, 64  # of so many windows one has a sample, or a key
_NUMBERS = (
    "max_order",
    "n_tokens",
    "n_spans",
    "n_bytes",
    "n_characters",
    "n_bad",
    "n_units",
    "n_windows",
    "text_length",
)


def open_ngrams(path: str, *, verify: str = "small") -> NgramStore:
    """Open a store of n-grams; `NgramStore` tells what can be asked of it.

    Parameters
    ----------
    path, verify
        As for `cnmine.store.container.open_store`.

    Raises
    ------
    StoreError
        If the file is missing, foreign, incomplete, damaged, or its sections contradict each other.

    Notes
    -----
    The time does not depend on the size. Any number of processes and threads may have a store open.
    """
    store = open_store(path, kind=KIND, version=VERSION, verify=verify)
    try:
        return NgramStore(store)
    except BaseException:
        store.close()
        raise


class NgramStore:
    """The n-grams of a corpus up to some order, with their counts and all of their contexts.

    A context manager. Every answer is checked against the bounds of the file: a damaged one gives a StoreError.

    Attributes
    ----------
    store, path
        The file, and where it was opened.
    settings
        What is written in it: ``max_order``, ``fold_case``, ``n_tokens`` and others, see docs/formats.md.
    max_order, n_tokens, n_units, n_windows
        The most frequently asked for of them.
    vocabulary
        The units.
    tables
        The arrays as kernels take them; see `cnmine.ngrams._lookup_kernels`.
    """

    def __init__(self, store: Store) -> None:
        self.store, self.path = store, store.path
        self.settings = _read_settings(store)
        self.max_order, self.n_tokens = self.settings["max_order"], self.settings["n_tokens"]
        self.n_units, self.n_windows = self.settings["n_units"], self.settings["n_windows"]
        self.id_bits = bits_for(self.n_units + N_BOUNDARIES - 1)
        self.n_symbols = min(64 // self.id_bits, self.max_order + 1)
        self._check_sections()
        texts = store.array("unit_texts")
        self.vocabulary = Vocabulary(
            texts,
            store.packed("unit_offsets"),
            fold_case=self.settings["fold_case"],
            punctuation=self.settings["punctuation"],
            on_damage=self.damaged,
        )
        text, windows, firsts = (store.packed(name) for name in ("text", "windows", "first_windows"))
        samples = store.packed("occurrence_samples")
        self.tables = (
            (text.words, text.bits, len(text)),
            (windows.words, windows.bits, len(windows), firsts.words, firsts.bits, self.n_units),
            (store.array("keys"), self.id_bits, self.n_symbols),
            (store.array("occurrences"), samples.words, samples.bits, self.n_tokens, self.n_windows),
        )

    def __enter__(self) -> NgramStore:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self.store.close()

    def verify_text(self) -> None:
        """Compare the checksums of text and units, from which all else follows.

        Raises
        ------
        StoreError
            If one is wrong; names the place.
        """
        for name in ("unit_texts", "unit_offsets", "text"):
            self.store.verify_section(name)

    def damaged(self, found: str) -> StoreError:
        """The error for contents that contradict themselves."""
        return StoreError(f"{self.path}: is damaged: {found}; cnmine info --verify tells more, or make the store again")

    def _check_sections(self) -> None:
        """Lengths and widths of all sections follow from the settings; so do the ends of the pointers."""
        unit_bytes = self.store.sections["unit_texts"].n_items if "unit_texts" in self.store.sections else 0
        expected = expected_sections(self.settings, unit_bytes)
        for name, (bits, n_items) in expected.items():
            section = self.store.sections.get(name)
            if section is None:
                raise self.damaged(f"it has no section {name}")
            if (section.n_items, section.bits) != (n_items, bits):
                raise self.damaged(
                    f"section {name} has {section.n_items} values of {section.bits} bits, expected {n_items} of {bits}"
                )
        for name, last in (("unit_offsets", unit_bytes), ("first_windows", self.n_windows)):
            values = self.store.packed(name)
            if values[0] != 0 or values[-1] != last:
                raise self.damaged(f"section {name} runs from {values[0]} to {values[-1]}, expected 0 to {last}")

    def encode_words(self, words: Sequence[str]) -> EncodedWords:
        """Split words into unit ids, as text is; tells which ones can be n-grams of this store at all."""
        return self.vocabulary.encode(words, self.max_order)

    def ranges(
        self, ids: np.ndarray, offsets: np.ndarray, *, threads: int = 1
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find n-grams.

        Parameters
        ----------
        ids, offsets
            ``uint32[total]``, ``int64[n + 1]``; as of `encode_words`. An empty one is not found.
        threads
            Worker threads; the result does not depend on it.

        Returns
        -------
        ``int64[n]`` each: the first window that begins with the n-gram, the one behind the last, and the number
        of occurrences.

        Raises
        ------
        UsageError
            If ``offsets`` does not fit ``ids``, an n-gram is too long, or an id is no unit of this store.
        """
        ids = np.ascontiguousarray(ids, np.uint32)
        offsets = np.ascontiguousarray(offsets, np.int64)
        self._check_ngrams(ids, offsets)
        n = len(offsets) - 1
        found = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)

        def find(start: int) -> int:
            rows = start + self._sorted_rows(ids, offsets[start : start + BATCH_WORDS + 1])
            firsts = np.empty_like(rows)
            kernels.find_repeated(ids, offsets, rows, firsts)
            status = int(kernels.find_words(ids, offsets, rows[firsts == rows], found, self.tables))
            for column in found:
                column[rows] = column[firsts]
            return status

        if any(status != kernels.DONE for status in map_ordered(find, range(0, n, BATCH_WORDS), threads=threads)):
            raise self.damaged("its windows do not lead into its text")
        return found

    def _check_ngrams(self, ids: np.ndarray, offsets: np.ndarray) -> None:
        orders = np.diff(offsets)
        if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != len(ids) or (orders < 0).any():
            raise UsageError(f"offsets do not run from 0 to {len(ids)} without decreasing")
        if (orders > self.max_order).any():
            raise UsageError(f"an n-gram has {orders.max()} units; this store has counted {self.max_order} at most")
        if len(ids) and not (ids.min() >= N_BOUNDARIES and ids.max() < N_BOUNDARIES + self.n_units):
            raise UsageError(f"unit ids of this store are {N_BOUNDARIES} … {N_BOUNDARIES + self.n_units - 1}")

    def _sorted_rows(self, ids: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Rows that are not empty; n-grams that stand near one another in turn: their searches share what they read."""
        keys = np.empty(len(offsets) - 1, np.uint64)
        kernels.sort_keys(ids, offsets, self.id_bits, keys)
        rows = np.argsort(keys, kind="stable")
        return rows[offsets[rows] < offsets[rows + 1]]

    def counts(self, words: Sequence[str], *, threads: int = 1) -> np.ndarray:
        """Number of occurrences of words.

        Returns
        -------
        ``int64[n]``; 0 for a word that does not occur, -1 for one that is no n-gram of this store: longer than
        its ``max_order``, empty, or with punctuation or blanks in it where these are boundaries.
        """

        def count(start: int) -> np.ndarray:
            encoded = self.encode_words(words[start : start + BATCH_WORDS])
            counts = self.ranges(encoded.ids, encoded.offsets)[2]
            counts[(encoded.kinds != COUNTABLE) & (encoded.kinds != UNKNOWN)] = NO_COUNT
            return counts

        batches = list(map_ordered(count, range(0, len(words), BATCH_WORDS), threads=threads))
        return np.concatenate(batches) if batches else np.zeros(0, np.int64)


def _read_settings(store: Store) -> dict[str, Any]:
    """The settings of a store of n-grams, each of which may be relied on."""
    try:
        settings = json.loads(store.array("settings", np.uint8).tobytes())
        numbers = [settings[name] for name in _NUMBERS]
        is_good = all(type(number) is int and 0 <= number < 1 << 48 for number in numbers)
        is_good = is_good and type(settings["fold_case"]) is bool and settings["punctuation"] in ("drop", "keep")
        is_good = is_good and 1 <= settings["max_order"] <= MAX_ORDER
        # Each unit begins some window, each window stands somewhere, and a boundary stands around every span.
        n_units, n_windows, n_tokens = (settings[name] for name in ("n_units", "n_windows", "n_tokens"))
        is_good = is_good and n_units <= n_windows <= n_tokens and (n_units > 0) == (n_tokens > 0) and n_units < 1 << 31
        is_good = is_good and settings["text_length"] == n_tokens + settings["n_spans"] + (n_tokens > 0)
    except (ValueError, TypeError, KeyError, RecursionError) as err:
        raise StoreError(f"{store.path}: is damaged: its settings cannot be read; make the store again") from err
    if not is_good:
        raise StoreError(f"{store.path}: is damaged: its settings are impossible: {settings}; make the store again")
    return settings


def expected_sections(settings: dict[str, Any], unit_bytes: int) -> dict[str, tuple[int, int]]:
    """Bits and number of values of every section that depends on the settings and the length of ``unit_texts``."""
    n_units, n_windows, n_tokens = settings["n_units"], settings["n_windows"], settings["n_tokens"]
    return {
        "unit_texts": (8, unit_bytes),
        "unit_offsets": (bits_for(unit_bytes), n_units + 1),
        "text": (bits_for(n_units + N_BOUNDARIES - 1), settings["text_length"]),
        "windows": (bits_for(max(0, settings["text_length"] - 1)), n_windows),
        "first_windows": (bits_for(n_windows), n_units + 1),
        "occurrences": (64, -(-n_tokens // 64)),
        "occurrence_samples": (bits_for(n_tokens), n_windows // SAMPLED_WINDOWS + 1),
        "keys": (64, -(-n_windows // KEYED_WINDOWS)),
    }
