"""Chosen words in, stretches of text in which each of them stands out.

Two steps. The positions of a word follow from the table of n-grams; of those, as many as are asked for are
chosen by a hash of the units around them, so that the choice depends on nothing but the text. Then the
sources are read once more for the characters, which units do not keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from cnmine._memory import release_pages
from cnmine._space import MEMORY, Space
from cnmine.counting.table import ROWS_PER_STEP
from cnmine.dtypes import N_BOUNDARIES, RUN_BASE
from cnmine.errors import CorpusError
from cnmine.io.source import Block, read_blocks
from cnmine.io.units import UnitBlock, encode_block, encode_blocks
from cnmine.newwords.ranking import take
from cnmine.newwords.selection import take_words

if TYPE_CHECKING:
    from cnmine.counting.corpus import Corpus
    from cnmine.counting.table import NgramTable
    from cnmine.io.paths import Source
    from cnmine.newwords.discovery import WordTable

WIDTH = 20  # characters shown on each side
CONTEXT_UNITS = 12  # units on each side that tell one occurrence from another
_BLOCK_BYTES = 1 << 20  # each takes twenty times as much with the offsets of its units
_BATCH = 1 << 18  # positions looked at together
MAX_WAITING = 1 << 19  # places of words that wait for being picked
_FIELDS = ("positions", "words", "lengths", "contexts")
_MARGIN_BYTES = 4 * WIDTH + 256  # of the neighbouring blocks: the width, and the longest word
_BREAKS = str.maketrans("\t\r\v\f\0", "     ")
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(29)


def find_examples(
    word_table: WordTable,
    chosen: np.ndarray,
    corpus: Corpus,
    sources: Sequence[Source],
    *,
    n_examples: int = 3,
    encoding: str = "utf-8",
    jsonl_field: str | None = None,
    column: int | None = None,
    bad_bytes: str = "stop",
    fold_case: bool = False,
    threads: int = 1,
    space: Space = MEMORY,
    on_progress: Callable[[int], object] = lambda n: None,
) -> list[list[str]]:
    """Find stretches of text around words.

    Parameters
    ----------
    word_table, corpus
        As they were computed from ``sources``.
    chosen
        Rows of ``word_table``.
    sources
        The same as for ``corpus``; files only, because they are read again.
    n_examples
        Most examples of a word.
    encoding, jsonl_field, column, bad_bytes, fold_case
        As they were given to `read_corpus`.
    threads
        Worker threads; the result does not depend on it.
    space
        Where 4 bytes for every row of the table are put.
    on_progress
        Called with the number of bytes on disk read since the last call.

    Returns
    -------
    For every chosen row up to ``n_examples`` different stretches of one line, up to ``WIDTH`` characters on each
    side of the word. They do not depend on the order of the sources.

    Raises
    ------
    CorpusError
        If the sources are no longer what they were.

    Notes
    -----
    One pass over the n-gram table, one over the units and one over the sources. Memory: some 100 MB, and a few hundred
    bytes an example.
    """
    words = take_words(word_table, chosen)
    places = _find_places(words, take(word_table.rows, chosen), word_table.table, corpus, fold_case, space)
    picked = _pick_places(places, corpus.units, n_examples)
    gathered: dict[tuple[int, int], set[str]] = {}
    options = {"fold_case": fold_case, "bad_bytes": bad_bytes, "threads": threads}
    blocks = read_blocks(
        sources,
        encoding=encoding,
        jsonl_field=jsonl_field,
        column=column,
        bad_bytes=bad_bytes,
        block_bytes=_BLOCK_BYTES,
    )
    encoded = encode_blocks(blocks, with_offsets=True, **options)  # type: ignore[arg-type]
    for group, text in _recover(picked, encoded, corpus, on_progress):
        texts = gathered.setdefault(group, set())
        texts.add(text)
        if len(texts) > n_examples:
            texts.remove(max(texts))
    return _share_out(gathered, len(words), n_examples)


@dataclass
class _Occurrences:
    """Places where words stand, in any order."""

    positions: np.ndarray
    words: np.ndarray  # index into the chosen words
    lengths: np.ndarray  # in units
    contexts: np.ndarray = field(default_factory=lambda: np.empty(0, np.uint64))  # hash of what stands around

    def take(self, index: np.ndarray) -> _Occurrences:
        return _Occurrences(*(getattr(self, name)[index] for name in _FIELDS))


def _find_places(
    words: list[str], rows: np.ndarray, table: NgramTable, corpus: Corpus, fold_case: bool, space: Space
) -> Iterator[_Occurrences]:
    """All places of all words, some at a time."""
    word_of_row = space.new_array(len(table), np.int32, "the words of examples")
    word_of_row[:] = -1
    in_table = np.flatnonzero(rows >= 0)
    word_of_row[rows[in_table]] = in_table
    yield from _places_in_table(word_of_row, table)
    ids = corpus.ids()
    for index in np.flatnonzero(rows < 0).tolist():
        yield _places_of_long(words[index], index, table, corpus.units, ids, fold_case)


def _places_in_table(word_of_row: np.ndarray, table: NgramTable) -> Iterator[_Occurrences]:
    """The row that is deepest at a position stands for all its ancestors too."""
    has_word = np.empty(len(table), np.bool_)
    for start in range(0, len(table), ROWS_PER_STEP):
        # Parents stand in front of their extensions, but a step may hold both.
        level = slice(start, min(start + ROWS_PER_STEP, len(table)))
        has_word[level] = word_of_row[level] >= 0
    for order in range(2, table.max_order + 1):
        rows_of_order = table.rows_of_order(order)
        for start in range(rows_of_order.start, rows_of_order.stop, ROWS_PER_STEP):
            level = slice(start, min(start + ROWS_PER_STEP, rows_of_order.stop))
            has_word[level] |= has_word[table.parents[level]]
            table.release()
    if len(table) == 0:
        return
    for start in range(0, len(table.deepest), _BATCH):
        rows = table.deepest[start : start + _BATCH].astype(np.int64)
        positions = np.flatnonzero((rows >= 0) & has_word[rows])
        rows = rows[positions]
        while len(rows):
            words = word_of_row[rows].astype(np.int64)
            is_word = words >= 0
            lengths = table.orders_of(rows[is_word]).astype(np.int64)
            yield _Occurrences(positions[is_word] + start, words[is_word], lengths)
            rows = table.parents[rows].astype(np.int64)
            goes_on = (rows >= 0) & has_word[rows]
            positions, rows = positions[goes_on], rows[goes_on]
        table.release()
        release_pages(word_of_row)


def _places_of_long(
    word: str, index: int, table: NgramTable, units: np.ndarray, ids: dict[str, int], fold_case: bool
) -> _Occurrences:
    """Places of a word that is longer than the n-grams of the table, by its beginning."""
    spelled = encode_block(word.encode("utf-8"), fold_case=fold_case)
    texts = [_text_of(code, spelled) for code in spelled.codes.tolist()]
    wanted = [ids.get(text, -1) for text in texts]
    row = table.find(wanted[: table.max_order]) if wanted and min(wanted) >= N_BOUNDARIES else -1
    positions = np.flatnonzero(table.deepest == row) if row >= 0 else np.empty(0, dtype=np.int64)
    for i, unit in enumerate(wanted):
        # The corpus ends in boundaries, so a beginning near its end fails before the end is passed.
        positions = positions[units[np.minimum(positions + i, len(units) - 1)] == unit]
    return _Occurrences(positions, np.full(len(positions), index), np.full(len(positions), len(wanted)))


def _text_of(code: int, block: UnitBlock) -> str:
    if code < N_BOUNDARIES:
        return ""
    return chr(code) if code < RUN_BASE else block.runs[code - RUN_BASE].decode("utf-8")


def _pick_places(places: Iterator[_Occurrences], units: np.ndarray, n_examples: int) -> _Occurrences:
    """`_pick` of all places, of which only those are kept that may still be picked."""
    nothing = np.empty(0, np.int64)
    waiting = [_Occurrences(nothing, nothing, nothing, nothing.astype(np.uint64))]
    n_waiting = 0
    for found in places:
        contexts = _hash_contexts(units, found.positions, found.lengths)
        release_pages(units)
        waiting.append(_Occurrences(found.positions, found.words, found.lengths, contexts))
        n_waiting += len(contexts)
        if n_waiting > MAX_WAITING:
            waiting, n_waiting = [_pick(waiting, n_examples)], 0
    return _pick(waiting, n_examples)


def _pick(parts: list[_Occurrences], n_examples: int) -> _Occurrences:
    """The places of the ``n_examples`` contexts of each word with the smallest hashes, sorted by position."""
    found = _Occurrences(*(np.concatenate([getattr(part, name) for part in parts]) for name in _FIELDS))
    contexts = found.contexts
    order = np.lexsort((contexts, found.words))
    words, contexts = found.words[order], contexts[order]
    is_new_word = np.ones(len(order), dtype=np.bool_)
    is_new_word[1:] = words[1:] != words[:-1]
    is_new = is_new_word.copy()
    is_new[1:] |= contexts[1:] != contexts[:-1]
    n_before = np.cumsum(is_new)
    ranks: np.ndarray = n_before - np.maximum.accumulate(np.where(is_new_word, n_before, 0))
    kept = order[ranks < n_examples]
    picked = found.take(kept)
    return picked.take(np.lexsort((picked.words, picked.positions)))


def _hash_contexts(units: np.ndarray, positions: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Hash of the units around places, to the next boundary: beyond it may lie another line, or file."""
    hashes = np.zeros(len(positions), dtype=np.uint64)
    for first, step in ((positions - 1, -1), (positions + lengths, 1)):
        is_open = np.ones(len(positions), dtype=np.bool_)
        for distance in range(CONTEXT_UNITS):
            at = np.clip(first + step * distance, 0, len(units) - 1)
            neighbours = units[at].astype(np.uint64)
            is_open &= neighbours >= N_BOUNDARIES
            # hash = (hash + unit) * multiplier, mixed, wherever no boundary has come yet
            mixed = (hashes + neighbours + np.uint64(1)) * _MULTIPLIER
            hashes = np.where(is_open, mixed ^ (mixed >> _SHIFT), hashes)
        hashes = hashes * _MULTIPLIER + np.uint64(1)
    return hashes ^ (hashes >> _SHIFT)


def _recover(
    picked: _Occurrences,
    encoded: Iterator[tuple[Block, UnitBlock]],
    corpus: Corpus,
    on_progress: Callable[[int], object],
) -> Iterator[tuple[tuple[int, int], str]]:
    """(word, context) and text of every picked place."""
    assert picked.contexts is not None
    done = 0
    for place in _place_blocks(encoded, _find_boundaries(corpus), on_progress):
        stop = int(np.searchsorted(picked.positions, place.positions[-1], side="right"))
        codes = np.searchsorted(place.positions, picked.positions[done:stop])
        for i in range(done, stop):
            text = place.text_around(int(codes[i - done]), int(picked.lengths[i]))
            yield (int(picked.words[i]), int(picked.contexts[i])), text
        done = stop
        if done == len(picked.positions):
            return
    if done < len(picked.positions):
        raise CorpusError("the input changed while it was read; run again when nothing writes to it")


@dataclass
class _Place:
    """A block and where its units stand in the corpus."""

    positions: np.ndarray  # of each code of the block
    before: bytes  # end of the previous block of the same line
    data: bytes
    after: bytes
    starts: np.ndarray  # byte at which each code begins; behind them those of the next block

    def text_around(self, code: int, length: int) -> str:
        first, last = int(self.starts[code]), int(self.starts[min(code + length, len(self.starts) - 1)])
        text = self.data
        left = text[max(0, first - _MARGIN_BYTES) : first]
        if len(left) < _MARGIN_BYTES:
            left = self.before + left
        right = text[last : last + _MARGIN_BYTES]
        if last + _MARGIN_BYTES > len(text):
            right += self.after[max(0, last - len(text)) :]
        word = (text + self.after if last > len(text) else text)[first:last]
        shown = [part.decode("utf-8", "replace") for part in (left, word, right)]
        before = shown[0].rpartition("\n")[2][-WIDTH:]
        after = shown[2].partition("\n")[0][:WIDTH]
        return f"{before}{shown[1]}{after}".translate(_BREAKS).strip()


def _place_blocks(
    encoded: Iterator[tuple[Block, UnitBlock]],
    find_boundaries: Callable[[UnitBlock], np.ndarray],
    on_progress: Callable[[int], object],
) -> Iterator[_Place]:
    """Count units as they stand in the corpus: one boundary in front, and one for every stretch of them."""
    n_units, ends_in_boundary, before = 1, True, b""
    for (block, units), following in _with_next(encoded):
        on_progress(block.n_bytes_read)
        if not block.joins_previous:
            n_units, ends_in_boundary, before = n_units + (not ends_in_boundary), True, b""
        is_boundary = find_boundaries(units)
        if len(is_boundary):
            is_repeated = is_boundary & np.append(ends_in_boundary, is_boundary[:-1])
            positions = n_units - 1 + np.cumsum(~is_repeated)
            yield _Place(positions, before, block.data, *_see_ahead(block, units, following))
            n_units, ends_in_boundary = int(positions[-1]) + 1, bool(is_boundary[-1])
        before = (before + block.data[-_MARGIN_BYTES:])[-_MARGIN_BYTES:]


def _see_ahead(block: Block, units: UnitBlock, following: tuple[Block, UnitBlock] | None) -> tuple[bytes, np.ndarray]:
    """Text behind a block on the same line, and the bytes at which the codes of both begin."""
    after, next_starts = b"", np.empty(0, dtype=np.int64)
    if following is not None and following[0].joins_previous and following[1].starts is not None:
        after, next_starts = following[0].data[:_MARGIN_BYTES], following[1].starts[:_MARGIN_BYTES]
    size = len(block.data)
    return after, np.concatenate([units.starts, size + next_starts, [size + len(after)]])


def _with_next(
    items: Iterator[tuple[Block, UnitBlock]],
) -> Iterator[tuple[tuple[Block, UnitBlock], tuple[Block, UnitBlock] | None]]:
    def extended() -> Iterator[tuple[Block, UnitBlock] | None]:
        yield from items
        yield None

    for item, following in pairwise(extended()):
        assert item is not None
        yield item, following


def _find_boundaries(corpus: Corpus) -> Callable[[UnitBlock], np.ndarray]:
    """What tells for every code of a block whether it has no unit id: a boundary, or too rare for one."""
    if not corpus.n_rare_units:
        return lambda block: block.codes < N_BOUNDARIES
    ids = corpus.ids()
    is_rare = np.ones(RUN_BASE, dtype=np.bool_)
    is_rare[[ord(text) for text in ids if len(text) == 1]] = False

    def find(block: UnitBlock) -> np.ndarray:
        rare_runs = np.array([run.decode("utf-8") not in ids for run in block.runs], dtype=np.bool_)
        return np.concatenate([is_rare, rare_runs])[block.codes]

    return find


def _share_out(gathered: dict[tuple[int, int], set[str]], n_words: int, n_examples: int) -> list[list[str]]:
    """Up to ``n_examples`` texts of each word: first one of every context, then further ones."""
    contexts: list[list[list[str]]] = [[] for _ in range(n_words)]
    for (word, _), texts in sorted(gathered.items()):
        contexts[word].append(sorted(texts))
    shared = []
    for groups in contexts:
        in_turn = [group[depth] for depth in range(n_examples) for group in groups if depth < len(group)]
        shared.append(list(dict.fromkeys(in_turn))[:n_examples])
    return shared
