"""Labelled texts → spans with labels, and what is known of the keys in them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from cnmine.linking.disambiguation import FEATURES, NIL_ENTITY, Candidates, LinkCounts
from cnmine.linking.kb import KnowledgeBase
from cnmine.linking.mentions import KeyTable, Spans, describe_keys, find_spans
from cnmine.linking.normalize import code_points, normalize_text
from cnmine.linking.pieces import join_lines
from cnmine.linking.records import Record, is_nil

UNKNOWN_ENTITY = -1  # an id that the knowledge base does not have: tells of mentions only
_TYPE_KINDS, _WORD_KINDS = 127, 128


@dataclass
class Block:
    """Labelled texts of one fold, one behind the other.

    Attributes
    ----------
    spans, is_mention, texts
        The spans, ``uint8[m]`` labels, ``int64[m]`` number of the text of each.
    rows, entities
        ``int64[g]`` spans that are mentions, and entity of each: a number, ``NIL_ENTITY`` or ``UNKNOWN_ENTITY``.
    n_gold, n_links
        Mentions in all, and those of an entity, found among the spans or not.
    """

    spans: Spans
    is_mention: np.ndarray
    texts: np.ndarray
    rows: np.ndarray
    entities: np.ndarray
    n_gold: int
    n_links: int
    log_odds: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    kept: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    candidates: Candidates | None = None
    features: np.ndarray = field(default_factory=lambda: np.zeros((0, len(FEATURES)), np.float32))
    scores: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    counts: LinkCounts | None = None


class LabelReader:
    """Finds the spans of labelled texts and tells which of them are mentions.

    Parameters
    ----------
    kb
        The knowledge base.
    kinds
        ``int32[n_entities]``, from `cnmine.linking.disambiguation.entity_kinds`.
    """

    def __init__(self, kb: KnowledgeBase, kinds: np.ndarray) -> None:
        self.kb, self.kinds = kb, kinds
        self.is_alias = np.diff(kb.key_offsets) > 0
        self.tally: Counter[str] = Counter()
        self.n_texts = 0

    def describe(self, dictionary: Sequence[str]) -> KeyTable:
        """What scoring needs to know of every key; ``dictionary`` tells parts of speech."""
        kb = self.kb
        tags = _read_tags(kb, dictionary)
        firsts = kb.key_entities[np.minimum(kb.key_offsets[:-1], max(0, len(kb.key_entities) - 1))]
        kinds = np.where(self.is_alias, 1 + self.kinds[firsts] % (_TYPE_KINDS - 1), _WORD_KINDS + tags % 128)
        texts = (kb.key_text(key) for key in range(kb.n_keys))
        n_entities = np.diff(kb.key_offsets)
        values = kb.entity_values.values
        n_values = np.bincount(values[values >= 0], minlength=kb.n_keys)
        return describe_keys(
            texts, kb.key_log_freqs, n_entities, kb.log_freq_floor, kinds.astype(np.uint8), tags, n_values
        )

    def read(self, records: Sequence[Record]) -> Block:
        """Find the spans of some texts, and which of them are mentions."""
        codes, starts = join_lines([record.text for record in records])
        spans = find_spans(codes, self.kb.match(codes), self.kb.key_log_freqs, self.is_alias)
        texts = np.searchsorted(starts, spans.table[:, 0], side="right") - 1 + self.n_texts
        self.n_texts += len(records)
        places = {(start, length): i for i, (start, length) in enumerate(spans.table[:, :2].tolist())}
        gold: dict[int, int] = {}
        n_gold = n_links = 0
        for record, start in zip(records, starts.tolist(), strict=True):
            seen = set()
            for mention in record.mentions or ():
                offset = self._offset(record.text, mention.offset, mention.mention)
                if offset < 0 or (offset, len(mention.mention)) in seen:
                    continue
                seen.add((offset, len(mention.mention)))
                entity = self._entity(mention.kb_id)
                n_gold += 1
                n_links += 0 <= entity < NIL_ENTITY
                place = places.get((start + offset, len(mention.mention)))
                if place is None:
                    self.tally["no name of the knowledge base"] += 1
                else:
                    gold[place] = entity
        rows = np.array(sorted(gold), np.int64)
        is_mention = np.zeros(len(spans.table), np.uint8)
        is_mention[rows] = 1
        entities = np.array([gold[row] for row in rows.tolist()], np.int64)
        return Block(spans, is_mention, texts, rows, entities, n_gold, n_links)

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

    def report(self, on_notice: Callable[[str], None]) -> None:
        """Tell of labels that cannot be used as they are."""
        meanings = {
            "no name of the knowledge base": "mentions are spelled like no name of the knowledge base: not learned",
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
