"""Sources, or stores, → one store of n-grams, within a budget of memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from cnmine import __version__
from cnmine._memory import release_pages, trim_heap
from cnmine.counting.codes import EncodedText, read_codes
from cnmine.dtypes import N_BOUNDARIES
from cnmine.errors import UsageError
from cnmine.io.paths import Source
from cnmine.io.source import total_bytes
from cnmine.io.units import join_blocks
from cnmine.ngrams.lookup import NgramStore, open_ngrams
from cnmine.ngrams.sections import KIND, VERSION, WindowIndex, write_settings, write_vocabulary
from cnmine.sorting import spill
from cnmine.sorting.scratch import Scratch
from cnmine.sorting.spans import rank_units, sort_spans
from cnmine.sorting.windows import MAX_ORDER, sort_windows
from cnmine.store.packing import bits_for
from cnmine.store.writing import StoreWriter, create_store

MIN_BUDGET_BYTES = 32 << 20  # less than this is not kept to
SORT_SHARE = 0.8  # of the budget that is planned with when windows are sorted, which takes up to a fifth more
BYTES_PER_UNIT = 20  # of a stretch of text while it is read, ranked and sorted
PIECE_IDS = 1 << 22  # counted and packed at a time
TEXT_SHARE = 0.6  # of the budget that the sorted text may take, to stay in memory
SAME_SETTINGS = ("max_order", "fold_case", "punctuation")  # of stores that can be merged
ADDED_SETTINGS = ("n_bytes", "n_characters", "n_bad")  # merging adds them up
Step = Callable[..., None]


def _silent(text: str, **options: Any) -> None:
    pass


@dataclass(frozen=True)
class StoreSummary:
    """The settings of the store that was written, and the bytes that were put aside in the temporary directory."""

    settings: dict[str, Any]
    spilled_bytes: int


def count_corpus(
    sources: Sequence[Source],
    path: str,
    *,
    max_order: int = 6,
    fold_case: bool = False,
    punctuation: str = "drop",
    budget_bytes: int = 1 << 30,
    temp_dir: str | None = None,
    threads: int = 1,
    on_step: Step = _silent,
    on_progress: Callable[[int], None] = lambda n: None,
    on_notice: Callable[[str], None] = lambda text: None,
    **input_options: Any,
) -> StoreSummary:
    """Count all n-grams of a corpus of any size exactly and write them to a store.

    Parameters
    ----------
    sources
        From `cnmine.io.paths.find_sources`; each is read once.
    path
        Of the store; it appears when complete.
    max_order
        Longest n-gram, 1 … 7.
    fold_case
        Whether runs of letters are counted in small letters.
    punctuation
        "drop": everything but Han characters and runs of letters and digits is a boundary. "keep": all but white
        space are units and lines are the only boundaries, as language models want it.
    budget_bytes
        Memory to take besides that of the interpreter and its libraries, which is about 220 MB.
    temp_dir
        Directory for what does not fit the budget; the system's by default.
    threads
        Worker threads. The store does not depend on them, nor on the budget or the order of sources.
    on_step
        Called with the name of each phase and, where known, its ``total`` and ``unit``.
    on_progress
        Called with what is done of the phase since the last call.
    on_notice
        Called with one line about anything unusual.
    input_options
        ``encoding``, ``jsonl_field``, ``column``, ``bad_bytes`` of `cnmine.io.source.read_blocks`.

    Raises
    ------
    CorpusError
        If a source cannot be read or is malformed.
    StoreError
        If another process writes this store.
    ResourceError
        If the disk is too small, for the store or for what is kept in ``temp_dir``.
    UsageError
        If ``max_order`` is out of range or ``path`` cannot take a file.

    Notes
    -----
    Time grows linearly with the text. Disk: the store takes 1 to 1.5 times the text as UTF-8; a text beyond the
    budget takes up to as much again in ``temp_dir`` while it is counted.
    """
    if not 1 <= max_order <= MAX_ORDER:
        raise UsageError(f"max_order must be 1 to {MAX_ORDER}, not {max_order}")
    budget_bytes = max(budget_bytes, MIN_BUDGET_BYTES)
    texts = read_codes(
        sources,
        fold_case=fold_case,
        punctuation=punctuation,
        max_codes=budget_bytes // BYTES_PER_UNIT,
        threads=threads,
        on_progress=on_progress,
        on_notice=on_notice,
        **input_options,
    )
    on_step("reading", total=total_bytes(sources), unit="B")
    return count_texts(
        texts,
        path,
        settings={"max_order": max_order, "fold_case": fold_case, "punctuation": punctuation},
        budget_bytes=budget_bytes,
        temp_dir=temp_dir,
        threads=threads,
        on_step=on_step,
        on_progress=on_progress,
        on_notice=on_notice,
    )


def count_texts(
    texts: Iterable[EncodedText],
    path: str,
    *,
    settings: dict[str, Any],
    budget_bytes: int = 1 << 30,
    temp_dir: str | None = None,
    threads: int = 1,
    on_step: Step = _silent,
    on_progress: Callable[[int], None] = lambda n: None,
    on_notice: Callable[[str], None] = lambda text: None,
) -> StoreSummary:
    """`count_corpus` of a text that is being read: of what `cnmine.counting.codes.read_codes` gives.

    Parameters
    ----------
    texts
        Asked for only when the place of the store has been found good.
    settings
        ``max_order``, ``fold_case`` and ``punctuation``, as the texts were read.
    path, budget_bytes, temp_dir, threads, on_step, on_progress, on_notice
        As for `count_corpus`.
    """
    with ExitStack() as stack:
        writer = stack.enter_context(create_store(path, kind=KIND, version=VERSION, on_notice=on_notice))
        scratch = stack.enter_context(Scratch(temp_dir, on_notice))
        builder = _Builder(writer, scratch, max(budget_bytes, MIN_BUDGET_BYTES), threads, on_step, on_progress)
        settings = settings | dict.fromkeys(ADDED_SETTINGS, 0)
        runs = list(builder.sort_texts(texts, settings))
        return builder.write(runs, settings)


def merge_stores(
    paths: Sequence[str],
    path: str,
    *,
    budget_bytes: int = 1 << 30,
    temp_dir: str | None = None,
    threads: int = 1,
    on_step: Step = _silent,
    on_progress: Callable[[int], None] = lambda n: None,
    on_notice: Callable[[str], None] = lambda text: None,
) -> StoreSummary:
    """Add up stores: the result is the store of all their texts, byte for byte.

    Parameters
    ----------
    paths
        Of the stores, in any order. ``path`` may be one of them: it is replaced when all is done.
    path, budget_bytes, temp_dir, threads, on_step, on_progress, on_notice
        As for `count_corpus`.

    Raises
    ------
    StoreError
        If one is no complete store of n-grams, or they were counted with different settings.
    ResourceError
        If the disk is too small.

    Notes
    -----
    Time grows linearly with the texts: they are merged, and their windows are sorted again.
    """
    if not paths:
        raise UsageError("nothing to merge; name at least one store")
    with ExitStack() as stack:
        # First of all: a store that is input and output must not be replaced by another process behind its opening.
        writer = stack.enter_context(create_store(path, kind=KIND, version=VERSION, on_notice=on_notice))
        stores = [stack.enter_context(open_ngrams(source)) for source in paths]
        settings = _add_settings(stores)
        scratch = stack.enter_context(Scratch(temp_dir, on_notice))
        for store in stores:
            store.verify_text()
        builder = _Builder(writer, scratch, max(budget_bytes, MIN_BUDGET_BYTES), threads, on_step, on_progress)
        return builder.write([spill.SortedRun.from_store(store.store) for store in stores], settings)


def _add_settings(stores: Sequence[NgramStore]) -> dict[str, Any]:
    first, *others = stores
    settings = {name: first.settings[name] for name in (*SAME_SETTINGS, *ADDED_SETTINGS)}
    for store in others:
        for name in SAME_SETTINGS:
            if store.settings[name] != settings[name]:
                raise UsageError(
                    f"{store.path}: {name} is {store.settings[name]}, and {settings[name]} in {first.path}; "
                    "only stores that were counted alike can be merged"
                )
        for name in ADDED_SETTINGS:
            settings[name] += store.settings[name]
    return settings


@dataclass
class _Builder:
    """Writes one store."""

    writer: StoreWriter
    scratch: Scratch
    budget_bytes: int
    threads: int
    on_step: Step
    on_progress: Callable[[int], None]

    def sort_texts(self, texts: Iterable[EncodedText], settings: dict[str, Any]) -> Iterator[spill.SortedRun]:
        """Sort every stretch of a corpus; all go to the disk if there is more than one. Adds up the settings."""
        is_first = True
        for text in texts:
            for name in ADDED_SETTINGS:
                settings[name] += getattr(text, name)
            id_of_code, unit_texts = rank_units(text.counts, list(text.run_ids))
            id_of_code = id_of_code.astype(_id_dtype(len(unit_texts)))
            units = np.concatenate(list(join_blocks(_take_pieces(text, id_of_code))))
            run = spill.SortedRun(unit_texts, sort_spans(units, threads=self.threads))
            del units
            if is_first and text.is_last:
                yield run
            else:
                self.scratch.require(spill.spill_bytes(run), "a sorted part of the text")
                yield spill.spill_run(run, self.scratch.new_path())
            is_first = False

    def write(self, runs: list[spill.SortedRun], settings: dict[str, Any]) -> StoreSummary:
        """Merge sorted runs, sort the windows of the text, write every section."""
        trim_heap()
        vocabulary, text, n_spans = self._write_text(runs)
        runs.clear()
        trim_heap()
        write_vocabulary(self.writer, vocabulary)
        n_tokens = len(text) - n_spans - 1 if n_spans else 0
        index = WindowIndex(len(vocabulary), n_tokens, settings["max_order"])
        self.on_step("sorting windows", total=n_tokens)
        is_mapped = isinstance(text, np.memmap)
        windows = sort_windows(
            text,
            max_order=settings["max_order"],
            id_bits=bits_for(len(vocabulary) + N_BOUNDARIES - 1),
            budget_bytes=int(SORT_SHARE * self.budget_bytes) - (0 if is_mapped else text.nbytes),
            temp_dir=self.scratch.new_directory() if is_mapped else None,
            threads=self.threads,
            on_progress=self.on_progress,
        )
        with self.writer.section("windows", bits_for(max(0, len(text) - 1))) as section:
            for block in windows:
                section.append(block.pointers)
                index.append(block)
        self.on_step("writing")
        index.write(self.writer)
        settings = settings | {
            "n_tokens": n_tokens,
            "n_spans": n_spans,
            "n_units": len(vocabulary),
            "n_windows": index.n_windows,
            "text_length": len(text),
            "written_by": f"cnmine {__version__}",
        }
        write_settings(self.writer, settings)
        return StoreSummary(settings, self.scratch.n_bytes)

    def _write_text(self, runs: list[spill.SortedRun]) -> tuple[list[bytes], np.ndarray, int]:
        """Write the section ``text``; return the vocabulary, the text and the number of its spans."""
        length = sum(max(len(run.text) - 1, 0) for run in runs) + 1
        if len(runs) == 1 and isinstance(runs[0].text, np.ndarray):
            vocabulary, text = runs[0].list_units(), runs[0].text
            pieces: Iterator[np.ndarray] = iter([text])
        else:
            self.on_step(f"merging {len(runs)} sorted parts", total=length)
            vocabulary, merged = spill.merge_runs(
                runs, budget_bytes=self.budget_bytes // 2, threads=self.threads, on_progress=self.on_progress
            )
            text = self._allocate(length if length > 1 else 0, _id_dtype(len(vocabulary)))
            pieces = _copy_pieces(spill.join_pieces(merged), text)
        n_boundaries, id_bits = 0, bits_for(len(vocabulary) + N_BOUNDARIES - 1)
        self.writer.require(length * (id_bits + 1) // 8)  # the text, and a bit for every occurrence
        with self.writer.section("text", id_bits) as section:
            for piece in pieces:
                for start in range(0, len(piece), PIECE_IDS):
                    part = piece[start : start + PIECE_IDS]
                    section.append(part)
                    n_boundaries += int(np.count_nonzero(part < N_BOUNDARIES))
        return vocabulary, text, max(n_boundaries - 1, 0)

    def _allocate(self, n_ids: int, dtype: type[np.unsignedinteger]) -> np.ndarray:
        """Room for a text: in memory, or in a file if it would take too much of the budget."""
        n_bytes = n_ids * np.dtype(dtype).itemsize
        if n_bytes <= TEXT_SHARE * self.budget_bytes:
            return np.empty(n_ids, dtype)
        return self.scratch.map_array(n_ids, dtype, "the sorted text")


def _copy_pieces(pieces: Iterable[np.ndarray], text: np.ndarray) -> Iterator[np.ndarray]:
    """Hand pieces on and keep them in ``text``, one behind the other."""
    stop = 0
    for piece in pieces:
        start, stop = stop, stop + len(piece)
        text[start:stop] = piece
        yield piece
        release_pages(text)


def _id_dtype(n_units: int) -> type[np.unsignedinteger]:
    return np.uint16 if n_units + N_BOUNDARIES <= 1 << 16 else np.uint32


def _take_pieces(text: EncodedText, id_of_code: np.ndarray) -> Iterator[tuple[np.ndarray, bool]]:
    """Codes → ids, piece by piece; gives up each piece as soon as it is translated."""
    pieces = text.pieces
    for i, (codes, joins_previous) in enumerate(pieces):
        pieces[i] = (np.empty(0, codes.dtype), joins_previous)  # a view would keep all of it
        yield id_of_code[codes], joins_previous
