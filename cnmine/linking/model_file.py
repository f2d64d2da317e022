"""Trained models ↔ their files, of kind "linker"; see docs/formats.md."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import numpy as np

from cnmine.errors import StoreError
from cnmine.linking.disambiguation import FEATURES, LinkCounts
from cnmine.linking.lines import LineModel
from cnmine.linking.mentions import N_WEIGHTS, MentionModel
from cnmine.linking.model import LinkerModel
from cnmine.linking.names import LearnedNames, decode_names, encode_names
from cnmine.linking.scorers import Logistic, Trees
from cnmine.store.container import Store, open_store
from cnmine.store.writing import StoreWriter, create_store

KIND, VERSION = "linker", 1
LINE_SECTIONS = {"texts": np.uint32, "text_offsets": np.int64, "answers": np.int64, "answer_offsets": np.int64}
N_LINE_SECTIONS = ["line_texts", "line_text_offsets", "line_answers", "line_answer_offsets"]
_TREES = ("nodes", "limits", "values", "roots")
_LOGISTIC = ("means", "scales", "weights")


def save_linker(
    model: LinkerModel | LineModel, path: str, *, on_notice: Callable[[str], None] = lambda text: None
) -> None:
    """Write a model; equal models give equal bytes.

    Raises
    ------
    UsageError, StoreError, ResourceError
        As `cnmine.store.writing.create_store`.
    """
    with create_store(path, kind=KIND, version=VERSION, on_notice=on_notice) as writer:
        settings = model.settings | {"kb_digest": model.kb_digest, "threshold": model.threshold, "biases": {}}
        if isinstance(model, LineModel):
            settings["biases"]["trees"] = _write_scorer(writer, "trees", model.trees)
            for name in LINE_SECTIONS:
                writer.add(f"line_{name}", getattr(model, name))
        else:
            settings |= {"nil_threshold": model.nil_threshold, "least_log_odds": model.least_log_odds}
            settings["floor"] = model.mentions.floor
            _write_parts(writer, model, settings["biases"])
        writer.add("settings", json.dumps(settings, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())


def _write_parts(writer: StoreWriter, model: LinkerModel, biases: dict[str, float]) -> None:
    codes, offsets = encode_names(model.names.texts)
    writer.add("name_codes", codes)
    writer.add("name_offsets", offsets)
    writer.add("name_pairs", model.names.pairs)
    writer.add("name_priors", model.names.priors)
    writer.add("key_scores", model.mentions.key_scores)
    writer.add("key_traits", np.ascontiguousarray(model.mentions.key_traits, np.uint8).reshape(-1))
    writer.add("span_weights", model.mentions.weights)
    for part in fields(model.counts):
        writer.add(f"count_{part.name}", getattr(model.counts, part.name))
    writer.add("character_idfs", model.idfs)
    for name in ("found", "bare", "nil", "ranker"):
        biases[name] = _write_scorer(writer, name, getattr(model, name))


def _write_scorer(writer: StoreWriter, name: str, scorer: Logistic | Trees) -> float:
    if isinstance(scorer, Trees):
        for part in _TREES:
            writer.add(f"{name}_{part}", np.ascontiguousarray(getattr(scorer, part)).reshape(-1))
        return scorer.base
    for part in _LOGISTIC:
        writer.add(f"{name}_{part}", np.asarray(getattr(scorer, part), np.float64))
    return scorer.bias


def open_linker(path: str, *, verify: str = "small") -> LinkerModel | LineModel:
    """Read a model; its arrays are read-only maps of the file.

    Raises
    ------
    StoreError
        If the file is missing, foreign, incomplete, damaged or contradicts itself.
    """
    with open_store(path, kind=KIND, version=VERSION, verify=verify) as store:
        try:
            settings = json.loads(store.array("settings", np.uint8).tobytes())
            biases, digest = settings.pop("biases"), settings.pop("kb_digest")
            threshold = float(settings.pop("threshold"))
            scorers: dict[str, Any] = {name: _read_scorer(store, name, float(bias)) for name, bias in biases.items()}
            if "line_texts" in store.sections:
                trees, memory = scorers["trees"], _read_memory(store)
                return LineModel(digest, trees, **memory, threshold=threshold, settings=settings)
            model = LinkerModel(
                kb_digest=str(digest),
                names=_read_names(store),
                mentions=_read_mentions(store, float(settings.pop("floor"))),
                counts=_read_counts(store),
                idfs=_sized(store, "character_idfs", np.float32, 1 << 16),
                threshold=threshold,
                nil_threshold=float(settings.pop("nil_threshold")),
                least_log_odds=float(settings.pop("least_log_odds")),
                settings=settings,
                **scorers,
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as err:
            raise _damaged(store, "its settings make no sense") from err
        width = len(FEATURES)
        if isinstance(model.ranker, Logistic) and len(model.ranker.weights) != width:
            raise _damaged(store, f"its ranker has {len(model.ranker.weights)} features, expected {width}")
        return model


def _read_names(store: Store) -> LearnedNames:
    pairs = store.array("name_pairs", np.int64)
    priors = _sized(store, "name_priors", np.float32, len(pairs))
    try:
        texts = decode_names(store.array("name_codes", np.uint32), store.array("name_offsets", np.int64))
    except ValueError as err:
        raise _damaged(store, f"of its names: {err}") from err
    if (pairs[1:] <= pairs[:-1]).any() or not ((priors > 0) & (priors <= 1)).all():
        raise _damaged(store, "its learned entities of names are out of order, or their shares no shares")
    return LearnedNames(texts, pairs, priors)


def _read_mentions(store: Store, floor: float) -> MentionModel:
    scores = store.array("key_scores", np.float32)
    traits = _sized(store, "key_traits", np.uint8, 3 * len(scores)).reshape(-1, 3)
    return MentionModel(scores, traits, _sized(store, "span_weights", np.float32, N_WEIGHTS), floor)


def _read_counts(store: Store) -> LinkCounts:
    dtypes: dict[str, Any] = {
        "pairs": np.int64,
        "pair_counts": np.int32,
        "entities": np.int32,
        "entity_counts": np.int32,
        "type_counts": np.float32,
        "type_weights": np.float32,
    }
    arrays = {name: store.array(f"count_{name}", dtype) for name, dtype in dtypes.items()}
    for name in ("pair", "entity"):
        ids = arrays["pairs" if name == "pair" else "entities"]
        if len(ids) != len(arrays[f"{name}_counts"]) or (ids[1:] <= ids[:-1]).any():
            raise _damaged(store, f"its counts of each {name} do not fit their ids")
    if len(arrays["type_weights"]) != 1 << 18:
        raise _damaged(store, f"it has {len(arrays['type_weights'])} weights of types, expected {1 << 18}")
    return LinkCounts(**arrays)


def _read_scorer(store: Store, name: str, bias: float) -> Logistic | Trees:
    if f"{name}_nodes" not in store.sections:
        means, scales, weights = (store.array(f"{name}_{part}", np.float64) for part in _LOGISTIC)
        if not len(means) == len(scales) == len(weights):
            raise _damaged(store, f"the parts of {name} have different lengths")
        return Logistic(means, scales, weights, bias)
    nodes = store.array(f"{name}_nodes", np.int32)
    limits, values = (store.array(f"{name}_{part}", np.float32) for part in ("limits", "values"))
    roots = store.array(f"{name}_roots", np.int64)
    n_nodes = len(limits)
    if len(nodes) != 3 * n_nodes or len(values) != n_nodes:
        raise _damaged(store, f"the parts of {name} have different lengths")
    nodes = nodes.reshape(-1, 3)
    inner = nodes[:, 0] >= 0
    # Children come behind their parents, so that every walk ends.
    is_sound = (nodes[inner, 1:] > np.flatnonzero(inner)[:, None]).all() and (nodes[inner, 1:] < n_nodes).all()
    if not is_sound or (len(roots) and not 0 <= roots.min() <= roots.max() < n_nodes):
        raise _damaged(store, f"the trees of {name} have nodes that are not there")
    return Trees(nodes, limits, values, roots, bias)


def _read_memory(store: Store) -> dict[str, Any]:
    memory = {name: store.array(f"line_{name}", dtype) for name, dtype in LINE_SECTIONS.items()}
    for name in ("text", "answer"):
        offsets, size = memory[f"{name}_offsets"], len(memory[f"{name}s"])
        if not len(offsets) or offsets[0] != 0 or offsets[-1] != size or (offsets[1:] < offsets[:-1]).any():
            raise _damaged(store, f"its labelled {name}s do not end where they should")
    if len(memory["text_offsets"]) != len(memory["answer_offsets"]):
        raise _damaged(store, "it has not as many answers as labelled texts")
    return memory


def _sized(store: Store, name: str, dtype: Any, n_items: int) -> np.ndarray:
    array = store.array(name, dtype)
    if len(array) != n_items:
        raise _damaged(store, f"section {name} has {len(array)} values, expected {n_items}")
    return array


def _damaged(store: Store, found: str) -> StoreError:
    return StoreError(f"{store.path}: is damaged: {found}; train the model again: cnmine link train")
