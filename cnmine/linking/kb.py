"""The store of a knowledge base → its names in text, the entities they may mean, and what is known of these."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from cnmine.errors import StoreError
from cnmine.linking.build import KIND, VERSION
from cnmine.linking.indexing import IDF_STEP, bigram_slots
from cnmine.linking.normalize import VERSION as NORMALIZER
from cnmine.linking.normalize import normalize
from cnmine.linking.trie import N_SYMBOLS, Trie
from cnmine.store.container import Store, open_store

MAX_CANDIDATES = 1000  # of one name that texts are compared with; the least likely ones are left out


class Ragged(NamedTuple):
    """Rows of different lengths: row ``i`` is ``values[offsets[i]:offsets[i + 1]]``."""

    offsets: np.ndarray
    values: np.ndarray

    def row(self, i: int) -> np.ndarray:
        """One row, a view."""
        return self.values[self.offsets[i] : self.offsets[i + 1]]


class Candidate(NamedTuple):
    """An entity that a name may mean, and how likely that is without looking at the text."""

    number: int
    prior: float


def open_kb(path: str, *, verify: str = "small") -> KnowledgeBase:
    """Open a knowledge base; the time hardly depends on its size, and any number of processes may have it open.

    Parameters
    ----------
    path, verify
        As for `cnmine.store.container.open_store`.

    Raises
    ------
    StoreError
        If the file is missing, foreign, incomplete, damaged, contradicts itself, or was built by another normalizer.
    """
    store = open_store(path, kind=KIND, version=VERSION, verify=verify)
    try:
        return KnowledgeBase(store)
    except BaseException:
        store.close()
        raise


class KnowledgeBase:
    """Names, words and entities; a context manager. Arrays are read-only maps of the file.

    Keys are the names of entities and the words of the dictionary, normalized, sorted and numbered from 0; entities
    are numbered in the order of the sources. Arrays that are asked for first are checked, so that kernels can trust
    their offsets and numbers: damage gives a StoreError.

    Attributes
    ----------
    store, settings
        What was opened, and what is written there; see docs/formats.md.
    n_entities, n_aliases, n_keys
        Numbers of entities, of keys that are names, and of all keys.
    """

    def __init__(self, store: Store) -> None:
        self.store, self.settings = store, _read_settings(store)
        self.n_entities, self.n_aliases, self.n_keys = (
            self.settings[name] for name in ("n_entities", "n_aliases", "n_keys")
        )
        self.slot_bits: int = self.settings["slot_bits"]
        self.log_freq_floor: float = self.settings["log_freq_floor"]
        symbols, nodes = store.array("symbols", np.uint16), store.array("nodes", np.int32)
        if len(symbols) != N_SYMBOLS or len(nodes) % 3 or not len(nodes):
            raise _damaged(store, "its trie has a wrong size")
        self.trie = Trie(symbols, nodes.reshape(-1, 3))

    def __enter__(self) -> KnowledgeBase:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self.store.close()

    @cached_property
    def digest(self) -> str:
        """Of all sections but the settings, 32 hexadecimal digits; from the checksums in the file."""
        digest = hashlib.blake2b(digest_size=16)
        for name, section in self.store.sections.items():
            if name != "settings":
                digest.update(f"{name} {section.bits} {section.n_items}\n".encode())
                digest.update(section.hashes.tobytes())
        return digest.hexdigest()

    def match(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Every key that occurs in normalized code points; see `cnmine.linking.trie.Trie.match`.

        Raises
        ------
        StoreError
            If the trie is damaged.
        """
        starts, lengths, keys = self.trie.match(codes)
        if len(keys) and int(keys.max()) >= self.n_keys:
            raise _damaged(self.store, "its trie has a key that is not there")
        return starts, lengths, keys

    @cached_property
    def key_offsets(self) -> np.ndarray:
        """``int64[n_keys + 1]``; the entities of key ``i`` are ``key_entities[key_offsets[i]:key_offsets[i + 1]]``."""
        return self._offsets("key_offsets", self.n_keys, "key_entities")

    @cached_property
    def key_entities(self) -> np.ndarray:
        """``int32[n]``; numbers of entities, for each key by falling prior."""
        return self._numbers("key_entities", self.n_entities)

    @cached_property
    def key_priors(self) -> np.ndarray:
        """``float32[n]``; P(entity given the name), from anchors and popularity; of each key they add up to 1."""
        return self._array("key_priors", np.float32, self.store.sections["key_entities"].n_items)

    @cached_property
    def key_log_freqs(self) -> np.ndarray:
        """``float32[n_keys]``; natural log of the frequency as a word, ``log_freq_floor`` for what is no word."""
        return self._array("key_log_freqs", np.float32, self.n_keys)

    @cached_property
    def key_mention_counts(self) -> np.ndarray:
        """``int32[n_keys]``; in how many texts of other entities each key occurs."""
        return self._array("key_mention_counts", np.int32, self.n_keys)

    @cached_property
    def title_keys(self) -> np.ndarray:
        """``int32[n_entities]``; key of each entity's title, -1 if it cannot be a key."""
        return self._array("title_keys", np.int32, self.n_entities)

    @cached_property
    def entity_bigrams(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pairs of neighbouring characters in the names and texts of each entity.

        Returns
        -------
        ``int64[n_entities + 1]`` offsets; ``uint32[n]`` keys of `cnmine.linking.normalize.bigram_keys`, ascending in
        each row; ``uint8[n]`` BM25 weights in units of `cnmine.linking.indexing.WEIGHT_STEP` nats.
        """
        rows = self._ragged("bigrams", np.uint32)
        return rows.offsets, rows.values, self._array("bigram_weights", np.uint8, len(rows.values))

    @cached_property
    def entity_mentions(self) -> Ragged:
        """Keys that occur in the text of each entity and name others, of two characters or more; ascending."""
        return self._ragged("mentions", np.int32)

    @cached_property
    def entity_values(self) -> Ragged:
        """Short values of attributes, ascending: keys, and for what is no key ``~hash``; see `Trie.find_all`."""
        return self._ragged("values", np.int32)

    @cached_property
    def entity_types(self) -> Ragged:
        """Ids of the types of each entity; `type_names` has their names."""
        offsets = self._offsets("type_offsets", self.n_entities, "types")
        return Ragged(offsets, self._numbers("types", len(self.type_names)))

    @cached_property
    def type_names(self) -> list[str]:
        """Names of all types."""
        offsets = self.store.array("type_names_offsets", np.int64)
        return [self._text("type_names", i) for i in range(len(offsets) - 1)]

    @cached_property
    def entity_sizes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Number of attributes ``uint16``, characters of their values ``uint32``, number of names ``uint16``."""
        return (
            self._array("n_attributes", np.uint16, self.n_entities),
            self._array("text_lengths", np.uint32, self.n_entities),
            self._array("n_aliases", np.uint16, self.n_entities),
        )

    @cached_property
    def bigram_idfs(self) -> np.ndarray:
        """``uint8[2**slot_bits]``; idf of pairs of characters in units of 1/16 nat, by slot; see `bigram_idf`."""
        return self._array("bigram_idfs", np.uint8, 1 << self.slot_bits)

    def bigram_idf(self, keys: np.ndarray) -> np.ndarray:
        """Inverse document frequency of pairs of characters, ``float32[n]`` nats; pairs that share a slot add up."""
        return self.bigram_idfs[bigram_slots(keys, self.slot_bits)] * np.float32(IDF_STEP)

    def find_key(self, text: str) -> int:
        """Id of the key that a text is, however it is spelled; -1 if there is none."""
        key = self.trie.find(normalize(text))
        return key if key < self.n_keys else -1

    def key_text(self, key: int) -> str:
        """A key, normalized."""
        return self._text("key_texts", key)

    def candidates(self, key: int, n: int = MAX_CANDIDATES) -> list[Candidate]:
        """The likeliest entities that a key names; none for a word."""
        start, stop = int(self.key_offsets[key]), int(self.key_offsets[key + 1])
        stop = min(stop, start + n)
        entities, priors = self.key_entities[start:stop].tolist(), self.key_priors[start:stop].tolist()
        return [Candidate(entity, prior) for entity, prior in zip(entities, priors, strict=True)]

    def aliases(self, number: int) -> list[str]:
        """Names of an entity, normalized, sorted; cost: a look at all names of the knowledge base."""
        places = np.flatnonzero(self.key_entities == number)
        keys = np.searchsorted(self.key_offsets, places, side="right") - 1
        return [self.key_text(key) for key in keys.tolist()]

    def entity_id(self, number: int) -> str:
        """Id of an entity, as in the sources."""
        return self._text("entity_ids", number)

    @property
    def entity_ids(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the id of each entity begins, ``int64[n_entities + 1]``, and all ids as UTF-8, ``uint8``."""
        return self._blob("entity_ids")

    def entity_number(self, entity_id: str) -> int:
        """Number of the entity with this id; -1 if there is none."""
        wanted = entity_id.encode("utf-8", "surrogatepass")
        order, low, high = self._order, 0, self.n_entities
        while low < high:
            middle = (low + high) // 2
            found = self._bytes("entity_ids", int(order[middle]))
            if found == wanted:
                return int(order[middle])
            low, high = (middle + 1, high) if found < wanted else (low, middle)
        return -1

    def title(self, number: int) -> str:
        """Title of an entity, as in the sources."""
        return self._text("titles", number)

    def gloss(self, number: int) -> str:
        """The beginning of its description, empty if there is none."""
        return self._text("glosses", number)

    def types(self, number: int) -> list[str]:
        """Names of its types."""
        return [self.type_names[i] for i in self.entity_types.row(number).tolist()]

    @cached_property
    def _order(self) -> np.ndarray:
        self._numbers("entity_order", self.n_entities)
        return self._array("entity_order", np.int32, self.n_entities)

    def _bytes(self, name: str, i: int) -> bytes:
        offsets, blob = self._blob(name)
        return blob[offsets[i] : offsets[i + 1]].tobytes()

    def _text(self, name: str, i: int) -> str:
        return self._bytes(name, i).decode("utf-8", "surrogatepass")

    def _blob(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        if name not in self._blobs:
            offsets = self.store.array(f"{name}_offsets", np.int64)
            self._blobs[name] = (self._offsets(f"{name}_offsets", len(offsets) - 1, name), self.store.array(name))
        return self._blobs[name]

    @cached_property
    def _blobs(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        return {}

    def _array(self, name: str, dtype: np.typing.DTypeLike, n_items: int) -> np.ndarray:
        array = self.store.array(name, dtype)
        if len(array) != n_items:
            raise _damaged(self.store, f"section {name} has {len(array)} values, expected {n_items}")
        return array

    def _numbers(self, name: str, limit: int) -> np.ndarray:
        """A section of numbers from 0 to below a limit."""
        array = self.store.array(name, np.int32)
        if len(array) and not 0 <= int(array.min()) <= int(array.max()) < limit:
            raise _damaged(self.store, f"section {name} has a number that is not below {limit}")
        return array

    def _offsets(self, name: str, n_rows: int, values: str) -> np.ndarray:
        offsets = self._array(name, np.int64, n_rows + 1)
        n_values = self.store.sections[values].n_items if values in self.store.sections else -1
        if offsets[0] != 0 or offsets[-1] != n_values or (offsets[1:] < offsets[:-1]).any():
            raise _damaged(self.store, f"section {name} does not ascend from 0 to {n_values}")
        return offsets

    def _ragged(self, name: str, dtype: np.typing.DTypeLike) -> Ragged:
        return Ragged(self._offsets(f"{name}_offsets", self.n_entities, name), self.store.array(name, dtype))


def _read_settings(store: Store) -> dict[str, Any]:
    try:
        settings = json.loads(store.array("settings", np.uint8).tobytes())
        numbers = [settings[name] for name in ("n_entities", "n_aliases", "n_keys", "slot_bits", "normalizer")]
        settings["log_freq_floor"] += 0.0
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise _damaged(store, "its settings cannot be read") from err
    if any(type(number) is not int or number < 0 for number in numbers) or settings["slot_bits"] > 32:
        raise _damaged(store, f"its settings say {numbers}")
    if settings["normalizer"] != NORMALIZER:
        raise StoreError(
            f"{store.path}: was built by normalizer {settings['normalizer']}, expected {NORMALIZER}; "
            "build it again: cnmine kb build"
        )
    return settings


def _damaged(store: Store, found: str) -> StoreError:
    return StoreError(f"{store.path}: is damaged: {found}; build it again, or copy it again from where it came")
