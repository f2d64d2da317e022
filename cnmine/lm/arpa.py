"""Language models ↔ text in ARPA format, as KenLM and SRILM read and write it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from cnmine.dtypes import N_BOUNDARIES
from cnmine.errors import CorpusError
from cnmine.io.paths import find_sources
from cnmine.io.source import read_blocks
from cnmine.io.units import decode_units, encode_block
from cnmine.lm.assembly import Ngrams, assemble_model
from cnmine.lm.estimate import LOG_PROB
from cnmine.lm.levels import END, UNKNOWN
from cnmine.lm.model import LanguageModel
from cnmine.lm.storage import MAX_ORDER, fields_of, prepare_model, write_model
from cnmine.store.writing import StoreWriter

ROWS_PER_PIECE = 1 << 14
LINES_PER_PIECE = 1 << 16
SPECIALS = {b"<unk>": UNKNOWN, b"<UNK>": UNKNOWN, b"</s>": END}
START = b"<s>"
PROVISIONAL_START = 0xFFFFFFFF  # its id until the number of units is known
_COUNT = re.compile(rb"ngram[ \t]+(\d+)[ \t]*=[ \t]*(\d+)[ \t\r]*")
_SECTION = re.compile(rb"\\(\d+)-grams:[ \t\r]*")


def export_arpa(
    model: LanguageModel, write: Callable[[bytes], object], *, on_progress: Callable[[int], None] = lambda n: None
) -> None:
    """Write a model in ARPA format, piece by piece.

    Parameters
    ----------
    model
        An open model.
    write
        Takes the text, as UTF-8.
    on_progress
        Called with the number of n-grams written since the last call.

    Notes
    -----
    Memory: 4 bytes an n-gram of all orders but the highest. Probabilities have seven digits, which is all that
    is in the file.
    """
    counts = model.settings["n_ngrams"]
    write(b"\\data\\\n" + b"".join(b"ngram %d=%d\n" % item for item in enumerate(counts, start=1)))
    texts = ["<unk>", "</s>", "", "", *(text.decode("utf-8", "surrogateescape") for text in model.unit_texts), "<s>"]
    lower: list[tuple[np.ndarray, np.ndarray]] = []
    for order in range(1, model.order + 1):
        write(b"\n\\%d-grams:\n" % order)
        columns = _columns(model, order)
        n_rows = int(model.shape[1, order])
        words = np.ascontiguousarray(columns["word"]) if order > 1 else np.arange(n_rows, dtype=np.uint32)
        for start in range(0, n_rows, ROWS_PER_PIECE):
            rows = np.arange(start, min(start + ROWS_PER_PIECE, n_rows))
            if order == 1:
                rows = rows[(rows < 2) | (rows >= N_BOUNDARIES)]
            write(_lines(texts, columns, _ids(words, lower, rows), rows))
            on_progress(len(rows))
        if "first" in columns:
            lower.append((words, np.ascontiguousarray(columns["first"])))
    write(b"\n\\end\\\n")


def _columns(model: LanguageModel, order: int) -> dict[str, np.ndarray]:
    """Views of the fields of all records of one order."""
    records, values, shape = model.tables
    base, n_rows, stride = shape[:3, order].tolist()
    stop = base + (n_rows + (order < model.order or order == 1)) * stride
    return {
        name: (values if name in ("prob", "backoff") else records)[base + i : stop : stride]
        for i, name in enumerate(fields_of(order, model.order))
    }


def _ids(words: np.ndarray, lower: list[tuple[np.ndarray, np.ndarray]], rows: np.ndarray) -> list[list[int]]:
    """The first ids of some n-grams, their second ones, ….

    ``lower`` are the last ids and the first children of all lower orders.
    """
    ids = [words[rows].tolist()]
    for parent_words, firsts in reversed(lower):
        rows = np.searchsorted(firsts, rows, side="right") - 1
        ids.append(parent_words[rows].tolist())
    return ids[::-1]


def _lines(texts: list[str], columns: dict[str, np.ndarray], ids: list[list[int]], rows: np.ndarray) -> bytes:
    spelled = [[texts[i] for i in column] for column in ids]
    ngrams = [" ".join(ngram) for ngram in zip(*spelled, strict=True)]
    probs = columns["prob"][rows].tolist()
    if "backoff" in columns:
        backoffs = columns["backoff"][rows].tolist()
        lines = [f"{p:.7g}\t{ngram}\t{b:.7g}\n" for p, ngram, b in zip(probs, ngrams, backoffs, strict=True)]
    else:
        lines = [f"{p:.7g}\t{ngram}\n" for p, ngram in zip(probs, ngrams, strict=True)]
    return "".join(lines).encode("utf-8", "surrogateescape")


def import_arpa(path: str, output: str, *, on_notice: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Read a model in ARPA format, also compressed, and write it as a model file.

    Parameters
    ----------
    path
        Of the text; "-" is standard input.
    output
        Of the model; it appears when complete.

    Returns
    -------
    The settings of the model. ``tokenization`` is "units" if every unit of it is one for us with punctuation
    kept, so that raw text can be scored; else "tokens": then texts need blanks between their tokens.

    Raises
    ------
    CorpusError
        If it is no complete ARPA model; names the line.

    Notes
    -----
    Time: 2 µs an n-gram. Memory: some 60 bytes an n-gram.
    """
    with prepare_model(output, on_notice=on_notice) as writer:
        return _import(_Reader(path), writer)


def _import(reader: _Reader, writer: StoreWriter) -> dict[str, Any]:
    orders = reader.read()
    units = sorted(token for token in reader.ids if token not in SPECIALS and token != START)
    new_ids = np.zeros(N_BOUNDARIES + len(reader.ids), np.uint32)
    new_ids[[UNKNOWN, END]] = UNKNOWN, END
    new_ids[[reader.ids[unit] for unit in units]] = np.arange(N_BOUNDARIES, N_BOUNDARIES + len(units))
    for ngrams in orders:
        is_start = ngrams.ids == PROVISIONAL_START
        ngrams.ids = new_ids[np.where(is_start, 0, ngrams.ids)]
        ngrams.ids[is_start] = N_BOUNDARIES + len(units)
    model = assemble_model(orders, len(units))
    block = encode_block(b"\n".join(units), punctuation="keep", bad_bytes="skip")
    spelled = [text.encode("utf-8") for text in decode_units(block.codes, block.runs)]
    is_units = len(spelled) == max(0, 2 * len(units) - 1) and spelled[::2] == units
    settings = {"tokenization": "units" if is_units else "tokens", "punctuation": "keep", "fold_case": False}
    return write_model(writer, model, units, settings)


@dataclass
class _Reader:
    """Lines of a file, with their numbers for messages."""

    path: str
    number: int = 0
    ids: dict[bytes, int] = field(default_factory=lambda: dict(SPECIALS))

    def lines(self) -> Iterator[bytes]:
        """Every line; also from a compressed file."""
        pending = b""
        for block in read_blocks(find_sources([self.path])):
            if not block.joins_previous and pending:
                self.number += 1
                yield pending
                pending = b""
            *complete, pending = (pending + block.data).split(b"\n")
            for line in complete:
                self.number += 1
                yield line
        self.number += 1
        yield pending

    def fail(self, found: str) -> NoReturn:
        raise CorpusError(f"{self.path}: line {self.number}: {found}; the file is no ARPA model, or is damaged")

    def read(self) -> list[Ngrams]:
        """All orders, with provisional ids: those of the units in order of appearance, -1 for <s>."""
        lines = self.lines()
        for line in lines:
            if line.rstrip(b" \t\r") == b"\\data\\":
                break
        else:
            self.fail("there is no \\data\\")
        counts: list[int] = []
        for line in lines:
            match = _COUNT.fullmatch(line)
            if match and int(match[1]) == len(counts) + 1:
                counts.append(int(match[2]))
            elif line.strip():
                break
        if not 1 <= len(counts) <= MAX_ORDER:
            self.fail(f"{len(counts)} orders are announced, 1 to {MAX_ORDER} are possible")
        orders = []
        for order, count in enumerate(counts, start=1):
            match = _SECTION.fullmatch(line)
            if not match or int(match[1]) != order:
                self.fail(f"expected \\{order}-grams:, found {line[:40]!r}")
            ngrams, line = self._section(lines, order, order == len(counts), count)
            orders.append(ngrams)
        if line.rstrip(b" \t\r") != b"\\end\\":
            self.fail(f"expected \\end\\, found {line[:40]!r}")
        return orders

    def _section(self, lines: Iterator[bytes], order: int, is_last: bool, count: int) -> tuple[Ngrams, bytes]:
        """The n-grams of one order, and the line behind them."""
        pieces: list[Ngrams] = []
        flat: list[int] = []
        probs: list[float] = []
        backoffs: list[float] = []

        def flush() -> None:
            ids = np.array(flat, np.int64).reshape(-1, order)
            pieces.append(Ngrams(ids.astype(np.uint32), np.array(probs, LOG_PROB), np.array(backoffs, LOG_PROB)))
            for values in (flat, probs, backoffs):
                values.clear()

        following = b""
        for line in lines:
            fields = line.split()
            if not fields:
                continue
            if line.startswith(b"\\") and (_SECTION.fullmatch(line) or line.rstrip(b" \t\r") == b"\\end\\"):
                following = line
                break
            if not order + 1 <= len(fields) <= order + 2 - is_last * (len(fields) != order + 2):
                self.fail(f"a {order}-gram has {len(fields)} fields: {line[:60].decode('utf-8', 'replace')!r}")
            self._parse(fields, order, flat, probs, backoffs)
            if len(probs) == LINES_PER_PIECE:
                flush()
        flush()
        joined = Ngrams(*(np.concatenate([getattr(p, name) for p in pieces]) for name in ("ids", "probs", "backoffs")))
        if len(joined.probs) != count:
            self.fail(f"{len(joined.probs)} {order}-grams, {count} were announced")
        return joined, following

    def _parse(
        self, fields: list[bytes], order: int, flat: list[int], probs: list[float], backoffs: list[float]
    ) -> None:
        try:
            prob = float(fields[0])
            backoff = float(fields[order + 1]) if len(fields) > order + 1 else 0.0
        except ValueError:
            self.fail(f"{fields[0][:20]!r} or {fields[-1][:20]!r} is no number")
        if prob != prob or backoff != backoff or prob > 0.0:
            self.fail(f"{prob} is no logarithm of a probability, or {backoff} none of a weight")
        if order == 1:
            token = fields[1]
            if token in self.ids and token not in SPECIALS:
                self.fail(f"{token.decode('utf-8', 'replace')!r} stands there twice")
            self.ids.setdefault(
                token, PROVISIONAL_START if token == START else len(self.ids) - len(SPECIALS) + N_BOUNDARIES
            )
        try:
            flat += [self.ids[token] for token in fields[1 : order + 1]]
        except KeyError as err:
            self.fail(f"{err.args[0].decode('utf-8', 'replace')!r} is not among the 1-grams")
        probs.append(prob)
        backoffs.append(backoff)
