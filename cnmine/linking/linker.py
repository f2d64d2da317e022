"""A knowledge base, a model and texts → the texts with their mentions, each linked to an entity or NIL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.errors import StoreError, UsageError
from cnmine.linking import _ranking_kernels as kernels
from cnmine.linking.disambiguation import (
    FEATURES,
    NIL_ENTITY,
    Candidates,
    FeatureMaker,
    LinkCounts,
    character_idfs,
    find_candidates,
)
from cnmine.linking.kb import KnowledgeBase
from cnmine.linking.mentions import MentionModel, Spans, choose_mentions, cover_mentions, find_spans
from cnmine.linking.pieces import Piece, join_lines, split_texts
from cnmine.linking.records import NIL, Mention, Record
from cnmine.linking.scorers import Logistic, Trees, sigmoid

if TYPE_CHECKING:
    from cnmine.linking.lines import LineModel

MENTIONS = ("auto", "cover", "line")
OVERLAPS = ("none", "nested")
LEAST_LOG_ODDS = -4.0  # spans below are not looked at any further
COMMON_LOG_FREQ = -10.0  # untrained: more frequent words are no mentions
_PRIOR_WEIGHTS = {"prior": 1.0, "pairs": 0.15, "chars": 0.1, "near_chars": 0.1, "values": 0.5, "mentions": 0.1}
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
_DECISION_COLUMNS = [FEATURES.index(name) for name in DECISION_FEATURES]


@dataclass
class LinkerModel:
    """All that training learns.

    Attributes
    ----------
    kb_digest
        Of the knowledge base it was trained with; it fits no other.
    mentions, counts, ranker
        Scorer of spans, counts of labels, scorer of candidates.
    found, bare, nil
        Log odds that a span with candidates is a mention; the same without; that a mention with candidates is NIL.
    threshold, nil_threshold
        Log odds from which a span is a mention; probability from which it is NIL.
    settings
        What the model was trained with, and how it did.
    """

    kb_digest: str
    mentions: MentionModel
    counts: LinkCounts
    idfs: np.ndarray
    ranker: Logistic | Trees
    found: Logistic
    bare: Logistic
    nil: Logistic
    threshold: float = 0.0
    nil_threshold: float = 0.5
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Decisions:
    """What is thought of the spans that were looked at: log odds of a mention, of NIL; the best candidate of each."""

    candidates: Candidates
    scores: np.ndarray
    best: np.ndarray
    gains: np.ndarray
    nil: np.ndarray


def decision_features(
    spans: Spans,
    log_odds: np.ndarray,
    candidates: Candidates,
    features: np.ndarray,
    scores: np.ndarray,
    counts: LinkCounts,
    log_freqs: np.ndarray,
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
    keys = spans.table[candidates.rows, 2].astype(np.int64)
    nils = counts.count_pairs(keys, np.full(n_rows, NIL_ENTITY))
    out = np.zeros((n_rows, 7 + len(_DECISION_COLUMNS)), np.float32)
    out[:, 0] = log_odds
    out[:, 1] = np.log((nils + 0.2) / (counts.count_keys(keys) + 0.5))
    out[:, 2] = spans.table[candidates.rows, 1]
    out[:, 3] = np.where(keys < len(log_freqs), log_freqs[np.minimum(keys, len(log_freqs) - 1)], log_freqs.min())
    has_any = best >= 0
    firsts = best[has_any]
    out[has_any, 4] = scores[firsts]
    out[has_any, 5] = np.minimum(scores[firsts] - seconds[has_any], 12.0)
    out[has_any, 6] = np.log(np.diff(candidates.offsets)[has_any])
    out[np.flatnonzero(has_any)[:, None], np.arange(7, out.shape[1])] = features[firsts][:, _DECISION_COLUMNS]
    return out, best


class Linker:
    """Links texts.

    Parameters
    ----------
    kb
        The knowledge base, open.
    model
        From `cnmine.linking.training`; without one names are found and ranked by rules, and scores are not calibrated.

    Raises
    ------
    StoreError
        If the model was trained with another knowledge base.
    """

    def __init__(self, kb: KnowledgeBase, model: LinkerModel | LineModel | None = None) -> None:
        if model is not None and model.kb_digest != kb.digest:
            raise StoreError(
                f"the model was trained with knowledge base {model.kb_digest}, expected {kb.digest}, this one; "
                "name the other knowledge base, or train again: cnmine link train"
            )
        self.kb = kb
        self.model = model if isinstance(model, LinkerModel) else None
        self.line_model = None if isinstance(model, LinkerModel) else model
        model = self.model
        self._maker = FeatureMaker(kb, model.idfs if model is not None else character_idfs(kb))
        self._is_alias = np.diff(kb.key_offsets) > 0
        self._lines: Any = None

    def link(
        self,
        records: Iterable[Record],
        *,
        threads: int = 1,
        mentions: str = "auto",
        overlap: str = "none",
        n_candidates: int = 0,
        threshold: float | None = None,
        nil_threshold: float | None = None,
        keep_nil: bool = True,
    ) -> Iterator[Record]:
        """Link texts, in order; what is said of mentions in them is not looked at.

        Parameters
        ----------
        records
            Consumed as they are linked.
        threads
            The result does not depend on it.
        mentions
            "auto" finds them; "cover" takes the names that cover the text (for comparison); "line" takes each text as
            one mention.
        overlap
            "none", or "nested" for mentions inside of mentions as well.
        n_candidates
            How many candidates each mention lists.
        threshold
            Least probability of a mention; by default what was best in training.
        nil_threshold
            Probability of NIL from which a mention is NIL; likewise.
        keep_nil
            Whether mentions of NIL are given out.

        Raises
        ------
        UsageError
            At once, if an option is out of its range, or does not go with the model.
        """
        for name, value, choices in (("mentions", mentions, MENTIONS), ("overlap", overlap, OVERLAPS)):
            if value not in choices:
                raise UsageError(f"{name} is {value!r}; choose one of {', '.join(choices)}")
        if threshold is not None and not 0 <= threshold <= 1:
            raise UsageError(f"threshold is {threshold}; choose a probability from 0 to 1")
        options = _Options(mentions, overlap, n_candidates, threshold, nil_threshold, keep_nil)
        if mentions == "line":
            from cnmine.linking.lines import LineLinker

            if self.model is not None:
                raise UsageError("the model was trained for mentions in texts; train one for lines (--mentions line)")
            self._lines = self._lines or LineLinker(self.kb, self.line_model)
            return self._lines.link(records, threads=threads, n_candidates=n_candidates, threshold=threshold)
        if self.line_model is not None:
            raise UsageError("the model was trained for lines; link with mentions='line' (--mentions line)")
        batches = map_ordered(lambda batch: self._link_batch(batch, options), split_texts(records), threads=threads)
        return (record for batch in batches for record in batch)

    def decide(self, spans: Spans, rows: np.ndarray, log_odds: np.ndarray) -> Decisions:
        """Candidates of some spans, and what is thought of them."""
        assert self.model is not None
        candidates = find_candidates(self.kb, spans, rows)
        features = self._maker.features(spans, candidates, self.model.counts)
        scores = self.model.ranker.score(features)
        table, best = decision_features(
            spans, log_odds, candidates, features, scores, self.model.counts, self.kb.key_log_freqs
        )
        has_any = best >= 0
        gains = np.where(has_any, self.model.found.score(table), self.model.bare.score(table[:, :4]))
        nil = np.where(has_any, sigmoid(self.model.nil.score(table)), 1.0)
        return Decisions(candidates, scores, best, gains.astype(np.float32), nil)

    def _link_batch(self, batch: list[Piece], options: _Options) -> list[Record]:
        codes, starts = join_lines([piece.text for piece in batch])
        spans = find_spans(
            codes, self.kb.match(codes), self.kb.key_log_freqs, None if self.model is None else self._is_alias
        )
        if self.model is None:
            decisions = self._decide_untrained(spans, takes_all=options.mentions == "cover")
            threshold = 0.0
        else:
            log_odds = self.model.mentions.score(spans)
            rows = np.flatnonzero(log_odds > LEAST_LOG_ODDS)
            if options.mentions == "cover":
                rows = np.arange(len(log_odds))
            decisions = self.decide(spans, rows, log_odds[rows])
            threshold = self.model.threshold
        if options.threshold is not None:
            threshold = float(np.log(max(options.threshold, 1e-9) / max(1 - options.threshold, 1e-9)))
        chosen = self._choose(spans, decisions, threshold, options)
        return self._records(batch, starts, spans, decisions, chosen, options)

    def _choose(self, spans: Spans, decisions: Decisions, threshold: float, options: _Options) -> np.ndarray:
        """Numbers of rows, ascending."""
        rows = decisions.candidates.rows
        if options.mentions == "cover":
            keys = np.minimum(spans.table[:, 2], self.kb.n_keys - 1)
            eligible = self._is_alias[keys] & (spans.table[:, 2] < self.kb.n_keys)
            if self.model is not None:
                eligible &= self.model.mentions.key_traits[keys, 2] == 0
            chosen = cover_mentions(spans, eligible)
            return np.searchsorted(rows, chosen[np.isin(chosen, rows)])
        part = Spans(spans.texts, np.ascontiguousarray(spans.table[rows]), spans.marks)
        nested = threshold if options.overlap == "nested" else None
        return choose_mentions(part, decisions.gains, threshold, nested_threshold=nested)

    def _decide_untrained(self, spans: Spans, *, takes_all: bool = False) -> Decisions:
        """Names of two characters or more between word boundaries, but frequent words; ranked by prior and text."""
        keys, starts = spans.table[:, 2], spans.table[:, 0]
        stops = starts + spans.table[:, 1]
        is_cut = (spans.marks[0, starts] != 0) & (spans.marks[0, stops] != 0)
        titled = (spans.texts[0, starts - 1] == ord("《")) & (spans.texts[0, stops] == ord("》"))
        freqs = self.kb.key_log_freqs[keys]
        is_rare = (freqs < COMMON_LOG_FREQ) | (freqs <= self.kb.log_freq_floor)
        is_long = spans.table[:, 1] >= 2
        rows = np.flatnonzero(self._is_alias[keys] & (titled | (is_cut & is_rare & is_long) | takes_all))
        candidates = find_candidates(self.kb, spans, rows)
        overlap = self._maker.overlaps(spans, candidates)
        weights = np.array([_PRIOR_WEIGHTS[name] for name in ("pairs", "chars", "near_chars", "values", "mentions")])
        scores = np.log(candidates.priors + 1e-6) + overlap[:, :5] @ weights.astype(np.float32)
        best, seconds = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.float32)
        kernels.pick_best(candidates.offsets, scores.astype(np.float32), best, seconds)
        gains = spans.table[rows, 1].astype(np.float32)
        return Decisions(candidates, scores.astype(np.float32), best, gains, np.zeros(len(rows)))

    def _records(
        self,
        batch: list[Piece],
        starts: np.ndarray,
        spans: Spans,
        decisions: Decisions,
        chosen: np.ndarray,
        options: _Options,
    ) -> list[Record]:
        """The texts of a batch with their mentions."""
        candidates = decisions.candidates
        places = spans.table[candidates.rows[chosen], 0]
        lengths = spans.table[candidates.rows[chosen], 1].tolist()
        owners = np.searchsorted(starts, places, side="right") - 1
        offsets = (places - starts[owners]).tolist()
        found, nil = sigmoid(decisions.gains[chosen]), decisions.nil[chosen]
        best = decisions.best[chosen]
        limit = self.model.nil_threshold if self.model is not None else 0.5
        is_nil = ((nil >= (limit if options.nil_threshold is None else options.nil_threshold)) | (best < 0)).tolist()
        sure = np.where(is_nil, found * nil, found * (1 - nil) * self._best_shares(decisions, chosen)).tolist()
        numbers = np.append(candidates.entities, -1)[best].tolist()
        names = {number: self.kb.entity_id(number) for number in set(numbers) if number >= 0}
        records: list[Record] = []
        mentions_of: list[list[Mention]] = [[] for _ in batch]
        for i, (owner, row) in enumerate(zip(owners.tolist(), chosen.tolist(), strict=True)):
            piece, offset = batch[owner], offsets[i]
            if not piece.start <= offset < piece.stop or (is_nil[i] and not options.keep_nil):
                continue
            offset += piece.offset
            kb_id = NIL if is_nil[i] else names[numbers[i]]
            listed = self._list(decisions, row, options.n_candidates) if options.n_candidates else None
            text = piece.record.text[offset : offset + lengths[i]]
            mentions_of[owner].append(Mention(offset, text, kb_id, sure[i], listed))
        for piece, mentions in zip(batch, mentions_of, strict=True):
            if piece.offset == 0:
                records.append(Record(piece.record.text_id, piece.record.text, mentions))
            else:
                records[-1].mentions.extend(mentions)  # type: ignore[union-attr]
        return records

    def _best_shares(self, decisions: Decisions, chosen: np.ndarray) -> np.ndarray:
        """Share of the best candidate of each chosen row among all of the row; 1 where there is none."""
        offsets, scores = decisions.candidates.offsets, decisions.scores
        out = np.ones(len(chosen))
        for i, row in enumerate(chosen.tolist()):
            start, stop = offsets[row], offsets[row + 1]
            if stop - start > 1:
                out[i] = 1 / np.exp(scores[start:stop].astype(np.float64) - scores[decisions.best[row]]).sum()
        return out

    def _list(self, decisions: Decisions, row: int, n: int) -> list[tuple[str, float]]:
        start, stop = decisions.candidates.offsets[row], decisions.candidates.offsets[row + 1]
        scores = decisions.scores[start:stop].astype(np.float64)
        shares = np.exp(scores - scores.max()) if len(scores) else scores
        order = np.argsort(-scores, kind="stable")[:n]
        entities = decisions.candidates.entities[start:stop]
        return [(self.kb.entity_id(int(entities[i])), float(shares[i] / shares.sum())) for i in order.tolist()]


@dataclass(frozen=True)
class _Options:
    mentions: str
    overlap: str
    n_candidates: int
    threshold: float | None
    nil_threshold: float | None
    keep_nil: bool
