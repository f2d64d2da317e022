"""``cnmine link eval`` and ``link errors``: gold and linked texts in, figures and mistakes out."""

from __future__ import annotations

import click

from cnmine.cli.command import Command
from cnmine.errors import UsageError


@click.command("eval", cls=Command, short_help="Measure links against a gold standard.")
@click.argument("gold", type=click.Path())
@click.argument("system", type=click.Path())
def command(gold: str, system: str) -> None:
    """Measure links against a gold standard.

    \b
    Example:
      cnmine link eval data/linking/sample_test.jsonl linked.jsonl
    """
    raise UsageError("link eval is not there yet")


@click.command("errors", cls=Command, short_help="Show what went wrong.")
@click.argument("gold", type=click.Path())
@click.argument("system", type=click.Path())
def errors(gold: str, system: str) -> None:
    """Show what a linker got wrong, grouped by kind.

    \b
    Example:
      cnmine link errors data/linking/sample_test.jsonl linked.jsonl
    """
    raise UsageError("link errors is not there yet")
