"""``cnmine link eval`` and ``link errors``: gold and linked texts in, figures and mistakes out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import click

from cnmine.cli import EXIT_INPUT, options
from cnmine.cli.command import Command
from cnmine.cli.messages import Messages
from cnmine.errors import UsageError

if TYPE_CHECKING:
    from cnmine.evaluation.linking import Pairing
    from cnmine.evaluation.linking_errors import LinkingError
    from cnmine.evaluation.linking_names import EntityNames
    from cnmine.io.output import OutputFile

KINDS = ("not_found", "wrong_span", "wrong_entity", "nil", "spurious")
SCORE_DIGITS = 4
MAX_NAMED = 3
ERROR_COLUMNS = [
    *[(name, None) for name in ("kind", "cause", "text_id", "offset", "gold", "gold_id", "gold_title", "gold_rank")],
    *[(name, None) for name in ("system", "system_id", "system_title")],
    ("score", SCORE_DIGITS),
    ("context", None),
]

gold_argument = click.argument("gold", type=click.Path())
system_argument = click.argument("system", type=click.Path())
strict_option = click.option(
    "--strict", is_flag=True, help="Stop at the first bad line of SYSTEM, which else is told and passed over."
)


@click.command("eval", cls=Command, short_help="Measure links against a gold standard.")
@gold_argument
@system_argument
@click.option("--kb", type=click.Path(), help="Knowledge base: how much of gold it covers, and the types of entities.")
@click.option("--by-type", is_flag=True, help="Figures for each type of entity; needs --kb.")
@click.option(
    "--bootstrap", type=click.IntRange(min=0), default=0, help="Samples of texts for intervals of 95 %; 1000 is usual."
)
@click.option("--curve", is_flag=True, help="Precision and recall of links for every threshold of the score.")
@click.option(
    "--tac", metavar="PREFIX", type=click.Path(), help="Write PREFIX.gold.tsv and PREFIX.system.tsv for neleval."
)
@strict_option
@options.seed
@options.report_format
@options.output
@options.quiet
@click.pass_context
def command(
    ctx: click.Context,
    gold: str,
    system: str,
    kb: str | None,
    by_type: bool,
    bootstrap: int,
    curve: bool,
    tac: str | None,
    strict: bool,
    seed: int,
    output_format: str,
    output: str,
    quiet: bool,
) -> None:
    """Measure links against a gold standard: mentions, links, NIL, candidates, confidence.

    GOLD and SYSTEM are JSON Lines as cnmine link run writes them and CCKS and DuEL have them; texts belong together
    by text_id. One that is missing in SYSTEM counts as one without mentions. Several right answers to a mention are
    joined by ##, and each counts.

    \b
    Measures, each with micro and macro (mean over texts) precision, recall and F1:
      mention  offset and length alone
      link     with the entity, NIL left out on both sides (CCKS 2019)
      all      with the entity, NIL being one of them (DuEL)
      nil      mentions whose answer is NIL

    Besides: accuracy on the mentions that were found, share of their entities among the candidates (link run
    --candidates), precision by score.

    Cost: both files are held in memory.

    \b
    Examples:
      cnmine link eval data/linking/sample_test.jsonl linked.jsonl
      cnmine link eval data/linking/sample_test.jsonl linked.jsonl --kb sample.kb --by-type --bootstrap 1000 -f json
    """
    from cnmine.evaluation.linking import score_bands, score_links, score_types, trace_curve
    from cnmine.io.output import open_output

    if by_type and kb is None:
        raise UsageError("--by-type needs the types of a knowledge base; name it with --kb")
    options.refuse_overwriting(output, [gold, system, *([kb] if kb else [])])
    with Messages(quiet=quiet) as messages, ExitStack() as stack:
        pairing, n_bad = _read_pairs(gold, system, strict, messages)
        score = score_links(pairing.pairs)
        report: dict[str, Any] = {"texts": _count_texts(pairing)}
        report |= score.as_dict(bootstrap=bootstrap, seed=seed)
        if kb is not None:
            names = _open_names(stack, kb)
            report["coverage"] = names.measure_coverage(pairing.pairs)
            if by_type:
                report["by_type"] = score_types(pairing.pairs, names.types_of)
        report["by_score"] = score_bands(score)
        if curve:
            report["curve"] = trace_curve(score)
        if tac is not None:
            _write_tac(pairing, tac, [gold, system])
        with open_output(output) as file:
            _write_report(file, report, output_format)
    if n_bad:
        ctx.exit(EXIT_INPUT)  # the figures are there, but not of all of the input


@click.command("errors", cls=Command, short_help="Show what a linker got wrong.")
@gold_argument
@system_argument
@click.option("--kb", type=click.Path(), help="Knowledge base: titles of the entities, and whether it knows the names.")
@click.option("--kind", "kinds", type=click.Choice(KINDS), multiple=True, help="Show only these. Repeatable.")
@click.option("--summary", is_flag=True, help="Count kinds and causes in place of showing each error.")
@strict_option
@options.rows_format
@options.output
@options.no_header
@options.quiet
@click.pass_context
def errors(
    ctx: click.Context,
    gold: str,
    system: str,
    kb: str | None,
    kinds: tuple[str, ...],
    summary: bool,
    strict: bool,
    output_format: str,
    output: str,
    no_header: bool,
    quiet: bool,
) -> None:
    """Show what a linker got wrong, grouped by kind, with a likely cause.

    GOLD and SYSTEM as for cnmine link eval. Every difference is one row; the mention stands between 【 and 】.

    \b
    Kinds:
      not_found     nothing of the mention was found
      wrong_span    another span that overlaps it was found in its place
      wrong_entity  the span is right, the entity is not
      nil           the span is right, and one side says NIL
      spurious      a span that gold does not have, and none of gold is in its place

    Causes say more with --kb, and where SYSTEM has candidates (link run --candidates).

    \b
    Examples:
      cnmine link errors data/linking/sample_test.jsonl linked.jsonl --kb sample.kb --format table
      cnmine link errors data/linking/sample_test.jsonl linked.jsonl --summary
    """
    from cnmine.evaluation.linking_errors import count_errors, find_errors
    from cnmine.io.output import open_output
    from cnmine.io.rows import make_writer

    options.refuse_overwriting(output, [gold, system, *([kb] if kb else [])])
    with Messages(quiet=quiet) as messages, ExitStack() as stack:
        pairing, n_bad = _read_pairs(gold, system, strict, messages)
        names = _open_names(stack, kb) if kb is not None else None
        found = list(find_errors(pairing.pairs, name_check=names.check if names else None))
        found = [error for error in found if not kinds or error.kind in kinds]
        with open_output(output) as file:
            if summary:
                columns = [(name, None) for name in ("kind", "cause", "count")]
                make_writer(file, output_format, columns, header=not no_header).write(count_errors(found))
            else:
                found.sort(key=lambda error: KINDS.index(error.kind))
                rows = (_error_row(error, names) for error in found)
                make_writer(file, output_format, ERROR_COLUMNS, header=not no_header).write(rows)
        counts = {kind: sum(error.kind == kind for error in found) for kind in KINDS}
        told = ", ".join(f"{n:,} {kind}" for kind, n in counts.items() if n)
        messages.notice(f"{len(found):,} errors" + (f": {told}" if told else ""))
    if n_bad:
        ctx.exit(EXIT_INPUT)


def _read_pairs(gold: str, system: str, strict: bool, messages: Messages) -> tuple[Pairing, int]:
    """Both files brought together, with notices of what does not fit; and how much of SYSTEM was passed over."""
    from cnmine.evaluation.linking import pair_texts
    from cnmine.io.paths import find_sources
    from cnmine.linking.records import read_records

    bad: list[int] = []
    sides = [
        read_records(
            find_sources([path]), labels="required", strict=is_strict, on_notice=messages.notice, on_bad=bad.append
        )
        for path, is_strict in ((gold, True), (system, strict))
    ]
    pairing = pair_texts(*sides)
    for ids, text in (
        (pairing.missing, "texts of gold are missing in system and count as texts without mentions"),
        (pairing.extra, "texts are in system only; their mentions count as wrong"),
    ):
        if ids:
            named = ", ".join(ids[:MAX_NAMED]) + (", …" if len(ids) > MAX_NAMED else "")
            messages.notice(f"{len(ids):,} {text}: {named}")
    if pairing.n_different:
        messages.notice(
            f"{pairing.n_different:,} texts differ between gold and system; are their ids those of one file?"
        )
    if pairing.n_outside:
        messages.notice(f"{pairing.n_outside:,} mentions of gold do not stand at their offset in the text")
    return pairing, sum(bad)


def _open_names(stack: ExitStack, path: str) -> EntityNames:
    from cnmine.evaluation.linking_names import EntityNames
    from cnmine.linking.kb import open_kb

    return EntityNames(stack.enter_context(open_kb(path)))


def _count_texts(pairing: Pairing) -> dict[str, int]:
    return {
        "gold": len(pairing.pairs) - len(pairing.extra),
        "missing": len(pairing.missing),
        "extra": len(pairing.extra),
        "different": pairing.n_different,
        "mentions_off_place": pairing.n_outside,
    }


def _write_tac(pairing: Pairing, prefix: str, inputs: Sequence[str]) -> None:
    from cnmine.evaluation.linking import tac_rows
    from cnmine.io.output import open_output
    from cnmine.io.rows import make_writer

    columns = [(name, None) for name in ("text", "start", "end", "entity", "score", "type")]
    for side in ("gold", "system"):
        path = f"{prefix}.{side}.tsv"
        options.refuse_overwriting(path, inputs)
        with open_output(path) as file:
            make_writer(file, "tsv", columns, header=False).write(tac_rows(pairing.pairs, side))


def _write_report(file: OutputFile, report: Mapping[str, Any], output_format: str) -> None:
    """All of it as JSON, or a table for each part with an empty line between them."""
    from cnmine.evaluation.linking import MEASURES
    from cnmine.evaluation.report import format_report

    if output_format == "json":
        file.write((json.dumps(report, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))
        return
    measures = {name: report[name] for name in MEASURES}
    _write_table(file, format_report({name: _spell_intervals(figures) for name, figures in measures.items()}))
    rest = {name: report[name] for name in ("texts", "hits", "coverage", "calibration") if report.get(name)}
    rows = [(f"{part} {name}", value) for part, figures in rest.items() for (name, value) in figures.items()]
    _write_table(file, [("figure", "value"), *((name, _spell(value)) for name, value in rows)])
    if report.get("by_type"):
        names = list(next(iter(report["by_type"].values())))
        rows_by_type = [(name, *map(_spell, figures.values())) for name, figures in report["by_type"].items()]
        _write_table(file, [("type", *names), *rows_by_type])
    for part in ("by_score", "curve"):
        if report.get(part):
            _write_table(file, [tuple(report[part][0]), *(tuple(map(_spell, row.values())) for row in report[part])])


def _spell_intervals(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The same figures with each interval in one cell."""
    if "interval" not in figures:
        return dict(figures)
    spelled = {
        name: None if limits is None else f"{limits[0]:.{SCORE_DIGITS}f}…{limits[1]:.{SCORE_DIGITS}f}"
        for name, limits in figures["interval"].items()
    }
    return {**figures, "interval": spelled}


def _spell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.{SCORE_DIGITS}f}" if isinstance(value, float) else str(value)


def _write_table(file: OutputFile, rows: Sequence[Sequence[str]]) -> None:
    from cnmine.io.rows import make_writer

    header, *body = rows
    if header[0] != "measure":
        file.write(b"\n")
    make_writer(file, "table", [(name, None) for name in header]).write(body)


def _error_row(error: LinkingError, names: EntityNames | None) -> tuple:
    gold, system = error.gold, error.system
    first = gold or system
    assert first is not None
    titles = [
        names.title(mention.kb_id) if names is not None and mention is not None else None for mention in (gold, system)
    ]
    return (
        *(error.kind, error.cause, error.text_id, first.offset),
        *((gold.mention, gold.kb_id) if gold else (None, None)),
        *(titles[0], error.gold_rank),
        *((system.mention, system.kb_id) if system else (None, None)),
        *(titles[1], system.score if system else None, error.context),
    )
