"""The result of ``cnmine newwords`` as rows or as a user dictionary."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cnmine.io.output import OutputFile, open_output
from cnmine.io.rows import Column, RowWriter, make_writer
from cnmine.newwords.dictionary import DICTIONARY_FORMATS, find_unusable, format_entries
from cnmine.newwords.selection import take_words

if TYPE_CHECKING:
    import numpy as np

    from cnmine.cli.messages import Messages
    from cnmine.cli.newwords import Settings
    from cnmine.newwords.discovery import WordTable

FLOAT_COLUMNS = ("cohesion", "left_entropy", "right_entropy", "autonomy", "share")
DIGITS = 4
EXAMPLE_SEPARATOR = " | "


@contextmanager
def open_word_list(settings: Settings, messages: Messages) -> Iterator[WordList]:
    """The place of the result, opened before the work so that a bad one is refused then."""
    with open_output(settings.output) as file:
        yield WordList(file, settings, messages)


class WordList:
    """Writes the chosen words in the format that the settings name."""

    def __init__(self, file: OutputFile, settings: Settings, messages: Messages) -> None:
        self._file, self._settings, self._messages = file, settings, messages

    def write(self, word_table: WordTable, chosen: np.ndarray, examples: list[list[str]] | None) -> None:
        """Write the chosen rows of a table."""
        words = take_words(word_table, chosen)
        counts = word_table.counts[chosen].tolist()
        if self._settings.output_format in DICTIONARY_FORMATS:
            self._write_dictionary(words, counts)
            return
        columns = [Column("word"), self._score_column(), Column("count")]
        values: list[Any] = [words, self._scores(word_table, chosen), counts]
        measured = word_table.measure(chosen)
        for name in FLOAT_COLUMNS:
            columns.append(Column(name, DIGITS))
            values.append(_cells(measured[name]))
        if self._settings.all_words:
            columns.append(Column("known"))
            values.append(self._flags(word_table.is_known[chosen]))
        if examples is not None:
            columns.append(Column("examples"))
            values.append(examples if self._is_json else map(EXAMPLE_SEPARATOR.join, examples))
        self._writer(columns).write(zip(*values, strict=True))

    def write_counted(self, words: list[str], counts: list[int]) -> None:
        """Write words that have nothing but a count, which is their score too."""
        if self._settings.output_format in DICTIONARY_FORMATS:
            self._write_dictionary(words, counts)
            return
        self._writer([Column("word"), Column("count")]).write(zip(words, counts, strict=True))

    @property
    def _is_json(self) -> bool:
        return self._settings.output_format == "jsonl"

    def _writer(self, columns: list[Column]) -> RowWriter:
        settings = self._settings
        return make_writer(self._file, settings.output_format, columns, header=not settings.no_header)

    def _score_column(self) -> Column:
        return Column("score", None if self._settings.method == "cut" else DIGITS)

    def _scores(self, word_table: WordTable, chosen: np.ndarray) -> list[float] | list[int]:
        scores = word_table.scores[chosen]
        return scores.astype("int64").tolist() if self._settings.method == "cut" else scores.tolist()

    def _flags(self, flags: np.ndarray) -> list[bool] | list[int]:
        return flags.tolist() if self._is_json else flags.astype("int64").tolist()

    def _write_dictionary(self, words: list[str], counts: list[int]) -> None:
        name = self._settings.output_format
        entries = format_entries(words, counts, name)
        self._file.write("".join(entries).encode("utf-8"))
        if len(entries) < len(words):
            self._messages.notice(
                f"{len(words) - len(entries):,} words with a blank left out: {name} has no way to write them"
            )
        unusable = find_unusable((word for word in words if " " not in word), name)
        if unusable:
            shown = ", ".join(unusable[:3]) + (" …" if len(unusable) > 3 else "")
            self._messages.notice(
                f"{len(unusable):,} of the words hold characters that {name} never finds in a text: {shown}"
            )


def _cells(values: np.ndarray) -> Iterator[float | None]:
    return (None if value != value else value for value in values.tolist())
