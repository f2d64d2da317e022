"""Gold and system mentions of the same texts in; precision, recall and F of mentions, links and NIL out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnmine.errors import CorpusError
from cnmine.evaluation.newwords import measure_calibration
from cnmine.evaluation.segmentation import rounded, share
from cnmine.linking.records import NIL, Mention, Record, is_nil

MEASURES = ("mention", "link", "all", "nil")
ANSWER_SEPARATOR = "##"
N_BANDS = 10
CURVE_STEPS = 100
INTERVAL = (2.5, 97.5)  # per cent
BOOTSTRAP_BATCH = 64

Span = tuple[int, int]  # offset and length
Answers = frozenset[str]


@dataclass(frozen=True)
class TextPair:
    """A text with what gold and the system say of it: the mentions of each, one for a span.

    Of a span that a side has more than once the answers are joined, and the rest is that of the first.
    """

    text_id: str
    text: str
    gold: dict[Span, Mention]
    system: dict[Span, Mention]


@dataclass
class Pairing:
    """Texts of gold in their order, then those that only the system has; and what did not fit.

    Attributes
    ----------
    missing, extra
        Ids that only gold has, and only the system; the other side is scored as empty.
    n_different
        Texts of the same id that differ.
    n_outside
        Gold mentions that do not stand in their text at their offset.
    """

    pairs: list[TextPair] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    n_different: int = 0
    n_outside: int = 0


def pair_texts(gold: Iterable[Record], system: Iterable[Record]) -> Pairing:
    """Bring the records of both sides together by their ids.

    Raises
    ------
    CorpusError
        If two records of a side have the same id, or gold has no record.
    """
    rest = _by_id(system, "system")
    pairing = Pairing()
    for text_id, record in _by_id(gold, "gold").items():
        other = rest.pop(text_id, None)
        if other is None:
            pairing.missing.append(text_id)
        elif other.text != record.text:
            pairing.n_different += 1
        mentions = record.mentions or []
        pairing.n_outside += sum(not record.text.startswith(m.mention, m.offset) for m in mentions)
        found = other.mentions or [] if other is not None else []
        pairing.pairs.append(TextPair(text_id, record.text, _by_span(mentions), _by_span(found)))
    if not pairing.pairs:
        raise CorpusError("gold: no labelled text; give JSON Lines with text and mention_data")
    for text_id, record in rest.items():
        pairing.extra.append(text_id)
        pairing.pairs.append(TextPair(text_id, record.text, {}, _by_span(record.mentions or [])))
    return pairing


def _by_id(records: Iterable[Record], side: str) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for record in records:
        if record.text_id in found:
            raise CorpusError(f"{side}: two texts have the id {record.text_id!r}; give each an id of its own")
        found[record.text_id] = record
    return found


def _by_span(mentions: Iterable[Mention]) -> dict[Span, Mention]:
    found: dict[Span, Mention] = {}
    for mention in mentions:
        span = mention.offset, len(mention.mention)
        first = found.setdefault(span, mention)
        if first is not mention:
            joined = ANSWER_SEPARATOR.join([first.kb_id, mention.kb_id])
            found[span] = Mention(*span[:1], first.mention, joined, first.score, first.candidates)
    return found


def split_answers(kb_id: str) -> Answers:
    """The answers of a mention, all kinds of NIL being one.

    Examples
    --------
    >>> sorted(split_answers("J00##NIL_Work"))
    ['J00', 'NIL']
    """
    if ANSWER_SEPARATOR not in kb_id:
        return frozenset([NIL if is_nil(kb_id) else kb_id])
    return frozenset(NIL if is_nil(answer) else answer for answer in kb_id.split(ANSWER_SEPARATOR) if answer)


@dataclass
class LinkingScore:
    """Counts of a comparison.

    Attributes
    ----------
    counts
        ``int64[n_texts, 4, 3]``: for each text and measure of ``MEASURES`` what gold has, the system has, and both.
    n_hits, n_right
        Gold mentions with an entity whose span the system has too, and those of them with the same answers.
    n_with_candidates, n_among_candidates
        Gold links on such spans for which the system lists candidates, and those that are listed.
    scores, is_right
        Of every link of the system that has a score.
    """

    counts: np.ndarray
    n_hits: int
    n_right: int
    n_with_candidates: int
    n_among_candidates: int
    scores: np.ndarray
    is_right: np.ndarray

    def as_dict(self, *, bootstrap: int = 0, seed: int = 0) -> dict[str, Any]:
        """The figures as JSON values, shares to four digits.

        Parameters
        ----------
        bootstrap
            Samples of texts, drawn with replacement, for the intervals that hold 95 % of them; 0 for none.
        seed
            Of the samples.
        """
        report: dict[str, Any] = {}
        intervals = self._bootstrap(bootstrap, seed) if bootstrap else None
        for i, name in enumerate(MEASURES):
            totals = self.counts[:, i].sum(axis=0)
            report[name] = dict(zip(("gold", "system", "correct"), totals.tolist(), strict=True))
            report[name] |= _shares(*totals.tolist())
            report[name]["macro"] = self._macro(i)
            if intervals is not None:
                report[name]["interval"] = intervals[i]
        report["hits"] = {
            "mentions": self.n_hits,
            "accuracy": rounded(share(self.n_right, self.n_hits)),
            "candidate_recall": rounded(share(self.n_among_candidates, self.n_with_candidates)),
        }
        report["calibration"] = measure_calibration(self.scores, self.is_right)
        return report

    def _macro(self, measure: int) -> dict[str, float | None]:
        """Means over the texts for which gold or the system has something."""
        gold, system, correct = self.counts[:, measure].T
        kept = (gold + system) > 0
        gold, system, correct = gold[kept], system[kept], correct[kept]
        columns = correct / np.maximum(system, 1), correct / np.maximum(gold, 1), 2 * correct / (gold + system)
        means = [rounded(float(column.mean())) if len(column) else None for column in columns]
        return dict(zip(("precision", "recall", "f1"), means, strict=True))

    def _bootstrap(self, n_samples: int, seed: int) -> list[dict[str, Any]]:
        n_texts = len(self.counts)
        source = np.random.default_rng(seed)
        table = self.counts.reshape(n_texts, -1)
        sums = np.empty((n_samples, table.shape[1]), np.int64)
        for i in range(0, n_samples, BOOTSTRAP_BATCH):
            size = min(BOOTSTRAP_BATCH, n_samples - i)
            drawn = source.integers(0, n_texts, (size, n_texts))
            for j, row in enumerate(drawn, start=i):
                sums[j] = np.bincount(row, minlength=n_texts) @ table
        gold, system, correct = sums.reshape(n_samples, len(MEASURES), 3).transpose(2, 1, 0)
        with np.errstate(invalid="ignore"):  # nothing by nothing, which stands for no figure
            shares = [correct / system, correct / gold, 2 * correct / (gold + system)]
        return [
            {name: _interval(values[i]) for name, values in zip(("precision", "recall", "f1"), shares, strict=True)}
            for i in range(len(MEASURES))
        ]


def _interval(values: np.ndarray) -> list[float] | None:
    known = values[~np.isnan(values)]
    return [round(float(x), 4) for x in np.percentile(known, INTERVAL)] if len(known) else None


def _shares(gold: int, system: int, correct: int) -> dict[str, float | None]:
    figures = (share(correct, system), share(correct, gold), share(2 * correct, gold + system))
    return dict(zip(("precision", "recall", "f1"), map(rounded, figures), strict=True))


def score_links(pairs: Sequence[TextPair]) -> LinkingScore:
    """Compare gold and system.

    A mention counts with its offset and length, a link with its entity besides. *mention*: spans, whatever their
    answer (neleval's strong_mention_match). *link*: spans and entities, NIL left out on both sides
    (strong_link_match; CCKS 2019). *all*: NIL is an answer like others (strong_all_match; DuEL). *nil*: spans with NIL.
    What a side has twice counts once. Of several answers to a mention each counts by itself.

    Examples
    --------
    >>> gold = [Record("1", "苹果", [Mention(0, "苹果", "7")])]
    >>> score_links(pair_texts(gold, gold).pairs).as_dict()["link"]["f1"]
    1.0
    """
    counts = np.zeros((len(pairs), len(MEASURES), 3), np.int64)
    n_hits = n_right = n_with = n_among = 0
    scores: list[float] = []
    is_right: list[bool] = []
    for i, pair in enumerate(pairs):
        gold, system = (
            {span: split_answers(mention.kb_id) for span, mention in side.items()} for side in (pair.gold, pair.system)
        )
        for j, find in enumerate((_spans, _links, _all, _nils)):
            ours, theirs = find(gold), find(system)
            counts[i, j] = len(ours), len(theirs), len(ours & theirs)
        for span in gold.keys() & system.keys():
            wanted = gold[span] - {NIL}
            n_hits += bool(wanted)
            n_right += bool(wanted) and gold[span] == system[span]
            listed = pair.system[span].candidates
            if listed is not None:
                n_with += len(wanted)
                n_among += len(wanted & {kb_id for kb_id, _ in listed})
        for span, answers in system.items():
            score = pair.system[span].score
            if score is not None:
                right = [answer in gold.get(span, ()) for answer in answers - {NIL}]
                scores += [score] * len(right)
                is_right += right
    return LinkingScore(
        counts, n_hits, n_right, n_with, n_among, np.array(scores, np.float64), np.array(is_right, np.bool_)
    )


def _spans(side: dict[Span, Answers]) -> set:
    return set(side)


def _links(side: dict[Span, Answers]) -> set:
    return {(span, answer) for span, answers in side.items() for answer in answers if answer != NIL}


def _all(side: dict[Span, Answers]) -> set:
    return {(span, answer) for span, answers in side.items() for answer in answers}


def _nils(side: dict[Span, Answers]) -> set:
    return {span for span, answers in side.items() if NIL in answers}


def score_bands(score: LinkingScore) -> list[dict[str, Any]]:
    """Links of the system by their score, in ten bands from the highest down; empty if they have no scores.

    ``system`` and ``precision`` are those of the band; ``recall_above`` and ``precision_above`` those of all links
    with at least its lowest score.
    """
    n_gold = int(score.counts[:, MEASURES.index("link"), 0].sum())
    bands = np.clip((score.scores * N_BANDS + 1e-9).astype(np.int64), 0, N_BANDS - 1)
    rows, n_above, n_right_above = [], 0, 0
    for band in range(N_BANDS - 1, -1, -1) if len(bands) else ():
        is_here = bands == band
        n, n_right = int(is_here.sum()), int(score.is_right[is_here].sum())
        n_above, n_right_above = n_above + n, n_right_above + n_right
        rows.append(
            {
                "score_from": band / N_BANDS,
                "score_to": (band + 1) / N_BANDS,
                "system": n,
                "precision": rounded(share(n_right, n)),
                "precision_above": rounded(share(n_right_above, n_above)),
                "recall_above": rounded(share(n_right_above, n_gold)),
            }
        )
    return rows


def trace_curve(score: LinkingScore) -> list[dict[str, Any]]:
    """Precision, recall and F1 of the links with at least a score, for scores from 0 to 1 in steps of .01."""
    n_gold = int(score.counts[:, MEASURES.index("link"), 0].sum())
    rows = []
    for step in range(CURVE_STEPS + 1) if len(score.scores) else ():
        kept = score.scores >= step / CURVE_STEPS - 1e-9
        n, n_right = int(kept.sum()), int(score.is_right[kept].sum())
        rows.append({"threshold": step / CURVE_STEPS, "system": n, **_shares(n_gold, n, n_right)})
    return rows


def score_types(pairs: Sequence[TextPair], types_of: Callable[[str], Sequence[str]]) -> dict[str, dict[str, Any]]:
    """The measure *all* for each type of entity, the most frequent in gold first; NIL is a type.

    Parameters
    ----------
    pairs
        From `pair_texts`.
    types_of
        Types of an entity; one with several counts for each, one without as "other".
    """
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for pair in pairs:
        sides = [
            _all({span: split_answers(mention.kb_id) for span, mention in side.items()})
            for side in (pair.gold, pair.system)
        ]
        for column, items in enumerate((*sides, sides[0] & sides[1])):
            for _, answer in items:
                for name in [NIL] if answer == NIL else dict.fromkeys(types_of(answer)) or ["other"]:
                    counts[name][column] += 1
    ordered = sorted(counts.items(), key=lambda item: (-item[1][0], item[0]))
    names = ("gold", "system", "correct")
    return {name: dict(zip(names, row, strict=True)) | _shares(*row) for name, row in ordered}


def measure_coverage(pairs: Sequence[TextPair], has_entity: Callable, has_name: Callable) -> dict[str, float | None]:
    """How many of the gold links a knowledge base allows at all.

    Parameters
    ----------
    pairs
        From `pair_texts`.
    has_entity
        Whether it has the entity of this id.
    has_name
        Whether the mention, its first argument, is a name of the entity, its second.

    Returns
    -------
    ``entities`` and ``names``: shares of the gold links.
    """
    n_links = n_entities = n_names = 0
    for pair in pairs:
        for mention in pair.gold.values():
            for answer in split_answers(mention.kb_id) - {NIL}:
                n_links += 1
                if has_entity(answer):
                    n_entities += 1
                    n_names += bool(has_name(mention.mention, answer))
    return {"entities": rounded(share(n_entities, n_links)), "names": rounded(share(n_names, n_links))}


def tac_rows(pairs: Iterable[TextPair], side: str) -> Iterator[tuple[str, int, int, str, str, str]]:
    """Mentions of ``side``, gold or system, as neleval reads them: text, first and last character, entity, score, type.

    neleval gives its own figures for them; the last character belongs to the mention.
    """
    for pair in pairs:
        mentions = pair.gold if side == "gold" else pair.system
        for (offset, length), mention in sorted(mentions.items()):
            score = "1.0" if mention.score is None else f"{mention.score:.4f}"
            for answer in sorted(split_answers(mention.kb_id)):
                yield pair.text_id, offset, offset + length - 1, answer, score, "NIL" if answer == NIL else "KB"
