"""A segmenter ↔ a file that is mapped, not read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np

from cnmine import __version__
from cnmine.errors import StoreError
from cnmine.segmentation.segmenter import MAX_WORD, Segmenter
from cnmine.segmentation.tokens import MAX_CHARACTERS
from cnmine.store.container import Store, open_store
from cnmine.store.writing import create_store

KIND, VERSION = "segmenter", 1
WORDS_PER_RECORD = 3
N_ROOTS = 1 << 16


def save_segmenter(
    segmenter: Segmenter, path: str, *, on_notice: Callable[[str], None] = lambda text: None
) -> dict[str, Any]:
    """Write a segmenter; return its settings. Equal segmenters give equal files.

    Raises
    ------
    UsageError, StoreError, ResourceError
        As `cnmine.store.writing.create_store`.
    """
    n_slots, n_probes, depth = int(segmenter.shape[0]) + 1, int(segmenter.shape[1]), int(segmenter.shape[2])
    settings = segmenter.settings | {
        "n_slots": n_slots,
        "n_probes": n_probes,
        "depth": depth,
        "n_characters": len(segmenter.characters),
        "written_by": f"cnmine {__version__}",
    }
    with create_store(path, kind=KIND, version=VERSION, on_notice=on_notice) as writer:
        text = json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        writer.add("settings", text.encode())
        writer.add("characters", np.ascontiguousarray(segmenter.characters, np.uint32))
        writer.add("unknown", segmenter.unknown)
        writer.add("roots", segmenter.roots)
        writer.add("records", segmenter.keys)
    return settings


def open_segmenter(path: str, *, verify: str = "small") -> Segmenter:
    """Open a segmenter; the time does not depend on its size.

    Parameters
    ----------
    path, verify
        As for `cnmine.store.container.open_store`.

    Raises
    ------
    StoreError
        If the file is missing, foreign, incomplete, damaged, or contradicts itself.
    """
    store = open_store(path, kind=KIND, version=VERSION, verify=verify)
    try:
        settings = _read_settings(store)
        shape = np.array([settings["n_slots"] - 1, settings["n_probes"], settings["depth"]], np.int64)
        keys, roots = store.array("records", np.int64), store.array("roots", np.int32)
        characters, unknown = store.array("characters", np.uint32), store.array("unknown", np.float32)
        if len(keys) != WORDS_PER_RECORD * settings["n_slots"] or len(characters) != settings["n_characters"]:
            raise _damaged(store, f"{len(keys)} words of records and {len(characters)} characters")
        if len(roots) != N_ROOTS or (roots < -1).any() or (roots >= settings["n_slots"]).any():
            raise _damaged(store, "a unit points beyond the records")
        if not 1 <= len(unknown) <= MAX_WORD or (characters >= 0x110000).any():
            raise _damaged(store, "its characters or scores are none")
        return Segmenter(keys, roots, unknown, characters, shape, settings)
    except BaseException:
        store.close()
        raise


def _read_settings(store: Store) -> dict[str, Any]:
    try:
        settings = json.loads(store.array("settings").tobytes())
        numbers = [settings[name] for name in ("n_slots", "n_probes", "depth", "n_characters")]
        n_slots, n_probes, depth, n_characters = numbers
        is_sane = all(type(number) is int for number in numbers) and n_slots & (n_slots - 1) == 0
        if not is_sane or not 1 <= n_slots < 1 << 31 or not 1 <= n_probes <= n_slots:
            raise ValueError
        if not 3 <= depth <= MAX_WORD or not 0 <= n_characters <= MAX_CHARACTERS:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError) as err:
        raise _damaged(store, "its settings make no sense") from err
    return settings


def _damaged(store: Store, found: str) -> StoreError:
    return StoreError(f"{store.path}: is damaged: {found}; cnmine info --verify tells more, or train it again")
