"""Reports, which are nested dictionaries, in; rows of a table out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cnmine.evaluation.segmentation import DIGITS


def format_report(report: Mapping[str, Mapping]) -> list[tuple[str, ...]]:
    """Rows of text, one for each measure, with a column for each task or system of the report.

    Parameters
    ----------
    report
        Name of the column → measures. Measures within measures become rows of their own; lists have no
        place in the table and are left out.

    Returns
    -------
    The header first. Shares have four digits; what was not measured is an empty cell, and what no column
    measured has no row.

    Examples
    --------
    >>> format_report({"all": {"recall": 0.5, "precision_at": {"100": None}}, "new": {"n_ranked": 1}})
    [('measure', 'all', 'new'), ('recall', '0.5000', ''), ('n_ranked', '', '1')]
    """
    columns = {name: dict(_flatten(measures)) for name, measures in report.items()}
    measures = dict.fromkeys(measure for column in columns.values() for measure in column)
    rows = [(measure, *(_format(column.get(measure)) for column in columns.values())) for measure in measures]
    return [("measure", *columns), *(row for row in rows if any(row[1:]))]


def _flatten(measures: Mapping, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in measures.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name} ")
        elif not isinstance(value, list):
            yield prefix + name, value


def _format(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.{DIGITS}f}" if isinstance(value, float) else str(value)
