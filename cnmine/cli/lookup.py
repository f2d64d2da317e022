"""``cnmine lookup``: words in, what a store of n-grams knows about each of them out."""

from __future__ import annotations

import codecs
import select
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from cnmine.cli import options
from cnmine.cli.command import Command
from cnmine.cli.messages import Messages
from cnmine.errors import CorpusError, UsageError

if TYPE_CHECKING:
    from cnmine.io.rows import Column
    from cnmine.ngrams.contexts import WordStatistics
    from cnmine.ngrams.lookup import NgramStore

READ_BYTES = 1 << 18
OVERLAPPED_WORDS = 1 << 12  # of a batch as large, the rows are written while the next one is measured
DIGITS = 4


@click.command("lookup", cls=Command, short_help="Look words up in a store.")
@click.argument("store", type=click.Path())
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option(
    "--neighbours",
    type=click.IntRange(0, 1000),
    default=5,
    help="Most frequent units on each side to show; 0 for none.",
)
@options.rows_format
@options.output
@options.no_header
@options.threads
@options.quiet
def command(
    store: str,
    words: tuple[str, ...],
    neighbours: int,
    output_format: str,
    output: str,
    no_header: bool,
    threads: int | None,
    quiet: bool,
) -> None:
    """Count words in a store, with their cohesion and what stands beside them.

    WORDs are arguments, or lines of standard input if there is none or it is -; a row for each, in their order,
    as soon as they come. STORE is made by cnmine count. A word that does not occur has count 0 and empty cells; so
    has, without a count, what the store cannot know: a word longer than its --max-order, or with punctuation in it.

    Cost: microseconds a word, however large the store; a word among the most frequent ones up to a second.

    \b
    Examples:
      cnmine lookup corpus.store 人工智能 机器学习 --format table
      cut -f1 words.tsv | cnmine lookup corpus.store --neighbours 0
    """
    from cnmine.io.output import open_output
    from cnmine.io.rows import make_writer
    from cnmine.ngrams.contexts import WordMeter
    from cnmine.ngrams.lookup import open_ngrams
    from cnmine.ngrams.vocabulary import NO_NGRAM, TOO_LONG

    batches = _choose_words(words)
    options.refuse_overwriting(output, [store])
    n_rows = n_too_long = n_no_ngram = 0
    with Messages(quiet=quiet) as messages, open_ngrams(store) as ngrams, open_output(output) as file:
        is_json = output_format == "jsonl"
        meter = WordMeter(ngrams, n_neighbours=neighbours, threads=options.count_threads(threads))
        writer = make_writer(file, output_format, _columns(neighbours), header=not no_header)

        def write(batch: list[str], measured: WordStatistics) -> None:
            writer.write(_rows(batch, measured, ngrams, is_json))
            file.flush()

        with ThreadPoolExecutor(1) as pool:
            written: Future[None] | None = None
            for batch in batches:
                measured = meter.measure(batch)
                if written:
                    written.result()
                written = pool.submit(write, batch, measured)
                if len(batch) < OVERLAPPED_WORDS:
                    written.result()  # the next words may let wait for themselves
                n_rows += len(batch)
                n_too_long += int((measured.kinds == TOO_LONG).sum())
                n_no_ngram += int((measured.kinds == NO_NGRAM).sum())
            if written:
                written.result()
        if not n_rows:
            writer.write([])
        if n_too_long:
            messages.notice(
                f"{n_too_long:,} words are longer than the {ngrams.max_order} units of --max-order that the store was "
                "counted with: left empty"
            )
        if n_no_ngram:
            messages.notice(f"{n_no_ngram:,} words are empty or hold punctuation or blanks: left empty")


def _choose_words(words: Sequence[str]) -> Iterator[list[str]]:
    """The words of the arguments at once, or those of standard input as they come."""
    if words and tuple(words) != ("-",):
        return iter([[word.strip() for word in words]])
    if sys.stdin is None:
        raise UsageError("standard input is closed; name words")
    if not words and sys.stdin.isatty():
        raise UsageError("no words; name some, or send them to standard input, one a line (cnmine lookup --help)")
    return read_words(sys.stdin.buffer)


def read_words(stream: BinaryIO) -> Iterator[list[str]]:
    """Lines without blanks around them, in batches: what there is when the writer pauses, or fills a block."""
    pending: list[bytes] = []
    offset = 0
    while data := _read_available(stream):
        lines, line_end, rest = data.rpartition(b"\n")
        if line_end:
            whole = b"".join([*pending, lines])
            yield _split_lines(whole, offset)
            offset += len(whole) + 1
            pending.clear()
        pending.append(rest)
    if any(pending):
        yield _split_lines(b"".join(pending), offset)


def _read_available(stream: Any) -> bytes:
    """Bytes that can be read without waiting, a block of them at most; waits for the first."""
    data: bytes = stream.read1(READ_BYTES)
    while data and len(data) < READ_BYTES and _has_more(stream):
        more = stream.read1(READ_BYTES - len(data))
        if not more:
            break
        data += more
    return data


def _has_more(stream: BinaryIO) -> bool:
    try:
        return bool(select.select([stream.fileno()], [], [], 0)[0])
    except (OSError, ValueError):  # not a stream of the system, or a system that cannot tell
        return False


def _split_lines(data: bytes, offset: int) -> list[str]:
    if offset == 0:
        data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return [line.strip() for line in data.decode("utf-8").split("\n")]
    except UnicodeDecodeError as err:
        raise CorpusError(
            f"standard input: byte {offset + err.start} is not UTF-8; "
            "convert the words first, for example: iconv -f GB18030 -t UTF-8"
        ) from err


def _columns(n_neighbours: int) -> list[Column]:
    from cnmine.io.rows import Column

    columns = [Column("word"), Column("count")]
    columns += [Column(name, DIGITS) for name in ("cohesion", "left_entropy", "right_entropy")]
    columns += [Column("left_variety"), Column("right_variety")]
    if n_neighbours:
        columns += [Column("left_neighbours"), Column("right_neighbours")]
    return columns


def _rows(words: list[str], measured: WordStatistics, ngrams: NgramStore, is_json: bool) -> Iterator[tuple]:
    """Cells of every word; None for what is not there."""
    from cnmine.stats.entropy import branching_entropy

    columns = [
        measured.cohesion,
        *(branching_entropy(measured, side, boundary="distinct") for side in ("left", "right")),
        measured.left[:, 0],
        measured.right[:, 0],
    ]
    cells: list[list] = [column.tolist() for column in columns]
    if measured.left_units.shape[1]:
        for units, counts in (
            (measured.left_units, measured.left_counts),
            (measured.right_units, measured.right_counts),
        ):
            shown = ngrams.vocabulary.spell_counted(units, counts)
            cells.append(list(map(_as_object, shown)) if is_json else shown)
    for row in (measured.counts <= 0).nonzero()[0].tolist():
        for column in cells:
            column[row] = None
    known = [None if count < 0 else count for count in measured.counts.tolist()]
    return zip(words, known, *cells, strict=True)


def _as_object(shown: str) -> dict[str, int]:
    """``unit:count`` with blanks between → a mapping; units hold no blank."""
    pairs = (pair.rsplit(":", 1) for pair in shown.split(" ") if pair)
    return {unit: int(count) for unit, count in pairs}
