"""The file of a language model: its sections, written from estimated orders and checked when opened."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from cnmine import __version__
from cnmine.dtypes import N_BOUNDARIES
from cnmine.errors import StoreError
from cnmine.lm.estimate import Estimate, Model
from cnmine.lm.levels import release_pages
from cnmine.store.container import Store, open_store
from cnmine.store.packing import bits_for
from cnmine.store.writing import StoreWriter, create_store

KIND, VERSION = "lm", 1
MAX_ORDER = 16  # of a model that was imported
ROWS_PER_PIECE = 1 << 18
# Fields of a record, 32 bits each. Units have no word and no link, the highest order no children and no back-off.
UNIT_FIELDS = ("prob", "backoff", "first")
INNER_FIELDS = ("word", "prob", "backoff", "link", "first")
LAST_FIELDS = ("word", "prob", "link")
N_SPECIAL = N_BOUNDARIES + 1  # ids besides the units: <unk>, </s>, two that are not used, and <s> behind them


def fields_of(n: int, order: int) -> tuple[str, ...]:
    """Fields of the records of order ``n`` in a model of some order."""
    return UNIT_FIELDS if n == 1 else LAST_FIELDS if n == order else INNER_FIELDS


def n_records(n_rows: int, n: int, order: int) -> int:
    """One more than rows where there are children, so that the last row has an end of them too."""
    return n_rows + (n == 1 or n < order)


def prepare_model(
    path: str, *, on_notice: Callable[[str], None] = lambda text: None
) -> AbstractContextManager[StoreWriter]:
    """Begin the file of a model, which appears when the block ends; fails at once if it cannot.

    Raises
    ------
    UsageError, StoreError, ResourceError
        As `cnmine.store.writing.create_store`.
    """
    return create_store(path, kind=KIND, version=VERSION, on_notice=on_notice)


def write_model(
    writer: StoreWriter, model: Model, unit_texts: Sequence[bytes], settings: dict[str, Any]
) -> dict[str, Any]:
    """Write the sections of a model; return all of its settings.

    Parameters
    ----------
    writer
        From `prepare_model`.
    model
        From `cnmine.lm.estimate.estimate`.
    unit_texts
        Of the ids from 4 on, before units were removed.
    settings
        About text and estimation; what follows from the model is added.
    """
    texts = [text for text, is_kept in zip(unit_texts, model.is_kept.tolist(), strict=True) if is_kept]
    order = len(model.orders)
    settings = settings | {
        "order": order,
        "n_units": len(texts),
        "n_ngrams": [len(texts) + 3, *(len(level) for level in model.orders[1:])],
        "discounts": [[round(value, 9) for value in row[1:]] for row in model.discounts.tolist()],
        "written_by": f"cnmine {__version__}",
    }
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    writer.add("settings", json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    writer.add("unit_texts", b"".join(texts))
    writer.add("unit_offsets", offsets, bits=bits_for(int(offsets[-1])))
    with writer.section("records", 32) as section:
        for n, level in enumerate(model.orders, start=1):
            for piece in _records(level, n, order):
                section.append(piece)
            release_pages(*(column for column in vars(level).values()))
    return settings


def _records(level: Estimate, n: int, order: int) -> Iterator[np.ndarray]:
    """The records of one order, a piece after another."""
    columns = {
        "word": level.words,
        "prob": level.log10_probs.view(np.uint32),
        "backoff": level.log10_backoffs.view(np.uint32),
        "link": level.links,
        "first": level.firsts,
    }
    fields = fields_of(n, order)
    total = n_records(len(level), n, order)
    for start in range(0, total, ROWS_PER_PIECE):
        stop = min(start + ROWS_PER_PIECE, total)
        piece = np.zeros((stop - start, len(fields)), np.uint32)
        for i, name in enumerate(fields):
            values = columns[name][start:stop]
            piece[: len(values), i] = values
        yield piece.reshape(-1)


def open_sections(path: str, *, verify: str = "small") -> tuple[Store, dict[str, Any]]:
    """Open the file of a model and check that its sections fit its settings.

    Raises
    ------
    StoreError
        If it is missing, foreign, incomplete or damaged.
    """
    store = open_store(path, kind=KIND, version=VERSION, verify=verify)
    try:
        settings = _read_settings(store)
        order, n_ngrams, n_units = settings["order"], settings["n_ngrams"], settings["n_units"]
        rows = [n_units + N_SPECIAL, *n_ngrams[1:]]
        words = sum(n_records(n_rows, n, order) * len(fields_of(n, order)) for n, n_rows in enumerate(rows, start=1))
        offsets = store.packed("unit_offsets")
        n_bytes = len(store.array("unit_texts"))
        if len(offsets) != n_units + 1 or offsets[0] != 0 or offsets[-1] != n_bytes:
            raise damaged(store, f"{n_units} units have {len(offsets)} offsets to {n_bytes} bytes")
        if len(store.array("records", np.uint32)) != words:
            raise damaged(store, f"its records take {len(store.array('records'))} numbers, expected {words}")
    except BaseException:
        store.close()
        raise
    return store, settings


def _read_settings(store: Store) -> dict[str, Any]:
    try:
        settings = json.loads(store.array("settings").tobytes())
        order, n_units, n_ngrams = settings["order"], settings["n_units"], settings["n_ngrams"]
        numbers = [order, n_units, *n_ngrams]
        is_sane = all(type(number) is int and 0 <= number < 1 << 32 for number in numbers)
        if not is_sane or not 1 <= order <= MAX_ORDER or len(n_ngrams) != order:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise damaged(store, "its settings make no sense") from err
    return settings


def damaged(store: Store, found: str) -> StoreError:
    """The error for contents that contradict themselves."""
    return StoreError(f"{store.path}: is damaged: {found}; cnmine info --verify tells more, or train the model again")
