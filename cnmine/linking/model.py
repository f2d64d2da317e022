"""What training learns, and how it judges the spans of a text."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnmine.linking.disambiguation import LinkCounts
from cnmine.linking.mentions import MentionModel
from cnmine.linking.names import LearnedNames
from cnmine.linking.scorers import Logistic, Trees, sigmoid

LEAST_LOG_ODDS = -4.0  # spans below are no mentions, whatever they may mean


@dataclass
class LinkerModel:
    """All that training learns.

    Attributes
    ----------
    kb_digest
        Of the knowledge base it was trained with; it fits no other.
    names
        Names, and entities of names, that labels know beyond the knowledge base.
    mentions, counts, ranker
        Scorer of spans, counts of labels, scorer of candidates.
    found, bare, nil
        Log odds that a span with candidates is a mention; the same without; that a mention with candidates is NIL.
    threshold, nil_threshold
        Log odds from which a span is a mention; probability from which it is NIL.
    least_log_odds
        Spans with less by the scorer of spans are not looked at any further.
    settings
        What the model was trained with, and how it did.
    """

    kb_digest: str
    names: LearnedNames
    mentions: MentionModel
    counts: LinkCounts
    idfs: np.ndarray
    ranker: Logistic | Trees
    found: Logistic
    bare: Logistic
    nil: Logistic
    threshold: float = 0.0
    nil_threshold: float = 0.5
    least_log_odds: float = LEAST_LOG_ODDS
    settings: dict[str, Any] = field(default_factory=dict)

    def judge(self, table: np.ndarray, has_any: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log odds of a mention and probability of NIL, ``float32[r]`` and ``float64[r]``.

        Parameters
        ----------
        table
            From `cnmine.linking.disambiguation.decision_features`.
        has_any
            ``bool[r]``, whether there is a candidate; without one a mention is NIL.
        """
        some, gains, nil = np.flatnonzero(has_any), self.bare.score(table[:, :4]), np.ones(len(table))
        rows = table[some]
        gains[some], nil[some] = self.found.score(rows), sigmoid(self.nil.score(rows))
        return gains, nil
