"""Rows of values → TSV, JSON Lines or an aligned table, as UTF-8."""

from __future__ import annotations

import json
import math
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from json.encoder import encode_basestring
from typing import Any, Protocol

from cnmine.errors import UsageError

BATCH_ROWS = 4096
_FORBIDDEN = str.maketrans("\t\n\r", "   ")


class _Sink(Protocol):
    def write(self, data: bytes, /) -> int: ...


@dataclass(frozen=True)
class Column:
    """A column of the output.

    Attributes
    ----------
    name
        Header, or key of the JSON object.
    digits
        Digits behind the point if the values are floats; None for text and integers.
    """

    name: str
    digits: int | None = None


class RowWriter(ABC):
    """Writes rows to a binary file in large pieces; `write` may be called more than once.

    Parameters
    ----------
    file
        Has ``write(bytes)``.
    columns
        `Column` objects or pairs ``(name, digits)``.
    header
        Whether to begin with the column names, where the format has a header.
    """

    def __init__(self, file: _Sink, columns: Sequence[Column | tuple[str, int | None]], *, header: bool = True) -> None:
        self.columns = [column if isinstance(column, Column) else Column(*column) for column in columns]
        self._file = file
        self._header_due = header

    def write(self, rows: Iterable[Sequence[Any]]) -> int:
        """Write rows, which are tuples as long as ``columns``; return their number.

        The header is written even if there is no row.
        """
        if self._header_due:
            self._header_due = False
            self._put(self._header([column.name for column in self.columns]))
        n_rows = 0
        for batch in _batches(rows):
            n_rows += len(batch)
            self._put(self._body(batch))
        return n_rows

    def _put(self, text: str) -> None:
        if text:
            # File names may hold bytes that are no text; they are shown as escapes.
            self._file.write(text.encode("utf-8", "backslashreplace"))

    def _header(self, names: list[str]) -> str:
        return ""

    @abstractmethod
    def _body(self, rows: list[Sequence[Any]]) -> str:
        """Text of a batch, with line ends."""


class TsvWriter(RowWriter):
    """Tab-separated values. A tab or line end in a value becomes a space, no value an empty cell."""

    def __init__(self, file: _Sink, columns: Sequence[Column | tuple[str, int | None]], *, header: bool = True) -> None:
        super().__init__(file, columns, header=header)
        self._cells = ["{}" if column.digits is None else f"{{:z.{column.digits}f}}" for column in self.columns]
        self._format_row = ("\t".join(self._cells) + "\n").format
        self._formats: dict[tuple[bool, ...], Callable[..., str]] = {}  # by where values are missing

    def _header(self, names: list[str]) -> str:
        return self._careful([names], [None] * len(names))

    def _body(self, rows: list[Sequence[Any]]) -> str:
        try:
            text = "".join([self._format_row(*row) for row in rows])
        except (TypeError, ValueError):  # a missing value in a float column
            text = "".join(map(self._try_row, rows))
        n_tabs = len(rows) * (len(self.columns) - 1)
        if text.count("\t") != n_tabs or text.count("\n") != len(rows) or "\r" in text or "None" in text:
            return self._careful(rows, [column.digits for column in self.columns])
        return text

    def _try_row(self, row: Sequence[Any]) -> str:
        try:
            return self._format_for(tuple([value is None for value in row]))(*row)
        except (TypeError, ValueError):
            return self._careful([row], [column.digits for column in self.columns])

    def _format_for(self, is_missing: tuple[bool, ...]) -> Callable[..., str]:
        """Writes rows that have no value where it says so: an empty cell there."""
        if is_missing not in self._formats:
            cells = [
                "" if no else cell[:1] + str(i) + cell[1:]
                for i, (no, cell) in enumerate(zip(is_missing, self._cells, strict=True))
            ]
            self._formats[is_missing] = ("\t".join(cells) + "\n").format
        return self._formats[is_missing]

    def _careful(self, rows: Iterable[Sequence[Any]], digits: list[int | None]) -> str:
        lines = ("\t".join(map(_cell, row, digits)) for row in rows)
        return "".join(line + "\n" for line in lines)


class JsonlWriter(RowWriter):
    """One JSON object per line. Floats are rounded; what JSON cannot write (NaN, infinity) is null."""

    def __init__(self, file: _Sink, columns: Sequence[Column | tuple[str, int | None]], *, header: bool = True) -> None:
        super().__init__(file, columns, header=False)
        keys = [json.dumps(column.name, ensure_ascii=False) for column in self.columns]
        fields = ", ".join(key.replace("%", "%%") + ": %s" for key in keys)
        self._template = "{" + fields + "}\n"
        self._encoders = [_json_encoder(column.digits) for column in self.columns]

    def _body(self, rows: list[Sequence[Any]]) -> str:
        columns = [map(encode, values) for encode, values in zip(self._encoders, zip(*rows, strict=True), strict=True)]
        template = self._template
        return "".join([template % values for values in zip(*columns, strict=True)])


class TableWriter(RowWriter):
    """Columns aligned for the eye: numbers to the right, East Asian characters two places wide.

    Widths are fixed by the first `BATCH_ROWS` rows.
    """

    def __init__(self, file: _Sink, columns: Sequence[Column | tuple[str, int | None]], *, header: bool = True) -> None:
        super().__init__(file, columns, header=header)
        self._names: list[str] = []
        self._widths: list[int] = []
        self._is_right: list[bool] = []

    def write(self, rows: Iterable[Sequence[Any]]) -> int:
        n_rows = super().write(rows)
        if self._names:  # no row came that could have fixed the widths
            self._put(self._lines([]))
        return n_rows

    def _header(self, names: list[str]) -> str:
        self._names = [_cell(name, None) for name in names]
        return ""

    def _body(self, rows: list[Sequence[Any]]) -> str:
        if not self._is_right:
            self._is_right = [_is_number(value) for value in rows[0]]
        digits = [column.digits for column in self.columns]
        return self._lines([list(map(_cell, row, digits)) for row in rows])

    def _lines(self, cells: list[list[str]]) -> str:
        if self._names:
            cells, self._names = [self._names, *cells], []
        if not self._widths:
            self._widths = [max(map(display_width, column)) for column in zip(*cells, strict=True)]
        return "".join(self._line(row) + "\n" for row in cells)

    def _line(self, row: list[str]) -> str:
        is_right = self._is_right or [False] * len(row)
        padded = []
        for text, width, right in zip(row, self._widths, is_right, strict=True):
            space = " " * (width - display_width(text))
            padded.append(space + text if right else text + space)
        return "  ".join(padded).rstrip(" ")


FORMATS: dict[str, type[RowWriter]] = {"tsv": TsvWriter, "jsonl": JsonlWriter, "table": TableWriter}


def make_writer(
    file: _Sink, output_format: str, columns: Sequence[Column | tuple[str, int | None]], *, header: bool = True
) -> RowWriter:
    """Writer for a format of ``FORMATS``.

    Raises
    ------
    UsageError
        If there is no such format.
    """
    if output_format not in FORMATS:
        raise UsageError(f"unknown format {output_format!r}; choose one of {', '.join(FORMATS)}")
    return FORMATS[output_format](file, columns, header=header)


def display_width(text: str) -> int:
    """Places that a text takes in a terminal: wide East Asian characters two, combining marks none.

    Examples
    --------
    >>> display_width("PM2.5和5G")
    9
    """
    if text.isascii():
        return len(text)
    return sum(_places(character) for character in text)


def _places(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _batches(rows: Iterable[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH_ROWS)):
        yield batch


def _is_number(value: Any) -> bool:
    return value is None or (not isinstance(value, str) and hasattr(value, "__round__"))


def _cell(value: Any, digits: int | None) -> str:
    if value is None:
        return ""
    if digits is not None and _is_number(value):
        return f"{value:z.{digits}f}"
    return str(value).translate(_FORBIDDEN)


def _json_encoder(digits: int | None) -> Callable[[Any], str]:
    if digits is None:
        return _json_value

    def encode_float(value: Any) -> str:
        if value is None or not math.isfinite(value):
            return "null"
        return repr(round(float(value), digits) + 0.0)  # the sum turns -0.0 into 0.0

    return encode_float


_dumps = json.JSONEncoder(ensure_ascii=False).encode


def _json_value(value: Any) -> str:
    if isinstance(value, str):
        return encode_basestring(value)
    if type(value) is int:
        return str(value)
    if isinstance(value, float):
        return _dumps(float(value)) if math.isfinite(value) else "null"
    if hasattr(value, "item"):  # NumPy scalars
        return _json_value(value.item())
    return _dumps(value)
