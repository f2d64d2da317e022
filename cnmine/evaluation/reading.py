"""Files of ranked words and of gold words in; `Ranking` and `GoldWords` out.

Plain or packed (.xz, .gz, .bz2) UTF-8 files, with or without a byte order mark.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from os import PathLike, fspath

from cnmine.errors import CorpusError
from cnmine.evaluation.newwords import (
    MIN_GOLD_COUNT,
    GoldWords,
    Ranking,
    gold_from_counts,
    gold_from_list,
    gold_word_counts,
    is_candidate,
)

OPENERS: dict[str, Callable] = {".xz": lzma.open, ".gz": gzip.open, ".bz2": bz2.open}
COUNTED = re.compile(r"(\S+)[ \t]+(\d+)(?:[ \t]+\S+)?[ \t]*")  # word, count, and jieba's tag
COUNT_BEHIND = re.compile(r"[ \t]+\d+(?:[ \t]+\S+)?[ \t]*$")
ONE_WORD = re.compile(r"[ \t]*\S+(?:[ \t]+\d+(?:[ \t]+\S+)?)?[ \t]*")
SAMPLE_LINES = 1000  # lines that decide what kind of gold a file holds


def read_lines(path: str | PathLike) -> Iterator[str]:
    r"""Yield the lines of a UTF-8 file, packed or not, without their ends; only ``\n`` and ``\r\n`` end a line.

    Raises
    ------
    CorpusError
        If the file cannot be read or unpacked, or a line is not UTF-8.
    """
    name = fspath(path)
    opener = next((opener for suffix, opener in OPENERS.items() if name.endswith(suffix)), open)
    try:
        with opener(name, "rb") as stream:
            for line_number, raw in enumerate(stream, 1):
                try:
                    line = raw.decode()
                except UnicodeDecodeError as err:
                    raise CorpusError(
                        f"{name}: line {line_number}: byte {err.start + 1} of the line is not UTF-8; "
                        "convert the file first, for example: iconv -f GB18030 -t UTF-8"
                    ) from err
                line = line.removesuffix("\n").removesuffix("\r")
                yield line.removeprefix("\ufeff") if line_number == 1 else line
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as err:
        reason = getattr(err, "strerror", None) or str(err)
        raise CorpusError(f"{name}: cannot be read: {reason}; check the path and that the file is whole") from err


def read_ranking(source: str | PathLike | Iterable[str]) -> Ranking:
    r"""Read a ranked word list, best first, from a file or from lines.

    Parameters
    ----------
    source
        Path, or lines. The first line that is not empty decides between three formats: tab-separated columns
        under a header with ``word`` and perhaps ``score`` and ``count``, as ``cnmine newwords`` writes them;
        ``word count`` or jieba's ``word count tag``; one word a line.

    Returns
    -------
    Words in the order of the source, whatever their scores.

    Raises
    ------
    CorpusError
        If a line does not have the form of the first; names it.

    Examples
    --------
    >>> read_ranking(["word\tscore", "新词\t0.9"])
    Ranking(words=['新词'], scores=[0.9], counts=None)
    """
    if isinstance(source, str | PathLike):
        name, lines = fspath(source), read_lines(source)
    else:
        name, lines = "ranking", (line.rstrip("\r\n") for line in source)
    filled = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    number, line = next(filled, (0, ""))
    if "word" in line.split("\t"):
        return _read_columns(name, line.split("\t"), filled)
    rows = chain([(number, line)] if number else [], filled)
    if COUNTED.fullmatch(line) or _is_pseudo_word(line):
        return _read_counted(name, rows)
    return _read_plain(name, rows)


def read_gold(
    path: str | PathLike, *, min_count: int = MIN_GOLD_COUNT, corpus_counts: Mapping[str, int] | None = None
) -> GoldWords:
    """Read a segmented corpus, or a list of gold words.

    Parameters
    ----------
    path
        A file is a list if at least half of its first lines hold one word, alone or with a count behind it
        (``word``, ``word<tab>count``, ``word count tag``); otherwise its lines are words between blanks.
    min_count
        Occurrences that make a word of a segmented corpus relevant; rarer ones are neutral.
    corpus_counts
        For lists: occurrences of words in the corpus; a listed word that does not occur is dropped. The
        counts in the list itself are ignored, they come from somewhere else.

    Raises
    ------
    CorpusError
        If the file cannot be read, or holds no word that could take part.
    """
    lines = list(read_lines(path))
    filled = [line for line in lines if line.strip()]
    sample = filled[:SAMPLE_LINES]
    if 2 * sum(ONE_WORD.fullmatch(line) is not None for line in sample) >= len(sample):
        listed = list(filter(is_candidate, (COUNT_BEHIND.sub("", line).strip() for line in filled)))
        if listed:
            return gold_from_list(listed, corpus_counts=corpus_counts)
    else:
        gold = gold_from_counts(gold_word_counts(filled), min_count=min_count)
        if gold.relevant or gold.neutral:
            return GoldWords(gold.relevant, gold.neutral, lines)
    raise CorpusError(
        f"{fspath(path)}: no word of 2 to 6 Han characters; is it segmented by blanks, or one word a line?"
    )


def _is_pseudo_word(line: str) -> bool:
    """Whether the word before a count is a blank or a line end: ``word_discovery.py`` lists those too."""
    return line[:1] in (" ", "\t") and line.strip().isdecimal()


def _read_columns(name: str, header: list[str], rows: Iterator[tuple[int, str]]) -> Ranking:
    wanted = {column: header.index(column) for column in ("word", "score", "count") if column in header}
    values: dict[str, list] = {column: [] for column in wanted}
    for number, line in rows:
        cells = line.split("\t")
        if len(cells) != len(header):
            raise CorpusError(f"{name}: line {number}: {len(cells)} columns; the header has {len(header)}")
        for column, position in wanted.items():
            values[column].append(_parse_cell(name, number, column, cells[position]))
    return Ranking(values["word"], values.get("score"), values.get("count"))


def _parse_cell(name: str, number: int, column: str, cell: str) -> str | float | int:
    if column == "word" and cell:
        return cell
    with contextlib.suppress(ValueError):
        if column == "count":
            return int(cell)
        if column == "score" and not math.isnan(score := float(cell)):
            return score
    raise CorpusError(f"{name}: line {number}: {cell!r} is no {column}; correct or remove the line")


def _read_counted(name: str, rows: Iterator[tuple[int, str]]) -> Ranking:
    words, counts = [], []
    for number, line in rows:
        match = COUNTED.fullmatch(line)
        if match:
            words.append(match[1])
            counts.append(int(match[2]))
        elif not _is_pseudo_word(line):
            raise CorpusError(f"{name}: line {number}: {line[:40]!r} is not 'word count' or 'word count tag'")
    return Ranking(words, None, counts)


def _read_plain(name: str, rows: Iterator[tuple[int, str]]) -> Ranking:
    words = []
    for number, line in rows:
        if "\t" in line or COUNTED.fullmatch(line):
            raise CorpusError(
                f"{name}: line {number}: {line[:40]!r} is more than a word, unlike the first line; "
                "give every line the same form, or columns a header with 'word'"
            )
        words.append(line.strip())
    return Ranking(words)
