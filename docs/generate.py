"""The program itself in; docs/cli.md and the generated blocks of README.md out.

A block of README.md stands between ``<!-- generated: NAME -->`` and ``<!-- end of NAME -->``. ``make docs``
runs this file; a test fails when anything but the demonstration is out of date.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
README, CLI = ROOT / "README.md", DOCS / "cli.md"
DEMO = "cnmine newwords data/sample.txt --top 20 --format table"

sys.path.insert(0, str(ROOT))  # the checkout, whatever is installed

from cnmine.cli.group import group  # noqa: E402  (after the path)


def contexts(command: click.Command = group, parent: click.Context | None = None) -> Iterator[click.Context]:
    """All commands, each with its place in the tree, in the order of the help."""
    prefix = {} if parent else {"auto_envvar_prefix": "CNMINE"}
    name = command.name if parent else "cnmine"
    context = command.make_context(name, [], parent=parent, resilient_parsing=True, **prefix)
    yield context
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            found = command.get_command(context, child)
            assert found is not None
            yield from contexts(found, context)


def render_commands() -> str:
    """The table of commands for README.md."""
    rows = ["| command | what it does |", "|---|---|"]
    for context in contexts():
        if not isinstance(context.command, click.Group):
            anchor = context.command_path.replace(" ", "-")
            first = inspect.cleandoc(context.command.help or "").split("\n\n")[0]
            rows.append(f"| [`{context.command_path}`](docs/cli.md#{anchor}) | {' '.join(first.split())} |")
    return "\n".join(rows)


def render_cli() -> str:
    """All of docs/cli.md."""
    head = (
        "# Command line\n\n"
        "Generated from the program by `make docs`; `cnmine COMMAND --help` shows the same.\n"
        "What the columns and files hold is in [formats.md](formats.md)."
    )
    return "\n\n".join([head, *map(_render_command, contexts())]) + "\n"


def _render_command(context: click.Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    parts = [f"## {context.command_path}", f"```\n{usage}\n```", _render_text(command.help or "")]
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    if options:
        rows = ["| option | values | default | what it does |", "|---|---|---|---|", *map(_render_option, options)]
        parts.append("\n".join(rows))
    exceptions = [_render_variable(context, option) for option in options if _is_exception(option)]
    if not isinstance(command, click.Group):
        sentence = f"Environment: `{context.auto_envvar_prefix}_` and the name of the option in capitals"
        parts.append(sentence + (f"; but {', '.join(exceptions)}." if exceptions else "."))
    return "\n\n".join(parts)


def _render_text(text: str) -> str:
    """A help text as Markdown: what is not to be wrapped becomes a block of code under its first line."""
    parts = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b\n"):
            title, *lines = paragraph[2:].split("\n")
            parts.append(f"{_escape(title)}\n\n```text\n" + inspect.cleandoc("\n".join(["", *lines])) + "\n```")
        else:
            parts.append(_escape(" ".join(paragraph.split())))
    return "\n\n".join(parts)


def _escape(text: str) -> str:
    return re.sub(r"([<|])", r"\\\1", text)


def _render_option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.opts)
    return f"| {names} | {_values(option)} | {_default(option)} | {_escape(option.help or '')} |"


def _values(option: click.Option) -> str:
    if option.is_flag or option.count:
        return ""
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return " ".join(f"`{choice}`" for choice in option.type.choices)
    if isinstance(option.type, click.IntRange):
        return f"integer, at least {option.type.min}"
    return {"float": "number"}.get(option.type.name, option.type.name)


def _default(option: click.Option) -> str:
    if isinstance(option.show_default, str):
        return option.show_default
    value = option.default
    if isinstance(value, bool) or not isinstance(value, int | float | str):  # no value has many faces
        return ""
    return f"`{value}`"


def _is_exception(option: click.Option) -> bool:
    """Whether the variable of an option is not called as the option is."""
    own = max(option.opts, key=len).removeprefix("--").replace("-", "_")
    return option.name != own and option.envvar is None


def _render_variable(context: click.Context, option: click.Option) -> str:
    return f"`{context.auto_envvar_prefix}_{(option.name or '').upper()}` for `{max(option.opts, key=len)}`"


def render_demo() -> str:
    """The command of the demonstration and what it prints."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    args = [sys.executable, str(ROOT / "cli.py"), *DEMO.split()[1:]]
    output = subprocess.run(args, cwd=ROOT, env=env, stdout=subprocess.PIPE, check=True).stdout.decode("utf-8")
    return f"```console\n$ {DEMO}\n{output}```"


def replace_block(text: str, name: str, content: str) -> str:
    """The text with the content of one generated block exchanged."""
    start, stop = f"<!-- generated: {name} -->\n", f"<!-- end of {name} -->"
    before, _, rest = text.partition(start)
    _, found, after = rest.partition(stop)
    if not found:
        raise SystemExit(f"README.md: no block {name!r}")
    return f"{before}{start}{content}\n{stop}{after}"


def main() -> None:
    """Rewrite what is generated."""
    CLI.write_text(render_cli(), encoding="utf-8", newline="\n")
    text = README.read_text(encoding="utf-8")
    for name, render in (("commands", render_commands), ("demo", render_demo)):
        text = replace_block(text, name, render())
    README.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
