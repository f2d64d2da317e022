"""A corpus and a dictionary in, every candidate with its score out, best first: the main job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from cnmine.counting.corpus import Corpus
from cnmine.counting.counter import MAX_ORDER, count_ngrams
from cnmine.counting.table import NO_ROW, NgramTable
from cnmine.errors import UsageError
from cnmine.newwords.candidates import Texts, find_candidates, find_known_rows
from cnmine.newwords.cutting import THRESHOLDS, cut_words
from cnmine.newwords.experience import EXPERIENCE, Experience
from cnmine.newwords.features import Features, Statistics, reading_features
from cnmine.newwords.selection import split_units
from cnmine.newwords.unigram import read_candidates, units_to_read
from cnmine.newwords.wordhood import MIN_KNOWN, N_FITS, judge_by_dictionary

METHODS = ("distant", "cohesion", "entropy", "cut")
# Candidates that experience takes for words with less than this probability are not looked at again.
MIN_GUESS = 0.02
SHOWN = ("cohesion", "npmi", "left_entropy", "right_entropy", "left_autonomy", "right_autonomy")
# How much the log odds learned from the dictionary weigh beside those of experience. More helps on text
# like that of the dictionary and harms on novels; chosen on the development corpora.
DICTIONARY_WEIGHT = 0.5
WITHOUT_DICTIONARY = "ranked by cohesion, autonomy and how the text reads, as learned from other texts"


class OnStep(Protocol):
    """Told of every step of the work: what it is, and how many units of progress it will report."""

    def __call__(self, text: str, *, total: int | None = None) -> None: ...


def _silent(text: str, *, total: int | None = None) -> None:
    pass


@dataclass
class WordTable:
    """Every candidate of a corpus, best first; also those that the dictionary knows.

    Attributes
    ----------
    words
        Texts; may be spelled only when asked for.
    scores
        ``float64[n]``; ``distant``: probability of being a word; ``cohesion`` and ``entropy``: nats;
        ``cut``: the count.
    counts
        ``int64[n]``; occurrences; ``cut``: as a segment.
    is_known
        ``bool[n]``; in the dictionary.
    shares
        ``float64[n]``; share of the occurrences that the unigram model reads as this word; nan where it
        was not read, and for all methods but ``distant``.
    rows
        ``int64[n]``; rows of ``table``, -1 for what is not in it.
    table, statistics
        The counts behind it all, and what follows from them.
    notes
        What the user should be told about how the ranking came about.
    """

    words: Sequence[str]
    scores: np.ndarray
    counts: np.ndarray
    is_known: np.ndarray
    shares: np.ndarray
    rows: np.ndarray
    table: NgramTable
    statistics: Statistics
    notes: list[str] = field(default_factory=list)

    def measure(self, chosen: np.ndarray) -> dict[str, np.ndarray]:
        """Statistics of some candidates, to show beside their scores.

        Parameters
        ----------
        chosen
            ``int64[m]``; indices into this table.

        Returns
        -------
        ``float64[m]`` each, nan where not known: ``cohesion``, ``left_entropy``, ``right_entropy`` in nats,
        ``npmi``, ``autonomy`` in standard deviations, both sides together, and ``share``.
        """
        rows = self.rows[chosen]
        is_counted = rows != NO_ROW
        measured = self.statistics.measure(rows[is_counted], SHOWN)
        columns = {}
        for name in SHOWN:
            columns[name] = np.full(len(rows), np.nan)
            columns[name][is_counted] = measured[name]
        columns["autonomy"] = columns.pop("left_autonomy") + columns.pop("right_autonomy")
        columns["share"] = self.shares[chosen]
        return columns


def discover_words(
    corpus: Corpus,
    *,
    method: str = "distant",
    dictionary: frozenset[str] | None,
    min_count: int = 5,
    min_len: int = 2,
    max_len: int = 6,
    seed: int = 0,
    threads: int = 1,
    cut_thresholds: Sequence[float] = THRESHOLDS,
    back_check: str = "strict",
    experience: Experience = EXPERIENCE,
    on_step: OnStep = _silent,
    on_progress: Callable[[int], None] = lambda n: None,
) -> WordTable:
    """Rank the candidates of a corpus by how sure they are words.

    Parameters
    ----------
    corpus
        From `read_corpus`.
    method
        ``distant``: what segmented corpora taught (`Experience`) together with what the words of the
        dictionary teach in this corpus. ``cohesion``: min-split PMI. ``entropy``: the lesser of both
        branching entropies. ``cut``: see `cut_words`.
    dictionary
        Known words; None for none.
    min_count, min_len, max_len
        Of candidates; lengths in units.
    seed
        Of the learner.
    threads
        Worker threads; the result depends neither on it nor on the order of the text.
    cut_thresholds, back_check
        Of ``cut``.
    experience
        Weights to use instead of those that come with cnmine.
    on_step, on_progress
        Told of every step, and of what has been done of it since the last call.

    Returns
    -------
    All candidates; score descending, then rows of the table ascending (``cut``: then text).

    Raises
    ------
    UsageError
        If an option is out of its range.

    Notes
    -----
    Time: linear in the corpus. Memory: about 20 bytes a unit and 200 bytes a frequent n-gram.
    """
    _check_options(method, min_len, max_len, cut_thresholds)
    on_step("counting", total=len(corpus.units))
    table = count_ngrams(
        corpus.units,
        max_order=max(max_len, len(cut_thresholds)) if method == "cut" else max_len,
        min_count=min_count,
        threads=threads,
        on_progress=on_progress,
    )
    if method == "cut":
        on_step("cutting", total=len(corpus.units))
        found = cut_words(
            corpus, table, thresholds=cut_thresholds, back_check=back_check, threads=threads, on_progress=on_progress
        )
        return _tabulate_segments(corpus, table, found, dictionary, min_len, max_len)
    on_step("measuring candidates")
    rows = find_candidates(corpus, table, min_len=min_len, max_len=max_len)
    is_known = find_known_rows(corpus, table, dictionary or frozenset())[rows]
    candidates = WordTable(
        Texts(corpus, table, rows),
        np.zeros(len(rows)),
        table.counts[rows],
        is_known,
        np.full(len(rows), np.nan),
        rows,
        table,
        Statistics(table),
    )
    if method == "distant":
        learner = _Learner(experience, dictionary is not None, seed, threads, on_step, on_progress)
        learner.score(corpus, candidates)
    else:
        name = {"cohesion": "cohesion", "entropy": "freedom"}[method]
        candidates.scores = candidates.statistics.measure(rows, (name,))[name].astype(np.float64)
    return _sort(corpus, candidates)


def _sort(corpus: Corpus, found: WordTable) -> WordTable:
    """The candidates, best first; those of equal score stay in the order of the table."""
    best_first = np.argsort(-found.scores, kind="stable")
    rows = found.rows[best_first]
    return WordTable(
        Texts(corpus, found.table, rows),
        found.scores[best_first],
        found.counts[best_first],
        found.is_known[best_first],
        found.shares[best_first],
        rows,
        found.table,
        found.statistics,
        found.notes,
    )


def _check_options(method: str, min_len: int, max_len: int, cut_thresholds: Sequence[float]) -> None:
    if method not in METHODS:
        raise UsageError(f"method is {method!r}; choose one of {', '.join(METHODS)}")
    if not 1 <= min_len <= max_len <= MAX_ORDER:
        raise UsageError(f"lengths must be 1 to {MAX_ORDER} units, min_len at most max_len; not {min_len} to {max_len}")
    if not 1 <= len(cut_thresholds) <= MAX_ORDER:
        raise UsageError(f"cut_thresholds must be 1 to {MAX_ORDER} numbers, not {len(cut_thresholds)}")


@dataclass(frozen=True)
class _Learner:
    """What ``distant`` needs besides the candidates."""

    experience: Experience
    has_dictionary: bool
    seed: int
    threads: int
    on_step: OnStep
    on_progress: Callable[[int], None]

    def score(self, corpus: Corpus, found: WordTable) -> None:
        """Fill in the probability of every candidate, how it is read, and what to tell about it."""
        table = found.table
        guess = self.experience.guess
        found.scores = _sigmoid(guess.log_odds(found.statistics.measure(found.rows, guess.names)))
        # One-unit candidates have nothing inside to judge by; the guess has to do.
        kept = np.flatnonzero((found.scores > MIN_GUESS) & (found.rows >= table.order_offsets[1]))
        if len(kept) == 0:
            return
        self.on_step("reading the text with the candidates", total=units_to_read(len(corpus.units)))
        readings = read_candidates(
            corpus.units,
            table,
            found.rows[kept],
            found.scores[kept],
            threads=self.threads,
            on_progress=self.on_progress,
        )
        found.shares[kept] = readings.shares
        features = found.statistics.measure(found.rows[kept]) | reading_features(readings)
        found.scores[kept] = self._judge(features, found.is_known[kept], found.notes)

    def _judge(self, features: Features, is_known: np.ndarray, notes: list[str]) -> np.ndarray:
        log_odds = self.experience.judge.log_odds(features)
        n_known = int(is_known.sum())
        if not self.has_dictionary:
            notes.append(f"no dictionary: {WITHOUT_DICTIONARY}")
            return _sigmoid(log_odds)
        if not MIN_KNOWN <= n_known < len(is_known):
            how_many = "too few" if n_known < MIN_KNOWN else "all there are"
            notes.append(
                f"{n_known:,} candidates here are in the dictionary, {how_many}, so nothing can be learned from it: "
                f"{WITHOUT_DICTIONARY}"
            )
            return _sigmoid(log_odds)
        self.on_step("learning from the dictionary", total=N_FITS)
        learned = judge_by_dictionary(
            features, is_known, seed=self.seed, threads=self.threads, on_progress=self.on_progress
        )
        offsets = np.where(is_known, self.experience.known_offset, self.experience.unknown_offset)
        return _sigmoid(self.experience.scale * (log_odds + DICTIONARY_WEIGHT * learned) + offsets)


def _sigmoid(log_odds: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-log_odds))


def _tabulate_segments(
    corpus: Corpus,
    table: NgramTable,
    found: list[tuple[str, int]],
    dictionary: frozenset[str] | None,
    min_len: int,
    max_len: int,
) -> WordTable:
    """The segments of ``cut`` that have the right length, with the statistics of those in the table."""
    ids = corpus.ids()
    words, counts, rows = [], [], []
    for word, count in found:
        units = [ids[unit] for unit in split_units(word)]
        if min_len <= len(units) <= max_len:
            words.append(word)
            counts.append(count)
            rows.append(table.find(units))
    known = dictionary or frozenset()
    count_array = np.array(counts, dtype=np.int64)
    return WordTable(
        words,
        count_array.astype(np.float64),
        count_array,
        np.array([word in known for word in words], dtype=np.bool_),
        np.full(len(words), np.nan),
        np.array(rows, dtype=np.int64),
        table,
        Statistics(table),
    )
