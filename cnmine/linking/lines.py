"""Texts that are one mention each, such as clinical terms → entities, by alike names and alike labelled texts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnmine import __version__
from cnmine._parallel import map_ordered
from cnmine.errors import UsageError
from cnmine.linking import _line_kernels as kernels
from cnmine.linking.disambiguation import entity_kinds
from cnmine.linking.kb import KnowledgeBase
from cnmine.linking.normalize import decode, normalize
from cnmine.linking.records import NIL, Mention, Record, is_nil
from cnmine.linking.scorers import Trees, fit_trees, sigmoid

SEPARATOR = "##"  # between the answers of one text
N_NAMES, N_NEIGHBOURS = 100, 100  # candidates by their names, and labelled texts whose answers are candidates
BM25_K1, BM25_B = 1.0, 0.6
N_FEATURES = 28
UNTRAINED_THRESHOLD = 0.35  # similarity from which a name is an answer
_NO_EVIDENCE: tuple = (0.0, 0.0, 0, 0, N_NEIGHBOURS, [])
_BATCH = 64
_HELD_OUT = 5  # the last fifth of the texts decides on the threshold
_THRESHOLDS = np.round(np.arange(0.08, 0.51, 0.02), 2)


@dataclass
class LineModel:
    """What training learns of texts that are one mention each.

    Attributes
    ----------
    kb_digest
        Of the knowledge base it was trained with.
    trees
        Log odds that a candidate is an answer.
    texts, text_offsets
        ``uint32[n]`` code points of the labelled texts, normalized, one behind the other; ``int64[k + 1]``.
    answers, answer_offsets
        ``int64[a]`` numbers of the entities each has; ``int64[k + 1]``.
    threshold
        Probability from which a candidate is an answer; the best one always is.
    """

    kb_digest: str
    trees: Trees
    texts: np.ndarray
    text_offsets: np.ndarray
    answers: np.ndarray
    answer_offsets: np.ndarray
    threshold: float = 0.25
    settings: dict[str, Any] = field(default_factory=dict)


class _Grams:
    """n-grams of strings as numbers of a fixed vocabulary, and who has them."""

    def __init__(self, codes: np.ndarray, offsets: np.ndarray, vocabulary: np.ndarray | None = None) -> None:
        n = len(offsets) - 1
        found = np.empty(3 * len(codes), np.uint64)
        stops = np.zeros(n + 1, np.int64)
        found = found[: kernels.collect_grams(codes, offsets, found, stops)]
        owners = np.repeat(np.arange(n), np.diff(stops))
        self.vocabulary = np.unique(found) if vocabulary is None else vocabulary
        ids = np.minimum(np.searchsorted(self.vocabulary, found), max(0, len(self.vocabulary) - 1))
        known = self.vocabulary[ids] == found if len(self.vocabulary) else np.zeros(len(found), bool)
        self.n_unknown = np.bincount(owners[~known], minlength=n)
        packed, self.counts = np.unique(owners[known] << 32 | ids[known], return_counts=True)
        self.owners, self.ids = packed >> 32, packed & 0xFFFFFFFF
        self.offsets = np.append(0, np.cumsum(np.bincount(self.owners, minlength=n))).astype(np.int64)

    def row(self, i: int) -> np.ndarray:
        """Numbers of one string's n-grams, ascending."""
        return self.ids[self.offsets[i] : self.offsets[i + 1]]

    def invert(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Offsets by n-gram, owners and weights."""
        order = np.argsort(self.ids, kind="stable")
        sizes = np.bincount(self.ids, minlength=len(self.vocabulary))
        offsets = np.append(0, np.cumsum(sizes)).astype(np.int64)
        return offsets, self.owners[order].astype(np.int32), weights[order].astype(np.float32)


class LineLinker:
    """Links texts that are one mention each.

    Parameters
    ----------
    kb
        The knowledge base; its names are read into memory, about 200 bytes each.
    model
        Without one the answers are the names most alike.
    """

    def __init__(self, kb: KnowledgeBase, model: LineModel | None = None) -> None:
        self.kb, self.model = kb, model
        # A row is a name with one entity that has it: entities of one name are told apart by labels.
        keys = np.repeat(np.arange(kb.n_keys), np.diff(kb.key_offsets))
        self.entities = kb.key_entities
        names = [normalize(kb.key_text(key)) for key in keys.tolist()]
        self.codes, self.offsets = (
            np.concatenate(names),
            np.append(0, np.cumsum(list(map(len, names)))).astype(np.int64),
        )
        is_title = np.flatnonzero(kb.title_keys[self.entities] == keys)
        self.row_of_entity = np.full(kb.n_entities, -1, np.int64)
        self.row_of_entity[self.entities[is_title]] = is_title
        grams = self.grams = _Grams(self.codes, self.offsets)
        n, doc_freqs = len(keys), np.bincount(grams.ids, minlength=len(grams.vocabulary))
        self.idfs = np.log1p((n - doc_freqs + 0.5) / (doc_freqs + 0.5)).astype(np.float32)
        lengths = np.bincount(grams.owners, weights=grams.counts, minlength=n)
        norms = BM25_K1 * (1 - BM25_B + BM25_B * lengths / lengths.mean())
        weights = self.idfs[grams.ids] * grams.counts * (BM25_K1 + 1) / (grams.counts + norms[grams.owners])
        self.postings = grams.invert(weights)
        self.masses = np.bincount(grams.owners, weights=self.idfs[grams.ids], minlength=n).astype(np.float32)
        self.kinds, _ = entity_kinds(kb)
        if model is not None:
            self.remember(model)

    def remember(self, model: LineModel) -> None:
        """Make the labelled texts of a model the ones that are looked at."""
        self.memory = _Grams(model.texts, model.text_offsets, self.grams.vocabulary)
        squares = self.idfs[self.memory.ids] ** 2
        n = len(model.text_offsets) - 1
        self.memory_norms = np.sqrt(np.bincount(self.memory.owners, weights=squares, minlength=n)) + 1e-6
        self.memory_postings = self.memory.invert(squares)
        self.answers, self.answer_offsets = self.row_of_entity[model.answers], model.answer_offsets
        self.label_counts = np.bincount(self.answers, minlength=len(self.entities))
        self.kind_counts = np.bincount(self.kinds[self.entities[self.answers]], minlength=int(self.kinds.max()) + 2)

    def candidates(self, codes: np.ndarray, own: int = -1) -> tuple[np.ndarray, np.ndarray]:
        """Names that a text may mean, by number, and their features, ``float32[c, N_FEATURES]``.

        ``own`` is the number of the text among the labelled ones, which is then left out of them.
        """
        n = len(codes)
        query = _Grams(codes, np.array([0, n], np.int64), self.grams.vocabulary)
        mass = float(self.idfs[query.ids].sum() + query.n_unknown[0] * self.idfs.max()) + 1e-6
        scores = np.zeros(len(self.entities), np.float32)
        kernels.add_postings(query.ids, *self.postings, scores)
        rows = _highest(scores, N_NAMES)
        ranks = dict(zip(rows.tolist(), range(N_NAMES), strict=False))
        evidence = self._neighbours(query, own)
        rows = np.array(list(dict.fromkeys([*ranks, *evidence])), np.int64)
        features = np.zeros((len(rows), N_FEATURES), np.float32)
        has = np.zeros(len(self.idfs), np.uint8)
        has[query.ids] = 1
        tables = (self.grams.ids, self.grams.offsets, self.idfs, has, mass, self.masses)
        kernels.compare_names(codes, (self.codes, self.offsets), rows, tables, features[:, :8])
        sizes = np.diff(self.offsets)[rows]
        top = max(float(scores.max()), 1e-6)
        text, own_rows = decode(codes), self._own(own)
        features[:, 8], features[:, 9] = scores[rows], scores[rows] / top
        features[:, 10] = [ranks.get(row, N_NAMES) for row in rows.tolist()]
        features[:, 11], features[:, 12] = sizes, n
        names = [decode(self.codes[self.offsets[row] : self.offsets[row + 1]]) for row in rows.tolist()]
        features[:, 13] = [name in text for name in names]
        features[:, 25] = [name[:2] in text for name in names]
        features[:, 26] = [name[-2:] in text for name in names]
        if self.model is not None:
            counts = self.label_counts[rows] - np.isin(rows, own_rows)
            kinds, own_kinds = self.kinds[self.entities[rows]], self.kinds[self.entities[own_rows]]
            features[:, 14] = np.log1p(counts)
            features[:, 15] = np.log1p(self.kind_counts[kinds] - (kinds[:, None] == own_kinds).sum(axis=1))
            seen = np.array([evidence.get(row, _NO_EVIDENCE)[:5] for row in rows.tolist()], np.float32)
            features[:, 16:21] = seen.reshape(-1, 5)
            neighbours = [evidence.get(row, _NO_EVIDENCE)[5] for row in rows.tolist()]
            features[:, 27] = [self._coverage(found, has) / mass for found in neighbours]
            features[:, 21] = features[:, 17] / (counts + 1)
            features[:, 22] = max((row[0] for row in evidence.values()), default=0.0)
            features[:, 23] = features[:, 16] - features[:, 22]
        features[:, 24] = features[:, 0] * features[:, 4]
        return rows, features

    def _coverage(self, neighbours: list[int], has: np.ndarray) -> float:
        """Mass of the n-grams of a text that one of some labelled texts has."""
        if not neighbours:
            return 0.0
        ids = np.unique(np.concatenate([self.memory.row(i) for i in neighbours]))
        return float(self.idfs[ids[has[ids] != 0]].sum())

    def _own(self, own: int) -> np.ndarray:
        if own < 0:
            return np.zeros(0, np.int64)
        return self.answers[self.answer_offsets[own] : self.answer_offsets[own + 1]]

    def _neighbours(self, query: _Grams, own: int) -> dict[int, list]:
        """Of the answers of alike labelled texts: likeness, sum of squares, number, number among 5, rank, which."""
        if self.model is None:
            return {}
        likeness = np.zeros(len(self.memory_norms), np.float32)
        kernels.add_postings(query.ids, *self.memory_postings, likeness)
        likeness /= self.memory_norms * (np.sqrt((self.idfs[query.ids] ** 2).sum()) + 1e-6)
        if own >= 0:
            likeness[own] = -1
        found: dict[int, list] = {}
        for rank, i in enumerate(_highest(likeness, N_NEIGHBOURS).tolist()):
            like = float(likeness[i])
            for row in self._own(i).tolist():
                entry = found.setdefault(row, [like, 0.0, 0, 0, rank, []])
                entry[5].append(i)
                entry[1] += like * like
                entry[2] += 1
                entry[3] += rank < 5
        return found

    def link(
        self,
        records: Iterable[Record],
        *,
        threads: int = 1,
        n_candidates: int = 0,
        threshold: float | None = None,
        keep_nil: bool = True,
    ) -> Iterator[Record]:
        """Each text with one mention, all of it; several answers are joined by ``##``. Options as of `Linker.link`."""

        def link_batch(batch: list[Record]) -> list[Record]:
            linked = [self._link_one(record, n_candidates, threshold) for record in batch]
            if not keep_nil:
                for record in linked:
                    record.mentions = [mention for mention in record.mentions or () if mention.kb_id != NIL]
            return linked

        for batch in map_ordered(link_batch, _batches(records), threads=threads):
            yield from batch

    def _link_one(self, record: Record, n_candidates: int, threshold: float | None) -> Record:
        mention = record.text.strip()
        if not mention:
            return Record(record.text_id, record.text, [])
        rows, features = self.candidates(normalize(mention))
        if self.model is None:
            scores, limit = features[:, 2].astype(np.float64), UNTRAINED_THRESHOLD
        else:
            scores, limit = sigmoid(self.model.trees.score(features).astype(np.float64)), self.model.threshold
        order = np.argsort(-scores, kind="stable")
        n_picked = int(((scores >= (limit if threshold is None else threshold)) & (scores > 0)).sum())
        if threshold is None and self.model is not None:
            n_picked = max(1, n_picked)  # in training some answer was better than none
        picked = order[:n_picked]
        ids = list(dict.fromkeys(self._id(rows[i]) for i in picked.tolist()))
        listed = self._list(rows[order], scores[order], n_candidates) if n_candidates else None
        score = float(scores[picked[0]]) if len(picked) else float(1 - scores.max(initial=0.0))
        offset = record.text.index(mention)
        return Record(
            record.text_id, record.text, [Mention(offset, mention, SEPARATOR.join(ids) or NIL, score, listed)]
        )

    def _list(self, rows: np.ndarray, scores: np.ndarray, n: int) -> list[tuple[str, float]]:
        """The best ``n`` entities, each once, with the score of its best name."""
        found: dict[str, float] = {}
        for row, score in zip(rows.tolist(), scores.tolist(), strict=True):
            if len(found) == n:
                break
            found.setdefault(self._id(row), score)
        return list(found.items())

    def _id(self, row: int) -> str:
        return self.kb.entity_id(int(self.entities[row]))


def train_lines(
    kb: KnowledgeBase,
    records: Iterable[Record],
    *,
    dev: Iterable[Record] | None = None,
    seed: int = 0,
    on_step: Callable[[str], None] = lambda text: None,
    on_notice: Callable[[str], None] = lambda text: None,
) -> LineModel:
    """Learn from labelled texts that are one mention each.

    Parameters
    ----------
    kb, records, dev, seed, on_step, on_notice
        As for `cnmine.linking.training.train_linker`; several answers of a text are several mentions of it, or one
        with ids joined by ``##``. Without ``dev`` every fifth text decides on the threshold.

    Raises
    ------
    UsageError
        If no text has an answer that is in the knowledge base.
    """
    on_step("reading names")
    linker = LineLinker(kb)
    labelled = _gather(linker, records, on_notice)
    if not any(len(text.answers) for text in labelled):
        raise UsageError("no text has an answer that is in the knowledge base; check kb_id in mention_data")
    if dev is None:
        n_held = len(labelled) // _HELD_OUT
        on_step("learning the threshold")
        threshold, f = _tune(linker, _learn(linker, labelled[: len(labelled) - n_held], seed), labelled[-n_held:])
    on_step("learning")
    model = _learn(linker, labelled, seed)
    if dev is not None:
        threshold, f = _tune(linker, model, _gather(linker, dev, on_notice))
    model.threshold = threshold
    model.settings = {"f_in_training": round(f, 4), "n_texts": len(labelled), "seed": seed}
    model.settings["written_by"] = f"cnmine {__version__}"
    return model


@dataclass(frozen=True)
class _Labelled:
    """A text, the entities it means, and how many answers it has, known or not."""

    codes: np.ndarray
    answers: list[int]
    n_answers: int


def _gather(linker: LineLinker, records: Iterable[Record], on_notice: Callable[[str], None]) -> list[_Labelled]:
    labelled: list[_Labelled] = []
    n_unknown = 0
    for record in records:
        wanted = {kb_id for mention in record.mentions or () for kb_id in mention.kb_id.split(SEPARATOR)}
        wanted = {kb_id for kb_id in wanted if not is_nil(kb_id)}
        numbers = sorted(map(linker.kb.entity_number, wanted))
        known = [number for number in numbers if number >= 0 and linker.row_of_entity[number] >= 0]
        n_unknown += len(wanted) - len(known)
        if record.text.strip():
            labelled.append(_Labelled(normalize(record.text.strip()), known, len(wanted)))
    if n_unknown:
        on_notice(f"{n_unknown:,} answers are not in the knowledge base: not learned")
    return labelled


def _learn(linker: LineLinker, labelled: Sequence[_Labelled], seed: int) -> LineModel:
    """A model of these texts, but for its threshold; the linker has it then."""
    nothing = Trees(np.zeros((0, 3), np.int32), *(np.zeros(0, np.float32),) * 2, np.zeros(0, np.int64), 0.0)
    codes = [np.zeros(0, np.uint32), *(text.codes for text in labelled)]
    answers = [number for text in labelled for number in text.answers]
    stops, answer_stops = np.cumsum(list(map(len, codes))), np.cumsum([0, *(len(text.answers) for text in labelled)])
    model = LineModel(
        linker.kb.digest, nothing, np.concatenate(codes), stops, np.array(answers, np.int64), answer_stops
    )
    linker.model = model
    linker.remember(model)
    measured = [linker.candidates(text.codes, i) for i, text in enumerate(labelled)]
    labels = [
        np.isin(rows, linker.row_of_entity[text.answers]) for (rows, _), text in zip(measured, labelled, strict=True)
    ]
    rows = np.concatenate([features for _, features in measured])
    model.trees = fit_trees(rows, np.concatenate(labels).astype(np.uint8), n_trees=200, n_leaves=31, seed=seed)
    return model


def _tune(linker: LineLinker, model: LineModel, labelled: Sequence[_Labelled]) -> tuple[float, float]:
    """The threshold with the best F on texts that were not learned, and that F."""
    scored = []
    for text in labelled:
        rows, features = linker.candidates(text.codes)
        if len(rows):
            right = np.isin(rows, linker.row_of_entity[text.answers])
            scored.append((right, sigmoid(model.trees.score(features)), text.n_answers))
    best = (0.25, -1.0)
    for threshold in _THRESHOLDS.tolist():
        n_right = n_given = n_gold = 0
        for right, scores, size in scored:
            picked = scores >= threshold
            picked[int(np.argmax(scores))] = True
            n_right, n_given, n_gold = n_right + int((right & picked).sum()), n_given + int(picked.sum()), n_gold + size
        f = 2 * n_right / max(1, n_given + n_gold)
        if f > best[1]:
            best = (threshold, f)
    return best


def _highest(scores: np.ndarray, n: int) -> np.ndarray:
    """Numbers of the highest scores above 0, best first, of equals the lower number."""
    if len(scores) > n:
        limit = np.partition(scores, -n)[-n]
        places = np.flatnonzero(scores >= limit)
    else:
        places = np.arange(len(scores))
    places = places[scores[places] > 0]
    return places[np.argsort(-scores[places], kind="stable")][:n]


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        batch.append(record)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
