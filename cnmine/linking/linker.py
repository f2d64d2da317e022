"""A knowledge base, a model and texts → the texts with their mentions, each linked to an entity or NIL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.errors import StoreError, UsageError
from cnmine.linking import _ranking_kernels as kernels
from cnmine.linking.disambiguation import (
    RULE_WEIGHTS,
    Candidates,
    FeatureMaker,
    character_idfs,
    decision_features,
    find_candidates,
)
from cnmine.linking.kb import KnowledgeBase
from cnmine.linking.mentions import SUFFIXES, Spans, choose_mentions, cover_mentions, find_spans
from cnmine.linking.model import LEAST_LOG_ODDS, LinkerModel
from cnmine.linking.names import Names
from cnmine.linking.pieces import Piece, cut_batch, join_lines, split_texts
from cnmine.linking.records import NIL, Mention, Record, format_batches, format_records
from cnmine.linking.scorers import sigmoid
from cnmine.linking.writing import format_arrays

if TYPE_CHECKING:
    from cnmine.linking.lines import LineModel

MENTIONS = ("auto", "cover", "line")
OVERLAPS = ("none", "nested")
COMMON_LOG_FREQ = -10.0  # untrained: more frequent words are no mentions


@dataclass
class Decisions:
    """What is thought of the spans that were looked at: log odds of a mention, of NIL; the best candidate of each."""

    candidates: Candidates
    scores: np.ndarray
    best: np.ndarray
    gains: np.ndarray
    nil: np.ndarray


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
        If the model was trained with another knowledge base, or contradicts it.
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
        self._names = Names(kb, model.names if model is not None else None)
        if model is not None and len(model.mentions.key_scores) != self._names.n_keys + 1 + len(SUFFIXES):
            raise StoreError(
                f"the model has scores of {len(model.mentions.key_scores):,} keys, expected {self._names.n_keys:,} and "
                f"{1 + len(SUFFIXES)}; train it again: cnmine link train"
            )
        self._maker = FeatureMaker(kb, model.idfs if model is not None else character_idfs(kb))
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
            Least score: what has a lower one is left out, with "line" it is NIL. By default mentions are those that
            were best in training, whatever becomes of their scores.
        nil_threshold
            Probability of NIL from which a mention is NIL; likewise.
        keep_nil
            Whether mentions of NIL are given out.

        Raises
        ------
        UsageError
            At once, if an option is out of its range, or does not go with the model.
        """
        options = _Options(mentions, overlap, n_candidates, threshold, nil_threshold, keep_nil)
        if self._takes_lines(options):
            return self._link_lines(records, options, threads)

        def run(batch: list[Piece]) -> list[Record]:
            return self._records(self._link_batch(batch, options))

        return (record for batch in map_ordered(run, split_texts(records), threads=threads) for record in batch)

    def link_to_json(
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
        ccks: bool = False,
    ) -> Iterator[bytes]:
        """As `link`, but gives out JSON Lines, some texts at a time, as `format_records` writes them; faster.

        Parameters
        ----------
        records, threads, mentions, overlap, n_candidates, threshold, nil_threshold, keep_nil
            As for `link`.
        ccks
            As for `cnmine.linking.records.write_records`.

        Raises
        ------
        UsageError
            As `link` does.
        """
        options = _Options(mentions, overlap, n_candidates, threshold, nil_threshold, keep_nil)
        if self._takes_lines(options):
            return format_batches(self._link_lines(records, options, threads), ccks=ccks)

        def run(batch: list[Piece]) -> bytes:
            linked = self._link_batch(batch, options)
            if n_candidates and not ccks:
                return format_records(self._records(linked))
            arrays = linked.firsts, linked.mentions, linked.scores
            return format_arrays(linked.records, *arrays, self.kb.entity_ids, ccks=ccks)

        return map_ordered(run, split_texts(records), threads=threads)

    def _takes_lines(self, options: _Options) -> bool:
        """Whether each text is a mention; checks the options."""
        for name, value, choices in (("mentions", options.mentions, MENTIONS), ("overlap", options.overlap, OVERLAPS)):
            if value not in choices:
                raise UsageError(f"{name} is {value!r}; choose one of {', '.join(choices)}")
        if options.threshold is not None and not 0 <= options.threshold <= 1:
            raise UsageError(f"threshold is {options.threshold}; choose a probability from 0 to 1")
        if options.mentions == "line":
            if self.model is not None:
                raise UsageError("the model was trained for mentions in texts; train one for lines (--mentions line)")
            return True
        if self.line_model is not None:
            raise UsageError("the model was trained for lines; link with mentions='line' (--mentions line)")
        return False

    def _link_lines(self, records: Iterable[Record], options: _Options, threads: int) -> Iterator[Record]:
        from cnmine.linking.lines import LineLinker

        self._lines = self._lines or LineLinker(self.kb, self.line_model)
        found: Iterator[Record] = self._lines.link(
            records,
            threads=threads,
            n_candidates=options.n_candidates,
            threshold=options.threshold,
            keep_nil=options.keep_nil,
        )
        return found

    def decide(self, spans: Spans, rows: np.ndarray, log_odds: np.ndarray) -> Decisions:
        """Candidates of some spans, and what is thought of them."""
        assert self.model is not None
        candidates = find_candidates(self._names, spans, rows)
        features = self._maker.features(spans, candidates, self.model.counts)
        scores = self.model.ranker.score(features)
        table, best = decision_features(spans, log_odds, candidates, features, scores, self.model.counts, self._names)
        gains, nil = self.model.judge(table, best >= 0)
        return Decisions(candidates, scores, best, gains, nil)

    def _link_batch(self, batch: list[Piece], options: _Options) -> _Linked:
        """Links pieces of whole texts, some at a time."""
        parts, first, owners = [], 0, []
        for pieces in cut_batch(batch):
            parts.append(self._link_pieces(pieces, options))
            owners.append(parts[-1].owners + first)
            first += len(pieces)
        first_pieces = [i for i, piece in enumerate(batch) if piece.offset == 0]  # of each text
        firsts = np.searchsorted(np.concatenate(owners), [*first_pieces, len(batch)])
        return _Linked(
            [batch[i].record for i in first_pieces],
            firsts,
            np.concatenate([part.mentions for part in parts]),
            np.concatenate([part.scores for part in parts]),
            [listed for part in parts for listed in part.listed],
        )

    def _link_pieces(self, batch: list[Piece], options: _Options) -> _Found:
        codes, starts = join_lines([piece.text for piece in batch])
        names = self._names
        is_name = None if self.model is None else names.is_name
        spans = find_spans(codes, names.match(codes), names.key_log_freqs, is_name)
        if self.model is None:
            decisions = self._decide_untrained(spans, takes_all=options.mentions == "cover")
            threshold = 0.0
        else:
            log_odds = self.model.mentions.score(spans)
            # A threshold of the user may be low enough for spans that training would never choose.
            least = self.model.least_log_odds if options.threshold is None else LEAST_LOG_ODDS
            rows = np.flatnonzero(log_odds >= least)
            if options.mentions == "cover":
                rows = np.arange(len(log_odds))
            decisions = self.decide(spans, rows, log_odds[rows])
            threshold = self.model.threshold
        if options.threshold is not None:
            threshold = float(np.log(max(options.threshold, 1e-9) / max(1 - options.threshold, 1e-9)))
        chosen = self._choose(spans, decisions, threshold, options)
        return self._gather(batch, starts, spans, decisions, chosen, options)

    def _choose(self, spans: Spans, decisions: Decisions, threshold: float, options: _Options) -> np.ndarray:
        """Numbers of rows, ascending."""
        rows = decisions.candidates.rows
        if options.mentions == "cover":
            keys = np.minimum(spans.table[:, 2], self.kb.n_keys - 1)
            eligible = (self.kb.key_offsets[keys + 1] > self.kb.key_offsets[keys]) & (spans.table[:, 2] == keys)
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
        rows = np.flatnonzero(self._names.is_name[keys] & (titled | (is_cut & is_rare & is_long) | takes_all))
        candidates = find_candidates(self._names, spans, rows)
        overlap = self._maker.overlaps(spans, candidates)
        weights = np.array([RULE_WEIGHTS[name] for name in ("pairs", "chars", "near_chars", "values", "mentions")])
        scores = np.log(candidates.priors + 1e-6) + overlap[:, :5] @ weights.astype(np.float32)
        best, seconds = np.zeros(len(rows), np.int64), np.zeros(len(rows), np.float32)
        kernels.pick_best(candidates.offsets, scores.astype(np.float32), best, seconds)
        gains = spans.table[rows, 1].astype(np.float32)
        return Decisions(candidates, scores.astype(np.float32), best, gains, np.zeros(len(rows)))

    def _gather(
        self,
        batch: list[Piece],
        starts: np.ndarray,
        spans: Spans,
        decisions: Decisions,
        chosen: np.ndarray,
        options: _Options,
    ) -> _Found:
        """What is given out of the chosen spans."""
        candidates = decisions.candidates
        best = decisions.best[chosen]
        nil = decisions.nil[chosen]
        limit = self.model.nil_threshold if self.model is not None else 0.5
        is_nil = (nil >= (limit if options.nil_threshold is None else options.nil_threshold)) | (best < 0)
        places, lengths = spans.table[candidates.rows[chosen], :2].astype(np.int64).T
        owners = np.searchsorted(starts, places, side="right") - 1
        offsets = places - starts[owners]
        frame = np.array([(piece.start, piece.stop, piece.offset) for piece in batch], np.int64).reshape(-1, 3)
        kept = (frame[owners, 0] <= offsets) & (offsets < frame[owners, 1])
        if not options.keep_nil:
            kept &= ~is_nil
        found, shares = sigmoid(decisions.gains[chosen]), np.ones(len(chosen))
        kernels.share_best(candidates.offsets, decisions.scores, decisions.best, chosen, shares)
        sure = np.where(is_nil, found * nil, found * (1 - nil) * shares)
        if options.threshold is not None:
            kept &= sure >= options.threshold
        is_nil, sure, chosen, best, owners = is_nil[kept], sure[kept], chosen[kept], best[kept], owners[kept]
        numbers = np.where(is_nil, -1, np.append(candidates.entities, -1)[best])
        mentions = np.stack([offsets[kept] + frame[owners, 2], lengths[kept], numbers], axis=1)
        listed = []
        if options.n_candidates:
            listed = [self._list(decisions, row, options.n_candidates) for row in chosen.tolist()]
        return _Found(owners, mentions, sure, listed)

    def _records(self, linked: _Linked) -> list[Record]:
        """The texts of a batch with their mentions."""
        names = {number: self.kb.entity_id(number) for number in set(linked.mentions[:, 2].tolist()) - {-1}} | {-1: NIL}
        firsts, mentions, scores = linked.firsts.tolist(), linked.mentions.tolist(), linked.scores.tolist()
        listed: Sequence[list[tuple[str, float]] | None] = linked.listed or [None] * len(mentions)
        records = []
        for i, record in enumerate(linked.records):
            found = []
            for j in range(firsts[i], firsts[i + 1]):
                offset, length, number = mentions[j]
                found.append(
                    Mention(offset, record.text[offset : offset + length], names[number], scores[j], listed[j])
                )
            records.append(Record(record.text_id, record.text, found))
        return records

    def _list(self, decisions: Decisions, row: int, n: int) -> list[tuple[str, float]]:
        start, stop = decisions.candidates.offsets[row], decisions.candidates.offsets[row + 1]
        scores = decisions.scores[start:stop].astype(np.float64)
        shares = np.exp(scores - scores.max()) if len(scores) else scores
        order = np.argsort(-scores, kind="stable")[:n]
        entities = decisions.candidates.entities[start:stop]
        return [(self.kb.entity_id(int(entities[i])), float(shares[i] / shares.sum())) for i in order.tolist()]


@dataclass(frozen=True)
class _Found:
    """Mentions: the number of the piece of each, then as in `_Linked`."""

    owners: np.ndarray
    mentions: np.ndarray
    scores: np.ndarray
    listed: list[list[tuple[str, float]]]


@dataclass(frozen=True)
class _Linked:
    """Texts and their mentions: see `cnmine.linking.writing.format_arrays`; candidates of each, if asked for."""

    records: list[Record]
    firsts: np.ndarray
    mentions: np.ndarray
    scores: np.ndarray
    listed: list[list[tuple[str, float]]]


@dataclass(frozen=True)
class _Options:
    mentions: str
    overlap: str
    n_candidates: int
    threshold: float | None
    nil_threshold: float | None
    keep_nil: bool
