"""Candidates and their statistics in, the probability that each is a word out: the default method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cnmine._memory import release_pages, trim_heap
from cnmine._space import MEMORY, Space
from cnmine.counting.corpus import Corpus
from cnmine.errors import ResourceError
from cnmine.newwords.experience import Experience
from cnmine.newwords.features import Features, reading_features
from cnmine.newwords.ranking import put, steps, take
from cnmine.newwords.unigram import read_candidates, units_to_read
from cnmine.newwords.wordhood import MIN_KNOWN, N_FITS, judge_by_dictionary

if TYPE_CHECKING:
    from cnmine.newwords.discovery import WordTable

# Candidates that experience takes for words with less than this probability are not looked at again.
MIN_GUESS = 0.02
# How much the log odds learned from the dictionary weigh beside those of experience. More helps on text
# like that of the dictionary and harms on novels; chosen on the development corpora.
DICTIONARY_WEIGHT = 0.5
WITHOUT_DICTIONARY = "ranked by cohesion, autonomy and how the text reads, as learned from other texts"
BYTES_PER_CANDIDATE = 120  # that is looked at again: what the reading and the learning hold of it in memory
MIN_BUDGET_BYTES = 32 << 20
GUESSED_PER_STEP = 1 << 19  # candidates


class OnStep(Protocol):
    """Told of every step of the work: what it is, and how many units of progress it will report."""

    def __call__(self, text: str, *, total: int | None = None) -> None: ...


@dataclass(frozen=True)
class Learner:
    """What ``distant`` needs besides the candidates; see `discover_words`."""

    experience: Experience
    has_dictionary: bool
    seed: int
    threads: int
    on_step: OnStep
    on_progress: Callable[[int], None]
    space: Space = MEMORY
    budget_bytes: int | None = None

    def score(self, corpus: Corpus, found: WordTable) -> None:
        """Fill in the probability of every candidate, how it is read, and what to tell about it.

        Raises
        ------
        ResourceError
            If there are more likely words than the memory can hold.
        """
        kept = self._guess(found)
        if len(kept) == 0:
            return
        self._check_memory(len(kept))
        trim_heap()
        self.on_step("reading the text with the candidates", total=units_to_read(len(corpus.units)))
        readings = read_candidates(
            corpus.units,
            found.table,
            take(found.rows, kept),
            take(found.scores, kept),
            threads=self.threads,
            budget_bytes=self.budget_bytes,
            space=self.space,
            on_progress=self.on_progress,
        )
        put(found.shares, kept, readings.shares)
        read = reading_features(readings)
        del readings
        features = found.statistics.measure(take(found.rows, kept), space=self.space) | read
        trim_heap()
        put(found.scores, kept, self._judge(features, take(found.is_known, kept), found.notes))

    def _guess(self, found: WordTable) -> np.ndarray:
        """Score all candidates by experience with the robust statistics; return those worth a second look."""
        guess = self.experience.guess
        first_long = int(found.table.order_offsets[1])
        kept = [np.zeros(0, np.int64)]
        for part in steps(len(found.rows), GUESSED_PER_STEP):
            rows = found.rows[part]
            scores = sigmoid(guess.log_odds(found.statistics.measure(rows, guess.names)))
            found.scores[part] = scores
            # One-unit candidates have nothing inside to judge by; the guess has to do.
            kept.append(np.flatnonzero((scores > MIN_GUESS) & (rows >= first_long)) + part.start)
            release_pages(found.rows)
            release_pages(found.scores)
        return np.concatenate(kept)

    def _check_memory(self, n_kept: int) -> None:
        if self.budget_bytes is None:
            return
        needed, budget = BYTES_PER_CANDIDATE * n_kept, max(self.budget_bytes, MIN_BUDGET_BYTES)
        if needed > budget:
            raise ResourceError(
                f"{n_kept:,} n-grams may be words, which takes {(needed - budget) / 1e6:,.0f} MB more than --memory "
                "allows; raise it, or --min-count"
            )

    def _judge(self, features: Features, is_known: np.ndarray, notes: list[str]) -> np.ndarray:
        log_odds = self.experience.judge.log_odds(features)
        n_known = int(is_known.sum())
        if not self.has_dictionary:
            notes.append(f"no dictionary: {WITHOUT_DICTIONARY}")
            return sigmoid(log_odds)
        if not MIN_KNOWN <= n_known < len(is_known):
            how_many = "too few" if n_known < MIN_KNOWN else "all there are"
            notes.append(
                f"{n_known:,} candidates here are in the dictionary, {how_many}, so nothing can be learned from it: "
                f"{WITHOUT_DICTIONARY}"
            )
            return sigmoid(log_odds)
        self.on_step("learning from the dictionary", total=N_FITS)
        learned = judge_by_dictionary(
            features, is_known, seed=self.seed, threads=self.threads, on_progress=self.on_progress
        )
        for part in steps(len(is_known)):
            offsets = np.where(is_known[part], self.experience.known_offset, self.experience.unknown_offset)
            both = log_odds[part] + DICTIONARY_WEIGHT * learned[part]
            log_odds[part] = sigmoid(self.experience.scale * both + offsets)
        return log_odds


def sigmoid(log_odds: np.ndarray) -> np.ndarray:
    """Probabilities of log odds."""
    return 1.0 / (1.0 + np.exp(-log_odds))
