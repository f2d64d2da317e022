"""``cnmine newwords``: a corpus in, its ranked new words out."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from cnmine.cli import EXIT_INPUT, options
from cnmine.cli.command import Command
from cnmine.cli.messages import Messages, kernel_notice
from cnmine.errors import ResourceError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from cnmine.cli.room import Room
    from cnmine.counting.corpus import Corpus
    from cnmine.io.paths import Source
    from cnmine.newwords.discovery import WordTable

METHODS = ("distant", "cohesion", "entropy", "cut")
MAX_LEN = 7  # the longest n-grams that are counted
# Options that only some methods understand; given for another one they are refused.
METHOD_OPTIONS = {"seed": ("distant",), "cut_thresholds": ("cut",), "back_check": ("cut",)}
COMPAT_REFUSES = {
    "method", "min_len", "max_len", "min_score", "all_words", "dict_paths", "no_dict",
    "examples", "back_check", "fold_case", "seed",
}  # fmt: skip
STORE_REFUSES = {"examples", "fold_case", "recursive", "encoding", "jsonl_field", "column", "bad_bytes"}


@dataclass
class Settings:
    """The options of the command by their names."""

    sources: tuple[str, ...]
    method: str
    compat_2019: bool
    min_count: int | None
    min_len: int
    max_len: int
    top: int | None
    min_score: float | None
    all_words: bool
    dict_paths: tuple[str, ...]
    no_dict: bool
    exclude: tuple[str, ...]
    include_pattern: re.Pattern[str] | None
    examples: int
    cut_thresholds: tuple[float, ...]
    back_check: str
    fold_case: bool
    output_format: str
    output: str
    no_header: bool
    recursive: bool
    encoding: str
    jsonl_field: str | None
    column: int | None
    bad_bytes: str
    seed: int
    threads: int | None
    memory: int | None
    temp_dir: str | None
    quiet: bool
    verbose: bool
    store: str | None = None  # the only source, if it is no text

    def input_options(self) -> dict[str, Any]:
        """How the text is to be read, as the library wants it."""
        names = ("encoding", "jsonl_field", "column", "bad_bytes")
        return {name: getattr(self, name) for name in names}


@click.command("newwords", cls=Command, short_help="Find words that the dictionary does not know.")
@options.sources
@click.option("--method", type=click.Choice(METHODS), default="distant", help="How to rank.")
@click.option("--compat-2019", is_flag=True, help="The words that word_discovery.py of 2019 finds, and their counts.")
@click.option(
    "--min-count",
    type=click.IntRange(min=1),
    show_default="5; 32 with --compat-2019",
    help="Least occurrences of a word.",
)
@click.option(
    "--min-len", type=click.IntRange(1, MAX_LEN), default=2, help="Least length; a run of letters counts as one."
)
@click.option("--max-len", type=click.IntRange(1, MAX_LEN), default=6, help=f"Greatest length, at most {MAX_LEN}.")
@click.option("--top", type=click.IntRange(min=1), help="Most words to show.")
@click.option(
    "--min-score",
    type=float,
    show_default="distant 0.5, cohesion 3.4, entropy 3, cut 0",
    help="Least score; 0 shows every candidate of distant.",
)
@click.option("--all", "all_words", is_flag=True, help="Show words of the dictionary too, with a column that tells.")
@options.dictionary_options
@click.option("--exclude", multiple=True, metavar="FILE", type=click.Path(), help="Words to leave out. Repeatable.")
@click.option("--include-pattern", type=options.PatternType(), help="Show only words in which this matches.")
@click.option("--examples", type=click.IntRange(min=0), default=0, help="Places in the text to show for every word.")
@click.option(
    "--cut-thresholds",
    type=options.NumbersType(),
    default=(0.0, 2.0, 4.0, 6.0),
    show_default="0,2,4,6",
    help="Least cohesion, in nats, at the lengths 1, 2, 3 …; for cut and --compat-2019.",
)
@click.option(
    "--back-check",
    type=click.Choice(["strict", "textual", "none"]),
    default="strict",
    help="How cut segments are verified: every window of them, themselves, or not.",
)
@options.fold_case
@click.option(
    "-f",
    "--format",
    "output_format",
    type=click.Choice(["tsv", "jsonl", "table", "words", "jieba", "hanlp", "ik"]),
    default="tsv",
    help="Columns, a word a line, or a user dictionary for a segmenter.",
)
@options.output
@options.no_header
@options.input_options
@options.seed
@options.threads
@options.memory
@options.temp_dir
@options.quiet
@options.verbose
@click.pass_context
def command(ctx: click.Context, **values: Any) -> None:
    """Find the words of a corpus that the dictionary does not know, best first.

    SOURCE is a file, a glob, a directory or - for standard input (the default); .gz, .bz2, .xz and .zst are
    read as they are. The score of distant is the probability that a candidate is a word, learned from segmented
    corpora (weights that come with cnmine) together with the words of the dictionary that occur in the same text;
    of cohesion and entropy it is the cohesion or the smaller neighbour entropy in nats; of cut, the count.

    Cost: one pass over the text; memory 0.35 GB and up to 6.5 times the text, or --memory if that is less, with four
    to seven times the text in --temp-dir. Some 0.35 GB and 0.6 times the text are needed in any case;
    --method cut and --compat-2019 work in memory only.

    \b
    Examples:
      cnmine newwords corpus.txt --top 50 --format table
      cnmine newwords corpus/ --recursive --encoding auto --examples 3 --format jsonl -o words.jsonl
      cat *.txt | cnmine newwords - --format jieba > userdict.txt
      cnmine newwords law.txt --dict general.txt --dict law_terms.txt --min-count 10
    """
    settings = Settings(**values)
    given = {name for name in values if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE}
    _refuse_conflicts(settings, given)
    with Messages(quiet=settings.quiet, verbose=settings.verbose) as messages:
        settings.store = options.find_store(settings.sources)
        if settings.store:
            _refuse_text_options(settings, given)
        found = options.open_sources(
            settings.sources, recursive=settings.recursive, output=settings.output, on_notice=messages.notice
        )
        if settings.compat_2019:
            from cnmine.cli.compat import run_compat

            n_bad = run_compat(settings, found, messages)
        else:
            n_bad = _run(settings, found, messages)
    if n_bad:
        ctx.exit(EXIT_INPUT)  # the result is there, but not of all of the input


def _refuse_conflicts(settings: Settings, given: set[str]) -> None:
    if settings.dict_paths and settings.no_dict:
        raise UsageError("--dict and --no-dict exclude each other")
    if settings.jsonl_field is not None and settings.column is not None:
        raise UsageError("--jsonl-field and --column exclude each other")
    if settings.max_len < settings.min_len:
        raise UsageError(f"--max-len {settings.max_len} is less than --min-len {settings.min_len}")
    if settings.compat_2019:
        for name in sorted(given & COMPAT_REFUSES):
            raise UsageError(f"{option_name(name)} does not apply to --compat-2019")
        return
    for name, methods in METHOD_OPTIONS.items():
        if name in given and settings.method not in methods:
            raise UsageError(f"{option_name(name)} applies to --method {' and '.join(methods)} only")
    is_tabular = settings.output_format in ("tsv", "jsonl", "table")
    if settings.examples and not is_tabular:
        raise UsageError(f"--examples has no place in --format {settings.output_format}; use tsv, jsonl or table")


def _refuse_text_options(settings: Settings, given: set[str]) -> None:
    """The text of a store has been read and cut already, and its lines are gone."""
    if settings.compat_2019:
        raise UsageError("--compat-2019 reads text; give the corpus instead of the store")
    for name in sorted(given & STORE_REFUSES):
        raise UsageError(f"{option_name(name)} does not apply to a store; give the corpus instead")


def option_name(name: str) -> str:
    """What the user types for a parameter."""
    names = {"all_words": "--all", "dict_paths": "--dict", "output_format": "--format"}
    return names.get(name, "--" + name.replace("_", "-"))


def _run(settings: Settings, sources: list[Source], messages: Messages) -> int:
    """Do what the command asks for; return how many bad byte sequences were passed over."""
    from cnmine.cli.room import Room
    from cnmine.cli.wordlist import open_word_list
    from cnmine.newwords.dictionary import load_dictionary
    from cnmine.newwords.selection import DEFAULT_MIN_SCORES

    if settings.min_score is None:
        settings.min_score = DEFAULT_MIN_SCORES[settings.method]
    min_count = settings.min_count or 5
    threads = options.count_threads(settings.threads)
    room = Room(settings, sources)
    # Everything that can be refused is refused before the work begins.
    dictionary = (
        None if settings.no_dict else load_dictionary(settings.dict_paths or None, fold_case=settings.fold_case)
    )
    exclude = load_dictionary(settings.exclude, fold_case=settings.fold_case) if settings.exclude else frozenset()
    with open_word_list(settings, messages) as word_list, room, ExitStack() as spools:
        if settings.examples:
            sources = [spool_source(source, spools, settings.temp_dir) for source in sources]
        corpus = _read(settings, sources, room, threads, messages)
        room.see(corpus)
        word_table = _discover(settings, corpus, dictionary, room, threads, messages)
        chosen = _select(settings, word_table, corpus, exclude, min_count, messages)
        examples = _examples(settings, word_table, chosen, corpus, sources, room, messages)
        messages.step("writing")
        word_list.write(word_table, chosen, examples)
    seconds = messages.seconds
    messages.notice(
        f"{corpus.n_characters:,} characters, {len(word_table.words):,} candidates, {len(chosen):,} words, "
        f"{seconds:.1f} s, {corpus.n_bytes / 1e6 / seconds:.1f} MB/s"
    )
    return corpus.n_bad


def _read(settings: Settings, sources: list[Source], room: Room, threads: int, messages: Messages) -> Corpus:
    from cnmine.counting.corpus import MAX_UNITS, read_corpus
    from cnmine.io.source import total_bytes

    if notice := kernel_notice():
        messages.notice(notice)
    if settings.store:
        return _load(settings.store, room, messages)
    messages.step("reading", total=total_bytes(sources), unit="B")
    corpus = read_corpus(
        sources,
        **settings.input_options(),
        fold_case=settings.fold_case,
        space=room.space,
        threads=threads,
        on_progress=messages.advance,
        on_notice=messages.notice,
    )
    if corpus.n_rare_units:
        messages.notice(
            f"{corpus.n_rare_units:,} units beyond the {MAX_UNITS:,} most frequent, {corpus.n_rare_tokens:,} "
            "occurrences, are taken for punctuation"
        )
    return corpus


def _load(path: str, room: Room, messages: Messages) -> Corpus:
    from cnmine.ngrams.corpus import load_corpus
    from cnmine.ngrams.lookup import open_ngrams

    messages.step("reading the store")
    with open_ngrams(path) as store:
        return load_corpus(store, room.space)


def _discover(
    settings: Settings,
    corpus: Corpus,
    dictionary: frozenset[str] | None,
    room: Room,
    threads: int,
    messages: Messages,
) -> WordTable:
    from cnmine.newwords.discovery import discover_words

    extra: dict[str, Any] = {}
    if settings.method == "cut":
        extra = {"cut_thresholds": settings.cut_thresholds, "back_check": settings.back_check}
    word_table = discover_words(
        corpus,
        method=settings.method,
        dictionary=dictionary,
        min_count=settings.min_count or 5,
        min_len=settings.min_len,
        max_len=settings.max_len,
        seed=settings.seed,
        threads=threads,
        budget_bytes=room.budget_bytes,
        space=room.space,
        on_step=messages.step,
        on_progress=messages.advance,
        **extra,
    )
    for note in word_table.notes:
        messages.notice(note)
    return word_table


def _select(
    settings: Settings,
    word_table: WordTable,
    corpus: Corpus,
    exclude: frozenset[str],
    min_count: int,
    messages: Messages,
) -> np.ndarray:
    from cnmine.newwords.selection import explain_empty, select_words

    chosen = select_words(
        word_table,
        min_score=settings.min_score,
        top=settings.top,
        include_known=settings.all_words,
        exclude=exclude,
        include_pattern=settings.include_pattern,
    )
    if len(chosen) == 0:
        reason = explain_empty(
            word_table,
            n_characters=corpus.n_characters,
            min_count=min_count,
            min_score=settings.min_score,
            include_known=settings.all_words,
        )
        messages.notice(reason)
    return chosen


def _examples(
    settings: Settings,
    word_table: WordTable,
    chosen: np.ndarray,
    corpus: Corpus,
    sources: list[Source],
    room: Room,
    messages: Messages,
) -> list[list[str]] | None:
    if not settings.examples:
        return None
    from cnmine.io.source import total_bytes
    from cnmine.newwords.examples import find_examples

    messages.step("finding examples", total=total_bytes(sources), unit="B")
    return find_examples(
        word_table,
        chosen,
        corpus,
        sources,
        n_examples=settings.examples,
        **settings.input_options(),
        fold_case=settings.fold_case,
        threads=options.count_threads(settings.threads),
        space=room.space,
        on_progress=messages.advance,
    )


def spool_source(source: Source, stack: ExitStack, temp_dir: str | None) -> Source:
    """A source that can be read twice: itself, or a temporary copy of what cannot be rewound."""
    if source.n_bytes is not None:
        return source
    import os
    import shutil
    import tempfile
    from dataclasses import replace

    from cnmine.io.paths import open_source

    path = os.path.join(stack.enter_context(tempfile.TemporaryDirectory(prefix="cnmine-", dir=temp_dir)), "input")
    try:
        with open_source(source) as stream, open(path, "wb") as copy:
            shutil.copyfileobj(stream, copy, 1 << 20)
    except OSError as err:
        raise ResourceError(
            f"{path}: {err.strerror}; --examples copies the input: choose a place with --temp-dir"
        ) from err
    return replace(source, path=path, n_bytes=os.path.getsize(path))
