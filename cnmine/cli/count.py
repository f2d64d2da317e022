"""``cnmine count``: a corpus in, a store of all its n-grams out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cnmine.cli import EXIT_INPUT, options
from cnmine.cli.command import Command
from cnmine.cli.messages import Messages, format_size, kernel_notice
from cnmine.errors import UsageError

if TYPE_CHECKING:
    from cnmine.ngrams.build import StoreSummary


@click.command("count", cls=Command, short_help="Count all n-grams of a corpus into a store.")
@options.sources
@options.store_output
@click.option("--max-order", type=click.IntRange(1, 7), default=6, help="Longest n-gram, in units.")
@options.fold_case
@click.option(
    "--punctuation",
    type=click.Choice(["drop", "keep"]),
    default="drop",
    help="drop cuts the text at it; keep counts it, and only line ends cut, as language models want it.",
)
@options.input_options
@options.memory
@options.temp_dir
@options.threads
@options.quiet
@options.verbose
@click.pass_context
def command(
    ctx: click.Context,
    *,
    sources: tuple[str, ...],
    output: str,
    max_order: int,
    fold_case: bool,
    punctuation: str,
    recursive: bool,
    memory: int | None,
    temp_dir: str | None,
    threads: int | None,
    quiet: bool,
    verbose: bool,
    **input_options: Any,
) -> None:
    """Count all n-grams of a corpus, exactly, and keep them in a store on disk.

    SOURCE is a file, a glob, a directory or - for standard input (the default); .gz, .bz2, .xz and .zst are
    read as they are. The store holds every n-gram with its neighbours on both sides and the text itself with
    its spans in sorted order; newwords, lookup, ngrams and merge read it. Equal text gives equal bytes, whatever
    the order of files, the threads or the memory.

    Cost: one pass over the text; memory = --memory; disk 1 to 1.5 times the text for the store, and up to as much
    again in --temp-dir if the text does not fit into the memory.

    \b
    Examples:
      cnmine count corpus.txt -o corpus.store
      cnmine count news/ --recursive --memory 1G --temp-dir /data/tmp -o news.store
      zcat *.gz | cnmine count - --max-order 4 -o four.store
    """
    from cnmine.cli.memory import budget_bytes
    from cnmine.ngrams.build import count_corpus

    if input_options["jsonl_field"] is not None and input_options["column"] is not None:
        raise UsageError("--jsonl-field and --column exclude each other")
    if store := options.find_store(sources):
        raise UsageError(f"{store}: is a store and no text; cnmine merge adds up stores")
    with Messages(quiet=quiet, verbose=verbose) as messages:
        found = options.open_sources(sources, recursive=recursive, output=output, on_notice=messages.notice)
        if notice := kernel_notice():
            messages.notice(notice)
        summary = count_corpus(
            found,
            output,
            max_order=max_order,
            fold_case=fold_case,
            punctuation=punctuation,
            budget_bytes=budget_bytes(memory),
            temp_dir=temp_dir,
            threads=options.count_threads(threads),
            on_step=messages.step,
            on_progress=messages.advance,
            on_notice=messages.notice,
            **input_options,
        )
        report(output, summary, messages)
    if summary.settings["n_bad"]:
        ctx.exit(EXIT_INPUT)  # the store is there, but not of all of the input


def report(output: str, summary: StoreSummary, messages: Messages) -> None:
    """The last line: what was counted, what it took."""
    import os

    settings, seconds = summary.settings, messages.seconds
    spilled = f", {format_size(summary.spilled_bytes)} spilled" if summary.spilled_bytes else ""
    if not settings["n_tokens"]:
        messages.notice("the input has no Chinese characters, letters or digits: the store is empty")
    messages.notice(
        f"{settings['n_tokens']:,} units, {settings['n_windows']:,} distinct windows, "
        f"{format_size(os.path.getsize(output))}{spilled}, {seconds:.1f} s, "
        f"{settings['n_bytes'] / 1e6 / seconds:.1f} MB/s"
    )
