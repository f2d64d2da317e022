"""Knowledge bases in the formats they are published in → records of entities, one after another."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cnmine.errors import CorpusError, UsageError
from cnmine.io.compression import ByteReader
from cnmine.io.encoding import find_bom
from cnmine.io.paths import Source, open_source

FORMATS = ("auto", "ccks", "wikidata", "tsv")
LANGUAGES = ("zh-hans", "zh-cn", "zh", "zh-hant", "zh-sg", "zh-hk", "zh-tw", "zh-mo")
TYPE_PROPERTY = "P31"  # instance of
SUMMARIES = ("摘要", "description")
MAX_REPORTED = 3  # bad lines of a source that are told one by one
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class EntityRecord:
    """An entity as a source describes it.

    Attributes
    ----------
    entity_id
        Not empty.
    names
        The title first, as they are written; none if the source names none.
    types
        Names of its types.
    attributes
        Pairs of predicate and object.
    references
        Pairs of predicate and the id of another entity, whose name is to stand there; Wikidata's claims.
    popularity
        Number of sitelinks; 0 if the source does not tell.
    is_kept
        False for an entity that only gives its name to references.
    """

    entity_id: str
    names: list[str]
    types: list[str] = field(default_factory=list)
    attributes: list[tuple[str, str]] = field(default_factory=list)
    references: list[tuple[str, str]] = field(default_factory=list)
    popularity: int = 0
    is_kept: bool = True


@dataclass
class Tally:
    """What was met while reading: lines passed over, and for each source its length and SHA-256, decompressed."""

    n_bad_lines: int = 0
    sources: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class ReadOptions:
    """How sources are read.

    Attributes
    ----------
    source_format
        Of ``FORMATS``; auto looks at the first line of each source.
    languages
        Of Wikidata's labels, the preferred first.
    claims
        Conditions on Wikidata's items, ``P31=Q5``, ``P31=Q5,Q95074`` (one of them) or ``P31`` (any): all must hold.
    bad_bytes
        ``stop`` at bytes that are not UTF-8, ``skip`` their lines, or ``replace`` them by U+FFFD.
    strict
        Whether a line that cannot be read stops everything.
    """

    source_format: str = "auto"
    languages: Sequence[str] = LANGUAGES
    claims: Sequence[str] = ()
    bad_bytes: str = "stop"
    strict: bool = False

    def __post_init__(self) -> None:
        if self.source_format not in FORMATS:
            raise UsageError(f"unknown format {self.source_format!r}; choose one of {', '.join(FORMATS)}")
        if self.bad_bytes not in ("stop", "skip", "replace"):
            raise UsageError(f"bad_bytes is {self.bad_bytes!r}; choose stop, skip or replace")
        for claim in self.claims:
            if not claim.startswith("P") or not claim.partition("=")[0][1:].isdecimal():
                raise UsageError(f"{claim!r} is no claim; write for example P31=Q5, or P31=Q5,Q95074")


class BadLineError(Exception):
    """A line that does not hold what it should; says what it lacks."""


Notice = Callable[[str], None]
Parse = Callable[[str], EntityRecord | None]


def read_entities(
    sources: Iterable[Source],
    options: ReadOptions = ReadOptions(),
    *,
    tally: Tally | None = None,
    on_notice: Notice = lambda text: None,
    on_progress: Callable[[int], None] = lambda n: None,
) -> Iterator[EntityRecord]:
    """Read knowledge bases, line by line.

    Parameters
    ----------
    sources
        From `cnmine.io.paths.find_sources`; compressed ones are decompressed. Each is read once, in UTF-8.
    options
        See there.
    tally
        Takes what was met.
    on_notice
        Called with one line for the first lines that cannot be read, and a sum at the end of a source.
    on_progress
        Called with the number of bytes on disk since the last call.

    Raises
    ------
    CorpusError
        If a source is missing, damaged or of no known format, an entity has no id, or with ``strict`` a line
        cannot be read; names the line.
    """
    tally = tally if tally is not None else Tally()
    for source in sources:
        parse: Parse | None = None
        bad_lines = _BadLines(source.name, options.strict, on_notice)
        for number, line in _read_lines(source, options.bad_bytes, tally, on_progress, on_notice):
            if parse is None:
                parse = _choose_parser(line, options, source.name)
            try:
                record = parse(line)
            except (BadLineError, KeyError, TypeError, AttributeError) as err:
                bad_lines.add(number, err)
                continue
            if record is not None:
                if not record.entity_id:
                    raise CorpusError(f"{source.name}: line {number} has no id; every entity needs one")
                yield record
        tally.n_bad_lines += bad_lines.end()


class _BadLines:
    """Counts the lines of a source that cannot be read, and tells the first of them."""

    def __init__(self, name: str, strict: bool, on_notice: Notice) -> None:
        self._name, self._strict, self._on_notice = name, strict, on_notice
        self._count = 0

    def add(self, number: int, error: Exception) -> None:
        reason = str(error) if isinstance(error, BadLineError) else "is no entity of this format"
        if self._strict:
            raise CorpusError(f"{self._name}: line {number} {reason}; mend it, or leave out --strict") from error
        self._count += 1
        if self._count <= MAX_REPORTED:
            self._on_notice(f"{self._name}: line {number} {reason}: passed over")

    def end(self) -> int:
        if self._count > MAX_REPORTED:
            self._on_notice(f"{self._name}: {self._count:,} lines in all were passed over")
        return self._count


def read_anchors(
    source: Source,
    options: ReadOptions = ReadOptions(),
    *,
    tally: Tally | None = None,
    on_notice: Notice = lambda text: None,
) -> Iterator[tuple[str, str, float]]:
    """Names of entities with how often each means them: ``alias<TAB>id[<TAB>count]``, the count 1 if missing.

    Parameters and errors are those of `read_entities`.
    """
    tally = tally if tally is not None else Tally()
    bad_lines = _BadLines(source.name, options.strict, on_notice)
    for number, line in _read_lines(source, options.bad_bytes, tally, on_notice=on_notice):
        cells = line.split("\t")
        try:
            count = float(cells[2]) if len(cells) > 2 and cells[2].strip() else 1.0
        except ValueError:
            count = -1.0
        if len(cells) >= 2 and cells[1].strip() and 0 <= count < 1e15:
            yield cells[0], cells[1].strip(), count
            continue
        bad_lines.add(number, BadLineError("is not alias, id and count with tabs between"))
    tally.n_bad_lines += bad_lines.end()


def read_word_counts(path: str) -> Iterator[tuple[str, float]]:
    """Words of a dictionary with their counts, 1 where there is none: ``word count tag``, as jieba has it.

    Raises
    ------
    CorpusError
        If it cannot be read, or is not UTF-8.
    """
    for _, line in _read_lines(Source(path, path, None), "stop", Tally()):
        cells = line.split()
        if cells:
            yield cells[0], next((float(cell) for cell in cells[1:] if cell.isdecimal()), 1.0)


def _read_lines(
    source: Source,
    bad_bytes: str,
    tally: Tally,
    on_progress: Callable[[int], None] = lambda n: None,
    on_notice: Notice = lambda text: None,
) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, with their numbers from 1; a byte order mark and line ends are taken off."""
    digest = hashlib.sha256()
    number, offset, n_read, n_bad = 0, 0, 0, 0
    with open_source(source) as file:
        reader = ByteReader(file, source.name)
        rest = b""
        while True:
            data = reader.read(_BLOCK_BYTES)
            on_progress(reader.n_bytes_read - n_read)
            n_read = reader.n_bytes_read
            digest.update(data)
            lines = (rest + data).split(b"\n")
            rest = lines.pop() if data else b""
            if not offset and not number:
                encoding, mark = find_bom(lines[0] if lines else rest)
                if mark and not encoding.startswith("utf-8"):
                    raise CorpusError(f"{source.name}: is UTF-16; convert it first: iconv -f UTF-16 -t UTF-8")
                if mark and lines:
                    lines[0], offset = lines[0][mark:], mark
            for line in lines:
                number += 1
                start, offset = offset, offset + len(line) + 1
                try:
                    text = line.decode("utf-8")
                except UnicodeDecodeError as err:
                    if bad_bytes == "stop":
                        raise _not_utf8(source.name, start + err.start) from err
                    n_bad += 1
                    text = line.decode("utf-8", "replace") if bad_bytes == "replace" else ""
                text = text.removesuffix("\r")
                if text.strip():
                    yield number, text
            if not data:
                break
    if n_bad:
        verb = "read with U+FFFD in the place of" if bad_bytes == "replace" else "passed over:"
        on_notice(f"{source.name}: {n_bad:,} lines {verb} bytes that are not UTF-8")
    tally.n_bad_lines += n_bad
    tally.sources.append({"bytes": offset - 1, "sha256": digest.hexdigest()})


def _not_utf8(name: str, offset: int) -> CorpusError:
    advice = "convert the file first, for example: iconv -f GB18030 -t UTF-8; or --bad-bytes skip"
    return CorpusError(f"{name}: byte {offset} is not UTF-8; {advice}")


def _choose_parser(line: str, options: ReadOptions, name: str) -> Parse:
    """The parser for the format asked for, or that the first line of a source looks like."""
    found = options.source_format
    start = line.lstrip()
    if found == "auto":
        if start.startswith("["):
            found = "wikidata"
        elif start.startswith("{"):
            found = "wikidata" if '"subject_id"' not in start and '"labels"' in start else "ccks"
        elif "\t" in line:
            found = "tsv"
        else:
            raise CorpusError(f"{name}: is no knowledge base of a known format ({', '.join(FORMATS[1:])})")
    if found == "wikidata":
        claims = [_parse_claim(claim) for claim in options.claims]
        return lambda text: _parse_wikidata(text, options.languages, claims)
    return _parse_ccks if found == "ccks" else _parse_tsv


def _parse_object(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line, strict=False)
    except (ValueError, RecursionError) as err:
        raise BadLineError("is not JSON") from err
    if not isinstance(value, dict):
        raise BadLineError("is not a JSON object")
    return value


def _texts(value: Any) -> list[str]:
    """A list of texts, whether it was a list, one text or nothing."""
    values = value if isinstance(value, list) else [value]
    return [str(item) for item in values if isinstance(item, str | int | float) and str(item).strip()]


def _parse_ccks(line: str) -> EntityRecord:
    """CCKS 2019 and DuEL: the subject is a name whether it is among the aliases or not."""
    row = _parse_object(line)
    entity_id = row.get("subject_id")
    data = row.get("data")
    pairs = [
        (str(item.get("predicate", "")), value)
        for item in (data if isinstance(data, list) else [])
        if isinstance(item, dict)
        for value in _texts(item.get("object"))
    ]
    names = list(dict.fromkeys(_texts(row.get("subject")) + _texts(row.get("alias"))))
    types = [part for text in _texts(row.get("type")) for part in text.split("|") if part]
    return EntityRecord("" if entity_id is None else str(entity_id).strip(), names, types, pairs)


def _parse_tsv(line: str) -> EntityRecord:
    """``id<TAB>name[<TAB>alias|alias…[<TAB>type|type…[<TAB>text]]]``."""
    cells = [cell.strip() for cell in line.split("\t", 4)]
    if len(cells) < 2:
        raise BadLineError("has no tab: id, name, aliases, types and text are expected")
    cells += [""] * (5 - len(cells))
    entity_id, name, aliases, types, text = cells
    names = list(dict.fromkeys(part.strip() for part in [name, *aliases.split("|")] if part.strip()))
    attributes = [(SUMMARIES[0], text)] if text else []
    return EntityRecord(entity_id, names, [part for part in types.split("|") if part], attributes)


def _parse_claim(claim: str) -> tuple[str, frozenset[str]]:
    name, _, values = claim.partition("=")
    return name, frozenset(values.split(",")) if values else frozenset()


def _parse_wikidata(
    line: str, languages: Sequence[str], claims: Sequence[tuple[str, frozenset[str]]]
) -> EntityRecord | None:
    """An item or property of a dump: one line of a JSON array, whose brackets may stand in it."""
    text = line.strip(" \t\r[],")
    if not text:
        return None
    row = _parse_object(text)
    labels, aliases = row.get("labels") or {}, row.get("aliases") or {}
    names = [labels[name]["value"] for name in languages if name in labels]
    for name in languages:
        names += [alias["value"] for alias in aliases.get(name, ())]
    if not names:
        return None
    targets = {name: _targets(found) for name, found in (row.get("claims") or {}).items()}
    is_kept = row.get("type", "item") == "item" and all(
        name in targets and (not values or not values.isdisjoint(targets[name])) for name, values in claims
    )
    found = row.get("descriptions") or {}
    descriptions = list(dict.fromkeys(found[name]["value"] for name in languages if name in found))
    return EntityRecord(
        str(row.get("id", "")),
        list(dict.fromkeys(names)),
        attributes=[(SUMMARIES[1], description) for description in descriptions],
        references=[(name, target) for name, values in targets.items() for target in values],
        popularity=len(row.get("sitelinks") or ()),
        is_kept=is_kept,
    )


def _targets(claims: Any) -> list[str]:
    """Ids of the items that the claims of one property name."""
    found = []
    for claim in claims:
        value = claim.get("mainsnak", {}).get("datavalue", {})
        if value.get("type") == "wikibase-entityid" and claim.get("rank") != "deprecated":
            target = value["value"]
            found.append(target.get("id") or f"Q{target.get('numeric-id')}")
    return found
