"""Lists of words, with scores or without → words and what each is worth to a segmenter."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from cnmine.errors import CorpusError
from cnmine.io.compression import ByteReader
from cnmine.io.encoding import bad_bytes_error
from cnmine.io.paths import Source, open_source

BONUS = 4.0  # of a word of probability 1, in nats


def read_lexicon(paths: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Words and their probabilities.

    Parameters
    ----------
    paths
        Files, plain or compressed, in UTF-8: what `cnmine newwords` writes as tsv or jsonl (with the score as
        probability, 0 … 1), or a word at the beginning of every line, which then counts as certain.

    Returns
    -------
    ``words``
        In the order of the files, each once; a later score overrules an earlier one.
    ``probabilities``
        ``float32[n]``, 0 … 1; scores beyond are cut.

    Raises
    ------
    CorpusError
        If a file cannot be read or holds no word.
    """
    found: dict[str, float] = {}
    for path in paths:
        words = _read_words(path)
        if not words:
            raise CorpusError(f"{path}: holds no word; a lexicon has a word at the beginning of every line")
        found.update(words)
    return list(found), np.clip(np.array(list(found.values()), np.float32), 0, 1)


def bonuses_of(probabilities: np.ndarray, bonus: float = BONUS) -> np.ndarray:
    """What is added to the score of each word: the bonus times its probability."""
    return (bonus * probabilities).astype(np.float32)


def _read_words(path: str) -> dict[str, float]:
    lines = _read_file(path).replace("\r\n", "\n").split("\n")
    header = lines[0].split("\t")
    if "word" in header and "score" in header:
        columns = header.index("word"), header.index("score")
        return _read_rows(path, lines[1:], columns)
    found: dict[str, float] = {}
    for number, line in enumerate(lines, start=1):
        if line.startswith("{"):
            word, score = _read_object(path, number, line)
            found[word] = score
        elif fields := line.replace("\t", " ").split(" "):
            found[fields[0]] = 1.0
    found.pop("", None)
    return found


def _read_rows(path: str, lines: list[str], columns: tuple[int, int]) -> dict[str, float]:
    found = {}
    for number, line in enumerate(lines, start=2):
        if not line:
            continue
        fields = line.split("\t")
        try:
            found[fields[columns[0]]] = float(fields[columns[1]])
        except (IndexError, ValueError) as err:
            raise CorpusError(f"{path}: line {number} has no word with a score; mend it") from err
    return found


def _read_object(path: str, number: int, line: str) -> tuple[str, float]:
    try:
        record = json.loads(line)
        return str(record["word"]), float(record.get("score", 1.0))
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise CorpusError(f"{path}: line {number} is no object with a word and a score; mend it") from err


def _read_file(path: str) -> str:
    pieces = []
    with open_source(Source(path, path, None)) as file:
        reader = ByteReader(file, path)
        while piece := reader.read(1 << 22):
            pieces.append(piece)
    data = b"".join(pieces)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise bad_bytes_error(path, err.start, data[err.start : err.start + 2]) from err
