"""Lines of text, or JSON Lines of CCKS and DuEL, ↔ texts with their mentions.

An offset is a number of code points from the beginning of the text as it stands in the input.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from json.encoder import encode_basestring as quote
from typing import Any, Protocol

from cnmine.errors import CorpusError, UsageError
from cnmine.io.lines import Lines, read_lines
from cnmine.io.paths import Source

NIL = "NIL"
INPUT_FORMATS = ("auto", "text", "jsonl")
LABELS = ("optional", "required", "ignored")
SCORE_DIGITS = 4
BATCH_RECORDS = 512
MAX_REPORTED = 10  # bad lines of a source that are told one by one


class _Sink(Protocol):
    def write(self, data: bytes, /) -> int: ...


@dataclass(slots=True)
class Mention:
    """A stretch of text and what it stands for.

    Attributes
    ----------
    offset
        Of its first character.
    mention
        Its characters as they stand in the text.
    kb_id
        The entity; "NIL", or in gold "NIL_<type>", for something outside the knowledge base; several answers
        are joined by "##".
    score
        How sure a linker is, 0…1; None in gold.
    candidates
        (entity, score) pairs, best first; None if they were not asked for.
    """

    offset: int
    mention: str
    kb_id: str
    score: float | None = None
    candidates: list[tuple[str, float]] | None = None


@dataclass(slots=True)
class Record:
    """A text with its mentions, in the order of their offsets; None if nobody has said where they are."""

    text_id: str
    text: str
    mentions: list[Mention] | None = None


def is_nil(kb_id: str) -> bool:
    """Whether an answer means that the knowledge base has no such entity.

    Examples
    --------
    >>> is_nil("NIL"), is_nil("NIL_Work"), is_nil("10228")
    (True, True, False)
    """
    return kb_id == NIL or kb_id.startswith("NIL_")


def read_records(
    sources: Iterable[Source],
    *,
    input_format: str = "auto",
    labels: str = "optional",
    strict: bool = False,
    encoding: str = "utf-8",
    bad_bytes: str = "stop",
    on_notice: Callable[[str], None] = lambda text: None,
    on_bad: Callable[[int], None] = lambda n: None,
    on_progress: Callable[[int], None] = lambda n: None,
) -> Iterator[Record]:
    """Read texts, with their mentions if the input has them.

    Parameters
    ----------
    sources
        From `cnmine.io.paths.find_sources`.
    input_format
        "text": each line is a text, an empty one too; its id is the number of the line, counted through all
        sources. "jsonl": each line is an object with ``text`` and, if they are known, ``text_id`` (else its number)
        and ``mention_data``; empty lines are passed over. "auto": JSON if the first line of a source begins with {.
    labels
        Whether ``mention_data`` is "optional", "required" (a line without is a bad one), or to be "ignored".
    strict
        Whether the first bad line raises; otherwise bad lines are told and passed over.
    encoding, bad_bytes
        As for `cnmine.io.lines.read_lines`.
    on_notice, on_bad, on_progress
        Called with a line for the user; with the number of bad lines or byte sequences of a source, if any; with
        bytes on disk that were read.

    Raises
    ------
    CorpusError
        If a source cannot be read, or a line is bad and ``strict``.
    UsageError
        At once, if an option is out of its range.
    """
    if input_format not in INPUT_FORMATS:
        raise UsageError(f"unknown input format {input_format!r}; choose one of {', '.join(INPUT_FORMATS)}")
    if labels not in LABELS:
        raise UsageError(f"labels is {labels!r}; choose one of {', '.join(LABELS)}")
    if labels == "required" and input_format == "text":
        raise UsageError("lines of text have no labels; give JSON Lines with mention_data")
    batches = read_lines(sources, encoding=encoding, bad_bytes=bad_bytes, on_notice=on_notice, on_bad=on_bad)
    return _read_all(batches, _BadLines(strict, on_notice, on_bad), input_format, labels, on_progress)


def _read_all(
    batches: Iterable[Lines],
    bad_lines: _BadLines,
    input_format: str,
    labels: str,
    on_progress: Callable[[int], None],
) -> Iterator[Record]:
    n_lines, is_json = 0, input_format == "jsonl"
    for batch in batches:
        if batch.first_number == 1:
            bad_lines.begin(batch.source.name)
            if input_format == "auto":
                is_json = labels == "required" or next(filter(str.strip, batch.texts), "").lstrip().startswith("{")
        on_progress(batch.n_bytes_read)
        if not is_json:
            yield from map(Record, map(str, range(n_lines + 1, n_lines + 1 + len(batch.texts))), batch.texts)
        else:
            for i, line in enumerate(batch.texts):
                if not line or line.isspace():
                    continue
                try:
                    yield _parse_record(line, n_lines + 1 + i, labels)
                except ValueError as err:
                    bad_lines.add(batch.first_number + i, str(err))
        n_lines += len(batch.texts)
    bad_lines.end()


class _BadLines:
    """Counts the bad lines of each source, and tells the first of them."""

    def __init__(self, strict: bool, on_notice: Callable[[str], None], on_bad: Callable[[int], None]) -> None:
        self._strict, self._on_notice, self._on_bad = strict, on_notice, on_bad
        self._name, self._count = "", 0

    def begin(self, name: str) -> None:
        self.end()
        self._name, self._count = name, 0

    def add(self, number: int, reason: str) -> None:
        text = f"{self._name}: line {number}: {reason}"
        if self._strict:
            raise CorpusError(f"{text}; mend the line or take it out")
        self._count += 1
        if self._count <= MAX_REPORTED:
            self._on_notice(f"{text}; passed over")

    def end(self) -> None:
        if self._count > MAX_REPORTED:
            self._on_notice(f"{self._name}: {self._count:,} bad lines in all were passed over")
        if self._count:
            self._on_bad(self._count)
        self._count = 0


def _parse_record(line: str, number: int, labels: str) -> Record:
    """The record of a JSON line; ValueError says what is wrong with it."""
    try:
        fields = json.loads(line, strict=False)
    except RecursionError:
        raise ValueError("nested too deep for a record") from None
    except ValueError as err:
        raise ValueError(f"not JSON ({err})") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("text"), str):
        raise ValueError("no JSON object with a string in 'text'")
    text, given = fields["text"], None if labels == "ignored" else fields.get("mention_data")
    if "\\" in line:  # a lone surrogate, which JSON can write and UTF-8 cannot, becomes a question mark
        text = text.encode("utf-8", "replace").decode("utf-8")
    if given is None:
        if labels == "required":
            raise ValueError("no 'mention_data', which a labelled text has")
    elif not isinstance(given, list):
        raise ValueError("'mention_data' is no list")
    text_id = fields.get("text_id", number)
    if isinstance(text_id, bool) or not isinstance(text_id, str | int):
        raise ValueError("'text_id' is neither a string nor an integer")
    mentions = None if given is None else [_parse_mention(value, i) for i, value in enumerate(given, start=1)]
    return Record(str(text_id), text, mentions)


def _parse_mention(fields: Any, number: int) -> Mention:
    if not isinstance(fields, dict):
        raise ValueError(f"mention {number} is no object")
    mention, offset, kb_id, score = map(fields.get, ("mention", "offset", "kb_id", "score"))
    if not isinstance(mention, str) or not mention:
        raise ValueError(f"mention {number} has no string in 'mention'")
    if isinstance(offset, str) and offset.isdecimal():
        offset = int(offset)
    if type(offset) is not int or offset < 0:
        raise ValueError(f"mention {number} has no offset, an integer from 0 on, as a number or a string")
    if isinstance(kb_id, bool) or not isinstance(kb_id, str | int) or kb_id == "":
        raise ValueError(f"mention {number} has no 'kb_id'")
    if score is not None and (isinstance(score, bool) or not isinstance(score, int | float)):
        raise ValueError(f"mention {number} has a score that is no number")
    return Mention(offset, mention, str(kb_id), score, _parse_candidates(fields.get("candidates"), number))


def _parse_candidates(given: Any, number: int) -> list[tuple[str, float]] | None:
    if given is None:
        return None
    try:
        return [(str(kb_id), float(score)) for kb_id, score in given]
    except (TypeError, ValueError):
        raise ValueError(f"mention {number} has candidates that are no pairs of id and score") from None


def write_records(file: _Sink, records: Iterable[Record], *, ccks: bool = False) -> int:
    """Write records as JSON Lines, in their order; return their number.

    Parameters
    ----------
    file
        Has ``write(bytes)``.
    records
        Consumed as they are written, some hundred at a time.
    ccks
        Whether offsets are strings, as in CCKS and DuEL; without scores and candidates, which those do not have.
    """
    n_records = 0
    for batch in _batches(records):
        n_records += len(batch)
        file.write(format_records(batch, ccks=ccks))
    return n_records


def format_batches(records: Iterable[Record], *, ccks: bool = False) -> Iterator[bytes]:
    """JSON Lines of records, some hundred at a time; see `write_records`."""
    return (format_records(batch, ccks=ccks) for batch in _batches(records))


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    iterator = iter(records)
    while batch := list(islice(iterator, BATCH_RECORDS)):
        yield batch


def format_records(records: Iterable[Record], *, ccks: bool = False) -> bytes:
    """JSON Lines of some records; see `write_records`.

    Examples
    --------
    >>> format_records([Record("1", "a", [Mention(0, "a", "7", 0.5)])])
    b'{"text_id":"1","text":"a","mention_data":[{"mention":"a","offset":0,"kb_id":"7","score":0.5000}]}\\n'
    """
    format_mention = _format_ccks if ccks else _format_mention
    lines = []
    for record in records:
        head = f'{{"text_id":{quote(record.text_id)},"text":{quote(record.text)}'
        if record.mentions is None:
            lines.append(head + "}\n")
        else:
            lines.append(f'{head},"mention_data":[{",".join(map(format_mention, record.mentions))}]}}\n')
    return "".join(lines).encode("utf-8", "replace")


def _format_mention(mention: Mention) -> str:
    # Written by hand: three times as fast as the json module.
    text = f'{{"mention":{quote(mention.mention)},"offset":{mention.offset},"kb_id":{quote(mention.kb_id)}'
    if mention.score is not None:
        text = f'{text},"score":{mention.score:.4f}'
    if mention.candidates is not None:
        pairs = ",".join([f"[{quote(kb_id)},{score:.4f}]" for kb_id, score in mention.candidates])
        text = f'{text},"candidates":[{pairs}]'
    return text + "}"


def _format_ccks(mention: Mention) -> str:
    return f'{{"kb_id":{quote(mention.kb_id)},"mention":{quote(mention.mention)},"offset":"{mention.offset}"}}'
