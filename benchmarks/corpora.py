"""Texts of any size for the measurements of speed, the same bytes in every run.

With the folder of data sets, all of its corpora in proportion to their sizes, so that a text of 1 MB is the
same mixture as one of 200 MB. Without it, generated text: invented words drawn from a Zipf distribution.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import runs

SAMPLE = runs.ROOT / "data" / "sample.txt"
PIECE_BYTES = 1 << 20
N_WORDS = 60_000
WORDS_PER_SPAN = (3, 12)
SPANS_PER_BATCH = 1 << 14


def make_corpus(path: Path, n_bytes: int, data: Path) -> str:
    """Write a text of about ``n_bytes`` bytes, ending at a line end; return the name of its kind.

    Names: "mixed" (from the data sets; all of them if they are smaller), "generated".
    """
    files = sorted((data / "corpora").glob("*.txt.xz"))
    with open(path, "wb") as out:
        if not files:
            write_cut(out, generate_text(), n_bytes)
            return "generated"
        sizes = [sum(map(len, read_pieces(file))) for file in files]
        for file, size in zip(files, sizes, strict=True):
            write_cut(out, read_pieces(file), n_bytes * size // sum(sizes))
    return "mixed"


def read_pieces(path: Path) -> Iterator[bytes]:
    """The bytes of a file, plain or packed with xz."""
    with lzma.open(path) if path.suffix == ".xz" else open(path, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def write_cut(out: BinaryIO, pieces: Iterator[bytes], n_bytes: int) -> int:
    """Copy pieces up to the last line end before ``n_bytes``; the number of bytes written."""
    written = 0
    pending = b""
    for piece in pieces:
        pending += piece
        cut = pending.rfind(b"\n", 0, n_bytes - written) + 1
        out.write(pending[:cut])
        written += cut
        pending = pending[cut:]
        if written + len(pending) >= n_bytes:
            return written
    if pending:
        out.write(pending.rstrip(b"\n") + b"\n")
    return written + len(pending)


def generate_text(seed: int = 0) -> Iterator[bytes]:
    """Endless lines of words that follow Zipf's law, made of the characters of the sample."""
    generator = np.random.default_rng(seed)
    words = np.array(invent_words(generator), dtype=object)
    weights = 1.0 / np.arange(1, len(words) + 1)
    bounds = np.cumsum(weights / weights.sum())
    while True:
        sizes = generator.integers(*WORDS_PER_SPAN, SPANS_PER_BATCH)
        drawn = np.searchsorted(bounds, generator.random(int(sizes.sum())))
        marks = generator.choice(np.array(["，", "。", "。\n"], dtype=object), SPANS_PER_BATCH)
        texts = np.empty(len(drawn) + SPANS_PER_BATCH, dtype=object)
        mark_places = np.cumsum(sizes + 1) - 1
        is_mark = np.zeros(len(texts), dtype=np.bool_)
        is_mark[mark_places] = True
        texts[is_mark], texts[~is_mark] = marks, words[np.minimum(drawn, len(words) - 1)]
        yield ("".join(texts) + "\n").encode()


def invent_words(generator: np.random.Generator) -> list[str]:
    """Distinct words of one to four characters, each character as frequent as in the sample."""
    text = SAMPLE.read_text(encoding="utf-8")
    characters = np.array([character for character in text if "\u4e00" <= character <= "\u9fff"])
    lengths = generator.choice([1, 2, 3, 4], N_WORDS, p=[0.05, 0.6, 0.2, 0.15])
    drawn = characters[generator.integers(0, len(characters), int(lengths.sum()))]
    stops = np.cumsum(lengths)
    words = ("".join(drawn[stop - length : stop]) for stop, length in zip(stops, lengths, strict=True))
    return list(dict.fromkeys(words))
