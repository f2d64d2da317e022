"""Options that several commands share, each defined once so that it means the same everywhere."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from cnmine.errors import UsageError

if TYPE_CHECKING:
    from cnmine.io.paths import Source

ENCODINGS = ("utf-8", "gb18030", "gbk", "gb2312", "big5", "big5hkscs", "utf-16", "utf-16-le", "utf-16-be", "auto")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)


class SizeType(click.ParamType):
    """Bytes with an optional unit: 500000, 512M, 2GiB. K, M, G and T are powers of 1000, Ki … Ti of 1024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(value.strip())
        if not match or (match[3] and not match[2]):
            self.fail(f"{value!r} is no size; write for example 512M or 2GiB", param, ctx)
        power = " kmgt".index(match[2].lower() or " ")
        size = int(float(match[1]) * (1024 if match[3] else 1000) ** power)
        if size < 1:
            self.fail("a size of 0 is too small", param, ctx)
        return size


class PatternType(click.ParamType):
    """A regular expression."""

    name = "regex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> re.Pattern[str]:
        if isinstance(value, re.Pattern):
            return value
        try:
            return re.compile(value)
        except re.error as err:
            self.fail(f"{value!r} is no regular expression: {err}", param, ctx)


class NumbersType(click.ParamType):
    """Numbers with commas between them."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(number) for number in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is no list of numbers; write for example 0,2,4,6", param, ctx)


Decorator = Callable[[Any], Any]


def _together(*decorators: Decorator) -> Decorator:
    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


sources = click.argument("sources", nargs=-1, metavar="[SOURCE]...", type=click.Path(allow_dash=True))
recursive = click.option("--recursive", is_flag=True, help="Descend into directories.")
encoding = click.option(
    "--encoding",
    type=click.Choice(ENCODINGS, case_sensitive=False),
    default="utf-8",
    help="Of the input; auto decides for each file. A byte order mark overrules it.",
)
jsonl_field = click.option(
    "--jsonl-field", metavar="NAME", help="Lines are JSON objects and this field is the text; a.b looks into a."
)
column = click.option(
    "--column", type=click.IntRange(min=1), help="Lines are TSV and this column, from 1, is the text."
)
bad_bytes = click.option(
    "--bad-bytes",
    type=click.Choice(["stop", "skip", "replace"]),
    default="stop",
    help="What to do at bytes that do not fit the encoding; skip and replace count them.",
)
fold_case = click.option("--fold-case", is_flag=True, help="Count letters without regard to case.")
input_options = _together(recursive, encoding, jsonl_field, column, bad_bytes)

output = click.option(
    "-o",
    "--output",
    type=click.Path(allow_dash=True),
    default="-",
    help="File for the result; it appears when complete. - is standard output.",
)
store_output = click.option(
    "-o",
    "--output",
    type=click.Path(),
    required=True,
    help="File for the store; it appears when complete, in place of an older one.",
)
rows_format = click.option(
    "-f",
    "--format",
    "output_format",
    type=click.Choice(["tsv", "jsonl", "table"]),
    default="tsv",
    help="Columns, objects or aligned for eyes.",
)
report_format = click.option(
    "-f",
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    help="For eyes or programs.",
)
no_header = click.option("--no-header", is_flag=True, help="Leave out the line with the column names.")
threads = click.option(
    "-t",
    "--threads",
    type=click.IntRange(min=1),
    show_default="all processors",
    help="Worker threads; the result does not depend on it.",
)
memory = click.option(
    "-m", "--memory", type=SizeType(), show_default="half of what is free", help="Most memory to take: 512M, 2GiB."
)
temp_dir = click.option(
    "-T",
    "--temp-dir",
    type=click.Path(),
    show_default="TMPDIR",
    help="Directory for what does not fit into the memory; emptied at the end.",
)
seed = click.option("--seed", type=int, default=0, help="For everything random; the same seed, the same result.")
quiet = click.option("-q", "--quiet", is_flag=True, help="Show errors only.")
verbose = click.option("-v", "--verbose", is_flag=True, help="Show every step with its time.")
dictionary_options = _together(
    click.option(
        "--dict",
        "dict_paths",
        multiple=True,
        metavar="FILE",
        type=click.Path(),
        help="Known words, in place of jieba's dictionary: jieba, HanLP, IK, THUOCL or a word a line. Repeatable.",
    ),
    click.option("--no-dict", is_flag=True, help="Know no words at all."),
)


def count_threads(n_threads: int | None) -> int:
    """The number asked for, or as many as there are processors."""
    from cnmine._parallel import available_threads

    return n_threads or available_threads()


def open_sources(
    paths: Sequence[str], *, recursive: bool, output: str, on_notice: Callable[[str], None]
) -> list[Source]:
    """The inputs of a command; standard input if there is none.

    Raises
    ------
    UsageError
        If standard input is meant and is a terminal or closed, or the output is one of the inputs.
    CorpusError
        If a path does not exist or cannot be read.
    """
    from cnmine.io.paths import find_sources

    if sys.stdin is None and (not paths or "-" in paths):
        raise UsageError("standard input is closed; name a file")
    if not paths and sys.stdin.isatty():
        raise UsageError("no input; name a file or a directory, or send text to standard input (cnmine --help)")
    found = find_sources(paths or ["-"], recursive=recursive, on_notice=on_notice)
    refuse_overwriting(output, [source.path for source in found if source.path is not None])
    return found


def find_store(paths: Sequence[str]) -> str | None:
    """The store that stands in the place of a corpus, or None.

    Raises
    ------
    UsageError
        If stores and text are mixed, or there are several stores.
    """
    from cnmine.store.container import is_store

    stores = [path for path in paths if path != "-" and is_store(path)]
    if stores and len(paths) > 1:
        advice = "merge them first (cnmine merge)" if len(stores) == len(paths) else "count the text first"
        raise UsageError(f"{stores[0]}: a store is to be the only input; {advice}")
    return stores[0] if stores else None


def refuse_overwriting(output: str, inputs: Iterable[str]) -> None:
    """Raise a UsageError if the output is one of the inputs."""
    if output == "-" or not os.path.isfile(output):
        return
    for path in inputs:
        if os.path.samefile(output, path):
            raise UsageError(f"{output}: is input and output at once; choose another name with --output")
