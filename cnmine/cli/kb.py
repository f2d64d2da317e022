"""``cnmine kb``: knowledge bases built, described and asked."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from cnmine.cli import EXIT_INPUT, options
from cnmine.cli.command import CommandGroup
from cnmine.cli.messages import Messages, format_size
from cnmine.errors import UsageError

if TYPE_CHECKING:
    from cnmine.linking.kb import KnowledgeBase

DIGITS = 4
COLUMNS = (("name", None), ("id", None), ("title", None), ("prior", DIGITS), ("types", None), ("gloss", None))
TOP_TYPES = 10


@click.group("kb", cls=CommandGroup, short_help="Build and ask knowledge bases.")
def command() -> None:
    """Build knowledge bases of entities for linking, and look names up in them.

    \b
    Examples:
      cnmine kb build data/linking/sample_kb.jsonl -o sample.kb
      cnmine kb lookup sample.kb 胜利 --format table
    """


@command.command("build", short_help="Build a knowledge base from published formats.")
@options.sources
@options.store_output
@click.option(
    "--format",
    "source_format",
    type=click.Choice(["auto", "ccks", "wikidata", "tsv"]),
    default="auto",
    help="Of SOURCE: CCKS or DuEL JSON Lines, a dump of Wikidata, TSV; auto looks at the first line.",
)
@click.option(
    "--aliases",
    "anchors",
    multiple=True,
    metavar="FILE",
    type=click.Path(),
    help="More names: alias, id and perhaps a count of uses, with tabs between. Repeatable.",
)
@click.option(
    "--lang",
    "languages",
    default="zh-hans,zh-cn,zh,zh-hant,zh-sg,zh-hk,zh-tw,zh-mo",
    metavar="CODES",
    help="Languages of Wikidata's names and descriptions, the preferred first.",
)
@click.option(
    "--claim",
    "claims",
    multiple=True,
    metavar="P=Q",
    help="Take Wikidata's items with this claim only: P31=Q5, P31=Q5,Q95074 or P31. Repeatable: all must hold.",
)
@options.dictionary_options
@options.recursive
@click.option(
    "--bad-bytes",
    type=click.Choice(["stop", "skip", "replace"]),
    default="stop",
    help="What to do at bytes that are not UTF-8; skip leaves out their lines.",
)
@click.option("--strict", is_flag=True, help="Stop at the first line that cannot be read.")
@options.temp_dir
@options.quiet
@options.verbose
@click.pass_context
def build(
    ctx: click.Context,
    *,
    sources: tuple[str, ...],
    output: str,
    source_format: str,
    anchors: tuple[str, ...],
    languages: str,
    claims: tuple[str, ...],
    dict_paths: tuple[str, ...],
    no_dict: bool,
    recursive: bool,
    bad_bytes: str,
    strict: bool,
    temp_dir: str | None,
    quiet: bool,
    verbose: bool,
) -> None:
    """Build a knowledge base from CCKS or DuEL JSON Lines, a dump of Wikidata, or TSV.

    SOURCE is a file, a glob, a directory or - for standard input (the default); .gz, .bz2, .xz and .zst are read
    as they are. Rows of TSV are id, name, aliases with | between, types with | between, text; the first two are
    enough. Lines that cannot be read are told, left out, and give exit code 3. Names are found whatever their case,
    width, dashes, middle dots, or characters, traditional or simplified.

    Cost: one pass over SOURCE; 400,000 entities take a minute and 0.6 GB of memory; disk in --temp-dir up to
    twice the texts.

    \b
    Examples:
      cnmine kb build data/linking/sample_kb.jsonl -o sample.kb
      cnmine kb build latest-all.json.bz2 --claim P31=Q5 --aliases anchors.tsv -o people.kb
      cut -f1,2 icd10.tsv | cnmine kb build - --format tsv --no-dict -o icd10.kb
    """
    from cnmine.io.paths import find_sources
    from cnmine.linking.build import build_kb
    from cnmine.linking.sources import ReadOptions

    chosen = [name.strip() for name in languages.split(",") if name.strip()]
    read_options = ReadOptions(source_format, chosen, claims, bad_bytes, strict)
    with Messages(quiet=quiet, verbose=verbose) as messages:
        found = options.open_sources(sources, recursive=recursive, output=output, on_notice=messages.notice)
        options.refuse_overwriting(output, [*anchors, *dict_paths])
        summary = build_kb(
            found,
            output,
            options=read_options,
            anchors=find_sources(anchors) if anchors else [],
            dictionary=_dictionary(dict_paths, no_dict),
            temp_dir=temp_dir,
            on_step=messages.step,
            on_progress=messages.advance,
            on_notice=messages.notice,
        )
        settings = summary.settings
        messages.notice(
            f"{settings['n_entities']:,} entities, {settings['n_aliases']:,} names, {settings['n_words']:,} words, "
            f"{format_size(os.path.getsize(output))}, {messages.seconds:.1f} s"
        )
    if summary.n_bad_lines:
        ctx.exit(EXIT_INPUT)  # the store is there, but not of all of the input


def _dictionary(dict_paths: Sequence[str], no_dict: bool) -> Sequence[str]:
    from cnmine.newwords.dictionary import find_jieba_dictionary

    if no_dict and dict_paths:
        raise UsageError("--dict and --no-dict exclude each other")
    return () if no_dict else dict_paths or (find_jieba_dictionary(),)


@command.command("info", short_help="Describe a knowledge base.")
@click.argument("kb", type=click.Path())
@options.report_format
@options.output
def info(kb: str, output_format: str, output: str) -> None:
    """Show how many entities, names and types a knowledge base has, and where it came from.

    KB is made by cnmine kb build. cnmine info shows its sections, and with --verify whether it is damaged.

    Cost: milliseconds, and a look at all names.

    \b
    Examples:
      cnmine kb info sample.kb
      cnmine kb info sample.kb --format json
    """
    from cnmine.io.output import open_output
    from cnmine.io.rows import make_writer
    from cnmine.linking.kb import open_kb

    options.refuse_overwriting(output, [kb])
    with open_kb(kb) as opened, open_output(output) as file:
        report = _describe(opened)
        if output_format == "json":
            file.write((json.dumps(report, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))
            return
        shown = [(name, value) for name, value in report.items() if not isinstance(value, dict | list)]
        shown += [(f"type {name}", n) for name, n in report["types"].items()]
        shown += [("source", f"{source['bytes']} bytes, SHA-256 {source['sha256']}") for source in report["sources"]]
        make_writer(file, "table", [("field", None), ("value", None)]).write(shown)


def _describe(kb: KnowledgeBase) -> dict[str, Any]:
    import numpy as np

    sizes = np.diff(kb.key_offsets)
    counts = np.bincount(kb.entity_types.values, minlength=len(kb.type_names))
    order = np.argsort(-counts, kind="stable")[:TOP_TYPES].tolist()
    return {
        "file": kb.store.path,
        "bytes": kb.store.n_bytes,
        "digest": kb.digest,
        "entities": kb.n_entities,
        "names": kb.n_aliases,
        "names_of_several_entities": int((sizes > 1).sum()),
        "most_entities_of_a_name": int(sizes.max(initial=0)),
        "words": kb.settings["n_words"],
        "anchor_counts": kb.settings["has_anchors"],
        "sitelinks": kb.settings["has_popularity"],
        "types": {kb.type_names[i]: int(counts[i]) for i in order},
        "sources": kb.settings["sources"],
    }


@command.command("lookup", short_help="Look names up in a knowledge base.")
@click.argument("kb", type=click.Path())
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--top", type=click.IntRange(min=1), default=10, help="Most entities to show for a name.")
@options.rows_format
@options.output
@options.no_header
def lookup(kb: str, names: tuple[str, ...], top: int, output_format: str, output: str, no_header: bool) -> None:
    """Show the entities that a name may mean, the likeliest first.

    NAMEs are arguments, or lines of standard input if there is none or it is -; a row for each entity. A name that the
    knowledge base does not have gives a row with empty cells. The prior is the probability without any text.

    Cost: microseconds a name.

    \b
    Examples:
      cnmine kb lookup sample.kb 胜利 苹果 --format table
      cut -f1 names.tsv | cnmine kb lookup sample.kb --top 1
    """
    from cnmine.io.output import open_output
    from cnmine.io.rows import make_writer
    from cnmine.linking.kb import open_kb

    batches = _choose_names(names)
    options.refuse_overwriting(output, [kb])
    with open_kb(kb) as opened, open_output(output) as file:
        writer = make_writer(file, output_format, COLUMNS, header=not no_header)
        n_rows, is_json = 0, output_format == "jsonl"
        for batch in batches:
            n_rows += writer.write(row for name in batch for row in _rows(opened, name, top, is_json))
            file.flush()
        if not n_rows:
            writer.write([])


def _choose_names(names: Sequence[str]) -> Iterator[list[str]]:
    """The names of the arguments at once, or those of standard input as they come."""
    from cnmine.cli.lookup import read_words

    if names and tuple(names) != ("-",):
        return iter([[name.strip() for name in names]])
    if sys.stdin is None:
        raise UsageError("standard input is closed; give names")
    if not names and sys.stdin.isatty():
        raise UsageError("no names; give some, or send them to standard input, one a line (cnmine kb lookup --help)")
    return read_words(sys.stdin.buffer)


def _rows(kb: KnowledgeBase, name: str, top: int, is_json: bool) -> Iterator[tuple]:
    key = kb.find_key(name)
    found = kb.candidates(key, top) if key >= 0 else []
    if not found:
        yield name, None, None, None, None, None
    for number, prior in found:
        types: Any = kb.types(number)
        yield (
            name,
            kb.entity_id(number),
            kb.title(number),
            prior,
            types if is_json else "|".join(types),
            kb.gloss(number),
        )
