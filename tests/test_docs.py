"""Every command explains itself: a sentence, an example, all of its options; and the documents keep up."""

from __future__ import annotations

import importlib.util
import inspect
import re
import shlex
import sys
from pathlib import Path

import click
import pytest

from cnmine.cli.group import COMMANDS, group

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def all_commands(command, context=None):
    name = command.name if context else "cnmine"
    context = command.make_context(name, [], parent=context, resilient_parsing=True)
    yield context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from all_commands(command.get_command(context, name), context)


CONTEXTS = list(all_commands(group))
# Linking has a model and no memory to set: -m is short for the one option that every call needs.
EXCEPTIONS = {("-m", "--model")}
by_path = pytest.mark.parametrize("context", CONTEXTS, ids=lambda context: context.command_path)


def test_group__lists_its_commands_in_working_order():
    assert list(COMMANDS) == [
        "newwords",
        "count",
        "merge",
        "lookup",
        "ngrams",
        "lm",
        "segment",
        "kb",
        "link",
        "evaluate",
        "info",
    ]
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
                if name.startswith("-") and not name.startswith("--") and (name, parameter.opts[-1]) not in EXCEPTIONS:
                    texts.setdefault(name, set()).add(parameter.opts[-1])
    assert {name: len(long) for name, long in texts.items() if len(long) > 1} == {}


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.path", list(sys.path))
        spec.loader.exec_module(module)
    return module


def test_docs__command_line_is_up_to_date(generate):
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == generate.render_cli(), "run: make docs"


def test_readme__table_of_commands_is_up_to_date(generate):
    assert generate.replace_block(README, "commands", generate.render_commands()) == README, "run: make docs"


def test_readme__demonstration_is_the_command_to_install_and_run(generate):
    first = re.search(r"```sh\n(.*)\n```", README)[1]
    assert first.endswith(f"&& .venv/bin/{generate.DEMO}")
    assert f"$ {generate.DEMO}\nword " in README


def test_readme__test_command_is_that_of_ci():
    commands = re.findall(r"pip install .*pytest.*", README)
    assert len(commands) == 1
    assert f"\n{commands[0]}\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_readme__library_example_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(compile(re.search(r"```python\n(.*?)```", README, re.DOTALL)[1], "README.md", "exec"), {})
    lines = capsys.readouterr().out.split("\n")
    assert len(lines) == 10 + 1
    assert all(len(line.split(" ")) == 3 for line in lines[:-1])


@pytest.mark.parametrize("path", [ROOT / "README.md", *(ROOT / "docs").glob("*.md")], ids=lambda path: path.name)
def test_documents__link_to_files_that_exist(path):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        assert "://" in target or (path.parent / target).exists(), target
