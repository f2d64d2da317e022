"""Text → tokens that rules can tell (numbers, words of letters, addresses, punctuation) and Han characters between.

For counting, all numbers are one unit, and so are all words of letters, all mixtures of both, and all numbers in
Chinese numerals: what stands beside 1998 tells about 1999. Every Han character is a unit of its own, anything else
a boundary.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from cnmine.counting.corpus import Corpus
from cnmine.dtypes import N_BOUNDARIES, UNIT
from cnmine.segmentation import _token_kernels as kernels

UNKNOWN = 8  # unit id of a Han character that the segmenter has not seen
FIRST_CHARACTER = 9
MAX_CHARACTERS = 60_000
PADDING = 8
_HAN_RANGES = ((0x3400, 0x4DC0), (0x4E00, 0xA000), (0xF900, 0xFB00), (0x20000, 0x323B0))
_HAN_SINGLES = "〇〆々○"
_NUMERALS = "一二三四五六七八九十百千万亿零〇两○萬億兩"
_MAGNITUDES = "万亿萬億"
_INNER = ".．·/∶"
_PERCENT = "%％‰"
_REPEATED = "…—-－.．~～"
_SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85"
_FLAGS = (
    (1, "-._~:/?#[]@!$&'()*+,;=%"),  # of RFC 3986
    (2, "._%+-"),
    (4, ".-"),
    (8, ".,;:!?'()[]"),
)


@dataclass(frozen=True)
class TrainingText:
    """Text as units, to be counted.

    Attributes
    ----------
    units
        ``uint16[n]``; below 4 a boundary, 4 … 8 classes of tokens, from `FIRST_CHARACTER` on a character. Begins
        with a boundary and ends with `PADDING` of them.
    characters
        ``uint32[m]``; the code points of the ids from `FIRST_CHARACTER` on, the most frequent first.
    """

    units: np.ndarray
    characters: np.ndarray


@cache
def character_classes() -> tuple[np.ndarray, np.ndarray]:
    """Class of every code point, and what ASCII characters may do in addresses, as the kernels want them."""
    classes = np.zeros(0x110000, np.uint8)
    for code in range(0x20000):
        category = unicodedata.category(chr(code))
        if category == "Nd" and code < 0x3000:
            classes[code] = kernels.DIGIT
        elif category[0] == "L" or (category in ("Mn", "Mc") and not 0xFE00 <= code <= 0xFE0F):
            classes[code] = kernels.LETTER
        elif category in ("Zs", "Zl", "Zp"):
            classes[code] = kernels.SPACE
    classes[0xFF10:0xFF1A] = kernels.DIGIT
    for start, stop in _HAN_RANGES:
        classes[start:stop] = kernels.HAN
    for characters, value in (
        (_REPEATED, kernels.REPEATED),
        (_INNER, kernels.INNER),
        (_PERCENT, kernels.PERCENT),
        (_SPACES, kernels.SPACE),
        (_HAN_SINGLES, kernels.HAN),
        ("'’", kernels.APOSTROPHE),
    ):
        classes[[ord(character) for character in characters]] = value
    classes[[ord(character) for character in _NUMERALS]] |= kernels.NUMERAL
    classes[[ord(character) for character in _MAGNITUDES]] |= kernels.MAGNITUDE
    flags = np.zeros(128, np.uint8)
    for flag, characters in _FLAGS:
        flags[[ord(character) for character in characters]] |= flag
        if flag < 8:
            for code in range(128):
                flags[code] |= flag if chr(code).isalnum() else 0
    classes.flags.writeable = flags.flags.writeable = False
    return classes, flags


def code_points(text: str) -> np.ndarray:
    """``uint32[n]``; the code points of a text."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def find_tokens(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of a text before its Han characters are joined to words.

    Parameters
    ----------
    codes
        ``uint32[n]``, code points.

    Returns
    -------
    ``codes``
        ``uint32[m]``; 1 for a character of white space, 0 for other boundaries, 4 … 7 for classes of tokens, else
        the code point of a Han character.
    ``starts``
        ``int32[m]``; where each begins. They follow one another without a gap.
    """
    units, starts = np.empty(len(codes), np.uint32), np.empty(len(codes), np.int32)
    n = kernels.find_tokens(codes, *character_classes(), units, starts)
    return units[:n], starts[:n]


def encode_text(pieces: Iterable[str]) -> TrainingText:
    """Units of a text in pieces; two pieces are parted by a boundary.

    Notes
    -----
    Memory: 4 bytes a token, and 2 for the result.
    """
    return _number([np.zeros(1, np.uint32), *(find_tokens(code_points(piece))[0] for piece in pieces)])


def encode_corpus(corpus: Corpus) -> TrainingText:
    """Units of a corpus that was read for counting: its runs of letters and digits become classes.

    The percent sign behind a number is a boundary in it.
    """
    classes, _ = character_classes()
    codes = np.zeros(len(corpus.vocabulary), np.uint32)
    for unit, text in enumerate(corpus.vocabulary[N_BOUNDARIES:], start=N_BOUNDARIES):
        kinds = {int(classes[ord(character)]) & kernels.HAN_MASK for character in text}
        if kinds == {kernels.HAN}:
            codes[unit] = ord(text)
        elif kernels.LETTER not in kinds:
            codes[unit] = kernels.NUMBER
        else:
            codes[unit] = kernels.MIXED if kernels.DIGIT in kinds else kernels.WORD
    mapped = codes[corpus.units]
    merged = np.empty_like(mapped)
    tables = (classes[:0x10000] & kernels.NUMERAL != 0, classes[:0x10000] & kernels.MAGNITUDE != 0)
    return _number([merged[: kernels.merge_numbers(mapped, *tables, merged)]])


def _number(pieces: list[np.ndarray]) -> TrainingText:
    """Give ids to characters, the most frequent first; equals by code point."""
    counts = np.zeros(0x110000, np.int64)
    for piece in pieces:
        counts += np.bincount(piece, minlength=0x110000)
    counts[:FIRST_CHARACTER] = 0
    ranked = np.argsort(-counts, kind="stable")
    characters = ranked[: min(MAX_CHARACTERS, np.count_nonzero(counts))].astype(np.uint32)
    id_of_code = unit_ids(characters)
    boundary = np.zeros(1, UNIT)
    parts = [part for piece in pieces for part in (id_of_code[piece], boundary)]
    return TrainingText(np.concatenate([*parts, np.zeros(PADDING, UNIT)]), characters)


def unit_ids(characters: np.ndarray) -> np.ndarray:
    """``uint16[0x110000]``; unit id of every code that `find_tokens` gives."""
    ids = np.full(0x110000, UNKNOWN, UNIT)
    ids[:UNKNOWN] = np.arange(UNKNOWN)
    ids[:N_BOUNDARIES] = 0
    ids[characters] = np.arange(FIRST_CHARACTER, FIRST_CHARACTER + len(characters), dtype=UNIT)
    return ids
