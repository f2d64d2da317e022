"""``cnmine merge``: stores in, the store of all their texts out."""

from __future__ import annotations

import click

from cnmine.cli import options
from cnmine.cli.command import Command
from cnmine.cli.count import report
from cnmine.cli.messages import Messages, kernel_notice


@click.command("merge", cls=Command, short_help="Add up stores, exactly.")
@click.argument("stores", nargs=-1, required=True, metavar="STORE...", type=click.Path())
@options.store_output
@options.memory
@options.temp_dir
@options.threads
@options.quiet
@options.verbose
def command(
    *,
    stores: tuple[str, ...],
    output: str,
    memory: int | None,
    temp_dir: str | None,
    threads: int | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Add up stores: the result is, byte for byte, the store of all their texts together.

    The stores may have different vocabularies, but must have been counted with the same --max-order and
    --fold-case. The output may be one of the inputs: it is replaced when all is done.

    Cost: linear in the texts; memory = --memory; disk as for count.

    \b
    Examples:
      cnmine merge monday.store tuesday.store -o week.store
      cnmine count today.txt -o today.store && cnmine merge all.store today.store -o all.store
    """
    from cnmine.cli.memory import budget_bytes
    from cnmine.ngrams.build import merge_stores

    with Messages(quiet=quiet, verbose=verbose) as messages:
        if notice := kernel_notice():
            messages.notice(notice)
        summary = merge_stores(
            stores,
            output,
            budget_bytes=budget_bytes(memory),
            temp_dir=temp_dir,
            threads=options.count_threads(threads),
            on_step=messages.step,
            on_progress=messages.advance,
            on_notice=messages.notice,
        )
        report(output, summary, messages)
