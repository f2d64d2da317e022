"""Labelled texts → spans with labels, and what is known of the keys in them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from cnmine.linking.disambiguation import FEATURES, Candidates, LinkCounts
from cnmine.linking.kb import KnowledgeBase
from cnmine.linking.mentions import KeyTable, Spans, describe_keys, find_spans
from cnmine.linking.names import MIN_LABELS, NIL_ENTITY, Names
from cnmine.linking.normalize import code_points, normalize_text
from cnmine.linking.pieces import join_lines
from cnmine.linking.records import Record, is_nil

UNKNOWN_ENTITY = -1  # an id that the knowledge base does not have: tells of mentions only
NO_MENTION = -2
_TYPE_KINDS, _WORD_KINDS = 127, 128


@dataclass(frozen=True)
class LabeledText:
    """A text, and offset, length and entity of its mentions: a number, ``NIL_ENTITY`` or ``UNKNOWN_ENTITY``."""

    text: str
    mentions: list[tuple[int, int, int]]


@dataclass
class Block:
    """Labelled texts of one fold, one behind the other.

    Attributes
    ----------
    names
        What was looked for.
    spans, is_mention, texts
        The spans, ``uint8[m]`` labels, ``int64[m]`` number of the text of each.
    rows, entities
        ``int64[g]`` spans that are mentions, and entity of each: a number, ``NIL_ENTITY`` or ``UNKNOWN_ENTITY``.
    n_gold
        Mentions in all, found among the spans or not.
    """

    names: Names
    spans: Spans
    is_mention: np.ndarray
    texts: np.ndarray
    rows: np.ndarray
    entities: np.ndarray
    n_gold: int
    log_odds: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    kept: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    candidates: Candidates | None = None
    features: np.ndarray = field(default_factory=lambda: np.zeros((0, len(FEATURES)), np.float32))
    scores: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    counts: LinkCounts | None = None

    @property
    def gold(self) -> np.ndarray:
        """``int64``, what each kept span was labelled with; ``NO_MENTION`` if with nothing."""
        gold = np.full(len(self.spans.table), NO_MENTION, np.int64)
        gold[self.rows] = self.entities
        return gold[self.kept]


def read_block(labelled: Sequence[LabeledText], names: Names, first_text: int = 0) -> Block:
    """Find the spans of some texts, and which of them are mentions; texts are numbered from ``first_text`` on."""
    codes, starts = join_lines([text.text for text in labelled])
    spans = find_spans(codes, names.match(codes), names.key_log_freqs, names.is_name)
    texts = np.searchsorted(starts, spans.table[:, 0], side="right") - 1 + first_text
    gold = np.array(
        [
            (start + offset, length, entity)
            for text, start in zip(labelled, starts.tolist(), strict=True)
            for offset, length, entity in text.mentions
        ],
        np.int64,
    ).reshape(-1, 3)
    ids = spans.table[:, 0].astype(np.int64) << 32 | spans.table[:, 1]
    wanted = gold[:, 0] << 32 | gold[:, 1]
    places = np.searchsorted(ids, wanted)
    is_span = np.append(ids, -1)[places] == wanted
    rows, order = np.unique(places[is_span], return_index=True)
    is_mention = np.zeros(len(ids), np.uint8)
    is_mention[rows] = 1
    return Block(names, spans, is_mention, texts, rows, gold[is_span, 2][order], len(gold))


class LabelReader:
    """Reads labels, and tells of those that cannot be used.

    Parameters
    ----------
    kb
        The knowledge base.
    """

    def __init__(self, kb: KnowledgeBase) -> None:
        self.kb = kb
        self.tally: Counter[str] = Counter()

    def read(self, records: Iterable[Record]) -> list[LabeledText]:
        """The texts that have labels."""
        return [
            LabeledText(record.text, list(self._mentions(record))) for record in records if record.mentions is not None
        ]

    def _mentions(self, record: Record) -> Iterator[tuple[int, int, int]]:
        seen = set()
        for mention in record.mentions or ():
            offset, length = self._offset(record.text, mention.offset, mention.mention), len(mention.mention)
            if offset >= 0 and (offset, length) not in seen:
                seen.add((offset, length))
                yield offset, length, self._entity(mention.kb_id)

    def _offset(self, text: str, offset: int, mention: str) -> int:
        """Where a mention stands, -1 if that is not clear."""
        if text[offset : offset + len(mention)] == mention:
            return offset
        if text.count(mention) == 1:
            self.tally["moved"] += 1
            return text.index(mention)
        self.tally["not at their offset, and not once in the text"] += 1
        return -1

    def _entity(self, kb_id: str) -> int:
        if is_nil(kb_id):
            return NIL_ENTITY
        number = self.kb.entity_number(kb_id.split("##")[0])
        if number < 0:
            self.tally["unknown"] += 1
        return number

    def report(self, blocks: Sequence[Block], on_notice: Callable[[str], None]) -> None:
        """Tell of labels that cannot be used as they are, and of what was learned from others."""
        self.tally["no name"] = sum(block.n_gold - len(block.rows) for block in blocks)
        learned = blocks[0].names.learned
        if learned.texts or len(learned.pairs):
            on_notice(
                f"{len(learned.texts):,} names, and {len(learned.pairs):,} entities of names, that the knowledge base "
                f"does not have were learned from labels given {MIN_LABELS} times or more"
            )
        meanings = {
            "no name": "mentions are spelled like no name of the knowledge base: not learned",
            "moved": "mentions stood elsewhere in their text, once: moved there",
            "not at their offset, and not once in the text": "mentions do not stand at their offset: left out",
            "unknown": "mentions have an id that the knowledge base does not have: only their place is learned",
        }
        for name, meaning in meanings.items():
            if self.tally[name]:
                on_notice(f"{self.tally[name]:,} {meaning}")


def _read_tags(kb: KnowledgeBase, dictionary: Sequence[str]) -> np.ndarray:
    """Part of speech of every key as a number, ``uint8[n_keys]``, 0 for none; equal tags have equal numbers."""
    tags = np.zeros(kb.n_keys, np.uint8)
    for path in dictionary:
        with open(path, encoding="utf-8", errors="replace") as file:
            rows = [cells for line in file if len(cells := line.split()) == 3]
        texts = [normalize_text(cells[0]) for cells in rows]
        offsets = np.append(0, np.cumsum([len(text) for text in texts])).astype(np.int64)
        found = kb.trie.find_all(code_points("".join(texts)), offsets)
        for key, cells in zip(found.tolist(), rows, strict=True):
            if key >= 0:
                # The same in every process and dictionary, so that the order of tags tells nothing.
                tags[key] = 1 + hashlib.blake2b(cells[2].encode(), digest_size=1).digest()[0] % 127
    return tags


def count_names(labelled: Iterable[LabeledText]) -> Counter[tuple[str, int]]:
    """How often each normalized name was marked as each entity."""
    return Counter(
        (normalize_text(text.text[offset : offset + length]), entity)
        for text in labelled
        for offset, length, entity in text.mentions
    )


def describe_names(kb: KnowledgeBase, kinds: np.ndarray, dictionary: Sequence[str]) -> KeyTable:
    """What scoring needs to know of the keys of a knowledge base.

    Parameters
    ----------
    kb
        The knowledge base.
    kinds
        ``int32[n_entities]``, from `cnmine.linking.disambiguation.entity_kinds`.
    dictionary
        Files that tell parts of speech.
    """
    tags = _read_tags(kb, dictionary)
    shown = np.where(np.diff(kb.key_offsets) > 0, _show_kinds(Names(kb), kinds), _WORD_KINDS + tags % 128)
    texts = (kb.key_text(key) for key in range(kb.n_keys))
    values = kb.entity_values.values
    n_values = np.bincount(values[values >= 0], minlength=kb.n_keys)
    return describe_keys(
        texts,
        kb.key_log_freqs,
        np.diff(kb.key_offsets),
        kb.log_freq_floor,
        shown.astype(np.uint8),
        tags,
        n_values,
    )


def describe_learned(table: KeyTable, names: Names, kinds: np.ndarray) -> KeyTable:
    """The table of a knowledge base, with the names that were learned besides."""
    texts, first = names.learned.texts, names.kb.n_keys
    if not texts:
        return table
    n_entities = np.diff(names.key_offsets)[first:]
    shown = np.where(n_entities > 0, _show_kinds(names, kinds)[first:], 0).astype(np.uint8)
    return table.extend(describe_keys(texts, names.key_log_freqs[first:], n_entities, names.kb.log_freq_floor, shown))


def _show_kinds(names: Names, kinds: np.ndarray) -> np.ndarray:
    """Kind of the likeliest entity of every key, as features have it; of no meaning where a key has none."""
    firsts = names.key_entities[np.minimum(names.key_offsets[:-1], max(0, len(names.key_entities) - 1))]
    return 1 + kinds[firsts] % (_TYPE_KINDS - 1)
