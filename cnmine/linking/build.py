"""Records of entities → the store of a knowledge base, in memory bounded by the names and ids; see docs/formats.md."""

from __future__ import annotations

import json
import math
import unicodedata
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnmine import __version__
from cnmine.errors import UsageError
from cnmine.io.paths import Source
from cnmine.io.source import total_bytes
from cnmine.linking import indexing, normalize, sources
from cnmine.linking.trie import N_SYMBOLS, Trie, build_trie
from cnmine.sorting.scratch import Scratch
from cnmine.store.writing import StoreWriter, create_store

KIND, VERSION = "kb", 1
MAX_NAME = 64  # code points of a name, and of a word
_INVISIBLE = ("Cc", "Cf", "Zs", "Zl", "Zp")  # categories of characters that cannot be seen
_FIELD, _REFERENCE = "\x1f", "\x1e"  # within a line of the spool; control characters of the sources are blanks there
_CONTROLS = dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF), " ")
DEFAULT_OPTIONS = sources.ReadOptions()
Step = Callable[..., None]


def _silent(text: str, **options: Any) -> None:
    pass


@dataclass
class Names:
    """Names and words, and which entities each means, gathered while reading.

    Attributes
    ----------
    ids
        A number for each normalized name, in order of appearance.
    name_ids, entities, counts
        Pairs of name and entity, with how often anchors have it.
    n_dropped
        Names that cannot be keys.
    """

    ids: dict[str, int] = field(default_factory=dict)
    name_ids: array = field(default_factory=lambda: array("i"))
    entities: array = field(default_factory=lambda: array("i"))
    counts: array = field(default_factory=lambda: array("f"))
    n_dropped: int = 0

    def add(self, name: str, entity: int, count: float = 0.0) -> int:
        """Note that a name means an entity; return the number of the name, -1 if it cannot be used."""
        text = normalize.normalize_text(clean(name))
        if not can_be_key(text):
            self.n_dropped += 1
            return -1
        number = self.ids.setdefault(text, len(self.ids))
        self.name_ids.append(number)
        self.entities.append(entity)
        self.counts.append(count)
        return number


def can_be_key(text: str) -> bool:
    """Whether a normalized name has something visible, is not too long, and is of characters that the trie knows."""
    if not text or len(text) > MAX_NAME or max(text) >= chr(N_SYMBOLS):
        return False
    return text[0].isalnum() or any(unicodedata.category(character) not in _INVISIBLE for character in text)


def clean(text: str) -> str:
    """Without control characters, and blanks around it."""
    return text.translate(_CONTROLS).strip()


@dataclass(frozen=True)
class BuildSummary:
    """The settings of the store that was written, and how many lines of the sources could not be read."""

    settings: dict[str, Any]
    n_bad_lines: int


def build_kb(
    source_list: Sequence[Source],
    path: str,
    *,
    options: sources.ReadOptions = DEFAULT_OPTIONS,
    anchors: Sequence[Source] = (),
    dictionary: Sequence[str] = (),
    temp_dir: str | None = None,
    on_step: Step = _silent,
    on_progress: Callable[[int], None] = lambda n: None,
    on_notice: Callable[[str], None] = lambda text: None,
) -> BuildSummary:
    """Build the store of a knowledge base.

    Parameters
    ----------
    source_list
        Knowledge bases, each read once. An entity that comes again adds its names to the first one.
    path
        Of the store; it appears when complete.
    options
        How sources are read.
    anchors
        Tables of names with ids and counts, see `cnmine.linking.sources.read_anchors`.
    dictionary
        Files of words with counts, which tell mentions from common words.
    temp_dir
        Directory for the texts of the entities while the store is built; the system's by default.
    on_step, on_progress, on_notice
        Called with the name of each phase and, where known, its ``total`` and ``unit``; with what is done of it since
        the last call; and with a line about anything unusual.

    Raises
    ------
    CorpusError
        If a source cannot be read.
    UsageError
        If there is no entity in them, or ``path`` cannot take a file.
    StoreError, ResourceError
        As `cnmine.store.writing.create_store`.

    Notes
    -----
    Memory: names, words and ids, and the trie while it is built; 0.6 GB for 400,000 entities with 434,000 names and
    348,000 words, which take a minute. Disk, besides the store: the texts, and 5 bytes for each pair of neighbouring
    characters. Equal sources give equal bytes.
    """
    with (
        create_store(path, kind=KIND, version=VERSION, on_notice=on_notice) as writer,
        Scratch(temp_dir, on_notice) as scratch,
    ):
        builder = _Builder(scratch, options, on_notice, on_progress)
        on_step("reading entities", total=total_bytes(source_list), unit="B")
        builder.read(source_list)
        on_step("reading names and words")
        for source in anchors:
            builder.read_anchors(source)
        if builder.names.n_dropped:
            on_notice(
                f"{builder.names.n_dropped:,} names had nothing visible, more than {MAX_NAME} characters, "
                f"or one beyond U+{N_SYMBOLS - 1:X}: left out"
            )
        words = read_words(dictionary)
        on_step("building the trie")
        settings = builder.write(writer, words, on_step)
    return BuildSummary(settings, builder.tally.n_bad_lines)


def read_words(paths: Iterable[str]) -> dict[str, float]:
    """Words with their counts, normalized; what becomes the same is added up."""
    counts: dict[str, float] = {}
    for path in paths:
        for word, count in sources.read_word_counts(path):
            text = normalize.normalize_text(clean(word))
            if can_be_key(text):
                counts[text] = counts.get(text, 0.0) + max(count, 1.0)
    return counts


class _Builder:
    """Gathers what the sources say and writes it."""

    def __init__(
        self,
        scratch: Scratch,
        options: sources.ReadOptions,
        on_notice: Callable[[str], None],
        on_progress: Callable[[int], None],
    ) -> None:
        self.options, self.on_notice, self.on_progress = options, on_notice, on_progress
        self.tally, self.names = sources.Tally(), Names()
        self.numbers: dict[str, int] = {}
        self.labels: dict[str, str] = {}  # of what is only referred to
        self.titles, self.types = indexing.Blobs(), indexing.TypeLists()
        self.title_names, self.popularity, self.text_bytes = array("i"), array("f"), array("q")
        self.texts = indexing.Spool(scratch, "the texts of the entities")
        self._others = indexing.Spool(scratch, "names that are referred to")
        self._scratch, self._referred = scratch, set[str]()

    def read(self, source_list: Sequence[Source]) -> None:
        """Read all entities; their texts go to the disk."""
        n_again = 0
        for record in sources.read_entities(
            source_list, self.options, tally=self.tally, on_notice=self.on_notice, on_progress=self.on_progress
        ):
            if not record.is_kept:
                if record.names:
                    self._others.append(f"{record.entity_id}{_FIELD}{clean(record.names[0])}\n".encode())
            elif record.entity_id in self.numbers:
                n_again += 1
                self._add_names(record, self.numbers[record.entity_id])
            else:
                self._add(record)
        if not self.numbers:
            raise UsageError("there is no entity in the sources; check the format, the language and the claims")
        if n_again:
            self.on_notice(f"{n_again:,} entities came again: their names were added to the first, the rest left out")
        for line in self._others.lines():
            entity_id, _, name = line.decode("utf-8", "surrogatepass").partition(_FIELD)
            if entity_id in self._referred:
                self.labels[entity_id] = name

    def _add(self, record: sources.EntityRecord) -> None:
        number = self.numbers[record.entity_id] = len(self.numbers)
        title = clean(record.names[0]) if record.names else record.entity_id
        self.titles.append(title)
        self.title_names.append(self._add_names(record, number))
        self.types.append([*record.types, *(i for name, i in record.references if name == sources.TYPE_PROPERTY)])
        self.popularity.append(record.popularity)
        self._referred.update(target for pair in record.references for target in pair)
        pairs = [(clean(name), clean(value)) for name, value in record.attributes]
        parts = [_FIELD.join(map(clean, record.names or [title])), *map(_FIELD.join, pairs)]
        parts += [f"{name}{_FIELD}{_REFERENCE}{target}" for name, target in record.references]
        data = ("\n".join(parts) + "\n\n").encode("utf-8", "replace")
        self.texts.append(data)
        self.text_bytes.append(len(data))

    def _add_names(self, record: sources.EntityRecord, number: int) -> int:
        """Note the names; return that of the title."""
        found = [self.names.add(name, number) for name in record.names or [record.entity_id]]
        return found[0]

    def read_anchors(self, source: Source) -> None:
        """Add names with counts."""
        n_unknown = 0
        for name, entity_id, count in sources.read_anchors(
            source, self.options, tally=self.tally, on_notice=self.on_notice
        ):
            number = self.numbers.get(entity_id)
            if number is None:
                n_unknown += 1
            else:
                self.names.add(name, number, count)
        if n_unknown:
            self.on_notice(f"{source.name}: {n_unknown:,} rows have an id that no entity has: left out")

    def name_of(self, entity_id: str) -> str:
        """The name that stands for a reference; empty if none is known."""
        number = self.numbers.get(entity_id)
        return self.titles[number] if number is not None else self.labels.get(entity_id, "")

    def write(self, writer: StoreWriter, words: dict[str, float], on_step: Step) -> dict[str, Any]:
        """Write all sections; return the settings."""
        names = self.names
        keys = sorted(names.ids.keys() | words.keys())
        id_of_key = {key: i for i, key in enumerate(keys)}
        key_of_name = np.array([id_of_key[name] for name in names.ids], np.int32)
        del id_of_key
        symbols, nodes = build_trie(keys)
        writer.add("symbols", symbols)
        writer.add("nodes", nodes.reshape(-1))
        indexing.write_blobs(writer, "key_texts", (key.encode("utf-8", "surrogatepass") for key in keys))
        floor = self._write_words(writer, keys, words)
        aliases = self._resolve(key_of_name, len(keys))
        aliases.write(writer)
        self._write_entities(writer, key_of_name, aliases)
        on_step("indexing texts", total=self.texts.n_bytes, unit="B")
        texts = indexing.TextIndexer(self._scratch, Trie(symbols, nodes), aliases)
        for batch in self._batches():
            texts.add(batch)
            self.on_progress(batch.n_bytes)
        on_step("writing")
        figures = texts.write(writer, len(keys))
        settings = figures | {
            "n_entities": len(self.numbers),
            "n_aliases": int((np.diff(aliases.offsets) > 0).sum()),
            "n_keys": len(keys),
            "n_words": len(words),
            "log_freq_floor": floor,
            "has_popularity": self._has_sitelinks(),
            "has_anchors": bool(np.frombuffer(names.counts, np.float32).any()),
            "normalizer": normalize.VERSION,
            "sources": self.tally.sources,
            "written_by": f"cnmine {__version__}",
        }
        writer.add("settings", json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
        return settings

    def _write_words(self, writer: StoreWriter, keys: Sequence[str], words: dict[str, float]) -> float:
        """Log frequencies of keys as words; return that of what is no word."""
        total = sum(words.values())
        floor = round(math.log(0.1 / total), 6) if total else 0.0
        log_freqs = [math.log(words[key] / total) if key in words else floor for key in keys]
        writer.add("key_log_freqs", np.array(log_freqs, np.float32))
        return floor

    def _has_sitelinks(self) -> bool:
        return bool(np.frombuffer(self.popularity, np.float32).any())

    def _resolve(self, key_of_name: np.ndarray, n_keys: int) -> indexing.Aliases:
        """The entities of every key, the likeliest first."""
        if self._has_sitelinks():
            popularity = 1.0 + np.frombuffer(self.popularity, np.float32)
        else:
            popularity = np.log2(2.0 + np.frombuffer(self.text_bytes, np.int64)).astype(np.float32)
        names = self.names
        return indexing.rank_aliases(
            key_of_name[np.frombuffer(names.name_ids, np.int32)],
            np.frombuffer(names.entities, np.int32),
            np.frombuffer(names.counts, np.float32),
            popularity,
            n_keys,
        )

    def _write_entities(self, writer: StoreWriter, key_of_name: np.ndarray, aliases: indexing.Aliases) -> None:
        ids = [entity_id.encode("utf-8", "surrogatepass") for entity_id in self.numbers]
        indexing.write_blobs(writer, "entity_ids", iter(ids))
        writer.add("entity_order", np.array(sorted(range(len(ids)), key=ids.__getitem__), np.int32))
        indexing.write_blobs(writer, "titles", self.titles.encoded())
        writer.add("title_keys", _take(key_of_name, self.title_names))
        self.types.write(writer, self.name_of if self._referred else None)
        n_aliases = np.bincount(aliases.entities, minlength=len(ids))
        writer.add("n_aliases", np.minimum(n_aliases, 0xFFFF).astype(np.uint16))

    def _batches(self) -> Iterator[indexing.TextBatch]:
        """Texts of the entities, in their order, many at a time."""
        batch = indexing.TextBatch()
        for line in self.texts.lines():
            if line:
                cells = line.decode("utf-8").split(_FIELD)
                if batch.begins_entity:
                    batch.names(cells)
                    continue
                name, value = cells[0], cells[1]
                if value.startswith(_REFERENCE):
                    name, value = self.name_of(name) or name, self.name_of(value[1:])
                if value:
                    batch.attribute(name, value)
            elif batch.end_entity():
                yield batch
                batch = indexing.TextBatch(batch.stop)
        yield batch


def _take(values: np.ndarray, indices: array) -> np.ndarray:
    """``values[indices]``, -1 where the index is."""
    places = np.frombuffer(indices, np.int32)
    return np.where(places >= 0, values[places] if len(values) else -1, -1).astype(np.int32)
