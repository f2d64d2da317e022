"""Which n-grams of the table may be words, which of them a dictionary knows, and their texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import overload

import numpy as np

from cnmine._memory import release_pages
from cnmine._space import MEMORY, Space
from cnmine.counting import _trie_kernels as trie_kernels
from cnmine.counting.corpus import Corpus
from cnmine.counting.table import ROWS_PER_STEP, NgramTable
from cnmine.dtypes import N_BOUNDARIES, RUN_BASE, UNIT
from cnmine.io.units import encode_block
from cnmine.newwords import _candidate_kernels as kernels


def find_candidates(
    corpus: Corpus, table: NgramTable, *, min_len: int = 2, max_len: int = 6, space: Space = MEMORY
) -> np.ndarray:
    """Rows of the n-grams that may be words.

    A candidate has ``min_len`` to ``max_len`` units, at least one Han character, and no unit that is a
    bare number: what stands with numbers is a quantity or a date far more often than a word. They are put
    into ``space``.

    Returns
    -------
    ``int64[m]``, ascending.
    """
    is_number = np.array([text != "" and not any(map(str.isalpha, text)) for text in corpus.vocabulary], np.bool_)
    is_han = np.array([len(text) == 1 and ord(text) > 0x3000 for text in corpus.vocabulary], np.bool_)
    keeps = np.zeros(len(table), dtype=np.uint8)
    kernels.mark_candidates(table.parents, table.last_units, is_number, is_han, keeps)
    table.release()
    first = int(table.order_offsets[min(min_len, table.max_order + 1) - 1])
    keeps[:first] = keeps[int(table.order_offsets[min(max_len, table.max_order)]) :] = kernels.HAS_NUMBER
    rows = space.new_array(int(np.count_nonzero(keeps == kernels.HAS_HAN)), np.int64, "the candidates")
    stop = 0
    for start in range(0, len(table), ROWS_PER_STEP):
        found = np.flatnonzero(keeps[start : start + ROWS_PER_STEP] == kernels.HAS_HAN)
        rows[stop : stop + len(found)] = found + start
        stop += len(found)
        release_pages(rows)
    return rows


def find_known_rows(corpus: Corpus, table: NgramTable, words: Collection[str]) -> np.ndarray:
    """Mark the n-grams that are words of a dictionary.

    Words with a character that is no part of any unit (blank, ``·``) are passed over.

    Returns
    -------
    ``bool[n]``, aligned with the table.
    """
    is_known = np.zeros(len(table), dtype=np.bool_)
    data = "\n".join(words).encode("utf-8")
    encoded = encode_block(data, with_offsets=True, bad_bytes="skip")
    assert encoded.starts is not None
    ids = corpus.ids()
    unit_of_code = np.zeros(RUN_BASE + len(encoded.runs), dtype=UNIT)
    for text, unit in ids.items():
        if len(text) == 1:
            unit_of_code[ord(text)] = unit
    unit_of_code[RUN_BASE:] = [ids.get(run.decode("utf-8"), 0) for run in encoded.runs]
    codes = encoded.codes
    units = np.append(unit_of_code[codes], UNIT(0))
    is_boundary = codes < N_BOUNDARIES
    # A whole word stands between a boundary that begins with a line end and one that ends with it.
    raw = np.frombuffer(b"\n" + data + b"\n", dtype=np.uint8)
    stops = np.append(encoded.starts[1:], len(data))
    closes = is_boundary & (raw[encoded.starts + 1] == ord("\n"))
    opens = is_boundary & (raw[stops] == ord("\n"))
    trie_kernels.mark_words(units, is_boundary, (closes, opens), (table.last_units, table.child_offsets), is_known)
    table.release()
    return is_known


class Texts(Sequence[str]):
    """The texts of rows of a table, spelled only when asked for.

    Parameters
    ----------
    corpus, table
        Where the rows come from.
    rows
        ``int64[n]``.
    """

    def __init__(self, corpus: Corpus, table: NgramTable, rows: np.ndarray) -> None:
        self._vocabulary, self._table, self._rows = corpus.vocabulary, table, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice | np.ndarray) -> list[str]: ...
    def __getitem__(self, index: int | slice | np.ndarray) -> str | list[str]:
        if isinstance(index, int | np.integer):
            return self._spell(self._rows[index : index + 1 or None])[0]
        return self._spell(self._rows[index])

    def __iter__(self):
        for start in range(0, len(self), 4096):
            yield from self[start : start + 4096]

    def _spell(self, rows: np.ndarray) -> list[str]:
        vocabulary = self._vocabulary
        return ["".join([vocabulary[unit] for unit in word]) for word in self._table.units_of(rows).tolist()]
