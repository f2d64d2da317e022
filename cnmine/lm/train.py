"""Text, or stores of n-grams → a language model in a file."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnmine.counting.codes import EncodedText, read_codes
from cnmine.dtypes import N_BOUNDARIES
from cnmine.errors import ResourceError, UsageError
from cnmine.io.paths import Source
from cnmine.io.units import join_blocks
from cnmine.lm import _kernels as kernels
from cnmine.lm.estimate import Model, estimate, parse_thresholds
from cnmine.lm.levels import Scratch, build_levels
from cnmine.lm.storage import write_model
from cnmine.ngrams.lookup import open_ngrams
from cnmine.ngrams.scan import Windows, gather_windows, iter_windows
from cnmine.ngrams.spans import cut_spans, rank_units
from cnmine.ngrams.windows import sort_windows
from cnmine.store.packing import bits_for

MAX_ORDER = 8  # the longest windows that are sorted
MIN_BUDGET_BYTES = 64 << 20
BUFFER_BYTES = 64 << 20  # windows on their way from one stage to the next
PASS_SHARE = 0.4  # of the memory besides the text: for sorting; the rest is for the levels
Step = Callable[..., None]
COUNTED = ("n_bytes", "n_characters", "n_bad", "n_lines")


@dataclass
class _Text:
    """A corpus as unit ids in the order of the text.

    ``ids`` with one boundary between lines; ``appearance`` tells, for every id, when it is seen first.
    """

    ids: np.ndarray
    unit_texts: list[bytes]
    appearance: np.ndarray
    totals: dict[str, int]

    @property
    def n_sentences(self) -> int:
        return max(0, int(np.count_nonzero(self.ids < N_BOUNDARIES)) - 1) if self.unit_texts else 0


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
    n-grams, about 10 s for 100 MB on two threads. Memory: about 5 bytes a byte of text at order 4.
    """
    _check_order(order)
    thresholds = parse_thresholds(prune, order)
    on_step("reading", total=_total_bytes(sources), unit="B")
    [text] = read_codes(
        sources,
        fold_case=fold_case,
        punctuation="keep",
        threads=threads,
        on_progress=on_progress,
        on_notice=on_notice,
        **input_options,
    )
    corpus = _number_units(text)
    del text
    settings = {"punctuation": "keep", "fold_case": fold_case, "tokenization": "units", **corpus.totals}
    settings["n_sentences"] = corpus.n_sentences
    n_empty = corpus.totals["n_lines"] - corpus.n_sentences
    spare = max(MIN_BUDGET_BYTES, budget_bytes - BUFFER_BYTES - corpus.ids.nbytes)
    scratch = Scratch(int(spare * (1 - PASS_SHARE)), temp_dir)
    settings["n_tokens"] = len(corpus.ids) - corpus.n_sentences - 1 if corpus.unit_texts else 0
    on_step("counting", total=settings["n_tokens"], unit=" units")
    windows = _sort(corpus.ids, max(order, 2), len(corpus.unit_texts), int(spare * PASS_SHARE), threads, on_progress)
    n_tokens = settings["n_tokens"] + corpus.totals["n_lines"]
    levels = build_levels(windows, order, len(corpus.unit_texts), n_empty=n_empty, n_tokens=n_tokens, scratch=scratch)
    corpus.ids = corpus.ids[:0].copy()
    scratch.take(-int(spare * PASS_SHARE) - max(0, budget_bytes - spare))
    on_step("estimating")
    model = estimate(
        levels, order, prune=thresholds, fallback=fallback, appearance=corpus.appearance, scratch=scratch, threads=threads
    )
    del levels
    on_step("writing")
    return write_model(path, model, corpus.unit_texts, settings | {"prune": thresholds}, on_notice=on_notice)


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
    _check_order(order)
    thresholds = parse_thresholds(prune, order)
    with open_ngrams(store_path) as store:
        names = ("punctuation", "fold_case", "n_tokens", "n_bytes", "n_characters", "n_bad")
        settings = {name: store.settings[name] for name in names if name in store.settings}
        settings = {"punctuation": "drop", "tokenization": "units"} | settings | {"n_sentences": store.settings["n_spans"]}
        unit_texts = _texts_of(store)
        scratch = Scratch(max(MIN_BUDGET_BYTES, budget_bytes), temp_dir)
        on_step("counting", total=store.n_tokens, unit=" units")
        windows = _counted(iter_windows(store, max(order, 2), threads=threads), on_progress)
        n_tokens = settings["n_tokens"] + settings["n_sentences"]
        levels = build_levels(windows, order, len(unit_texts), n_tokens=n_tokens, scratch=scratch)
    on_step("estimating")
    model = estimate(levels, order, prune=thresholds, fallback=fallback, scratch=scratch, threads=threads)
    del levels
    on_step("writing")
    return write_model(path, model, unit_texts, settings | {"prune": thresholds}, on_notice=on_notice)


def _check_order(order: int) -> None:
    if not 1 <= order <= MAX_ORDER:
        raise UsageError(f"order must be 1 to {MAX_ORDER}, not {order}")


def _total_bytes(sources: Sequence[Source]) -> int | None:
    from cnmine.io.source import total_bytes

    return total_bytes(sources)


def _number_units(text: EncodedText) -> _Text:
    """Provisional codes → ids in the byte order of the units."""
    totals = {name: getattr(text, name) for name in COUNTED}
    id_of_code, unit_texts = rank_units(text.counts, list(text.run_ids))
    dtype = np.uint16 if len(unit_texts) + N_BOUNDARIES <= 1 << 16 else np.uint32
    id_of_code = id_of_code.astype(dtype)
    # At most one boundary more than codes for each block, and those at both ends; never touched, they cost nothing.
    ids, n_ids = np.empty(text.n_codes + len(text.pieces) + 2, dtype), 0
    for piece in join_blocks(_take_pieces(text, id_of_code)):
        ids[n_ids : n_ids + len(piece)] = piece
        n_ids += len(piece)
    ids = cut_spans(ids[:n_ids])
    appearance = np.full(len(unit_texts) + N_BOUNDARIES + 1, -1, np.int64)
    kernels.find_first(ids, appearance)
    return _Text(ids, unit_texts, appearance, totals)


def _take_pieces(text: EncodedText, id_of_code: np.ndarray) -> Iterator[tuple[np.ndarray, bool]]:
    pieces = text.pieces
    for i, (codes, joins_previous) in enumerate(pieces):
        pieces[i] = (np.empty(0, codes.dtype), joins_previous)  # a view would keep all of it
        yield id_of_code[codes], joins_previous


def _sort(
    ids: np.ndarray, n_symbols: int, n_units: int, budget_bytes: int, threads: int, on_progress: Callable[[int], None]
) -> Iterator[Windows]:
    if n_units:
        blocks = sort_windows(
            ids,
            max_order=n_symbols - 1,
            id_bits=bits_for(N_BOUNDARIES - 1 + n_units),
            budget_bytes=budget_bytes,
            threads=threads,
            on_progress=on_progress,
        )
        yield from gather_windows(ids, ((block.pointers, block.counts) for block in blocks), n_symbols, threads=threads)


def _counted(windows: Iterable[Windows], on_progress: Callable[[int], None]) -> Iterator[Windows]:
    for block in windows:
        yield block
        on_progress(int(block.counts.sum()))


def _texts_of(store: Any) -> list[bytes]:
    offsets = store.store.packed("unit_offsets").decode().tolist()
    texts = store.store.array("unit_texts").tobytes()
    return [texts[start:stop] for start, stop in zip(offsets, offsets[1:], strict=False)]
