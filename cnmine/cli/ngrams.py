"""``cnmine ngrams``: a store in, its n-grams of one order with their counts out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from cnmine.cli import options
from cnmine.cli.command import Command

if TYPE_CHECKING:
    from cnmine.ngrams.lookup import NgramStore


@click.command("ngrams", cls=Command, short_help="List the n-grams of a store.")
@click.argument("store", type=click.Path())
@click.option("--order", type=click.IntRange(min=1), default=2, help="Units of an n-gram.")
@click.option("--min-count", type=click.IntRange(min=1), default=5, help="Least occurrences of an n-gram.")
@click.option(
    "--sort",
    type=click.Choice(["count", "text"]),
    default="count",
    help="By falling count, equal ones by text; or by text, unit by unit in the order of UTF-8.",
)
@click.option("--top", type=click.IntRange(min=1), help="Most n-grams to show.")
@click.option(
    "-f",
    "--format",
    "output_format",
    type=click.Choice(["tsv", "jsonl", "table", "words"]),
    default="tsv",
    help="Columns, or an n-gram a line.",
)
@options.output
@options.no_header
@options.threads
@options.memory
@options.quiet
def command(
    store: str,
    order: int,
    min_count: int,
    sort: str,
    top: int | None,
    output_format: str,
    output: str,
    no_header: bool,
    threads: int | None,
    memory: int | None,
    quiet: bool,
) -> None:
    """List all n-grams of one length with their exact counts.

    STORE is made by cnmine count. An n-gram is a sequence of units (Chinese characters, runs of letters and
    digits) between which there is nothing.

    Cost: one pass over the store. Sorted by text, rows appear at once and memory does not grow; sorted by count,
    the n-grams are held in memory, 12 to 80 bytes each.

    \b
    Examples:
      cnmine ngrams corpus.store --order 2 --top 20 --format table
      cnmine ngrams corpus.store --order 3 --min-count 100 --sort text -o trigrams.tsv
    """
    from cnmine.cli.memory import budget_bytes
    from cnmine.cli.messages import Messages
    from cnmine.io.output import open_output
    from cnmine.io.rows import Column, make_writer
    from cnmine.ngrams.listing import iter_ngrams, most_frequent
    from cnmine.ngrams.lookup import open_ngrams

    options.refuse_overwriting(output, [store])
    n_threads = options.count_threads(threads)
    with Messages(quiet=quiet) as messages, open_ngrams(store) as ngrams:
        if sort == "text":
            blocks = iter_ngrams(ngrams, order, min_count=min_count, threads=n_threads)
        else:
            budget = budget_bytes(memory)
            blocks = most_frequent(ngrams, order, min_count=min_count, top=top, budget_bytes=budget, threads=n_threads)
        n_rows = 0
        with open_output(output) as file:
            is_words = output_format == "words"
            columns = [Column("ngram")] if is_words else [Column("ngram"), Column("count")]
            row_format, header = ("tsv", False) if is_words else (output_format, not no_header)
            writer = make_writer(file, row_format, columns, header=header)
            for texts, counts in _spelled(ngrams, blocks, top):
                n_rows += writer.write(zip(texts) if is_words else zip(texts, counts, strict=True))
            if not n_rows:
                writer.write([])
        if not n_rows:
            messages.notice(f"no n-gram of {order} units reaches --min-count {min_count}")


def _spelled(ngrams: NgramStore, blocks: Iterator, top: int | None) -> Iterator[tuple[list[str], list[int]]]:
    """Texts and counts of the first ``top`` n-grams, or of all."""
    left = top
    for ids, counts in blocks:
        if left is not None:
            ids, counts = ids[:left], counts[:left]
            left -= len(counts)
        yield ngrams.vocabulary.spell(ids), counts.tolist()
        if left == 0:
            break
