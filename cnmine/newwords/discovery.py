"""A corpus and a dictionary in, every candidate with its score out, best first: the main job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from cnmine._memory import release_pages, trim_heap
from cnmine._space import MEMORY, Space
from cnmine.counting.corpus import Corpus
from cnmine.counting.counter import MAX_ORDER, count_ngrams
from cnmine.counting.table import NO_ROW, NgramTable
from cnmine.errors import UsageError
from cnmine.newwords.candidates import Texts, find_candidates, find_known_rows
from cnmine.newwords.cutting import THRESHOLDS, cut_words
from cnmine.newwords.experience import EXPERIENCE, Experience
from cnmine.newwords.features import Statistics
from cnmine.newwords.learner import Learner, OnStep
from cnmine.newwords.ranking import sort_by_score, steps
from cnmine.newwords.selection import split_units

METHODS = ("distant", "cohesion", "entropy", "cut")
SHOWN = ("cohesion", "npmi", "left_entropy", "right_entropy", "left_autonomy", "right_autonomy")


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
    budget_bytes: int | None = None,
    space: Space = MEMORY,
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
    budget_bytes
        Memory to work in, besides ``corpus``, ``space`` and some 250 MB of libraries; the result does not depend on it.
        None for what is fastest. ``cut`` takes what it needs.
    space
        Where arrays with as many items as the text has units, or n-grams, are put.
    on_step, on_progress
        Told of every step, and of what has been done of it since the last call.

    Returns
    -------
    All candidates; score descending, then rows of the table ascending (``cut``: then text).

    Raises
    ------
    UsageError
        If an option is out of its range.
    ResourceError
        If the budget, or the disk where ``space`` uses one, is too small.

    Notes
    -----
    Time: linear in the corpus, and a pass over it for every ``budget_bytes / 60`` units. In ``space`` 8 bytes a unit
    and about 150 a frequent n-gram, a fifth of which may be in memory at a time.
    """
    _check_options(method, min_len, max_len, cut_thresholds)
    on_step("counting", total=len(corpus.units))
    table = count_ngrams(
        corpus.units,
        max_order=max(max_len, len(cut_thresholds)) if method == "cut" else max_len,
        min_count=min_count,
        threads=threads,
        budget_bytes=budget_bytes,
        space=space,
        on_progress=on_progress,
    )
    trim_heap()
    if method == "cut":
        on_step("cutting", total=len(corpus.units))
        found = cut_words(
            corpus, table, thresholds=cut_thresholds, back_check=back_check, threads=threads, on_progress=on_progress
        )
        return _tabulate_segments(corpus, table, found, dictionary, min_len, max_len)
    on_step("measuring candidates")
    rows = find_candidates(corpus, table, min_len=min_len, max_len=max_len, space=space)
    is_known = find_known_rows(corpus, table, dictionary or frozenset())
    candidates = _tabulate_candidates(corpus, rows, is_known, Statistics(table, threads, space), space)
    del rows, is_known
    if method == "distant":
        learner = Learner(experience, dictionary is not None, seed, threads, on_step, on_progress, space, budget_bytes)
        learner.score(corpus, candidates)
    else:
        name = {"cohesion": "cohesion", "entropy": "freedom"}[method]
        for part in steps(len(candidates.rows)):
            candidates.scores[part] = candidates.statistics.measure(candidates.rows[part], (name,))[name]
            release_pages(candidates.scores)
    trim_heap()
    return _sort(corpus, candidates, space, budget_bytes)


def _tabulate_candidates(
    corpus: Corpus, rows: np.ndarray, is_known: np.ndarray, statistics: Statistics, space: Space
) -> WordTable:
    """The candidates as they stand in the table of n-grams, without scores."""
    table = statistics.table

    def new(dtype: np.typing.DTypeLike) -> np.ndarray:
        return space.new_array(len(rows), dtype, "the candidates")

    scores, counts, known, shares = new(np.float64), new(np.int64), new(np.bool_), new(np.float64)
    for part in steps(len(rows)):
        scores[part], shares[part] = 0.0, np.nan
        counts[part], known[part] = table.counts[rows[part]], is_known[rows[part]]
        for array in (scores, counts, known, shares, table.counts, rows):
            release_pages(array)
    return WordTable(Texts(corpus, table, rows), scores, counts, known, shares, rows, table, statistics)


def _sort(corpus: Corpus, found: WordTable, space: Space, budget_bytes: int | None) -> WordTable:
    """The candidates, best first; those of equal score stay in the order of the table."""
    columns = [found.scores, found.counts, found.is_known, found.shares, found.rows]
    scores, counts, is_known, shares, rows = sort_by_score(found.scores, columns, space, budget_bytes)
    words = Texts(corpus, found.table, rows)
    return WordTable(words, scores, counts, is_known, shares, rows, found.table, found.statistics, found.notes)


def _check_options(method: str, min_len: int, max_len: int, cut_thresholds: Sequence[float]) -> None:
    if method not in METHODS:
        raise UsageError(f"method is {method!r}; choose one of {', '.join(METHODS)}")
    if not 1 <= min_len <= max_len <= MAX_ORDER:
        raise UsageError(f"lengths must be 1 to {MAX_ORDER} units, min_len at most max_len; not {min_len} to {max_len}")
    if not 1 <= len(cut_thresholds) <= MAX_ORDER:
        raise UsageError(f"cut_thresholds must be 1 to {MAX_ORDER} numbers, not {len(cut_thresholds)}")


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
