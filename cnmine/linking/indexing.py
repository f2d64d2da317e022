"""Names and texts of entities → the arrays of a knowledge base, batch by batch; see docs/formats.md."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np

from cnmine.errors import ResourceError
from cnmine.linking.normalize import bigram_keys, normalize
from cnmine.linking.sources import SUMMARIES
from cnmine.linking.trie import Trie
from cnmine.sorting.scratch import Scratch
from cnmine.store.writing import StoreWriter

MAX_SLOT_BITS, MIN_SLOT_BITS = 22, 10  # of the table of document frequencies
SLOT_FACTOR = np.uint32(0x9E3779B1)
IDF_STEP, WEIGHT_STEP = 1 / 16, 1 / 8  # nats of one unit of an idf, and of a weight
BM25_K1, BM25_B = 1.2, 0.75
MAX_GLOSS = 100
MIN_MENTION = 2  # code points of a name that is looked for in the texts of other entities
VALUE_LENGTHS = (2, 16)
_BATCH_CODES = 1 << 20
_READ_BYTES = 1 << 22
_WRITE_BYTES = 1 << 22
_ITEMS = 1 << 20
_SEPARATORS = re.compile(r"[、，,;；/|]|\s\s+")
_QUOTES = "《》〈〉“”\"'「」 "


class Spool:
    """Bytes put aside on the disk, in the order they came."""

    def __init__(self, scratch: Scratch, what: str) -> None:
        self._scratch, self._what = scratch, what
        self._path: str | None = None
        self._waiting = bytearray()
        self.n_bytes = 0

    def append(self, data: bytes | np.ndarray) -> None:
        """Put something behind the rest; ResourceError if the disk is full."""
        part = data if isinstance(data, bytes) else data.tobytes()
        self._waiting += part
        self.n_bytes += len(part)
        if len(self._waiting) >= _WRITE_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        if self._path is None:
            self._path = self._scratch.new_path()
        self._scratch.require(len(self._waiting), self._what)
        try:
            with open(self._path, "ab") as file:
                file.write(self._waiting)
        except OSError as err:
            raise ResourceError(
                f"{self._path}: {(err.strerror or str(err)).lower()}: {self._what} do not go here; "
                "make room or choose another place with --temp-dir"
            ) from err
        self._waiting.clear()

    def blocks(self, n_bytes: int | None = None) -> Iterator[bytes]:
        """All of it, a piece after another."""
        self._flush()
        if self._path is None:
            return
        with open(self._path, "rb") as file:
            while data := file.read(n_bytes or _READ_BYTES):
                yield data

    def lines(self) -> Iterator[bytes]:
        """Lines, each of which was ended."""
        rest = b""
        for block in self.blocks():
            *lines, rest = (rest + block).split(b"\n")
            yield from lines

    def copy_to(self, writer: StoreWriter, name: str, bits: int) -> None:
        """Write it as a section."""
        with writer.section(name, bits) as section:
            for block in self.blocks():
                section.append(np.frombuffer(block, f"<u{bits // 8}"))


class Blobs:
    """Many short texts in little memory."""

    def __init__(self) -> None:
        self._data, self._stops = bytearray(), array("q", [0])

    def append(self, text: str) -> None:
        """Add one."""
        self._data += text.encode("utf-8", "surrogatepass")
        self._stops.append(len(self._data))

    def __len__(self) -> int:
        return len(self._stops) - 1

    def __getitem__(self, i: int) -> str:
        return self._data[self._stops[i] : self._stops[i + 1]].decode("utf-8", "surrogatepass")

    def encoded(self) -> Iterator[bytes]:
        """All of them as UTF-8."""
        return (bytes(self._data[start:stop]) for start, stop in zip(self._stops, self._stops[1:], strict=False))


class TypeLists:
    """The types of every entity; each name is kept once."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}
        self._lists, self._sizes = array("i"), array("i")

    def append(self, names: Sequence[str]) -> None:
        """Add the types of the next entity."""
        found = dict.fromkeys(names)
        self._sizes.append(len(found))
        self._lists.extend(self._ids.setdefault(name, len(self._ids)) for name in found)

    def write(self, writer: StoreWriter, name_of: Callable[[str], str] | None) -> None:
        """Write the sections; ``name_of`` gives the names of ids, if the types are ids."""
        names = [(name_of(name) or name) if name_of else name for name in self._ids]
        write_blobs(writer, "type_names", (name.encode("utf-8", "surrogatepass") for name in names))
        writer.add("type_offsets", _offsets([np.frombuffer(self._sizes, np.int32)]))
        writer.add("types", np.frombuffer(self._lists, np.int32))


def write_blobs(writer: StoreWriter, name: str, texts: Iterator[bytes]) -> None:
    """Write texts one behind the other, and in ``<name>_offsets`` where each begins."""
    sizes = array("i")
    with writer.section(name, 8) as section:
        while batch := list(islice(texts, 4096)):
            sizes.extend(map(len, batch))
            section.append(b"".join(batch))
    writer.add(f"{name}_offsets", _offsets([np.frombuffer(sizes, np.int32)]))


def _offsets(sizes: list[np.ndarray]) -> np.ndarray:
    """Row pointers of rows of these sizes."""
    return np.concatenate([np.zeros(1, np.int64), *sizes]).cumsum(dtype=np.int64)


@dataclass(frozen=True)
class Aliases:
    """Entities of every key, the likeliest first, and how likely each is."""

    offsets: np.ndarray
    entities: np.ndarray
    priors: np.ndarray

    def write(self, writer: StoreWriter) -> None:
        """Write the sections."""
        writer.add("key_offsets", self.offsets)
        writer.add("key_entities", self.entities)
        writer.add("key_priors", self.priors)

    def pairs(self) -> np.ndarray:
        """``entity << 32 | key`` of every pair, sorted."""
        keys = np.repeat(np.arange(len(self.offsets) - 1, dtype=np.uint64), np.diff(self.offsets))
        return np.sort(self.entities.astype(np.uint64) << np.uint64(32) | keys)


def rank_aliases(
    keys: np.ndarray,
    entities: np.ndarray,
    counts: np.ndarray,
    popularity: np.ndarray,
    n_keys: int,
) -> Aliases:
    """Bring pairs of name and entity together, with priors.

    Parameters
    ----------
    keys, entities, counts
        ``[p]``; the pairs, some of them perhaps several times, and how often anchors have them.
    popularity
        ``float32[n_entities]``, above 0.
    n_keys
        Number of keys.

    Notes
    -----
    The prior of an entity is (count + share) / (counts of the key + 1), where its share is that of its popularity
    among the entities of the key. Ties are in order of entities.
    """
    packed = keys.astype(np.int64) << 32 | entities
    pairs, places = np.unique(packed, return_inverse=True)
    counts = np.bincount(places, weights=counts, minlength=len(pairs))
    keys, entities = (pairs >> 32).astype(np.int64), (pairs & 0xFFFFFFFF).astype(np.int32)
    shares = popularity[entities].astype(np.float64)
    shares /= np.bincount(keys, weights=shares, minlength=n_keys)[keys]
    priors = (counts + shares) / (np.bincount(keys, weights=counts, minlength=n_keys)[keys] + 1.0)
    order = np.lexsort((entities, -priors, keys))
    offsets = _offsets([np.bincount(keys, minlength=n_keys)])
    return Aliases(offsets, entities[order], priors[order].astype(np.float32))


class TextBatch:
    """What is known of some entities one behind the other, from number ``start`` on."""

    def __init__(self, start: int = 0) -> None:
        self.start = self.stop = start
        self.parts: list[str] = []
        self.part_owners, self.value_owners = array("i"), array("i")
        self.values: list[str] = []
        self.glosses: list[str] = []
        self.n_attributes, self.text_lengths = array("i"), array("i")
        self.n_codes = self.n_bytes = 0
        self.begins_entity = True
        self._has_summary = False

    def names(self, names: Sequence[str]) -> None:
        """Begin an entity."""
        self.begins_entity = self._has_summary = False
        self.glosses.append("")
        self.n_attributes.append(0)
        self.text_lengths.append(0)
        self._add("\n".join(names))

    def attribute(self, name: str, value: str) -> None:
        """Add an attribute of the entity begun last."""
        self._add(f"{name}\n{value}")
        self.n_attributes[-1] += 1
        self.text_lengths[-1] += len(value)
        is_summary = name.lower() in SUMMARIES
        # The first summary is the gloss; without one the longest value is.
        if not self._has_summary and (is_summary or len(self.glosses[-1]) < min(len(value), MAX_GLOSS)):
            self.glosses[-1] = value[:MAX_GLOSS]
        if is_summary:
            self._has_summary = True
            return
        for part in _SEPARATORS.split(value):
            part = part.strip(_QUOTES)
            if VALUE_LENGTHS[0] <= len(part) <= VALUE_LENGTHS[1]:
                self.values.append(part)
                self.value_owners.append(self.stop - self.start)

    def _add(self, text: str) -> None:
        self.parts.append(text)
        self.part_owners.append(self.stop - self.start)
        self.n_codes += len(text)

    def end_entity(self) -> bool:
        """End the entity begun last; return whether the batch is large enough."""
        self.stop += 1
        self.begins_entity = True
        return self.n_codes >= _BATCH_CODES


@dataclass
class _Ragged:
    """A ragged table that grows on the disk."""

    spool: Spool
    sizes: list[np.ndarray] = field(default_factory=list)

    def append(self, owners: np.ndarray, values: np.ndarray, n_rows: int) -> None:
        self.spool.append(values)
        self.sizes.append(np.bincount(owners, minlength=n_rows))

    def write(self, writer: StoreWriter, name: str) -> None:
        writer.add(f"{name}_offsets", _offsets(self.sizes))
        self.spool.copy_to(writer, name, 32)


class TextIndexer:
    """Finds pairs of characters, names of other entities and values in the texts of entities.

    Parameters
    ----------
    scratch
        Where they are put aside.
    trie, aliases
        Of all keys.
    """

    def __init__(self, scratch: Scratch, trie: Trie, aliases: Aliases) -> None:
        self._trie = trie
        self._is_alias = np.diff(aliases.offsets) > 0
        self._own = aliases.pairs()
        self._bigrams = _Ragged(Spool(scratch, "pairs of characters"))
        self._tfs = Spool(scratch, "counts of pairs of characters")
        self._mentions, self._values = (_Ragged(Spool(scratch, what)) for what in ("names in texts", "values"))
        self._doc_freqs = np.zeros(1 << MAX_SLOT_BITS, np.int32)
        self._n_mentions = np.zeros(len(self._is_alias), np.int32)
        self._lengths: list[np.ndarray] = []  # in pairs of characters
        self._figures: dict[str, list[np.ndarray]] = {"n_attributes": [], "text_lengths": []}
        self._glosses, self._gloss_sizes = Spool(scratch, "the beginnings of texts"), array("i")

    def add(self, batch: TextBatch) -> None:
        """Take the texts of the next entities."""
        n_rows = batch.stop - batch.start
        codes = normalize("\n".join(batch.parts))
        sizes = np.array([len(part) + 1 for part in batch.parts], np.int64)
        owners = np.repeat(np.frombuffer(batch.part_owners, np.int32), sizes)[: len(codes)]
        places, keys = bigram_keys(codes)
        found, counts = np.unique(_pack(owners[places], keys), return_counts=True)
        keys = found.astype(np.uint32)
        rows = (found >> np.uint64(32)).astype(np.int64)
        self._bigrams.append(rows, keys, n_rows)
        self._tfs.append(np.minimum(counts, 255).astype(np.uint8))
        self._lengths.append(np.bincount(owners[places], minlength=n_rows))
        np.add.at(self._doc_freqs, bigram_slots(keys, MAX_SLOT_BITS), np.int32(1))  # of another type: 25 times as slow
        self._find_mentions(codes, owners, batch.start, n_rows)
        self._find_values(batch, n_rows)
        self._figures["n_attributes"].append(np.minimum(np.frombuffer(batch.n_attributes, np.int32), 0xFFFF))
        self._figures["text_lengths"].append(np.frombuffer(batch.text_lengths, np.int32))
        glosses = [gloss.encode("utf-8", "surrogatepass") for gloss in batch.glosses]
        self._glosses.append(b"".join(glosses))
        self._gloss_sizes.extend(map(len, glosses))

    def _find_mentions(self, codes: np.ndarray, owners: np.ndarray, first: int, n_rows: int) -> None:
        starts, lengths, keys = self._trie.match(codes)
        is_name = (lengths >= MIN_MENTION) & self._is_alias[keys]
        found = np.unique(_pack(owners[starts[is_name]] + first, keys[is_name]))
        low, high = np.searchsorted(self._own, np.array([first, first + n_rows], np.uint64) << np.uint64(32))
        found = found[~np.isin(found, self._own[low:high], assume_unique=True)]
        keys = found.astype(np.uint32)
        self._mentions.append((found >> np.uint64(32)).astype(np.int64) - first, keys, n_rows)
        np.add.at(self._n_mentions, keys, np.int32(1))

    def _find_values(self, batch: TextBatch, n_rows: int) -> None:
        sizes = np.array([len(value) for value in batch.values], np.int64)
        values = self._trie.find_all(normalize("".join(batch.values)), _offsets([sizes]))
        # Sorted as signed integers: those that are no key come first.
        shifted = (values.astype(np.int64) + (1 << 31)).astype(np.uint32)
        found = np.unique(_pack(np.frombuffer(batch.value_owners, np.int32), shifted))
        values = (found & np.uint64(0xFFFFFFFF)).astype(np.int64) - (1 << 31)
        self._values.append((found >> np.uint64(32)).astype(np.int64), values.astype(np.int32), n_rows)

    def write(self, writer: StoreWriter, n_keys: int) -> dict[str, Any]:
        """Write the sections; return figures for the settings."""
        n_entities = len(self._gloss_sizes)
        writer.add("n_attributes", np.concatenate(self._figures["n_attributes"]).astype(np.uint16))
        writer.add("text_lengths", np.concatenate(self._figures["text_lengths"]).astype(np.uint32))
        self._glosses.copy_to(writer, "glosses", 8)
        writer.add("glosses_offsets", _offsets([np.frombuffer(self._gloss_sizes, np.int32)]))
        self._bigrams.write(writer, "bigrams")
        lengths = np.concatenate(self._lengths)
        mean_length = max(1.0, float(lengths.mean()))
        self._write_weights(writer, lengths / mean_length, n_entities)
        slot_bits = self._fold_doc_freqs()
        idfs = _idf(self._doc_freqs, n_entities)
        writer.add("bigram_idfs", np.minimum(np.rint(idfs / IDF_STEP), 255).astype(np.uint8))
        self._mentions.write(writer, "mentions")
        writer.add("key_mention_counts", self._n_mentions)
        self._values.write(writer, "values")
        return {"slot_bits": slot_bits, "mean_length": round(mean_length, 3)}

    def _write_weights(self, writer: StoreWriter, relative_lengths: np.ndarray, n_entities: int) -> None:
        norms = (BM25_K1 * (1 - BM25_B + BM25_B * relative_lengths)).astype(np.float32)
        sizes = np.concatenate(self._bigrams.sizes)
        stops = sizes.cumsum()
        position = 0
        with writer.section("bigram_weights", 8) as section:
            pairs = zip(self._bigrams.spool.blocks(4 * _ITEMS), self._tfs.blocks(_ITEMS), strict=True)
            for key_block, tf_block in pairs:
                keys, tfs = np.frombuffer(key_block, np.uint32), np.frombuffer(tf_block, np.uint8).astype(np.float32)
                owners = np.searchsorted(stops, np.arange(position, position + len(keys)), side="right")
                idfs = _idf(self._doc_freqs[bigram_slots(keys, MAX_SLOT_BITS)], n_entities)
                weights = idfs * tfs * np.float32(BM25_K1 + 1) / (tfs + norms[owners])
                section.append(np.clip(np.rint(weights / WEIGHT_STEP), 1, 255).astype(np.uint8))
                position += len(keys)

    def _fold_doc_freqs(self) -> int:
        """Make the table as small as the number of different pairs allows; return the bits of its slots."""
        bits = MAX_SLOT_BITS
        while bits > MIN_SLOT_BITS and 4 * np.count_nonzero(self._doc_freqs) < 1 << bits:
            self._doc_freqs = self._doc_freqs.reshape(-1, 2).sum(axis=1, dtype=np.int32)
            bits -= 1
        return bits


def bigram_slots(keys: np.ndarray, slot_bits: int) -> np.ndarray:
    """Where the idf of each key of a pair of characters stands, ``int64[n]``."""
    return ((keys * SLOT_FACTOR) >> np.uint32(32 - slot_bits)).astype(np.int64)


def _idf(doc_freqs: np.ndarray, n_entities: int) -> np.ndarray:
    """BM25's: ln(1 + (n - df + 1/2) / (df + 1/2))."""
    doc_freqs = np.minimum(doc_freqs, n_entities).astype(np.float32)
    return np.log1p((n_entities - doc_freqs + 0.5) / (doc_freqs + 0.5)).astype(np.float32)


def _pack(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    return rows.astype(np.uint64) << np.uint64(32) | values.astype(np.uint64)
