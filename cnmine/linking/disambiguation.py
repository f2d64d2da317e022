"""Spans and a knowledge base → their candidate entities with features, and the models that rank them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from cnmine.linking import _context_kernels as contexts
from cnmine.linking import _ranking_kernels as kernels
from cnmine.linking.kb import MAX_CANDIDATES, KnowledgeBase
from cnmine.linking.mentions import Spans
from cnmine.linking.names import NIL_ENTITY, Names

CONTEXT = 64  # characters on each side of a mention that tell which entity is meant
N_TYPE_WEIGHTS = 1 << 18
FEATURES = [
    "label_prior",
    "prior",
    "label_count",
    "candidates",
    "attributes",
    "length",
    "names",
    "is_title",
    "pairs",
    "chars",
    "near_chars",
    "values",
    "mentions",
    "pair_share",
    "char_share",
    "type_prior",
    "type_context",
    "in_title",
    "title_type",
    "label_total",
    "pair_lead",
    "char_lead",
]
DECISION_FEATURES = [
    "pairs",
    "chars",
    "near_chars",
    "values",
    "mentions",
    "pair_share",
    "char_share",
    "type_context",
    "prior",
    "label_prior",
    "label_count",
    "is_title",
]
# Weights of features where labels say nothing else, and of the logarithm of the prior.
RULE_WEIGHTS = {"prior": 1.0, "pairs": 0.15, "chars": 0.1, "near_chars": 0.1, "values": 0.5, "mentions": 0.1}
_DECISION_COLUMNS = [FEATURES.index(name) for name in DECISION_FEATURES]
_IDF_SAMPLE = 5000  # entities whose characters are counted


@dataclass
class Candidates:
    """Candidate entities of some spans.

    Attributes
    ----------
    rows
        ``int64[r]``; numbers of spans, ascending.
    offsets, entities
        ``int64[r + 1]`` and ``int32[c]``; entities of each, by falling prior; none for some.
    priors
        ``float32[c]``.
    """

    rows: np.ndarray
    offsets: np.ndarray
    entities: np.ndarray
    priors: np.ndarray

    @cached_property
    def owners(self) -> np.ndarray:
        """``int64[c]``; the row of each candidate."""
        return np.repeat(np.arange(len(self.rows)), np.diff(self.offsets))


def find_candidates(names: Names, spans: Spans, rows: np.ndarray) -> Candidates:
    """Candidates of the spans with these numbers."""
    keys = spans.table[rows, 2]
    is_key = keys < names.n_keys
    places = np.where(is_key, keys, 0)
    starts = names.key_offsets[places]
    sizes = np.where(is_key, np.minimum(names.key_offsets[places + 1] - starts, MAX_CANDIDATES), 0)
    offsets = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(sizes, out=offsets[1:])
    where = np.repeat(starts - offsets[:-1], sizes) + np.arange(offsets[-1])
    return Candidates(rows, offsets, names.key_entities[where], names.key_priors[where])


@dataclass
class LinkCounts:
    """What labelled texts say of names, entities and types.

    Attributes
    ----------
    pairs, pair_counts
        ``int64[p]`` key << 32 | entity, ascending, entity 2**31 - 1 for NIL; ``int32[p]`` how often linked.
    entities, entity_counts
        ``int32[e]``, ascending; ``int32[e]``.
    type_counts
        ``float32[n_types + 1]``, how often each type was linked; the last is that of entities without type.
    type_weights
        ``float32[2**18]``, log likelihood ratios of neighbouring characters, hashed with types.
    """

    pairs: np.ndarray
    pair_counts: np.ndarray
    entities: np.ndarray
    entity_counts: np.ndarray
    type_counts: np.ndarray
    type_weights: np.ndarray

    @cached_property
    def tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Where the pairs of every key begin, up to the last key with any; pairs, their counts; totals of keys."""
        n_keys = int(self.pairs[-1] >> 32) + 1 if len(self.pairs) else 0
        firsts = np.searchsorted(self.pairs, np.arange(n_keys + 1) << 32)
        totals = np.diff(np.append(0, np.cumsum(self.pair_counts, dtype=np.int64))[firsts])
        return firsts, self.pairs, self.pair_counts, totals

    @cached_property
    def entity_logs(self) -> np.ndarray:
        """``float32``, log(1 + count) of every entity up to the last one that was linked."""
        out = np.zeros(int(self.entities.max(initial=-1)) + 1, np.float32)
        out[self.entities] = np.log1p(self.entity_counts)
        return out


def count_links(
    keys: np.ndarray, entities: np.ndarray, types: np.ndarray, n_types: int, near: tuple[np.ndarray, np.ndarray]
) -> LinkCounts:
    """Count labels.

    Parameters
    ----------
    keys, entities
        ``int64[n]`` of the mentions; ``NIL_ENTITY`` for NIL.
    types
        ``int32[n_entities]``, of `entity_kinds`.
    n_types
        Their number; the last one stands for none.
    near
        Neighbouring characters and their numbers, as `cnmine.linking._ranking_kernels.gather_near` writes them.
    """
    pairs, pair_counts = np.unique(keys << 32 | entities, return_counts=True)
    is_known = entities != NIL_ENTITY
    found, counts = np.unique(entities[is_known], return_counts=True)
    kinds = types[entities[is_known]].astype(np.int64)
    type_counts = np.bincount(kinds, minlength=n_types).astype(np.float32)
    grams, sizes = near[0][is_known], near[1][is_known]
    used = np.arange(grams.shape[1]) < sizes[:, None]
    flat, owners = grams[used], np.repeat(kinds, sizes)
    names, inverse, totals = np.unique(flat, return_inverse=True, return_counts=True)
    both, in_type = np.unique(owners << 32 | inverse, return_counts=True)
    kind, gram = both >> 32, both & 0xFFFFFFFF
    shares = (totals[gram] + 0.5) / (len(kinds) + 1)
    ratios = np.log((in_type + 2 * shares) / (type_counts[kind] + 2) / shares).astype(np.float32)
    weights = np.zeros(N_TYPE_WEIGHTS, np.float32)
    ones = np.ones(len(both), np.int64)
    kernels.add_type_weights(names[gram][:, None].copy(), ones, kind.astype(np.int32), ratios, weights)
    return LinkCounts(
        pairs,
        pair_counts.astype(np.int32),
        found.astype(np.int32),
        counts.astype(np.int32),
        type_counts,
        weights,
    )


def entity_kinds(kb: KnowledgeBase) -> tuple[np.ndarray, int]:
    """The last type of every entity, ``int32[n_entities]``, and their number; the last one stands for none."""
    offsets, types = kb.entity_types
    n_types = len(kb.type_names)
    sizes = np.diff(offsets)
    kinds = np.full(kb.n_entities, n_types, np.int32)
    kinds[sizes > 0] = types[offsets[1:][sizes > 0] - 1]
    return kinds, n_types + 1


def character_idfs(kb: KnowledgeBase) -> np.ndarray:
    """Inverse document frequencies of characters in the records, ``float32[65536]`` nats; from a sample of them."""
    offsets, keys, _ = kb.entity_bigrams
    step = max(1, kb.n_entities // _IDF_SAMPLE)
    counts = np.zeros(1 << 16, np.int32)
    numbers = range(0, kb.n_entities, step)
    for number in numbers:
        row = keys[offsets[number] : offsets[number + 1]]
        counts[np.unique(np.concatenate([row >> np.uint32(16), row & np.uint32(0xFFFF)]))] += 1
    return np.log(1 + len(numbers) / (0.5 + counts)).astype(np.float32)


class Notes(NamedTuple):
    """What the contexts of spans hold, noted from left to right.

    Attributes
    ----------
    last_chars, last_pairs, last_keys
        ``int32``, the last place of every character, the last one of pairs by slot, the last span of keys by slot; -1
        for none.
    chars_before, chars_after, pairs_before, keys_before
        ``int32``; for every place, or span, the one before of the same character or slot, -1 for none; and the next.
    near_chars, near_keys, counted_chars
        ``uint8``; whether a character stands in the context or shortly behind; likewise a slot of keys; whether a
        character was counted in the record.
    hits, counted
        ``int64[3, h]`` and ``int64``; room for what is looked at in a record, and for the characters of a context.
    """

    last_chars: np.ndarray
    last_pairs: np.ndarray
    last_keys: np.ndarray
    chars_before: np.ndarray
    chars_after: np.ndarray
    pairs_before: np.ndarray
    keys_before: np.ndarray
    near_chars: np.ndarray
    near_keys: np.ndarray
    counted_chars: np.ndarray
    hits: np.ndarray
    counted: np.ndarray


def make_notes(n_codes: int, n_spans: int) -> Notes:
    """Empty notes for a text of that many characters and spans."""
    chars, slots = 1 << 16, contexts.SLOTS
    places = [np.full(size, -1, np.int32) for size in (chars, slots, slots, n_codes, n_codes, n_codes, n_spans)]
    marks = [np.zeros(size, np.uint8) for size in (chars, slots, chars)]
    room = [np.empty((3, contexts.HITS), np.int64), np.empty(n_codes, np.int64)]
    return Notes(*places, *marks, *room)


class FeatureMaker:
    """Measures candidates of spans; one for each thread.

    Parameters
    ----------
    kb
        The knowledge base.
    idfs
        From `character_idfs`.
    """

    def __init__(self, kb: KnowledgeBase, idfs: np.ndarray) -> None:
        self.kb, self.idfs = kb, idfs
        self.kinds, self.n_kinds = entity_kinds(kb)
        values, mentions = kb.entity_values, kb.entity_mentions
        weights = np.log(1 + kb.n_entities / (1.0 + kb.key_mention_counts)).astype(np.float32)
        self._tables = (kb.entity_bigrams, (*values, *mentions), weights)
        self._sizes = [np.log1p(sizes.astype(np.float32)) for sizes in kb.entity_sizes]
        self._kind_sizes = np.bincount(self.kinds, minlength=self.n_kinds) + 1.0

    def near(self, spans: Spans, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Neighbouring characters of spans: ``uint64[r, 24]`` and ``int64[r]`` numbers of them."""
        grams, sizes = np.zeros((len(rows), 4 * kernels.NEAR), np.uint64), np.zeros(len(rows), np.int64)
        kernels.gather_near(spans.texts[0], spans.table[rows], grams, sizes)
        return grams, sizes

    def overlaps(self, spans: Spans, candidates: Candidates) -> np.ndarray:
        """What text and records share: ``float32[c, 6]``, see `cnmine.linking._context_kernels.measure_candidates`."""
        out = np.zeros((len(candidates.entities), 6), np.float32)
        notes = make_notes(len(spans.texts[0]), len(spans.table))
        texts = (spans.texts[0], self.idfs, spans.table)
        rows = (candidates.rows, candidates.offsets, candidates.entities)
        contexts.measure_candidates(texts, rows, self._tables, notes, CONTEXT, out)
        return out

    def features(self, spans: Spans, candidates: Candidates, counts: LinkCounts) -> np.ndarray:
        """All features of every candidate, ``float32[c, len(FEATURES)]``."""
        kinds = self.kinds[candidates.entities]
        overlaps, nearby = self.overlaps(spans, candidates), np.zeros(len(kinds), np.float32)
        rows = candidates.rows, candidates.offsets
        kernels.score_types(spans.texts[0], spans.table, rows, kinds, counts.type_weights, nearby)
        type_priors = np.log((counts.type_counts + 1) / self._kind_sizes).astype(np.float32)
        priors = candidates.priors, np.log(candidates.priors + np.float32(1e-6))
        out = np.empty((len(kinds), len(FEATURES)), np.float32)
        kernels.fill_features(
            (spans.texts[0], spans.table),
            rows,
            (candidates.entities, *priors, overlaps, nearby),
            (*self._sizes, self.kinds, self.kb.title_keys, type_priors),
            (*counts.tables, counts.entity_logs),
            out,
        )
        return out


def decision_features(
    spans: Spans,
    log_odds: np.ndarray,
    candidates: Candidates,
    features: np.ndarray,
    scores: np.ndarray,
    counts: LinkCounts,
    names: Names,
) -> tuple[np.ndarray, np.ndarray]:
    """What decides whether a span is a mention, and whether of NIL.

    Returns
    -------
    ``float32[r, k]``, for spans without candidates only the first four columns hold anything; ``int64[r]``, the best
    candidate, -1 for none.
    """
    n_rows = len(candidates.rows)
    best, seconds = np.zeros(n_rows, np.int64), np.zeros(n_rows, np.float32)
    kernels.pick_best(candidates.offsets, scores, best, seconds)
    out = np.zeros((n_rows, 7 + len(_DECISION_COLUMNS)), np.float32)
    kernels.fill_decisions(
        spans.table,
        (candidates.rows, candidates.offsets, log_odds),
        (scores, features, best, seconds, np.array(_DECISION_COLUMNS)),
        counts.tables,
        (names.key_log_freqs, names.lowest_log_freq),
        out,
    )
    return out, best
