"""Dictionaries of segmenters in, sets of known words out; found words out as user dictionaries."""

from __future__ import annotations

import importlib.util
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from os import PathLike

from cnmine.errors import CorpusError, StoreError, UsageError
from cnmine.io.compression import ByteReader
from cnmine.io.encoding import SAMPLE_BYTES, bad_bytes_error, detect_encoding, find_bom
from cnmine.io.paths import Source, open_source

# A word and what may stand behind it: counts and tags in any order (jieba, HanLP, THUOCL).
_ENTRY = re.compile(r"(.+?)(?:[ \t]+(?:\d+(?:\.\d+)?|[a-z]{1,6}\d?|[A-Z]g))*")
_SIMPLE = re.compile(r"^([^ \t\n]+)(?: \d+)?(?: [a-z]{1,6})?$", re.MULTILINE)
# Full-width letters and compatibility ideographs, which text has folded before its words are found.
_TO_FOLD = re.compile("[\uff01-\uff5e\uf900-\ufaff\U0002f800-\U0002fa1f]")

DICTIONARY_FORMATS = ("words", "jieba", "hanlp", "ik")
# What the segmenter that reads a format can find in a text: jieba looks up stretches of these characters
# only; IK looks at the basic plane, and at nothing but ideographs, letters and digits in it.
_FINDABLE = {
    "jieba": re.compile(r"[\u4E00-\u9FD5a-zA-Z0-9+#&._%\-]+"),
    "ik": re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaffa-zA-Z0-9]+"),
}


def load_dictionary(paths: Sequence[str | PathLike[str]] | None = None, *, fold_case: bool = False) -> frozenset[str]:
    """Words that a dictionary knows.

    Parameters
    ----------
    paths
        Files, plain or compressed, in UTF-8, GB18030, Big5 or UTF-16: the dictionaries of jieba (``word count
        tag``), HanLP (``word tag count``), IK (a word a line) or THUOCL (word, tab, count). None stands for
        the dictionary that comes with jieba, which is read as a file: jieba itself is not run.
    fold_case
        Whether to write all words in small letters.

    Returns
    -------
    Words with full-width letters and compatibility ideographs folded, as they are in text.

    Raises
    ------
    CorpusError
        If a file cannot be read or holds no word.
    StoreError
        If jieba is not installed.
    """
    if paths is None:
        paths = [find_jieba_dictionary()]
    words = frozenset().union(*(_read_words(os.fspath(path)) for path in paths))
    return frozenset(word.lower() for word in words) if fold_case else words


def find_jieba_dictionary() -> str:
    """Path of the dictionary that comes with jieba.

    Raises
    ------
    StoreError
        If it is not installed.
    """
    try:
        # Finds the package without running it: importing jieba prints warnings and runs commands.
        spec = importlib.util.find_spec("jieba")
    except (ImportError, ValueError):
        spec = None
    for directory in (spec.submodule_search_locations if spec is not None else None) or ():
        path = os.path.join(directory, "dict.txt")
        if os.path.isfile(path):
            return path
    raise StoreError(
        "jieba's dictionary is not installed; pip install jieba, or name a dictionary with --dict, or work "
        "without one: --no-dict"
    )


def _read_words(name: str) -> list[str]:
    text = _read_text(name).replace("\r\n", "\n")
    words = _SIMPLE.findall(text)
    # Blanks in front or inside of a word, empty lines, tabs: one by one, at a tenth of the speed.
    if len(words) != text.count("\n") + (not text.endswith("\n")):
        words = [word for line in text.split("\n") if (word := _take_word(line.strip()))]
    if not words:
        raise CorpusError(f"{name}: holds no word; a dictionary has a word at the beginning of every line")
    if _TO_FOLD.search(text):
        words = [unicodedata.normalize("NFKC", word) if _TO_FOLD.search(word) else word for word in words]
    return words


def _take_word(line: str) -> str:
    """The word of any line: what stands before a tab, before counts and tags, or all of it."""
    entry = _ENTRY.fullmatch(line.partition("\t")[0].rstrip())
    return entry[1] if entry else ""


def _read_text(name: str) -> str:
    source = Source(name, name, None)
    if os.path.isdir(name):
        raise CorpusError(f"{name}: is a directory; name a dictionary file")
    with open_source(source) as file:
        reader = ByteReader(file, name)
        data = b"".join(_pieces(reader))
    codec, n_mark = find_bom(data)
    codec = codec or detect_encoding(data[:SAMPLE_BYTES], is_whole=len(data) <= SAMPLE_BYTES)
    try:
        return data[n_mark:].decode(codec)
    except UnicodeDecodeError as err:
        raise bad_bytes_error(name, n_mark + err.start, data[n_mark + err.start :][:2], codec) from err


def _pieces(reader: ByteReader) -> Iterator[bytes]:
    while piece := reader.read(1 << 22):
        yield piece


def format_entries(words: Iterable[str], counts: Iterable[int], dictionary_format: str) -> list[str]:
    r"""Lines of a user dictionary.

    Parameters
    ----------
    words, counts
        In order of the lines. A word with a blank in it has no place in a format that parts its fields by
        blanks, and is left out.
    dictionary_format
        "jieba" (``word count n``), "hanlp" (``word n count``), "ik" and "words" (the word alone).

    Raises
    ------
    UsageError
        If there is no such format.

    Examples
    --------
    >>> format_entries(["区块链"], [12], "jieba")
    ['区块链 12 n\n']
    """
    pairs = zip(words, counts, strict=True)
    if dictionary_format in ("words", "ik"):
        return [f"{word}\n" for word, _ in pairs]
    if dictionary_format == "jieba":
        return [f"{word} {count} n\n" for word, count in pairs if " " not in word]
    if dictionary_format == "hanlp":
        return [f"{word} n {count}\n" for word, count in pairs if " " not in word]
    raise UsageError(f"unknown format {dictionary_format!r}; choose one of {', '.join(DICTIONARY_FORMATS)}")


def find_unusable(words: Iterable[str], dictionary_format: str) -> list[str]:
    """Words that the segmenter reading this format will never find, though they stand in its dictionary.

    Examples
    --------
    >>> find_unusable(["大黄䓬虫", "地鳖"], "jieba")
    ['大黄䓬虫']
    """
    pattern = _FINDABLE.get(dictionary_format)
    if dictionary_format == "words":
        return []
    return [word for word in words if " " in word or (pattern is not None and not pattern.fullmatch(word))]
