"""``cnmine info``: a store of any kind in, what it is and holds out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cnmine.cli import options
from cnmine.cli.command import Command

if TYPE_CHECKING:
    from cnmine.cli.messages import Messages
    from cnmine.store.container import Store

RATIO_DIGITS = 3


@click.command("info", cls=Command, short_help="Look inside a store.")
@click.argument("file", type=click.Path())
@click.option("--verify", is_flag=True, help="Read all of it: checksums, and whether the sections agree.")
@options.report_format
@options.output
@options.quiet
def command(file: str, verify: bool, output_format: str, output: str, quiet: bool) -> None:
    """Show kind, version, settings and the sizes of all sections of a store.

    FILE is a store of any kind that cnmine writes. With --verify a damaged store gives exit code 4 and the place
    of the damage.

    Cost: milliseconds; with --verify one pass over the file.

    \b
    Examples:
      cnmine info corpus.store
      cnmine info corpus.store --verify --format json
    """
    from cnmine.cli.messages import Messages
    from cnmine.io.output import open_output
    from cnmine.store.container import open_store

    options.refuse_overwriting(output, [file])
    with Messages(quiet=quiet) as messages, open_store(file) as store:
        report = describe(store)
        if verify:
            _verify(store, messages)
            report["verified"] = True
        with open_output(output) as target:
            if output_format == "json":
                target.write((json.dumps(report, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))
            else:
                _write_tables(report, target)


def describe(store: Store) -> dict[str, Any]:
    """What a store says of itself, and some figures that follow."""
    sections = [
        {"section": section.name, "bytes": section.n_bytes, "bits": section.bits, "values": section.n_items}
        for section in store.sections.values()
    ]
    settings = _read_settings(store)
    report = {
        "file": store.path,
        "kind": store.kind,
        "version": store.version,
        "bytes": store.n_bytes,
        "settings": settings,
        "sections": sections,
    }
    for name, divisor in (("bytes_per_window", "n_windows"), ("bytes_per_byte_of_text", "n_bytes")):
        number = settings.get(divisor)
        if isinstance(number, int) and number > 0:
            report[name] = round(store.n_bytes / number, RATIO_DIGITS)
    return report


def _read_settings(store: Store) -> dict[str, Any]:
    """The section ``settings`` that every kind has, or nothing if it is none."""
    section = store.sections.get("settings")
    if section is None or section.bits != 8:
        return {}
    try:
        settings = json.loads(store.array("settings").tobytes())
    except (ValueError, RecursionError):
        return {}
    return settings if isinstance(settings, dict) else {}


def _verify(store: Store, messages: Messages) -> None:
    messages.step("comparing checksums", total=store.n_bytes, unit="B")
    store.verify(messages.advance)
    if store.kind == "ngrams":
        from cnmine.cli.messages import kernel_notice
        from cnmine.ngrams.lookup import NgramStore
        from cnmine.ngrams.verify import verify_ngrams

        if notice := kernel_notice():
            messages.notice(notice)
        ngrams = NgramStore(store)
        messages.step("comparing sections", total=ngrams.n_windows, unit=" windows")
        verify_ngrams(ngrams, messages.advance)


def _write_tables(report: dict[str, Any], target: Any) -> None:
    from cnmine.io.rows import make_writer

    fields = {name: value for name, value in report.items() if name not in ("settings", "sections")}
    rows = [(name, _shown(value)) for name, value in (fields | report["settings"]).items()]
    make_writer(target, "table", [("field", None), ("value", None)]).write(rows)
    target.write(b"\n")
    names = ("section", "bytes", "bits", "values")
    rows_of_sections = [tuple(section[name] for name in names) for section in report["sections"]]
    make_writer(target, "table", [(name, None) for name in names]).write(rows_of_sections)


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, str | float) else json.dumps(value, ensure_ascii=False)
