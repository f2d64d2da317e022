"""Texts of any size for the measurements of speed, the same bytes in every run.

With the folder of data sets, all of its corpora in proportion to their sizes, so that a text of 1 MB is the
same mixture as one of 200 MB. Beyond the size of all of them, new text is spliced out of theirs. Without the folder,
generated text: invented words drawn from a Zipf distribution.
"""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import runs

SAMPLE = runs.ROOT / "data" / "sample.txt"
PIECE_BYTES = 1 << 20
SLACK = 0.01  # a text ends at the last line end of every corpus in it
N_WORDS = 60_000
WORDS_PER_SPAN = (3, 12)
SPANS_PER_BATCH = 1 << 14
# Of spliced text. With six characters from splice to splice, 0.40 of the windows of up to six units are new that
# are added to 10 or 40 million characters. Of real text it is 0.56 behind 10 million and 0.45 behind 40 million.
SPLICE_CHARACTERS = 6
LANES, SPLICES = 1 << 14, 1 << 7


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


def make_long_corpus(path: Path, n_bytes: int, data: Path) -> tuple[str, float]:
    """`make_corpus` for any size: what the data sets do not have is spliced out of them; also its share of the bytes.

    Names: "mixed", "generated", or "mixed+spliced".
    """
    corpus = make_corpus(path, n_bytes, data)
    n_real = path.stat().st_size
    if corpus == "generated":
        return corpus, 1.0
    if n_bytes - n_real <= SLACK * n_bytes:
        return corpus, 0.0
    text = np.frombuffer(path.read_text(encoding="utf-8").encode("utf-32-le"), dtype=np.uint32)
    with open(path, "ab") as out:
        n_spliced = write_cut(out, splice_text(text), n_bytes - n_real)
    return corpus + "+spliced", n_spliced / (n_real + n_spliced)


def splice_text(text: np.ndarray, seed: int = 0) -> Iterator[bytes]:
    """Endless new text made of short stretches of a real one, each of which goes on where the last character allows it.

    A chain of first order between the splices, the text itself within the stretches: frequencies of characters and
    pairs are those of the text, line ends and punctuation among them, while longer n-grams are both old and new.

    Parameters
    ----------
    text
        ``uint32[n]``; code points.
    """
    generator = np.random.default_rng(seed)
    known = np.flatnonzero(np.bincount(text))
    id_of_code = np.zeros(int(text.max()) + 1, np.uint16)
    id_of_code[known] = np.arange(len(known))
    ids = id_of_code[text]
    places_of_ids = np.argsort(ids, kind="stable").astype(np.uint32)
    counts = np.bincount(ids)
    firsts = np.cumsum(counts) - counts
    while True:
        starts = np.empty((LANES, SPLICES), np.int64)
        lengths = generator.geometric(1 / SPLICE_CHARACTERS, (LANES, SPLICES))
        places = generator.integers(0, len(text), LANES)
        for i in range(SPLICES):
            starts[:, i] = places
            lengths[:, i] = np.minimum(lengths[:, i], len(text) - places)
            last = ids[places + lengths[:, i] - 1]
            drawn = (generator.random(LANES) * counts[last]).astype(np.int64)
            places = np.minimum(places_of_ids[firsts[last] + drawn].astype(np.int64) + 1, len(text) - 1)
        stops = np.cumsum(lengths)
        shifts = starts.ravel() - stops + lengths.ravel()
        taken = text[np.repeat(shifts, lengths.ravel()) + np.arange(stops[-1])]
        yield taken.tobytes().decode("utf-32-le").encode() + b"\n"


def cut_in_two(path: Path, first: Path, second: Path) -> None:
    """Write the halves of a text, cut at a line end."""
    with open(first, "wb") as out:
        n_bytes = write_cut(out, read_pieces(path), path.stat().st_size // 2)
    with open(path, "rb") as file, open(second, "wb") as out:
        file.seek(n_bytes)
        shutil.copyfileobj(file, out)


def list_kinds(data: Path) -> dict[str, Path]:
    """Texts of three kinds, the first of which is segmented."""
    return {
        "news": data / "seg" / "pfr199802_seg.utf8.xz",
        "novel": data / "corpora" / "novels_classical_60m.txt.xz",
        "weibo": data / "corpora" / "weibo_hotsearch_2020_2022.txt.xz",
    }


def write_plain(source: Path, target: Path) -> None:
    """Unpack a text; a segmented one loses its blanks."""
    is_segmented = "seg" in source.name
    with open(target, "wb") as out:
        for piece in read_pieces(source):
            out.write(piece.replace(b" ", b"") if is_segmented else piece)


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
