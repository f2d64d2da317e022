"""``cnmine link train``."""

from __future__ import annotations

import click

from cnmine.cli.command import Command
from cnmine.errors import UsageError


@click.command("train", cls=Command, short_help="Not there yet.")
@click.argument("files", nargs=-1, type=click.Path())
@click.option("-o", "--output", type=click.Path(), help="File for the result.")
def command(files: tuple[str, ...], output: str | None) -> None:
    """Not there yet.

    \b
    Example:
      cnmine link train sample.kb
    """
    raise UsageError("link train is not there yet")
