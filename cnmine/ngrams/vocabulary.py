"""The units of a store: words → unit ids, and unit ids → text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cnmine.dtypes import RUN_BASE
from cnmine.errors import StoreError
from cnmine.io.units import encode_block
from cnmine.ngrams import _vocabulary_kernels as kernels
from cnmine.store.packing import Packed

COUNTABLE, UNKNOWN, TOO_LONG, NO_NGRAM = kernels.COUNTABLE, kernels.UNKNOWN, kernels.TOO_LONG, kernels.NO_NGRAM
# Characters up to here may begin runs of letters, and punctuation that is kept stands among these.
_HIGH_START = 0x3000


@dataclass(frozen=True)
class EncodedWords:
    """Words as unit ids.

    Attributes
    ----------
    ids
        ``uint32[total]``.
    offsets
        ``int64[n + 1]``; word i is ``ids[offsets[i]:offsets[i + 1]]``, which is empty unless its kind is COUNTABLE.
    kinds
        ``uint8[n]``; COUNTABLE; UNKNOWN: it has a unit that the store does not know, so its count is 0;
        TOO_LONG: it has more units than n-grams were counted for; NO_NGRAM: it is empty, or has something in
        it that is no unit, like punctuation or a blank if these were taken for boundaries.
    """

    ids: np.ndarray
    offsets: np.ndarray
    kinds: np.ndarray


class Vocabulary:
    """The units of a store, sorted by their UTF-8 bytes; nothing is decoded before it is asked for.

    Parameters
    ----------
    texts
        ``uint8[m]``; all units one behind the other.
    offsets
        Where each begins, and where the last ends.
    fold_case, punctuation
        How units were told apart when they were counted; see `cnmine.io.units.encode_block`.
    on_damage
        Makes the error for contents that contradict themselves.
    """

    def __init__(
        self,
        texts: np.ndarray,
        offsets: Packed,
        *,
        fold_case: bool,
        punctuation: str,
        on_damage: Callable[[str], StoreError],
    ) -> None:
        self._table = (texts, offsets.words, offsets.bits, len(offsets) - 1)
        self._fold_case, self._punctuation = fold_case, punctuation
        self._is_kept = punctuation == "keep"
        self._on_damage = on_damage

    def __len__(self) -> int:
        return self._table[3]

    @cached_property
    def _characters(self) -> tuple[np.ndarray, int]:
        """Unit id by code point, and the number of units below U+3000, which are runs and punctuation."""
        ids = np.zeros(RUN_BASE, np.uint32)
        n_low = int(kernels.number_characters(self._table, ids))
        if n_low < 0:
            raise self._on_damage("a Han character among its units is none")
        if self._is_kept:
            low = [chr(code).encode("utf-8") for code in range(_HIGH_START)]
            ids[:_HIGH_START] = self._find(low, n_low)
        return ids, n_low

    def _find(self, texts: Sequence[bytes], n_low: int) -> np.ndarray:
        """Unit ids of texts, by binary search among the first units; 0 for one that is not there."""
        ids = np.zeros(len(texts), np.uint32)
        offsets = np.zeros(len(texts) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)), out=offsets[1:])
        joined = np.frombuffer(b"".join(texts), np.uint8)
        if kernels.number_runs(joined, offsets, n_low, self._table, ids) != kernels.DONE:
            raise self._on_damage("its units do not follow one another")
        return ids

    def encode(self, words: Sequence[str], max_order: int) -> EncodedWords:
        """Split words into units, exactly as text is.

        Time: mostly that of the splitting, 0.1 µs a word, and a binary search for every distinct run of letters.
        """
        n = len(words)
        text = "\n".join(words)
        if n and text.count("\n") != n - 1:
            text = "\n".join([word.replace("\n", " ") for word in words])
        data = text.encode("utf-8", "replace")
        block = encode_block(data, fold_case=self._fold_case, punctuation=self._punctuation, with_offsets=True)
        line_ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
        lines = np.concatenate([[0], line_ends + 1, [len(data) + 1]])[: n + 1]
        ids = np.empty(len(block.codes), np.uint32)
        offsets, kinds = np.zeros(n + 1, np.int64), np.empty(n, np.uint8)
        character_ids, n_low = self._characters
        unit_ids = (character_ids, self._find(block.runs, n_low), self._is_kept)
        kernels.number_lines(block.codes, block.starts, lines, unit_ids, max_order, (ids, offsets, kinds))
        return EncodedWords(ids[: offsets[-1]], offsets, kinds)

    def spell(self, ids: np.ndarray) -> list[str]:
        """Text of n-grams, ``uint32[n, order]``, such that it has the same units again."""
        n, order = ids.shape
        n_low = self._characters[1]
        return self._spell(
            lambda out: kernels.spell_ngrams(ids, self._is_kept, n_low, self._table, out), n, n * (4 * order + 1)
        )

    def spell_counted(self, units: np.ndarray, counts: np.ndarray) -> list[str]:
        """Text ``unit:count unit:count …`` of every row, up to the first count of 0.

        Parameters
        ----------
        units, counts
            ``uint32[n, k]``, ``int64[n, k]``.
        """
        n, k = units.shape
        return self._spell(lambda out: kernels.spell_counted(units, counts, self._table, out), n, n * (12 * k + 1))

    def _spell(self, spell: Callable[[np.ndarray], int], n: int, n_bytes: int) -> list[str]:
        """Lines that a kernel writes; with twice the room as long as it has too little."""
        n_bytes += 1024
        while (written := int(spell(out := np.empty(n_bytes, np.uint8)))) == kernels.NO_ROOM:
            n_bytes *= 2
        try:
            lines = out[: max(0, written)].tobytes().decode("utf-8").split("\n")
        except UnicodeDecodeError:
            lines = []
        if written < 0 or len(lines) != n + 1:
            raise self._on_damage("a unit has no text")
        return lines[:-1]
