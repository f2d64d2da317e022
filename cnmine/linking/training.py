"""Labelled texts and a knowledge base → a model of how their annotators mark and link."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from cnmine import __version__
from cnmine.errors import UsageError
from cnmine.linking.disambiguation import (
    FEATURES,
    RULE_WEIGHTS,
    FeatureMaker,
    LinkCounts,
    character_idfs,
    count_links,
    decision_features,
    find_candidates,
)
from cnmine.linking.kb import KnowledgeBase
from cnmine.linking.labels import (
    UNKNOWN_ENTITY,
    Block,
    LabeledText,
    LabelReader,
    count_names,
    describe_learned,
    describe_names,
    read_block,
)
from cnmine.linking.mentions import MentionModel, Spans, choose_mentions, train_mentions
from cnmine.linking.model import LEAST_LOG_ODDS, LinkerModel
from cnmine.linking.names import NIL_ENTITY, Names, learn_names
from cnmine.linking.records import Record
from cnmine.linking.scorers import Logistic, Trees, fit_choice, fit_logistic, fit_trees

MIN_FOR_TREES = 3000  # mentions with candidates, from which boosting is tried
_LOST = 0.001  # share of the chosen mentions that may be lost to `LinkerModel.least_log_odds`
_LOST_MARGIN = 0.5  # other texts differ
MAX_DIVISIONS, TEXTS_PREDICTED = 3, 6000  # predictions for as many texts are enough
_THRESHOLDS = np.round(np.arange(-2.0, 2.01, 0.1), 2)
_NIL_THRESHOLDS = np.round(np.arange(0.2, 0.81, 0.05), 2)
_REACH = (5, 2)  # thresholds on each side over which a figure is averaged


def train_linker(
    kb: KnowledgeBase,
    records: Iterable[Record],
    *,
    dev: Iterable[Record] | None = None,
    folds: int = 5,
    seed: int = 0,
    dictionary: Sequence[str] = (),
    on_step: Callable[[str], None] = lambda text: None,
    on_notice: Callable[[str], None] = lambda text: None,
) -> LinkerModel:
    """Learn from labelled texts which names are mentions, of which entity, and which of none.

    Parameters
    ----------
    kb
        The knowledge base; the model fits no other.
    records
        Labelled texts.
    dev
        Labelled texts by which thresholds are chosen; without them what was predicted for each fold by the others.
    folds
        How many parts the texts are divided into, to learn from predictions for texts that were not learned. Fewer than
        3,000 texts are divided two or three times, so that less depends on the division.
    seed
        Of the division, and of the order of learning.
    dictionary
        Files of words with parts of speech, as jieba has them.
    on_step, on_notice
        Called with the name of each phase; with a line about labels that cannot be used.

    Raises
    ------
    UsageError
        If there is no labelled mention that can be used, or ``folds`` is below 2.

    Notes
    -----
    Memory: some hundred bytes for each key that occurs in the texts, and 20 for each key of the knowledge base. Time:
    linear in the texts, with ``folds`` trainings for each division and one more; seconds for thousands of texts. Same
    input, same model.
    """
    if folds < 2:
        raise UsageError(f"folds is {folds}; give 2 or more")
    on_step("finding names")
    reader = LabelReader(kb)
    labelled = reader.read(records)
    trainer = _Trainer(kb, seed, dictionary)
    source = np.random.default_rng(seed)
    n_divisions = _count_divisions(len(labelled))
    divisions = [_Folds(kb, labelled, source.permutation(len(labelled)) % folds) for _ in range(n_divisions)]
    whole = divisions[0].read()
    held_out = reader.read(dev) if dev is not None else None
    reader.report(whole, on_notice)
    if not sum(len(block.rows) for block in whole):
        raise UsageError("there is no labelled mention to learn from; check mention_data, and offsets of its mentions")
    on_step("learning mentions")
    predicted = [trainer.predict_folds(division) for division in divisions]
    blocks = [block for division in predicted for block in division]
    on_step("learning links")
    ranker = trainer.fit_ranker(predicted)
    on_step("learning decisions")
    model = trainer.fit_decisions(blocks, whole, ranker)
    if held_out is not None:
        block = read_block(held_out, whole[0].names)
        trainer.predict(block, model.mentions, model.counts)
        block.scores = ranker.score(block.features)
        trainer.tune([block], model)
    else:
        trainer.tune(blocks, model)
    model.settings |= {"folds": folds, "seed": seed, "n_texts": len(labelled), "written_by": f"cnmine {__version__}"}
    return model


def _count_divisions(n_texts: int) -> int:
    """How many times texts are divided into folds: fewer of them are predicted more often, and evenly."""
    return max(1, min(MAX_DIVISIONS, TEXTS_PREDICTED // max(1, n_texts)))


class _Folds:
    """Labelled texts divided into parts, and the names that the labels of each part teach."""

    def __init__(self, kb: KnowledgeBase, labelled: Sequence[LabeledText], parts: np.ndarray) -> None:
        self.kb = kb
        self.texts = [
            [labelled[i] for i in np.flatnonzero(parts == part).tolist()] for part in range(parts.max(initial=0) + 1)
        ]
        self.labels = [count_names(texts) for texts in self.texts]

    def read(self, left_out: int | None = None) -> list[Block]:
        """The blocks of all parts, with the names that the labels of all of them teach, or of all but one."""
        counts = sum((labels for i, labels in enumerate(self.labels) if i != left_out), Counter())
        names = Names(self.kb, learn_names(self.kb, counts))
        firsts = np.cumsum([0, *map(len, self.texts)]).tolist()
        return [read_block(texts, names, first) for texts, first in zip(self.texts, firsts, strict=False)]


class _Trainer:
    """Holds what all phases need."""

    def __init__(self, kb: KnowledgeBase, seed: int, dictionary: Sequence[str]) -> None:
        self.kb, self.seed = kb, seed
        self.idfs = character_idfs(kb)
        self.maker = FeatureMaker(kb, self.idfs)
        self.keys = describe_names(kb, self.maker.kinds, dictionary)

    def predict_folds(self, folds: _Folds) -> list[Block]:
        """Predict the texts of each part with what the others teach."""
        whole = folds.read()
        learned = whole[0].names.learned
        blocks = []
        for part in range(len(whole)):
            # Where no names are learned, all parts are read alike.
            read = folds.read(part) if learned.texts or len(learned.pairs) else whole
            others = [block for i, block in enumerate(read) if i != part]
            self.predict(read[part], self.fit_mentions(others), self.count(others))
            blocks.append(read[part])
        return blocks

    def fit_mentions(self, blocks: Sequence[Block]) -> MentionModel:
        """Train the scorer of spans."""
        keys = describe_learned(self.keys, blocks[0].names, self.maker.kinds)
        return train_mentions([(b.spans, b.is_mention, b.texts) for b in blocks], keys, seed=self.seed)

    def predict(self, block: Block, model: MentionModel, counts: LinkCounts) -> None:
        """Score the spans of a block; find candidates for those not out of the question, and measure these."""
        block.log_odds = model.score(block.spans)
        block.kept = np.flatnonzero((block.log_odds > LEAST_LOG_ODDS) | (block.is_mention != 0))
        block.candidates = find_candidates(block.names, block.spans, block.kept)
        block.features = self.maker.features(block.spans, block.candidates, counts)
        block.scores = np.zeros(len(block.features), np.float32)
        block.counts = counts

    def count(self, blocks: Sequence[Block]) -> LinkCounts:
        """Count the links of blocks."""
        keys: list[np.ndarray] = []
        entities: list[np.ndarray] = []
        grams: list[np.ndarray] = []
        sizes: list[np.ndarray] = []
        for block in blocks:
            known = block.entities != UNKNOWN_ENTITY
            rows = block.rows[known]
            keys.append(block.spans.table[rows, 2].astype(np.int64))
            entities.append(block.entities[known])
            for part, whole in zip(self.maker.near(block.spans, rows), (grams, sizes), strict=True):
                whole.append(part)
        near = np.concatenate(grams), np.concatenate(sizes)
        return count_links(np.concatenate(keys), np.concatenate(entities), self.maker.kinds, self.maker.n_kinds, near)

    def fit_ranker(self, divisions: Sequence[Sequence[Block]]) -> Logistic | Trees:
        """Rank every block by a ranker of the others of its division.

        Returns
        -------
        The ranker of all blocks, of the kind that ranks better.
        """
        choices = [[_choices(block) for block in blocks] for blocks in divisions]
        fits: list[Callable[[Sequence[tuple]], Logistic | Trees]] = [_fit_logistic]
        if sum(len(chosen) for _, _, chosen in choices[0]) >= MIN_FOR_TREES:
            fits.append(_fit_trees)
        best, best_right = fits[0], -1
        for fit in fits:
            scores, n_right = [], 0
            for blocks, parts in zip(divisions, choices, strict=True):
                for i, block in enumerate(blocks):
                    ranker = fit([choice for j, choice in enumerate(parts) if j != i])
                    scores.append(ranker.score(block.features))
                    n_right += _count_right(scores[-1], block)
            if n_right > best_right:
                best, best_right = fit, n_right
                for block, found in zip((block for blocks in divisions for block in blocks), scores, strict=True):
                    block.scores = found
        return best([choice for parts in choices for choice in parts])

    def fit_decisions(self, blocks: Sequence[Block], whole: Sequence[Block], ranker: Logistic | Trees) -> LinkerModel:
        """Learn from the predictions for all blocks when to link, and when to NIL; return the model of all texts."""
        tables, labels, entities, has_any = [], [], [], []
        for block in blocks:
            table, best = self.table(block)
            tables.append(table)
            labels.append(block.is_mention[block.kept] != 0)
            entities.append(block.gold)
            has_any.append(best >= 0)
        table, is_mention = np.concatenate(tables), np.concatenate(labels)
        gold, has = np.concatenate(entities), np.concatenate(has_any)
        found = _fit_or_constant(table[has], is_mention[has])
        bare = _fit_or_constant(table[~has][:, :4], is_mention[~has])
        judged = has & is_mention & (gold != UNKNOWN_ENTITY)
        nil = _fit_or_constant(table[judged], gold[judged] == NIL_ENTITY)
        mentions, counts, learned = self.fit_mentions(whole), self.count(whole), whole[0].names.learned
        return LinkerModel(self.kb.digest, learned, mentions, counts, self.idfs, ranker, found, bare, nil)

    def table(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """`cnmine.linking.disambiguation.decision_features` of a block."""
        assert block.candidates is not None and block.counts is not None
        return decision_features(
            block.spans,
            block.log_odds[block.kept],
            block.candidates,
            block.features,
            block.scores,
            block.counts,
            block.names,
        )

    def tune(self, blocks: Sequence[Block], model: LinkerModel) -> None:
        """Set the thresholds around which F of all answers, NIL included, is best."""
        judged = [self._judge(block, model) for block in blocks]
        n_gold = sum(block.n_gold for block in blocks)
        figures = np.zeros((len(_THRESHOLDS), len(_NIL_THRESHOLDS)))
        for i, threshold in enumerate(_THRESHOLDS.tolist()):
            picks = [self._pick(b, gains, threshold) for b, (gains, _, _, _) in zip(blocks, judged, strict=True)]
            n_found = sum(map(len, picks))
            for j, limit in enumerate(_NIL_THRESHOLDS.tolist()):
                n_right = sum(
                    int(np.where(nil[pick] >= limit, if_nil[pick], if_linked[pick]).sum())
                    for pick, (_, nil, if_nil, if_linked) in zip(picks, judged, strict=True)
                )
                figures[i, j] = 2 * n_right / max(1, n_found + n_gold)
        i, j = find_summit(figures, _REACH)
        model.threshold, model.nil_threshold = float(_THRESHOLDS[i]), float(_NIL_THRESHOLDS[j])
        model.settings["f_in_training"] = round(float(figures[i, j]), 4)
        picks = [
            self._pick(block, gains, model.threshold) for block, (gains, _, _, _) in zip(blocks, judged, strict=True)
        ]
        found = np.concatenate([b.log_odds[b.kept][pick] for b, pick in zip(blocks, picks, strict=True)])
        if len(found) >= 1 / _LOST:
            lost = float(np.quantile(found, _LOST)) - _LOST_MARGIN
            model.least_log_odds = min(max(LEAST_LOG_ODDS, lost), 0.0)

    @staticmethod
    def _pick(block: Block, gains: np.ndarray, threshold: float) -> np.ndarray:
        """The kept spans that are chosen."""
        part = Spans(block.spans.texts, block.spans.table[block.kept].copy(), block.spans.marks)
        return choose_mentions(part, gains, threshold)

    def _judge(self, block: Block, model: LinkerModel) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of every kept span: log odds, probability of NIL, whether NIL would be right, whether the best one would."""
        assert block.candidates is not None
        table, best = self.table(block)
        has_any = best >= 0
        gains, nil = model.judge(table, has_any)
        gold = block.gold
        firsts = np.append(block.candidates.entities, -3)[np.where(has_any, best, -1)]
        is_unknown = gold == UNKNOWN_ENTITY  # whatever is answered cannot be judged
        return gains, nil, (gold == NIL_ENTITY) | is_unknown, (gold == firsts) | is_unknown


def find_summit(figures: np.ndarray, reach: tuple[int, int]) -> tuple[int, int]:
    """Row and column around which the figures are highest: the mean as far as ``reach``; of equals the first.

    The highest figure by itself is often luck: it lies anywhere on a broad back.
    """
    high, wide = reach
    padded = np.pad(figures, ((high, high), (wide, wide)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * high + 1, 2 * wide + 1))
    i, j = np.unravel_index(int(np.argmax(windows.mean(axis=(2, 3)).round(9))), figures.shape)
    return int(i), int(j)


def _choices(block: Block) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features of the candidates of mentions whose entity is among them; their offsets; the right ones."""
    candidates = block.candidates
    assert candidates is not None
    right = np.flatnonzero(candidates.entities == block.gold[candidates.owners])
    owners = candidates.owners[right]
    used = np.isin(candidates.owners, owners)
    offsets = np.append(0, np.cumsum(np.diff(candidates.offsets)[owners]))
    return block.features[used], offsets, (np.cumsum(used) - 1)[right]


def _join(choices: Sequence[tuple]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = np.concatenate([rows for rows, _, _ in choices])
    shifts = np.cumsum([0, *(len(rows) for rows, _, _ in choices)])
    starts = [offsets[:-1] + shift for (_, offsets, _), shift in zip(choices, shifts, strict=False)]
    chosen = [chosen + shift for (_, _, chosen), shift in zip(choices, shifts, strict=False)]
    return rows, np.append(np.concatenate(starts), len(rows)).astype(np.int64), np.concatenate(chosen).astype(np.int64)


def _fit_logistic(choices: Sequence[tuple]) -> Logistic:
    """Few labels leave the weights near those of the rules; none leaves them there."""
    rows, offsets, chosen = _join(choices)
    guess = np.zeros(len(FEATURES))
    for name, weight in RULE_WEIGHTS.items():
        guess[FEATURES.index("label_prior" if name == "prior" else name)] = weight
    if not len(chosen):
        return Logistic(np.zeros(len(guess)), np.ones(len(guess)), guess)
    return fit_choice(rows, offsets, chosen, guess=guess)


def _fit_trees(choices: Sequence[tuple]) -> Trees:
    rows, _, chosen = _join(choices)
    labels = np.zeros(len(rows), np.uint8)
    labels[chosen] = 1
    return fit_trees(rows, labels, n_trees=100, n_leaves=15)


def _count_right(scores: np.ndarray, block: Block) -> int:
    candidates = block.candidates
    assert candidates is not None
    owners = candidates.owners
    best = np.full(len(block.kept), -np.inf)
    np.maximum.at(best, owners, scores)
    right = candidates.entities == block.gold[owners]
    return int((right & (scores >= best[owners])).sum())


def _fit_or_constant(rows: np.ndarray, labels: np.ndarray) -> Logistic:
    """A logistic model; where there is one kind of label only, its smoothed log odds."""
    n, n_true = len(labels), int(labels.sum())
    if 0 < n_true < n:
        return fit_logistic(rows, labels.astype(np.float64))
    width = rows.shape[1]
    return Logistic(
        np.zeros(width), np.ones(width), np.zeros(width), float(np.log((n_true + 0.5) / (n - n_true + 0.5)))
    )
