"""A ranked word list and a gold standard in; average precision, precision at k, F1 and calibration out.

Four tasks: *all* words; *new* words, those that a dictionary lacks; *hidden half*, the same with half of
the dictionary unknown to the system; the *published protocol*, in which the list becomes the dictionary of
a segmenter.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from cnmine.errors import UsageError
from cnmine.evaluation.segmentation import SegmentationScore, rounded, score_segmentation, share, split_words

MIN_GOLD_COUNT = 5
PRECISION_RANKS = (100, 500, 1000, 5000)
N_BINS = 10
TASKS = ("all", "new", "hidden-half")
# Ideographs of all blocks (planes 2 and 3 hold nothing else), the iteration mark and the zero.
CANDIDATE = re.compile("[々〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]{2,6}")


@dataclass(frozen=True)
class Ranking:
    """Words in order of rank; ``scores`` and ``counts``, one for each word, if the source had them."""

    words: Sequence[str]
    scores: Sequence[float] | None = None
    counts: Sequence[int] | None = None


@dataclass(frozen=True)
class GoldWords:
    """Words to be found, words that count neither for nor against, and the segmented lines if there are any."""

    relevant: frozenset[str]
    neutral: frozenset[str] = frozenset()
    lines: Sequence[str] | None = None


def is_candidate(word: str) -> bool:
    """Whether a word takes part: two to six Han characters and nothing else."""
    return CANDIDATE.fullmatch(word) is not None


def gold_word_counts(segmented_lines: Iterable[str]) -> dict[str, int]:
    """Occurrences of every candidate as a word of the segmented lines, in order of first appearance."""
    counts = Counter(word for line in segmented_lines for word in split_words(line))
    return {word: count for word, count in counts.items() if is_candidate(word)}


def gold_from_counts(counts: Mapping[str, int], *, min_count: int = MIN_GOLD_COUNT) -> GoldWords:
    """Words with at least ``min_count`` occurrences are relevant, rarer ones neutral."""
    relevant = frozenset(word for word, count in counts.items() if count >= min_count and is_candidate(word))
    return GoldWords(relevant, frozenset(filter(is_candidate, counts)) - relevant)


def gold_from_list(words: Iterable[str], *, corpus_counts: Mapping[str, int] | None = None) -> GoldWords:
    """Every listed word is relevant; with ``corpus_counts`` only if it occurs in the corpus."""
    listed = filter(is_candidate, words)
    return GoldWords(frozenset(w for w in listed if corpus_counts is None or corpus_counts.get(w, 0) > 0))


def score_ranking(
    ranked: Sequence[str],
    relevant: Collection[str],
    neutral: Collection[str] = frozenset(),
    *,
    scores: Sequence[float] | None = None,
) -> dict:
    """Measure how well a ranked list puts the relevant words first.

    Parameters
    ----------
    ranked
        Words, best first. Neutral words and repetitions are removed before anything is measured.
    relevant, neutral
        Sets of words.
    scores
        The probability of each ranked word to be relevant, for the calibration.

    Returns
    -------
    ``n_ranked``
        words that were measured.
    ``n_relevant``
        relevant words, found or not.
    ``average_precision``
        sum of the precisions at the rank of each relevant word found, over ``n_relevant``.
    ``precision_at``
        for each k the precision of the first min(k, n_ranked) words.
    ``recall``
        share of the relevant words that the list holds at all.
    ``best_f1``, ``best_f1_rank``
        highest F1 of any beginning of the list, and the shortest such beginning.
    ``calibration``
        see `measure_calibration`; None without scores, or if a score lies outside 0…1.

    A share without a whole (no relevant words, an empty list) is None.

    Examples
    --------
    >>> score_ranking(["新词", "的新", "发现"], {"新词", "发现"})["average_precision"]
    0.8333
    """
    if scores is not None and len(scores) != len(ranked):
        raise UsageError(f"{len(scores)} scores for {len(ranked)} words; each word needs one")
    first = {word: i for i, word in reversed(list(enumerate(ranked))) if word not in neutral}
    kept = sorted(first.values())
    relevant = frozenset(relevant) - frozenset(neutral)
    is_hit = np.fromiter((ranked[i] in relevant for i in kept), dtype=np.bool_, count=len(kept))
    kept_scores = None if scores is None else np.array([scores[i] for i in kept], dtype=np.float64)
    hits = np.cumsum(is_hit)
    n_hits = int(is_hit.sum())
    ranks = np.arange(1, len(kept) + 1)
    f1 = 2 * hits / (ranks + len(relevant))
    has_f1 = len(relevant) > 0 and len(kept) > 0
    return {
        "n_ranked": len(kept),
        "n_relevant": len(relevant),
        "average_precision": rounded(share(float(np.sum(hits[is_hit] / ranks[is_hit])), len(relevant))),
        "precision_at": {str(k): rounded(share(int(is_hit[:k].sum()), min(k, len(kept)))) for k in PRECISION_RANKS},
        "recall": rounded(share(n_hits, len(relevant))),
        "best_f1": rounded(float(f1.max())) if has_f1 else None,
        "best_f1_rank": int(f1.argmax()) + 1 if has_f1 else None,
        "calibration": measure_calibration(kept_scores, is_hit),
    }


def measure_calibration(scores: np.ndarray | None, is_hit: np.ndarray) -> dict | None:
    """How far scores can be read as probabilities; None if they cannot be any.

    Returns
    -------
    ``ece``
        mean distance of score and share of hits over ten bins of equal width, weighted by their words.
    ``brier``
        mean squared distance of score and outcome.
    ``precision_from_half``, ``n_from_half``
        share of hits among the words with a score of at least .5, and the number of such words.
    """
    if scores is None or len(scores) == 0 or not (np.all(scores >= 0) and np.all(scores <= 1)):
        return None
    bins = np.minimum((scores * N_BINS).astype(np.int64), N_BINS - 1)
    score_sums = np.bincount(bins, weights=scores, minlength=N_BINS)
    hit_sums = np.bincount(bins, weights=is_hit, minlength=N_BINS)
    is_likely = scores >= 0.5
    return {
        "ece": rounded(float(np.abs(score_sums - hit_sums).sum() / len(scores))),
        "brier": rounded(float(np.mean((scores - is_hit) ** 2))),
        "precision_from_half": rounded(share(int(is_hit[is_likely].sum()), int(is_likely.sum()))),
        "n_from_half": int(is_likely.sum()),
    }


def evaluate_all(ranking: Ranking, gold: GoldWords) -> dict:
    """Task *all*: the candidates of the list against all gold words."""
    return evaluate_new(ranking, gold, frozenset())


def evaluate_new(ranking: Ranking, gold: GoldWords, known_words: Collection[str]) -> dict:
    """Task *new*: as *all*, with the known words removed from the list and from gold."""
    known = frozenset(known_words)
    kept = [i for i, word in enumerate(ranking.words) if word not in known and is_candidate(word)]
    return score_ranking(
        [ranking.words[i] for i in kept],
        gold.relevant - known,
        gold.neutral - known,
        scores=None if ranking.scores is None else [ranking.scores[i] for i in kept],
    )


def evaluate_hidden_half(ranking: Ranking, gold: GoldWords, dictionary_words: Iterable[str], *, seed: int = 0) -> dict:
    """Task *hidden half*: as *new*, the known words being the visible half of the dictionary.

    The ranking must come from a system that was given only ``hide_half(dictionary_words, seed)[0]``.
    """
    return evaluate_new(ranking, gold, hide_half(dictionary_words, seed)[0])


def hide_half(dictionary_words: Iterable[str], seed: int = 0) -> tuple[set[str], set[str]]:
    """Split words into a visible and a hidden half by a keyed hash: independent of order and of other words.

    Examples
    --------
    >>> visible, hidden = hide_half(["发展", "中国", "国家", "人民"], seed=1)
    >>> sorted(visible | hidden) == sorted(["发展", "中国", "国家", "人民"])
    True
    """
    key = str(seed).encode()
    visible: set[str] = set()
    hidden: set[str] = set()
    for word in dictionary_words:
        digest = hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=1, key=key).digest()
        (hidden if digest[0] & 1 else visible).add(word)
    return visible, hidden


def evaluate_new_words(
    ranking: Ranking,
    gold: GoldWords,
    *,
    dictionary_words: Collection[str] = frozenset(),
    tasks: Sequence[str] = ("all", "new"),
    seed: int = 0,
) -> dict[str, dict]:
    """Scores of several tasks by name, in the order asked for.

    Raises
    ------
    UsageError
        If a task is unknown.
    """
    unknown = [task for task in tasks if task not in TASKS]
    if unknown:
        raise UsageError(f"unknown task {unknown[0]}; choose from {', '.join(TASKS)}")
    measure = {
        "all": lambda: evaluate_all(ranking, gold),
        "new": lambda: evaluate_new(ranking, gold, dictionary_words),
        "hidden-half": lambda: evaluate_hidden_half(ranking, gold, dictionary_words, seed=seed),
    }
    return {task: measure[task]() for task in tasks}


def published_protocol(
    words_with_counts: Iterable[tuple[str, int]], gold_lines: Iterable[str], *, top: int = 50_000
) -> SegmentationScore:
    """Segment the gold text with jieba, the first ``top`` words being its only dictionary, and score the result.

    Parameters
    ----------
    words_with_counts
        (word, count) pairs, best first. Words with blanks in them cannot stand in jieba's dictionary and
        are passed over, as are counts below 1.
    gold_lines
        Segmented lines; jieba sees them without separators, and cuts with the HMM off.
    top
        Size of the dictionary.

    Raises
    ------
    UsageError
        If jieba is not installed or no word is left.
    """
    usable = ((word, count) for word, count in words_with_counts if count > 0 and word.split() == [word])
    entries = list(islice(usable, top))
    if not entries:
        raise UsageError("no word with a count above 0 to make a dictionary of; give a list with counts")
    lines = list(gold_lines)
    with _jieba_tokenizer(entries) as tokenizer:
        cut = (" ".join(tokenizer.cut("".join(split_words(line)), HMM=False)) for line in lines)
        return score_segmentation(lines, cut)


@contextlib.contextmanager
def _jieba_tokenizer(entries: Sequence[tuple[str, int]]) -> Iterator:
    """A tokenizer that knows the entries only; dictionary and cache live in a directory that is removed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba's regular expressions and its pkg_resources warn on import
        try:
            import jieba  # type: ignore[import-untyped]
        except ImportError as err:
            raise UsageError("the published protocol needs jieba; install it: pip install jieba") from err
    level = jieba.default_logger.level
    jieba.default_logger.setLevel("ERROR")
    try:
        with tempfile.TemporaryDirectory(prefix="cnmine-") as folder:
            path = Path(folder, "dictionary.txt")
            path.write_text("".join(f"{word} {count}\n" for word, count in entries), encoding="utf-8", newline="\n")
            tokenizer = jieba.Tokenizer(str(path))
            tokenizer.tmp_dir, tokenizer.cache_file = folder, "cache"
            tokenizer.initialize()
            yield tokenizer
    finally:
        jieba.default_logger.setLevel(level)
