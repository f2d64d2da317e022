"""Scores of n-grams in a table of records → words of any text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnmine.counting.table import NgramTable
from cnmine.segmentation import _decode_kernels as kernels
from cnmine.segmentation.alternatives import best_readings, drawn_readings
from cnmine.segmentation.experience import Scores
from cnmine.segmentation.tokens import UNKNOWN, code_points, find_tokens, unit_ids

MAX_LOAD = 0.6  # of the table of records
MAX_WORD = 24  # of a lexicon, in units
GRANULARITIES = {"fine": 1.5, "default": 0.0, "coarse": -1.5}  # added to the score of every boundary inside a span


@dataclass(frozen=True)
class Tokens:
    """Tokens of a text.

    Attributes
    ----------
    starts
        ``int64[n]``; of each, in code points.
    stops
        ``int64[n]``; a token ends where the next one begins, but for white space between them.
    """

    starts: np.ndarray
    stops: np.ndarray


class Segmenter:
    """Segments text by a table of scores.

    Attributes
    ----------
    keys
        ``int64[3 * slots]``; records of 24 bytes: key, then four scores as float32. Key 0 is a free place.
    roots
        ``int32[65536]``; slot of every unit, -1 for none.
    unknown
        ``float32[6]``; scores of words without a record by their length.
    characters
        ``uint32[m]``; code points of the units from `tokens.FIRST_CHARACTER` on.
    shape
        ``int64[3]``; slots less one, the greatest number of probes, the longest n-gram.
    settings
        Of what it was made.
    """

    def __init__(
        self,
        keys: np.ndarray,
        roots: np.ndarray,
        unknown: np.ndarray,
        characters: np.ndarray,
        shape: np.ndarray,
        settings: dict[str, Any],
    ) -> None:
        self.keys, self.roots, self.unknown = keys, roots, unknown
        self.characters, self.shape, self.settings = characters, shape, settings
        self.unit_ids = unit_ids(characters)
        # Of one type for kernels, whether mapped or made here.
        views = [array.view() for array in (keys, keys.view(np.float32), roots, unknown, shape)]
        for view in views:
            view.flags.writeable = False
        self.table = tuple(views)

    def mark(self, codes: np.ndarray, *, bias: float = 0.0) -> np.ndarray:
        """Where tokens begin.

        Parameters
        ----------
        codes
            ``uint32[n]``, code points.
        bias
            Added to the score of every boundary between words: more gives shorter words.

        Returns
        -------
        ``uint8[n]``; 1 for the first character of a token, 2 for white space, which is none, else 0.

        Notes
        -----
        Time: linear, some 0.2 µs a character. Memory: about 50 bytes a character. Thread-safe.
        """
        tokens, starts = find_tokens(codes)
        is_start = np.zeros(len(tokens), np.uint8)
        kernels.decode(self.units(tokens), self.table, bias, is_start)
        return marks_of(tokens, starts, is_start, len(codes))

    def propose(
        self,
        codes: np.ndarray,
        *,
        n_best: int = 0,
        n_samples: int = 0,
        alpha: float = 1.0,
        bias: float = 0.0,
        seed: tuple[int, ...] = (0,),
    ) -> list[tuple[float, np.ndarray]]:
        """Ways to read a line: the ``n_best`` best, or else ``n_samples`` drawn ones.

        Parameters
        ----------
        codes, bias
            As for `mark`.
        n_best, n_samples, alpha, seed
            As for `cnmine.segmentation.alternatives.best_readings` and `drawn_readings`.

        Returns
        -------
        Scores, natural logarithms up to a constant of the line, and marks as `mark` gives them.
        """
        tokens, starts = find_tokens(codes)
        words, gaps = np.empty((len(tokens), self.shape[kernels.DEPTH])), np.empty(len(tokens))
        kernels.score_lattice(self.units(tokens), self.table, bias, words, gaps)
        if n_best:
            readings = best_readings(words, gaps, n_best)
        else:
            readings = drawn_readings(words, gaps, n_samples, alpha=alpha, seed=seed)
        return [(score, marks_of(tokens, starts, is_start, len(codes))) for score, is_start in readings]

    def units(self, tokens: np.ndarray) -> np.ndarray:
        """``uint16[n + 1]``; unit ids of the codes of `find_tokens`, and a boundary behind them."""
        units = np.zeros(len(tokens) + 1, np.uint16)
        units[:-1] = self.unit_ids[tokens]
        return units

    def tokenize(self, text: str, *, bias: float = 0.0) -> list[str]:
        """Words, numbers and punctuation of a text, without its white space.

        Examples
        --------
        >>> from cnmine.segmentation.tokens import encode_text
        >>> from cnmine.segmentation.training import train_segmenter
        >>> segmenter = train_segmenter(encode_text(["我爱北京，他爱上海。北京很大。上海也很大。" * 9]))
        >>> segmenter.tokenize("大 3.5%，C++")
        ['大', '3.5%', '，', 'C', '+', '+']
        """
        found = self.find(text, bias=bias)
        return [text[start:stop] for start, stop in zip(found.starts.tolist(), found.stops.tolist(), strict=True)]

    def find(self, text: str, *, bias: float = 0.0) -> Tokens:
        """`tokenize`, but where the tokens are."""
        return tokens_of(self.mark(code_points(text), bias=bias))

    def with_lexicon(self, words: Sequence[str], bonuses: np.ndarray) -> Segmenter:
        """A segmenter that is told of words.

        Parameters
        ----------
        words
            Words of Han characters and of what counts as one (numbers, words of letters); others, those of more than
            `MAX_WORD` units, and those that are one unit have no effect.
        bonuses
            ``float32[n]``; added to the score of each as a word.
        """
        spelled = [self._spell(word) for word in words]
        kept = [i for i, units in enumerate(spelled) if 1 < len(units) <= MAX_WORD and (units >= 4).all()]
        sizes = [len(spelled[i]) for i in kept]
        if not kept:
            return self
        grown = self._enlarge(sum(sizes))
        units = np.concatenate([spelled[i] for i in kept])
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        shape, keys, roots = grown.shape.copy(), grown.keys.copy(), grown.roots.copy()
        shape[kernels.DEPTH] = max(shape[kernels.DEPTH], *sizes)
        kernels.add_words(
            (units, offsets),
            np.ascontiguousarray(bonuses, np.float32)[kept],
            self.unknown,
            roots,
            (keys, keys.view(np.float32)),
            shape,
        )
        return Segmenter(keys, roots, self.unknown, self.characters, shape, self.settings | {"n_lexicon": len(kept)})

    def _spell(self, word: str) -> np.ndarray:
        tokens, _ = find_tokens(code_points(word))
        units = self.unit_ids[tokens]
        # A character that the text has not is no unit by itself, so no word of the lexicon can have it.
        return units if (units != UNKNOWN).all() else units[:0]

    def _enlarge(self, n_more: int) -> Segmenter:
        """The same table with room for more records."""
        n_slots = int(self.shape[kernels.MASK]) + 1
        n_used = int(np.count_nonzero(self.keys[:: kernels.KEYS]))
        if n_used + n_more <= MAX_LOAD * n_slots:
            return self
        return rebuild(self, n_used + n_more)


def marks_of(tokens: np.ndarray, starts: np.ndarray, is_start: np.ndarray, n: int) -> np.ndarray:
    """Starts of words among units → marks of characters, as `Segmenter.mark` gives them."""
    marks = np.zeros(n, np.uint8)
    marks[starts] = np.where(tokens == 1, 2, is_start)
    return marks


def tokens_of(marks: np.ndarray) -> Tokens:
    """Marks of characters → tokens."""
    bounds = np.append(np.flatnonzero(marks), len(marks))
    is_token = marks[bounds[:-1]] == 1
    return Tokens(bounds[:-1][is_token], bounds[1:][is_token])


def build_segmenter(table: NgramTable, scores: Scores, characters: np.ndarray, settings: dict[str, Any]) -> Segmenter:
    """Put the scores of the rows of a table where they are found quickly."""
    keys, shape = _empty_table(len(table), table.max_order)
    roots = np.full(1 << 16, -1, np.int32)
    kernels.fill_table(
        (table.parents, table.last_units),
        (scores.word, scores.before, scores.after, scores.across),
        roots,
        keys,
        keys.view(np.float32),
        shape,
    )
    settings = settings | {"n_rows": len(table), "max_order": table.max_order}
    return Segmenter(keys, roots, scores.unknown, characters, shape, settings)


def _empty_table(n_rows: int, depth: int) -> tuple[np.ndarray, np.ndarray]:
    n_slots = 1 << max(4, int(n_rows / MAX_LOAD).bit_length())
    return np.zeros(kernels.KEYS * n_slots, np.int64), np.array([n_slots - 1, 1, depth], np.int64)


def rebuild(segmenter: Segmenter, n_rows: int) -> Segmenter:
    """The same records in a table with room for ``n_rows``."""
    keys, shape = _empty_table(n_rows, int(segmenter.shape[kernels.DEPTH]))
    roots = np.full(1 << 16, -1, np.int32)
    kernels.move_records(segmenter.table, roots, keys, keys.view(np.float32), shape)
    return Segmenter(keys, roots, segmenter.unknown, segmenter.characters, shape, segmenter.settings)
