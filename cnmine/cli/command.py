"""Commands whose options can be set by environment variables that are called as the flags are."""

from __future__ import annotations

import click


class Command(click.Command):
    """A command with a variable for each option: ``--dict`` of ``newwords`` is CNMINE_NEWWORDS_DICT.

    Click would take the name of the parameter instead, which differs where the flag is a word of Python.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the variables before they are looked up."""
        if ctx.auto_envvar_prefix is not None:
            for parameter in self.params:
                if isinstance(parameter, click.Option):
                    parameter.envvar = f"{ctx.auto_envvar_prefix}_{flag_name(parameter).upper()}"
                    parameter.allow_from_autoenv = False  # nor by the name of the parameter
        return super().parse_args(ctx, args)


class CommandGroup(click.Group):
    """A group of such commands."""

    command_class = Command


def flag_name(option: click.Option) -> str:
    """The long flag of an option as a name: ``--min-count`` is min_count."""
    return max(option.opts, key=len).lstrip("-").replace("-", "_")
