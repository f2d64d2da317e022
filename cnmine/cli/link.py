"""``cnmine link``: models of linking trained, texts linked, links measured."""

from __future__ import annotations

import click

from cnmine.cli.command import LazyGroup

# In working order. A module imports nothing heavy: its callback does.
COMMANDS = {
    "train": "cnmine.cli.link_train",
    "run": "cnmine.cli.link_run",
    "eval": "cnmine.cli.link_eval",
    "errors": "cnmine.cli.link_eval:errors",
}


@click.group("link", cls=LazyGroup, modules=COMMANDS, short_help="Link mentions in text to a knowledge base.")
def command() -> None:
    """Find the mentions of entities in Chinese text and link each to its record in a knowledge base.

    \b
    Examples:
      cnmine link train sample.kb data/linking/sample_train.jsonl -o sample.linker
      cnmine link run sample.kb -m sample.linker data/linking/sample_test.jsonl -o linked.jsonl
      cnmine link eval data/linking/sample_test.jsonl linked.jsonl
    """
