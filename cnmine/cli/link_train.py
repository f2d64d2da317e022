"""``cnmine link train``: labelled texts in, a model of linking out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from cnmine.cli import EXIT_INPUT, options
from cnmine.cli.command import Command
from cnmine.cli.link_run import FIRST_KERNELS
from cnmine.cli.messages import Messages, format_size, kernel_notice
from cnmine.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cnmine.linking.lines import LineModel
    from cnmine.linking.model import LinkerModel
    from cnmine.linking.records import Record


@click.command("train", cls=Command, short_help="Learn from labelled texts how to link.")
@click.argument("kb", type=click.Path())
@options.sources
@options.store_output
@click.option(
    "--dev", metavar="FILE", type=click.Path(), help="Labelled texts that decide on the thresholds, instead of folds."
)
@click.option(
    "--folds",
    type=click.IntRange(min=2),
    default=5,
    help="Parts of the texts; for each is predicted from the others, and learned from that.",
)
@click.option(
    "--mentions",
    type=click.Choice(["auto", "line"]),
    default="auto",
    help="auto: mentions in texts; line: every text is one mention, such as a clinical term.",
)
@options.dictionary_options
@click.option("--strict", is_flag=True, help="Stop at the first line that cannot be read.")
@options.seed
@options.quiet
@options.verbose
@click.pass_context
def command(
    ctx: click.Context,
    *,
    kb: str,
    sources: tuple[str, ...],
    output: str,
    dev: str | None,
    folds: int,
    mentions: str,
    dict_paths: tuple[str, ...],
    no_dict: bool,
    strict: bool,
    seed: int,
    quiet: bool,
    verbose: bool,
) -> None:
    """Learn from labelled texts which names annotators mark, which entities they mean, and what is NIL.

    KB is from cnmine kb build, and the model fits no other. SOURCE is JSON Lines of CCKS or DuEL: text, and
    mention_data with mention, offset and kb_id; with --mentions line, kb_id may be several ids joined by ##. Mentions
    that stand elsewhere in their text are moved there if they stand in it once. Of ids that KB does not have only the
    places are learned. Names, and entities of names, that KB does not have are learned if they are marked three times
    or more; they become part of the model, not of KB. --dict tells the parts of speech of words.

    Cost: some seconds for thousands of texts and 20 bytes for each name; with --mentions line half a minute.

    \b
    Examples:
      cnmine link train sample.kb data/linking/sample_train.jsonl -o sample.linker
      cnmine link train icd10.kb terms.jsonl --mentions line -o terms.linker
    """
    from cnmine.linking.kb import open_kb
    from cnmine.linking.lines import train_lines
    from cnmine.linking.model_file import save_linker
    from cnmine.linking.training import train_linker

    n_bad = 0

    def count_bad(n: int) -> None:
        nonlocal n_bad
        n_bad += n

    if no_dict and dict_paths:
        raise UsageError("--dict and --no-dict exclude each other")
    with Messages(quiet=quiet, verbose=verbose) as messages, open_kb(kb) as opened:
        if notice := kernel_notice(FIRST_KERNELS[mentions == "line"]):
            messages.notice(notice)
        found = options.open_sources(sources, recursive=False, output=output, on_notice=messages.notice)
        options.refuse_overwriting(output, [kb, *dict_paths, *([dev] if dev else [])])

        def read(paths: tuple[str, ...] | None) -> Iterator[Record]:
            chosen = (
                found
                if paths is None
                else options.open_sources(paths, recursive=False, output=output, on_notice=messages.notice)
            )
            return _read(chosen, strict, messages.notice, count_bad)

        common = {
            "dev": read((dev,)) if dev else None,
            "seed": seed,
            "on_step": messages.step,
            "on_notice": messages.notice,
        }
        model: LinkerModel | LineModel
        if mentions == "line":
            model = train_lines(opened, read(None), **common)  # type: ignore[arg-type]
        else:
            dictionary = () if no_dict else dict_paths or _default_dictionary()
            model = train_linker(opened, read(None), folds=folds, dictionary=dictionary, **common)  # type: ignore[arg-type]
        save_linker(model, output, on_notice=messages.notice)
        messages.notice(
            f"{model.settings['n_texts']:,} texts, F1 {model.settings['f_in_training']:.3f} on texts not learned, "
            f"{format_size(os.path.getsize(output))}, {messages.seconds:.1f} s"
        )
    if n_bad:
        ctx.exit(EXIT_INPUT)  # the model is there, but not of all of the input


def _read(
    sources: list, strict: bool, on_notice: Callable[[str], None], on_bad: Callable[[int], None]
) -> Iterator[Record]:
    from cnmine.linking.records import read_records

    return read_records(
        sources, input_format="jsonl", labels="required", strict=strict, on_notice=on_notice, on_bad=on_bad
    )


def _default_dictionary() -> tuple[str, ...]:
    from cnmine.newwords.dictionary import find_jieba_dictionary

    return (find_jieba_dictionary(),)
