"""Every command explains itself: a sentence, an example, all of its options."""

from __future__ import annotations

import inspect
import shlex

import click
import pytest

from cnmine.cli.group import COMMANDS, group


def all_commands(command, context=None):
    name = command.name if context else "cnmine"
    context = command.make_context(name, [], parent=context, resilient_parsing=True)
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from all_commands(command.get_command(context, name), context)


CONTEXTS = list(all_commands(group))
by_path = pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: context.command_path)


def test_group__lists_its_commands_in_working_order():
    assert list(COMMANDS) == ["newwords", "evaluate"]
    assert len(CONTEXTS) >= 6


@by_path
def test_command__begins_with_one_sentence(context):
    first = " ".join(context.command.help.split("\n\n")[0].split())
    assert first[0].isupper()
    assert first.endswith(".")
    assert ". " not in first
    assert len(first) <= 100


@by_path
def test_command__short_help_is_not_cut(context):
    assert context.parent is None or not context.command.get_short_help_str(60).endswith("...")


@by_path
def test_command__has_an_example_that_parses(context):
    text = inspect.cleandoc(context.command.help)
    assert "\b\nExample" in text
    lines = [line.strip() for line in text.partition("\b\nExample")[2].split("\n\n")[0].split("\n")[1:]]
    commands = [part.split(">")[0] for line in lines for part in line.split("|") if part.strip().startswith("cnmine ")]
    assert commands
    for line in commands:
        args = shlex.split(line)[1:]
        command, parent = group, None
        while isinstance(command, click.Group):
            parent = command.make_context(command.name, [], parent=parent, resilient_parsing=True)
            command, args = command.get_command(parent, args[0]), args[1:]
        command.make_context("cnmine", args, parent=parent)


@by_path
def test_command__explains_every_option(context):
    for parameter in context.command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.help.endswith("."), parameter.name
            assert any(name.startswith("--") for name in parameter.opts), parameter.name


def test_options__mean_the_same_everywhere():
    texts = {}
    for context in CONTEXTS:
        for parameter in context.command.params:
            for name in parameter.opts if isinstance(parameter, click.Option) else ():
                if name.startswith("-") and not name.startswith("--"):
                    texts.setdefault(name, set()).add(parameter.opts[-1])
    assert {name: len(long) for name, long in texts.items() if len(long) > 1} == {}
