"""``cnmine newwords --compat-2019``: files in, the words of the 2019 program out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from cnmine.cli import options
from cnmine.cli.memory import check_memory, memory_limit
from cnmine.cli.messages import kernel_notice
from cnmine.cli.wordlist import open_word_list
from cnmine.errors import UsageError
from cnmine.io.encoding import BadBytes, bad_bytes_error, repair_utf8
from cnmine.io.source import read_blocks, total_bytes
from cnmine.newwords.compat2019 import ORDER, discover_compat_2019
from cnmine.newwords.dictionary import load_dictionary

if TYPE_CHECKING:
    from cnmine.cli.messages import Messages
    from cnmine.cli.newwords import Settings
    from cnmine.io.paths import Source

DEFAULT_MIN_COUNT = 32


def run_compat(settings: Settings, sources: Sequence[Source], messages: Messages) -> int:
    """Do what the command asks for; a file is one document, as in the original.

    Returns
    -------
    How many bad byte sequences were passed over.
    """
    if len(settings.cut_thresholds) != ORDER:
        raise UsageError(f"--cut-thresholds needs {ORDER} numbers with --compat-2019, one for each length 1…{ORDER}")
    min_count = settings.min_count or DEFAULT_MIN_COUNT
    check_memory(sum(source.n_bytes or 0 for source in sources), memory_limit(settings.memory))
    exclude = load_dictionary(settings.exclude) if settings.exclude else frozenset()
    with open_word_list(settings, messages) as word_list:
        if notice := kernel_notice():
            messages.notice(notice)
        messages.step("reading and counting", total=total_bytes(sources), unit="B")
        n_characters = 0
        bad: list[int] = []

        def tally(n: int) -> None:
            nonlocal n_characters
            n_characters += n

        found = discover_compat_2019(
            _read_documents(sources, settings, messages, bad),
            min_count=min_count,
            min_pmi=settings.cut_thresholds,
            threads=options.count_threads(settings.threads),
            on_progress=tally,
        )
        pattern = settings.include_pattern
        chosen = [(w, n) for w, n in found if w not in exclude and (pattern is None or pattern.search(w))]
        chosen = chosen[: settings.top]
        word_list.write_counted([word for word, _ in chosen], [count for _, count in chosen])
        if not found:
            messages.notice(f"no word reached --min-count {min_count} in {n_characters:,} characters")
        elif not chosen:
            messages.notice(f"none of the {len(found):,} words passed --exclude and --include-pattern")
        messages.step("writing")
    messages.notice(f"{n_characters:,} characters, {len(chosen):,} words, {messages.seconds:.1f} s")
    return sum(bad)


def _read_documents(sources: Sequence[Source], settings: Settings, messages: Messages, bad: list[int]) -> Iterator[str]:
    """The text of every source, line ends as a file opened for text has them; bad sequences are counted in ``bad``."""
    input_options: dict[str, Any] = settings.input_options()
    for source in sources:
        blocks = read_blocks([source], **input_options, on_notice=messages.notice, on_bad=bad.append)
        parts: list[str] = []
        tally = BadBytes()
        for is_joined, group in groupby(blocks, key=lambda block: block.joins_previous):
            for block in group:
                messages.advance(block.n_bytes_read)
                data = _repaired(block.data, source.name, block.offset, settings.bad_bytes, tally)
                is_apart = parts and not is_joined and not parts[-1].endswith("\n")
                parts.append("\n" + data if is_apart else data)
        if tally.count:
            bad.append(tally.count)
            messages.notice(tally.report(source.name, settings.bad_bytes))
        yield "".join(parts).replace("\r\n", "\n").replace("\r", "\n")


def _repaired(data: bytes, name: str, offset: int, bad_bytes: str, tally: BadBytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as err:
        if bad_bytes == "stop":
            raise bad_bytes_error(name, offset + err.start, data[err.start : err.start + 2]) from err
        return repair_utf8(data, tally, base=offset).decode("utf-8")
