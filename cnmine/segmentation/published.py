"""A language model of characters → words, as Su Jianlin published in 2016, with text cut where its class changes.

Numbers, words of letters and punctuation are tokens by rule. Between them a word is expanded by the chain rule over
its characters, with histories that do not reach beyond the word; the factors of the transitions between the states of
a character within its word keep words short.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cnmine.errors import UsageError
from cnmine.lm.model import UNKNOWN, LanguageModel
from cnmine.segmentation import _published_kernels as kernels
from cnmine.segmentation.segmenter import marks_of
from cnmine.segmentation.tokens import FIRST_CHARACTER, find_tokens

TRANSITIONS = (1.0, 0.15, 1.0, 0.01, 1.0, 0.01, 1.0, 0.001)


class PublishedDecoder:
    """Segments text by a language model.

    Parameters
    ----------
    model
        Of order 2 or more, of characters. The order is the number of states.
    transitions
        Factors of ending the word and of going on, for the first character, the second …; the last pair is that of
        all further states.

    Raises
    ------
    UsageError
        If the factors are no pairs of positive numbers, or the model is of order 1.
    """

    def __init__(self, model: LanguageModel, *, transitions: Sequence[float] = TRANSITIONS) -> None:
        if model.order < 2:
            raise UsageError("a model of order 1 tells nothing about words; train one of order 2 to 6")
        if len(transitions) < 2 or len(transitions) % 2 or min(transitions) <= 0:
            raise UsageError(f"transitions are {list(transitions)}; pairs of positive numbers are needed")
        self.model = model
        pairs = np.log10(np.array(transitions, np.float64)).reshape(-1, 2)
        self._transitions = pairs[np.minimum(np.arange(model.order), len(pairs) - 1)]
        self._ids = np.full(0x110000, UNKNOWN, np.uint32)
        for text, number in model.ids.items():
            character = text.decode("utf-8", "replace")
            if len(character) == 1:
                self._ids[ord(character)] = number

    def mark(self, codes: np.ndarray, *, bias: float = 0.0) -> np.ndarray:
        """Where tokens begin; as `cnmine.segmentation.segmenter.Segmenter.mark`.

        The bias is a natural logarithm, though the model has those to base 10.
        """
        tokens, starts = find_tokens(codes)
        is_han = tokens >= FIRST_CHARACTER
        n_han = int(np.count_nonzero(is_han))
        is_start = np.ones(len(tokens), np.uint8)
        if n_han:
            places = np.flatnonzero(is_han)
            offsets = np.concatenate([[0], np.flatnonzero(np.diff(places) > 1) + 1, [n_han]]).astype(np.int64)
            transitions = self._transitions.copy()
            transitions[:, 0] += bias / np.log(10)
            found = np.zeros(n_han, np.uint8)
            probs = self.model.conditionals(self._ids[tokens[is_han]], offsets)
            kernels.decode_spans(probs, offsets, transitions, found)
            is_start[is_han] = found
        return marks_of(tokens, starts, is_start, len(codes))

    def propose(
        self,
        codes: np.ndarray,
        *,
        n_best: int = 0,
        n_samples: int = 0,
        alpha: float = 1.0,
        bias: float = 0.0,
        seed: tuple[int, ...] = (0,),
    ) -> list[tuple[float, np.ndarray]]:
        """Not possible; raises a UsageError."""
        raise UsageError("a language model gives the best segmentation only; n-best lists and samples need --train")
