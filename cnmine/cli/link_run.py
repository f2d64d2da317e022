"""``cnmine link run``."""

from __future__ import annotations

import click

from cnmine.cli.command import Command
from cnmine.errors import UsageError


@click.command("run", cls=Command, short_help="Not there yet.")
@click.argument("files", nargs=-1, type=click.Path())
@click.option("-o", "--output", type=click.Path(), help="File for the result.")
@click.option("-m", "--model", type=click.Path(), help="From link train.")
def command(files: tuple[str, ...], output: str | None, model: str | None) -> None:
    """Not there yet.

    \b
    Example:
      cnmine link run sample.kb
    """
    raise UsageError("link run is not there yet")
