"""Mentions as arrays → the JSON Lines of `cnmine.linking.records.format_records`, several times as fast."""

from __future__ import annotations

from collections.abc import Sequence
from json.encoder import encode_basestring as quote

import numpy as np

from cnmine.linking import _writing_kernels as kernels
from cnmine.linking.normalize import code_points
from cnmine.linking.records import NIL, Record

_LINE = (b'{"text_id":', b',"text":"', b'","mention_data":[', b"]}\n")
_PARTS = (*_LINE, b'{"mention":"', b'","offset":', b',"kb_id":"', b'","score":', b"}", NIL.encode())
_CCKS_PARTS = (*_LINE, b'","mention":"', b'","offset":"', b'{"kb_id":"', b"", b'"}', NIL.encode())
_DOUBTFUL = 1e-6  # how near to the middle of two numbers of four digits the rounding of a product may go wrong


def format_arrays(
    records: Sequence[Record],
    firsts: np.ndarray,
    mentions: np.ndarray,
    scores: np.ndarray,
    ids: tuple[np.ndarray, np.ndarray],
    *,
    ccks: bool = False,
) -> bytes:
    """JSON Lines of texts.

    Parameters
    ----------
    records
        Texts; what they say of mentions is not looked at.
    firsts, mentions
        ``int64[t + 1]``, where the mentions of each text begin; ``int64[m, 3]`` of each its place in the text, its
        length, and its entity, -1 for NIL.
    scores
        ``float64[m]``, 0…1.
    ids
        Where the id of each entity begins, and the ids as UTF-8.
    ccks
        As for `cnmine.linking.records.write_records`.
    """
    codes = code_points("".join([record.text for record in records]))
    names = [quote(record.text_id).encode("utf-8", "replace") for record in records]
    starts, name_starts = _starts([len(record.text) for record in records]), _starts(list(map(len, names)))
    parts = _CCKS_PARTS if ccks else _PARTS
    table = np.column_stack([mentions, round_scores(scores)])
    lengths = mentions[:, 1]
    entities = mentions[mentions[:, 2] >= 0, 2]
    size = kernels.BYTES_PER_CODE * (len(codes) + int(lengths.sum())) + 100 * (len(table) + len(records))
    size += int(name_starts[-1]) + 6 * int((ids[0][entities + 1] - ids[0][entities]).sum())
    out = np.empty(size, np.uint8)
    n = kernels.write_lines(
        (codes, starts),
        (np.frombuffer(b"".join(names), np.uint8), name_starts),
        (firsts, table),
        (ids[1], ids[0]),
        (np.frombuffer(b"".join(parts), np.uint8), _starts(list(map(len, parts))), ccks),
        out,
    )
    return out[:n].tobytes()


def round_scores(scores: np.ndarray) -> np.ndarray:
    """Ten thousandths, ``int64[m]``, rounded as ``f"{score:.4f}"`` does: what lies in the middle by its exact value."""
    products = scores * 10_000
    out = np.rint(products).astype(np.int64)
    for i in np.flatnonzero(np.abs(products - np.floor(products) - 0.5) < _DOUBTFUL).tolist():
        out[i] = int(f"{scores[i]:.4f}".replace(".", ""))
    return out


def _starts(sizes: list[int]) -> np.ndarray:
    return np.append(0, np.cumsum(np.array(sizes, np.int64)))
