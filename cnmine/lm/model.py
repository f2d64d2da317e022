"""A language model in a file → log probabilities of sequences of units, straight from the file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from types import TracebackType
from typing import Any

import numpy as np

from cnmine._parallel import map_ordered
from cnmine.dtypes import N_BOUNDARIES, RUN_BASE
from cnmine.errors import UsageError
from cnmine.io.units import encode_block
from cnmine.lm import _query_kernels as kernels
from cnmine.lm.storage import N_SPECIAL, damaged, fields_of, n_records, open_sections
from cnmine.store.container import Store

UNKNOWN, END = kernels.UNKNOWN, kernels.END
JOB_IDS = 256  # of a long sequence that one lane follows
JOBS_PER_CALL = 1 << 12
SEQUENCES_PER_CALL = 1 << 12


@dataclass(frozen=True)
class EncodedText:
    """Lines of text as ids of a model.

    Attributes
    ----------
    ids
        ``uint32[n]``; `UNKNOWN` for what the model does not know.
    offsets
        ``int64[m + 1]``; line ``i`` is ``ids[offsets[i]:offsets[i + 1]]``.
    n_characters
        ``int64[m]``; characters of the units of each line.
    """

    ids: np.ndarray
    offsets: np.ndarray
    n_characters: np.ndarray


def open_model(path: str, *, verify: str = "small") -> LanguageModel:
    """Open a language model; the time does not depend on its size, and any number of processes may have it open.

    Parameters
    ----------
    path, verify
        As for `cnmine.store.container.open_store`.

    Raises
    ------
    StoreError
        If the file is missing, foreign, incomplete, damaged, or contradicts itself.
    """
    store, settings = open_sections(path, verify=verify)
    return LanguageModel(store, settings)


class LanguageModel:
    """An n-gram model with back-off.

    A context manager. What is read from the file is checked against its bounds: damage gives a StoreError.

    Attributes
    ----------
    settings
        What is written in the file: ``order``, ``n_units``, ``punctuation`` and others, see docs/formats.md.
    order, n_units
        The most frequently asked for of them.
    tables
        The arrays as kernels take them; see `cnmine.lm._query_kernels`.
    """

    def __init__(self, store: Store, settings: dict[str, Any]) -> None:
        self.store, self.settings = store, settings
        self.order, self.n_units = settings["order"], settings["n_units"]
        records = store.array("records", np.uint32)
        self.shape = _shape(settings)
        self.tables = (records, records.view(np.float32), self.shape)

    def __enter__(self) -> LanguageModel:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self.store.close()

    @cached_property
    def unit_texts(self) -> list[bytes]:
        """UTF-8 of the units, of which the first has id 4; in the order of their bytes."""
        offsets = self.store.packed("unit_offsets").decode().tolist()
        texts = self.store.array("unit_texts").tobytes()
        found = [texts[start:stop] for start, stop in pairwise(offsets)]
        if any(not text or text <= before for text, before in zip(found, [b"", *found], strict=False)):
            raise damaged(self.store, "its units are not sorted")
        return found

    @cached_property
    def ids(self) -> dict[bytes, int]:
        """Id of every unit."""
        return {text: i for i, text in enumerate(self.unit_texts, start=N_BOUNDARIES)}

    @cached_property
    def _id_of_code(self) -> np.ndarray:
        """Id of every code point that is a unit."""
        ids = np.zeros(RUN_BASE, np.uint32)
        for text, i in self.ids.items():
            if len(text) <= 4 and len(character := text.decode("utf-8", "replace")) == 1:
                ids[ord(character)] = i
        return ids

    def encode(self, data: bytes, *, name: str = "<bytes>", bad_bytes: str = "stop") -> EncodedText:
        """Split lines into units as the text was from which the model was made.

        Parameters
        ----------
        data
            UTF-8 lines; what follows the last line end is a line if it is not empty.
        name, bad_bytes
            As for `cnmine.io.units.encode_block`.
        """
        if self.settings.get("tokenization") == "tokens":
            return self._encode_tokens(data)
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        block = encode_block(
            data,
            punctuation=self.settings.get("punctuation", "keep"),
            fold_case=self.settings.get("fold_case", False),
            with_offsets=True,
            bad_bytes=bad_bytes,
            name=name,
        )
        codes = block.codes
        run_ids = np.array([self.ids.get(run, UNKNOWN) for run in block.runs], np.uint32)
        sizes = np.array([len(run.decode("utf-8")) for run in block.runs], np.int64)
        is_unit = codes >= N_BOUNDARIES
        is_run = codes >= RUN_BASE
        ids = self._id_of_code[np.where(is_run, 0, codes)]
        ids[is_run] = run_ids[codes[is_run] - RUN_BASE]
        n_characters = np.ones(len(codes), np.int64)
        n_characters[is_run] = sizes[codes[is_run] - RUN_BASE]
        assert block.starts is not None
        ends = np.cumsum([len(line) + 1 for line in lines], dtype=np.int64)
        starts = block.starts[is_unit]
        offsets = np.concatenate([[0], np.searchsorted(starts, ends)]).astype(np.int64)
        sums = np.concatenate([[0], np.cumsum(n_characters[is_unit])])
        return EncodedText(ids[is_unit], offsets, np.diff(sums[offsets]))

    def _encode_tokens(self, data: bytes) -> EncodedText:
        lines = [line.split() for line in data.split(b"\n")]
        if not lines[-1]:
            lines.pop()
        ids = self.ids
        offsets = np.zeros(len(lines) + 1, np.int64)
        np.cumsum([len(line) for line in lines], out=offsets[1:])
        found = np.array([ids.get(token, UNKNOWN) for line in lines for token in line], np.uint32)
        sizes = [sum(len(token.decode("utf-8", "replace")) for token in line) for line in lines]
        return EncodedText(found, offsets, np.array(sizes, np.int64))

    def score_ids(
        self, ids: np.ndarray, offsets: np.ndarray, *, begin: bool = True, end: bool = True, threads: int = 1
    ) -> np.ndarray:
        """Log10 probability of every id, given those before it in its sequence.

        Parameters
        ----------
        ids
            ``uint32[n]``; ids that the model has not are unknown.
        offsets
            ``int64[m + 1]``; sequence ``i`` is ``ids[offsets[i]:offsets[i + 1]]``.
        begin, end
            Whether a sequence begins behind <s>, and is followed by </s>.
        threads
            Worker threads; the result does not depend on them.

        Returns
        -------
        ``float32[n]``, or ``float32[n + m]`` with ``end``: then each sequence is followed by the value of its </s>.

        Raises
        ------
        UsageError
            If the offsets do not ascend from 0 to ``len(ids)``.
        StoreError
            If the file is damaged.
        """
        ids, offsets = self._checked(ids, offsets)
        n = len(offsets) - 1
        stream = ids
        if end:
            offsets = offsets + np.arange(n + 1)
            stream = np.full(len(ids) + n, END, np.uint32)
            keeps = np.ones(len(stream), np.bool_)
            keeps[offsets[1:] - 1] = False
            stream[keeps] = ids
        jobs = _cut_jobs(offsets, self.order, begin)
        out = np.empty(len(stream), np.float32)
        stream.flags.writeable = False

        def score(start: int) -> None:
            if kernels.score_jobs(self.tables, stream, jobs[start : start + JOBS_PER_CALL], out) != kernels.DONE:
                raise damaged(self.store, "a record points beyond the others")

        list(map_ordered(score, range(0, len(jobs), JOBS_PER_CALL), threads=threads))
        return out

    def conditionals(self, ids: np.ndarray, offsets: np.ndarray | None = None, *, threads: int = 1) -> np.ndarray:
        """Log10 probability of every id given the 0, 1, … ids before it in its sequence, <s> not counted.

        Parameters
        ----------
        ids, offsets, threads
            As for `score_ids`; without offsets it is one sequence.

        Returns
        -------
        ``float32[n, order]``; column h has h ids of history, or fewer at the beginning of the sequence. Back-off
        weights are in it where the n-gram is not in the model.
        """
        ids, offsets = self._checked(ids, np.array([0, len(ids)]) if offsets is None else offsets)
        out = np.empty((len(ids), self.order), np.float32)
        ids.flags.writeable = False

        def find(start: int) -> None:
            for i in range(start, min(start + SEQUENCES_PER_CALL, len(offsets) - 1)):
                bounds = (int(offsets[i]), int(offsets[i + 1]))
                if kernels.find_conditionals(self.tables, ids, bounds, out) != kernels.DONE:
                    raise damaged(self.store, "a record points beyond the others")

        list(map_ordered(find, range(0, len(offsets) - 1, SEQUENCES_PER_CALL), threads=threads))
        return out

    def _checked(self, ids: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ids = np.ascontiguousarray(ids, np.uint32).view()
        offsets = np.ascontiguousarray(offsets, np.int64)
        if len(offsets) < 1 or offsets[0] != 0 or offsets[-1] != len(ids) or (np.diff(offsets) < 0).any():
            raise UsageError(f"offsets must ascend from 0 to {len(ids)}, the number of ids")
        return ids, offsets


def _shape(settings: dict[str, Any]) -> np.ndarray:
    """``int64[6, order + 1]``; see `cnmine.lm._query_kernels`."""
    order = settings["order"]
    shape = np.zeros((6, order + 1), np.int64)
    base = 0
    for n in range(1, order + 1):
        fields = fields_of(n, order)
        n_rows = settings["n_units"] + N_SPECIAL if n == 1 else settings["n_ngrams"][n - 1]
        places = [fields.index(name) if name in fields else 0 for name in ("prob", "link", "first")]
        shape[:, n] = [base, n_rows, len(fields), *places]
        base += n_records(n_rows, n, order) * len(fields)
    return shape


def _cut_jobs(offsets: np.ndarray, order: int, begin: bool) -> np.ndarray:
    """``int64[m, 4]``; pieces of sequences, each with the ids before it that its first state takes."""
    sizes = np.diff(offsets)
    n_pieces = -(-sizes // JOB_IDS)
    owner = np.repeat(np.arange(len(sizes)), n_pieces)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
    jobs = np.empty((len(owner), 4), np.int64)
    jobs[:, 1] = offsets[owner] + number * JOB_IDS
    jobs[:, 0] = np.maximum(jobs[:, 1] - (order - 1), offsets[owner])
    jobs[:, 2] = np.minimum(jobs[:, 1] + JOB_IDS, offsets[owner + 1])
    jobs[:, 3] = (jobs[:, 0] == offsets[owner]) & begin & (order > 1)
    return jobs
