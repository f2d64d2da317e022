"""Text, or stores of n-grams → a language model in a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np

from cnmine._memory import trim_heap
from cnmine.counting.codes import EncodedText, read_codes
from cnmine.dtypes import N_BOUNDARIES, RUN_BASE
from cnmine.errors import CorpusError, UsageError
from cnmine.io.paths import Source
from cnmine.io.source import total_bytes
from cnmine.io.units import join_blocks
from cnmine.lm import _kernels as kernels
from cnmine.lm.estimate import estimate, parse_thresholds
from cnmine.lm.levels import ArrayPool, build_levels, release_pages
from cnmine.lm.storage import prepare_model, write_model
from cnmine.ngrams.build import count_texts
from cnmine.ngrams.lookup import NgramStore, open_ngrams
from cnmine.ngrams.scan import Windows, gather_windows, iter_windows
from cnmine.sorting.scratch import Scratch
from cnmine.sorting.spans import cut_spans, rank_units
from cnmine.sorting.windows import sort_windows
from cnmine.store.packing import bits_for
from cnmine.store.writing import StoreWriter

MAX_ORDER = 8  # the longest windows that are sorted
MIN_BUDGET_BYTES = 64 << 20
BUFFER_BYTES = 128 << 20  # windows on their way from one stage to the next, and what allocators keep
TEXT_SHARE = 0.8  # of the memory that a text may take while it is read; more goes through a store on disk
SORT_SHARE = 0.9  # of the memory besides the text, at most; the rest is for the levels
SORT_BYTES = 8  # for each unit, more than is needed to sort the windows at once
SCANNED_BLOCKS = 128  # of windows, after which a store's pages are let go of
Step = Callable[..., None]
COUNTED = ("n_bytes", "n_characters", "n_bad", "n_lines")


class _Reading:
    """Keeps in mind, while a text is being read, what is known only then: its sizes, when each unit appears first."""

    def __init__(self) -> None:
        self.totals = dict.fromkeys(COUNTED, 0)
        self._ranks: dict[bytes, int] = {}
        self._places = np.zeros(0, np.int64)

    def watch(self, texts: Iterable[EncodedText]) -> Iterator[EncodedText]:
        """Hand the stretches of a text on."""
        for text in texts:
            for name in COUNTED:
                self.totals[name] += getattr(text, name)
            places, start = np.full(len(text.counts), -1, np.int64), 0
            for codes, _ in text.pieces:
                kernels.find_first(codes, places, start)
                start += len(codes)
            found = np.flatnonzero(places >= 0)
            runs = list(text.run_ids)
            for code in found[np.argsort(places[found])].tolist():
                unit = chr(code).encode("utf-8") if code < RUN_BASE else runs[code - RUN_BASE]
                self._ranks.setdefault(unit, len(self._ranks))
            yield text

    def appearance(self, unit_texts: Sequence[bytes]) -> np.ndarray:
        """``int64[n_ids]``; when each unit was seen first, -1 for ids that are no units."""
        ranks = np.full(N_BOUNDARIES + len(unit_texts) + 1, -1, np.int64)
        ranks[N_BOUNDARIES:-1] = [self._ranks[unit] for unit in unit_texts]
        return ranks


def train_model(
    sources: Sequence[Source],
    path: str,
    *,
    order: int = 4,
    prune: Sequence[int] = (),
    fallback: Sequence[float] | None = None,
    fold_case: bool = False,
    budget_bytes: int = 1 << 30,
    temp_dir: str | None = None,
    threads: int = 1,
    on_step: Step = lambda text, **options: None,
    on_progress: Callable[[int], None] = lambda n: None,
    on_notice: Callable[[str], None] = lambda text: None,
    **input_options: Any,
) -> dict[str, Any]:
    """Estimate a modified Kneser–Ney model of the units of a corpus, punctuation among them; a line is a sentence.

    Parameters
    ----------
    sources
        From `cnmine.io.paths.find_sources`; each is read once.
    path
        Of the model; it appears when complete.
    order
        Longest n-gram, 1 … 8.
    prune, fallback
        As for `cnmine.lm.estimate.estimate`.
    fold_case
        Whether runs of letters are modelled in small letters.
    budget_bytes
        Memory to take besides that of the interpreter and its libraries.
    temp_dir
        Directory for what does not fit; the system's by default.
    threads
        Worker threads. The model depends neither on them nor on the budget.
    on_step, on_progress, on_notice
        As for `cnmine.ngrams.build.count_corpus`.
    input_options
        ``encoding``, ``jsonl_field``, ``column``, ``bad_bytes`` of `cnmine.io.source.read_blocks`.

    Returns
    -------
    The settings of the model.

    Raises
    ------
    CorpusError
        If a source cannot be read or is malformed, or gives no discounts.
    UsageError
        If ``order`` or ``prune`` make no sense, or ``path`` cannot take a file.
    ResourceError
        If memory or disk are too small.

    Notes
    -----
    Equal to what KenLM's lmplz makes of the units with blanks between them. Time: linear, and somewhat more for the
    n-grams. Memory: what does not fit the budget lies in files, 10 to 20 bytes an n-gram.
    """
    trainer = _Trainer(order, prune, fallback, budget_bytes, temp_dir, threads, on_step, on_progress, on_notice)
    reading = _Reading()
    texts = reading.watch(
        read_codes(
            sources,
            fold_case=fold_case,
            punctuation="keep",
            max_codes=int(max(MIN_BUDGET_BYTES, budget_bytes) * TEXT_SHARE) // 8,  # as codes and as ids
            threads=threads,
            on_progress=on_progress,
            on_notice=on_notice,
            **input_options,
        )
    )
    settings = {"punctuation": "keep", "fold_case": fold_case, "tokenization": "units"}
    on_step("reading", total=total_bytes(sources), unit="B")
    with ExitStack() as stack:
        writer = stack.enter_context(prepare_model(path, on_notice=on_notice))
        first = next(texts)
        if first.is_last:
            trainer.take_text(first)
            del first
        else:
            scratch = stack.enter_context(Scratch(temp_dir, on_notice))
            corpus = trainer.count(chain([first], texts), scratch.new_path(), settings)
            trainer.take_store(stack.enter_context(open_ngrams(corpus)))
        trainer.appearance = reading.appearance(trainer.unit_texts)
        trainer.n_empty = reading.totals["n_lines"] - trainer.n_sentences
        return trainer.finish(writer, settings | reading.totals)


def train_from_store(
    store_path: str,
    path: str,
    *,
    order: int = 4,
    prune: Sequence[int] = (),
    fallback: Sequence[float] | None = None,
    budget_bytes: int = 1 << 30,
    temp_dir: str | None = None,
    threads: int = 1,
    on_step: Step = lambda text, **options: None,
    on_progress: Callable[[int], None] = lambda n: None,
    on_notice: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """`train_model` on the spans of a store of n-grams, which was counted up to order ``order - 1`` or more.

    Its spans are the sentences: lines if it was counted with punctuation kept, else what stands between punctuation.
    Blank lines are not in it, nor the order of the text; see docs/formats.md on what that means for the discounts.

    Raises
    ------
    StoreError
        If the store is damaged.
    UsageError
        If it was counted up to a lower order.
    """
    trainer = _Trainer(order, prune, fallback, budget_bytes, temp_dir, threads, on_step, on_progress, on_notice)
    with ExitStack() as stack:
        writer = stack.enter_context(prepare_model(path, on_notice=on_notice))
        store = stack.enter_context(open_ngrams(store_path))
        trainer.take_store(store)
        names = ("punctuation", "fold_case", "n_bytes", "n_characters", "n_bad")
        settings = {name: store.settings[name] for name in names if name in store.settings}
        return trainer.finish(writer, {"tokenization": "units"} | settings)


@dataclass
class _Trainer:
    """One training: takes a text in one form or another, then estimates and writes."""

    order: int
    prune: Sequence[int]
    fallback: Sequence[float] | None
    budget_bytes: int
    temp_dir: str | None
    threads: int
    on_step: Step
    on_progress: Callable[[int], None]
    on_notice: Callable[[str], None]
    unit_texts: list[bytes] = field(default_factory=list)
    n_tokens: int = 0
    n_sentences: int = 0
    n_empty: int = 0
    appearance: np.ndarray | None = None
    _windows: Iterator[Windows] = field(default_factory=lambda: iter(()))
    _level_bytes: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.order <= MAX_ORDER:
            raise UsageError(f"order must be 1 to {MAX_ORDER}, not {self.order}")
        self.prune = parse_thresholds(self.prune, self.order)
        self.budget_bytes = max(MIN_BUDGET_BYTES, self.budget_bytes - BUFFER_BYTES)
        self._level_bytes = self.budget_bytes

    @property
    def n_symbols(self) -> int:
        """Of the windows that are needed; </s> is counted as the second symbol of a bigram."""
        return max(self.order, 2)

    def take_text(self, text: EncodedText) -> None:
        """Take a whole text, which is in memory; it is used up."""
        id_of_code, self.unit_texts = rank_units(text.counts, list(text.run_ids))
        dtype = np.dtype(np.uint16 if len(self.unit_texts) + N_BOUNDARIES <= 1 << 16 else np.uint32)
        id_of_code = id_of_code.astype(dtype)
        # At most one boundary more than codes for each block, and those at both ends; never touched, they cost nothing.
        ids: np.ndarray = np.empty(text.n_codes + len(text.pieces) + 2, dtype)
        n_ids = 0
        for piece in join_blocks(_take_pieces(text, id_of_code)):
            ids[n_ids : n_ids + len(piece)] = piece
            n_ids += len(piece)
        ids = cut_spans(ids[:n_ids])
        if self.unit_texts:
            self.n_sentences = int(np.count_nonzero(ids < N_BOUNDARIES)) - 1
            self.n_tokens = len(ids) - self.n_sentences - 1
            spare = max(MIN_BUDGET_BYTES, self.budget_bytes - ids.nbytes)
            # The levels may lie in files; sorting would have to go through the text several times.
            self._level_bytes = spare - min(int(spare * SORT_SHARE), SORT_BYTES * len(ids))
            self._windows = self._sort(ids, spare - self._level_bytes)
        trim_heap()

    def count(self, texts: Iterable[EncodedText], path: str, settings: dict[str, Any]) -> str:
        """Make a store of a text that does not fit into memory; return its path."""
        count_texts(
            texts,
            path,
            settings=settings | {"max_order": self.n_symbols - 1},
            budget_bytes=self.budget_bytes,
            temp_dir=self.temp_dir,
            threads=self.threads,
            on_step=self.on_step,
            on_progress=self.on_progress,
            on_notice=self.on_notice,
        )
        return path

    def take_store(self, store: NgramStore) -> None:
        """Take the spans of a store; it must stay open."""
        self.unit_texts = _texts_of(store)
        self.n_tokens, self.n_sentences = store.settings["n_tokens"], store.settings["n_spans"]
        self._windows = self._scan(store)

    def finish(self, writer: StoreWriter, settings: dict[str, Any]) -> dict[str, Any]:
        """Count, estimate and write; return the settings of the model."""
        if not self.n_tokens:
            raise CorpusError("there is no text to learn from: no line has a character that is not white space")
        pool = ArrayPool(self._level_bytes, self.temp_dir)
        self.on_step("counting", total=self.n_tokens)
        levels = build_levels(
            self._windows,
            self.order,
            len(self.unit_texts),
            n_empty=self.n_empty,
            n_tokens=self.n_tokens + self.n_sentences + self.n_empty,
            pool=pool,
        )
        self._windows = iter(())  # and with it the text
        trim_heap()
        pool.take(self._level_bytes - self.budget_bytes)
        self.on_step("estimating")
        model = estimate(
            levels,
            self.order,
            prune=self.prune,
            fallback=self.fallback,
            appearance=self.appearance,
            pool=pool,
            threads=self.threads,
        )
        del levels
        self.on_step("writing")
        settings = settings | {"n_tokens": self.n_tokens, "n_sentences": self.n_sentences + self.n_empty}
        return write_model(writer, model, self.unit_texts, settings | {"prune": list(self.prune)})

    def _sort(self, ids: np.ndarray, budget_bytes: int) -> Iterator[Windows]:
        blocks = sort_windows(
            ids,
            max_order=self.n_symbols - 1,
            id_bits=bits_for(N_BOUNDARIES - 1 + len(self.unit_texts)),
            budget_bytes=budget_bytes,
            threads=self.threads,
            on_progress=self.on_progress,
        )
        pairs = ((block.pointers, block.counts) for block in blocks)
        yield from gather_windows(ids, pairs, self.n_symbols, threads=self.threads)

    def _scan(self, store: NgramStore) -> Iterator[Windows]:
        mapped = [store.store.packed(name).words for name in ("text", "windows")]
        for i, block in enumerate(iter_windows(store, self.n_symbols, threads=self.threads)):
            yield block
            self.on_progress(int(block.counts.sum()))
            if i % SCANNED_BLOCKS == SCANNED_BLOCKS - 1:
                release_pages(*mapped)
        release_pages(*mapped)


def _take_pieces(text: EncodedText, id_of_code: np.ndarray) -> Iterator[tuple[np.ndarray, bool]]:
    pieces = text.pieces
    for i, (codes, joins_previous) in enumerate(pieces):
        pieces[i] = (np.empty(0, codes.dtype), joins_previous)  # a view would keep all of it
        yield id_of_code[codes], joins_previous


def _texts_of(store: NgramStore) -> list[bytes]:
    offsets = store.store.packed("unit_offsets").decode().tolist()
    texts = store.store.array("unit_texts").tobytes()
    return [texts[start:stop] for start, stop in pairwise(offsets)]
