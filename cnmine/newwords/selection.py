"""A table of candidates in, the rows to show out, or the reason why there are none."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from cnmine._memory import release_pages
from cnmine.errors import UsageError
from cnmine.newwords.ranking import steps

if TYPE_CHECKING:
    from cnmine.newwords.discovery import WordTable

# The scores from which a candidate counts as a word: the probability of a half; the published
# thresholds of cohesion (a ratio of 30) and entropy, in nats; cutting has decided already.
DEFAULT_MIN_SCORES = {"distant": 0.5, "cohesion": math.log(30), "entropy": 3.0, "cut": 0.0}
_HAN = "々〇\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNIT = re.compile(f"[{_HAN}]|[^{_HAN}]+")


def select_words(
    word_table: WordTable,
    *,
    min_score: float | None = None,
    top: int | None = None,
    include_known: bool = False,
    exclude: Collection[str] = frozenset(),
    include_pattern: re.Pattern[str] | str | None = None,
    min_len: int = 1,
    max_len: int | None = None,
) -> np.ndarray:
    """Choose the candidates to show.

    Parameters
    ----------
    word_table
        From `discover_words`; best first.
    min_score
        Least score; None keeps all.
    top
        Most words; None for all that pass.
    include_known
        Whether words of the dictionary are kept.
    exclude
        Words to leave out. Best a set.
    include_pattern
        Regular expression that has to match somewhere in the word.
    min_len, max_len
        Length in units: a Han character is one, and so is a run of letters and digits.

    Returns
    -------
    ``int64[m]``; rows of the table, best first.

    Raises
    ------
    UsageError
        If ``top`` or a length is below 1.
    """
    if top is not None and top < 1:
        raise UsageError(f"top is {top}; it must be at least 1")
    if min_len < 1 or (max_len is not None and max_len < min_len):
        raise UsageError(f"lengths from {min_len} to {max_len} make no sense; give 1 <= min_len <= max_len")
    found = [np.zeros(0, np.int64)]
    for part in steps(len(word_table.words)):
        is_kept = np.ones(part.stop - part.start, dtype=np.bool_)
        if not include_known:
            is_kept &= ~word_table.is_known[part]
        if min_score is not None:
            is_kept &= word_table.scores[part] >= min_score
        found.append(np.flatnonzero(is_kept) + part.start)
        release_pages(word_table.is_known)
        release_pages(word_table.scores)
    rows = np.concatenate(found)
    if exclude or include_pattern is not None or min_len > 1 or max_len is not None:
        search = re.compile(include_pattern or "").search
        words = take_words(word_table, rows)
        passes = [word not in exclude and bool(search(word)) and _has_length(word, min_len, max_len) for word in words]
        rows = rows[np.array(passes, dtype=np.bool_)]
    return rows[:top]


def take_words(word_table: WordTable, rows: np.ndarray) -> list[str]:
    """Texts of rows of the table, in one go: a table may spell its words only when asked for."""
    words: Any = word_table.words
    return [words[row] for row in rows.tolist()] if isinstance(words, list) else list(words[rows])


def split_units(word: str) -> list[str]:
    """The units of a word: Han characters, and runs of letters and digits."""
    return _UNIT.findall(word)


def _has_length(word: str, min_len: int, max_len: int | None) -> bool:
    n_units = len(split_units(word))
    return n_units >= min_len and (max_len is None or n_units <= max_len)


def explain_empty(
    word_table: WordTable,
    *,
    n_characters: int,
    min_count: int,
    min_score: float | None = None,
    include_known: bool = False,
) -> str:
    """Say why `select_words` chose nothing, in terms of the options of ``cnmine newwords``."""
    n_candidates = len(word_table.words)
    if n_characters == 0:
        return "no word: the input is empty"
    if n_candidates == 0:
        return f"no candidate reached --min-count {min_count} in {n_characters:,} characters"
    scores = word_table.scores if include_known else word_table.scores[~word_table.is_known]
    if len(scores) == 0:
        which = "the only candidate is" if n_candidates == 1 else f"all {n_candidates:,} candidates are"
        return f"{which} in the dictionary: use --all"
    best = float(scores.max())
    if min_score is not None and best < min_score:
        return f"no candidate reached --min-score {min_score:g}: the best has {best:.2f}"
    return f"none of the {n_candidates:,} candidates passed --exclude, --include-pattern and the lengths"
