"""Text and the keys that occur in it → the spans that are mentions, each with the log odds that it is one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from cnmine.linking import _mention_kernels as kernels

N_WEIGHTS = 1 << 20
N_KEY_FEATURES, N_CONTEXT_FEATURES = 15, kernels.N_CONTEXT
TITLE_REACH = 40  # characters between title marks
LINE_END = 10
UNKNOWN_LOG_PROB = -20.0  # of a character that is no word
MIN_SUPPORT = 5  # texts with a key, before the key itself becomes a feature
MAX_PASSED_OVER = 5
FLOOR_MARGIN = 1.0  # below the lowest score that a key of a mention had by what other texts tell
NEVER = -30.0

SUFFIXES = "路街道巷桥镇村乡县市区省州湖山河江海岛湾港站场馆院校园厂店宫寺塔楼苑厦号病症队杯奖报社树花人者们版式系"

_CLASSES = {"\n": 1, "《": 2, "》": 3, '"': 4, "“": 5, "”": 6, "(": 7, ")": 8, "[": 9, "]": 10, "【": 11, "】": 12}
_CLASSES |= {
    "「": 13,
    "」": 14,
    "、": 15,
    ",": 16,
    "，": 16,
    "。": 17,
    " ": 18,
    ":": 19,
    "-": 20,
    "·": 21,
    "_": 22,
    "|": 23,
}
_CLASSES |= {"/": 24, "的": 25, "'": 26, ".": 27, "#": 28}
_LETTER, _DIGIT, _HAN, _OTHER = 29, 30, 31, 0
_EPOCHS, _RATE, _DECAY, _FIRST_SQUARE = 6, 0.15, 2e-4, 1.0
_PASSES = 5  # trainings in different orders, whose weights are averaged


def _character_classes() -> np.ndarray:
    table = np.zeros(1 << 16, np.uint8)
    for first, last, kind in (("a", "z", _LETTER), ("A", "Z", _LETTER), ("0", "9", _DIGIT), ("一", "鿿", _HAN)):
        table[ord(first) : ord(last) + 1] = kind
    for character, kind in _CLASSES.items():
        table[ord(character)] = kind
    return table


_CHARACTER_CLASSES = _character_classes()


_SUFFIX_NUMBERS = np.zeros(1 << 16, np.uint8)
_SUFFIX_NUMBERS[[ord(character) for character in SUFFIXES]] = np.arange(1, len(SUFFIXES) + 1)


def classify(codes: np.ndarray) -> np.ndarray:
    """Classes of characters, ``uint8[n]``, for ``uint32[n]`` normalised code points."""
    return _CHARACTER_CLASSES[np.minimum(codes, 0xFFFF)]


@dataclass
class Spans:
    """The keys that occur in a text, with what is around them.

    Attributes
    ----------
    texts
        ``uint32[2, n]``: code points, and their classes.
    table
        ``int32[m, 5]``, by start then length: start, length, key, the span that covers it or -1, whether maximum
        matching takes it.
    marks
        ``uint8[2, n + 1]``: word boundaries, and what stands between title marks.
    """

    texts: np.ndarray
    table: np.ndarray
    marks: np.ndarray


def find_spans(
    codes: np.ndarray,
    matches: tuple[np.ndarray, np.ndarray, np.ndarray],
    log_probs: np.ndarray,
    is_alias: np.ndarray | None = None,
) -> Spans:
    """Prepare spans for scoring.

    Parameters
    ----------
    codes
        ``uint32[n]``, normalised; lines with a line end before, between and behind them.
    matches
        Starts, lengths and keys, by start then length.
    log_probs
        ``float32[n_keys]``, natural logarithms: of keys as words.
    is_alias
        ``bool[n_keys]``, which keys are names of entities. If given, spans are added that no key covers: what stands
        between title marks, and names with one of `SUFFIXES` behind them; their keys are ``n_keys`` and more.
    """
    marks = np.zeros((2, len(codes) + 1), np.uint8)
    titles = np.empty((np.count_nonzero(codes == ord("《")), 2), np.int32)
    n_titles = kernels.mark_titles(codes, TITLE_REACH, marks[1], titles)
    if is_alias is None:
        is_alias, n_titles = np.zeros(len(log_probs), bool), 0
    table = np.empty((2 * len(matches[0]) + n_titles, 5), np.int32)
    n = kernels.tabulate(codes, matches, titles[:n_titles], (is_alias.view(np.uint8), _SUFFIX_NUMBERS), table)
    table = table[:n]
    covers, flags = np.zeros(n, np.int32), np.zeros(n, np.uint8)
    kernels.segment(table, log_probs, UNKNOWN_LOG_PROB, np.empty(len(codes) + 1), marks[0])
    kernels.find_covers(table, covers, flags)
    table[:, 3], table[:, 4] = covers, flags
    return Spans(np.stack([codes, classify(codes).astype(np.uint32)]), table, marks)


@dataclass
class KeyTable:
    """What scoring needs to know of every key.

    Attributes
    ----------
    chars
        ``uint32[n_keys, 4]``: first, second, last but one and last character.
    infos
        ``uint8[n_keys, 7]``: length (at most 20), rank of frequency (0 for no word), of the number of entities, script,
        kind of the first entity, part of speech (0 for none), rank of the number of entities with this value.
    """

    chars: np.ndarray
    infos: np.ndarray

    def extend(self, other: KeyTable) -> KeyTable:
        """The keys of this table, those of another one, then the spans that no key covers."""
        n_own = len(self.chars) - 1 - len(SUFFIXES)
        parts = ((self.chars, other.chars), (self.infos, other.infos))
        return KeyTable(*(np.concatenate([own[:n_own], others]) for own, others in parts))


def describe_keys(
    texts: Iterable[str],
    log_probs: np.ndarray,
    n_entities: np.ndarray,
    floor: float,
    kinds: np.ndarray | int = 0,
    tags: np.ndarray | int = 0,
    n_values: np.ndarray | int = 0,
) -> KeyTable:
    """Gather what scoring needs to know of keys; time linear in their number, a few microseconds each.

    Parameters
    ----------
    texts
        Of all keys, in order.
    log_probs
        ``float32[n_keys]``.
    n_entities
        ``int64[n_keys]``.
    floor
        Log probability at which, and below, a key is no word.
    kinds, tags
        ``uint8[n_keys]``: type of the likeliest entity, or part of speech for what names none; part of speech.
    n_values
        ``int64[n_keys]``: how many entities have the key as a value of an attribute.
    """
    n_keys = len(log_probs)
    chars, infos = np.zeros((n_keys, 4), np.uint32), np.zeros((n_keys, 7), np.uint8)
    for i, text in enumerate(texts):
        chars[i] = ord(text[0]), ord(text[:2][-1]), ord(text[-2:][0]), ord(text[-1])
        infos[i, 0] = min(len(text), 20)
        infos[i, 3] = _script(text)
    infos[:, 1] = np.where(log_probs <= floor, 0, np.clip(-log_probs, 1, 30))
    infos[:, 2] = np.searchsorted([1, 2, 3, 5, 10], n_entities, side="right")
    infos[:, 4], infos[:, 5] = kinds, tags
    infos[:, 6] = np.searchsorted([1, 2, 4, 10], n_values, side="right")
    guessed_chars = np.array([(0, 0, 0, ord(character)) for character in " " + SUFFIXES], np.uint32)
    guessed_infos = np.zeros((len(guessed_chars), 7), np.uint8)
    guessed_infos[:, 3] = 5
    return KeyTable(np.concatenate([chars, guessed_chars]), np.concatenate([infos, guessed_infos]))


def _script(text: str) -> int:
    if not text.isascii():
        return 3 if any(character.isascii() for character in text) else 0
    return 1 if text.isalpha() else 2 if text.isdigit() else 4


def link_classes(n_linked: np.ndarray, n_matched: np.ndarray) -> np.ndarray:
    """Class of a key by how often annotators linked it: ``uint8[m]``, 0 if it never occurred."""
    share = (n_linked + 0.25) / (n_matched + 0.5)
    levels = np.searchsorted([0.02, 0.08, 0.2, 0.4, 0.6, 0.8, 0.93], share, side="right")
    support = np.searchsorted([2, 3, 6, 20], n_matched, side="right")
    return np.where(n_matched > 0, 1 + levels * 5 + support, 0).astype(np.uint8)


@dataclass
class MentionModel:
    """A trained scorer of spans.

    Attributes
    ----------
    key_scores
        ``float32[n_keys]``: log odds that come from the key by itself.
    key_traits
        ``uint8[n_keys, 3]``: class of `link_classes`, kind of the first entity, whether annotators pass the name over
        more than five times as often as they link it.
    weights
        ``float32[2**20]``, of hashed features.
    floor
        Keys with a score below are never mentions, whatever is around them; `score` gives them `NEVER`.
    """

    key_scores: np.ndarray
    key_traits: np.ndarray
    weights: np.ndarray
    floor: float = -np.inf

    def score(self, spans: Spans) -> np.ndarray:
        """Log odds of every span, ``float32[m]``."""
        keys, out = spans.table[:, 2].copy(), np.empty(len(spans.table), np.float32)
        model = self.key_scores, self.weights, float(self.floor), NEVER, out
        kernels.score_spans(spans.texts, spans.table, spans.marks, keys, self.key_traits, model)
        return out


def train_mentions(
    blocks: Sequence[tuple[Spans, np.ndarray, np.ndarray]], keys: KeyTable, *, seed: int = 0
) -> MentionModel:
    """Learn which spans are mentions.

    Parameters
    ----------
    blocks
        Spans, ``uint8[m]`` whether each is a mention, and ``int64[m]`` the number of its text, from 0 on over all
        blocks: what a key's own text tells of it is left out.
    keys
        From `describe_keys`.
    seed
        Of the order in which spans are learned.
    """
    n_keys = len(keys.chars)
    ids = np.concatenate([spans.table[:, 2] for spans, _, _ in blocks]).astype(np.int64)
    labels = np.concatenate([labels for _, labels, _ in blocks])
    texts = np.concatenate([texts for _, _, texts in blocks])
    n_matched = np.bincount(ids, minlength=n_keys)
    n_linked = np.bincount(ids, weights=labels, minlength=n_keys).astype(np.int64)
    classes = link_classes(*_others(ids, labels, texts, n_linked, n_matched))
    rows = np.empty((len(ids), N_KEY_FEATURES + N_CONTEXT_FEATURES), np.int32)
    known = np.where(n_matched >= MIN_SUPPORT, np.arange(n_keys), -1)
    part = np.empty((len(ids), N_KEY_FEATURES), np.int32)
    kernels.hash_keys(keys.chars[ids], classes, keys.infos[ids], known[ids], part)
    rows[:, :N_KEY_FEATURES] = part
    traits = np.stack([classes, keys.infos[ids, 4]], axis=1)
    first = 0
    for spans, _, _ in blocks:  # one block after another: each has its own covers
        part = np.empty((len(spans.table), N_CONTEXT_FEATURES), np.int32)
        stop = first + len(part)
        numbers = np.arange(len(part))
        own = traits[first:stop]
        kernels.hash_contexts(spans.texts, spans.table, spans.marks, numbers.astype(np.int32), own, numbers, part)
        rows[first:stop, N_KEY_FEATURES:] = part
        first = stop
    weights, squares = np.zeros(N_WEIGHTS, np.float32), np.full(N_WEIGHTS, _FIRST_SQUARE, np.float32)
    source, total = np.random.default_rng(seed), np.zeros(N_WEIGHTS, np.float64)
    for _ in range(_PASSES):
        weights[:], squares[:] = 0, _FIRST_SQUARE
        for epoch in range(_EPOCHS):
            rates = np.array([_RATE / (1 + 0.3 * epoch), _DECAY])
            kernels.learn_weights(rows, labels, source.permutation(len(ids)), weights, squares, rates)
        total += weights
    weights = (total / _PASSES).astype(np.float32)  # less depends on the order of learning
    found = np.zeros(int(labels.sum()), np.float32)
    kernels.sum_weights(np.ascontiguousarray(rows[labels != 0, :N_KEY_FEATURES]), weights, found)
    key_classes = link_classes(n_linked, n_matched)
    rows = np.empty((n_keys, N_KEY_FEATURES), np.int32)
    kernels.hash_keys(keys.chars, key_classes, keys.infos, known, rows)
    key_scores = np.zeros(n_keys, np.float32)
    kernels.sum_weights(rows, weights, key_scores)
    is_pruned = n_matched - n_linked + 1 >= MAX_PASSED_OVER * (n_linked + 1)
    traits = np.stack([key_classes, keys.infos[:, 4], is_pruned], axis=1).astype(np.uint8)
    return MentionModel(key_scores, traits, weights, float(found.min(initial=0.0)) - FLOOR_MARGIN)


def _others(
    ids: np.ndarray, labels: np.ndarray, texts: np.ndarray, n_linked: np.ndarray, n_matched: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Counts of each span's key in the other texts: how often linked, how often there."""
    pairs, inverse = np.unique(ids << 32 | texts, return_inverse=True)
    own_matched = np.bincount(inverse, minlength=len(pairs))
    own_linked = np.bincount(inverse, weights=labels, minlength=len(pairs)).astype(np.int64)
    return n_linked[ids] - own_linked[inverse], n_matched[ids] - own_matched[inverse]


def choose_mentions(
    spans: Spans, scores: np.ndarray, threshold: float, *, nested_threshold: float | None = None
) -> np.ndarray:
    """The spans that are mentions: the set without overlap with the highest sum of log odds over the threshold.

    Parameters
    ----------
    spans, scores
        From `find_spans`, and ``float32[m]``.
    threshold
        Log odds.
    nested_threshold
        Takes also spans inside chosen ones that have more than this; none if not given.

    Returns
    -------
    ``int64[k]``, numbers of spans, ascending.
    """
    out = np.zeros(len(scores), np.uint8)
    kernels.choose_spans(spans.table, (scores - np.float32(threshold)), np.empty(spans.texts.shape[1] + 1), out)
    if nested_threshold is not None:
        kernels.choose_nested(spans.table, scores, nested_threshold, out)
    return np.flatnonzero(out)


def cover_mentions(spans: Spans, eligible: np.ndarray) -> np.ndarray:
    """The max-match cover (Su 2019): fewest characters left over, then fewest pieces; of eligible spans, ascending."""
    numbers = np.flatnonzero(eligible)
    table = np.ascontiguousarray(spans.table[numbers])
    out = np.zeros(len(numbers), np.uint8)
    kernels.cover_text(table, np.empty((spans.texts.shape[1] + 1, 2), np.int64), out)
    return numbers[np.flatnonzero(out)]
