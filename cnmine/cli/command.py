"""Commands whose options can be set by environment variables that are called as the flags are."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

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


class LazyGroup(CommandGroup):
    """A group whose commands are loaded when they are asked for.

    Parameters
    ----------
    modules
        Name of each command → the module that holds it as ``command``, or ``module:attribute``; in working order.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in working order."""
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        if cmd_name not in self._modules:
            return None
        module, _, attribute = self._modules[cmd_name].partition(":")
        return getattr(import_module(module), attribute or "command")


def flag_name(option: click.Option) -> str:
    """The long flag of an option as a name: ``--min-count`` is min_count."""
    return max(option.opts, key=len).lstrip("-").replace("-", "_")
