"""``cnmine lm``: language models made, exchanged and asked."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from cnmine.cli import EXIT_INPUT, options
from cnmine.cli.command import CommandGroup
from cnmine.cli.messages import Messages, format_size, kernel_notice
from cnmine.errors import UsageError

if TYPE_CHECKING:
    from cnmine.lm.model import LanguageModel

DIGITS = 4
TEXT_OPTIONS = ("recursive", "encoding", "jsonl_field", "column", "bad_bytes", "fold_case")
model_output = click.option(
    "-o",
    "--output",
    type=click.Path(),
    required=True,
    help="File for the model; it appears when complete, in place of an older one.",
)


class ThresholdsType(click.ParamType):
    """Counts with blanks or commas between them."""

    name = "counts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(int(number) for number in value.replace(",", " ").split())
        except ValueError:
            self.fail(f"{value!r} is no list of counts; write for example '0 0 1'", param, ctx)


class DiscountsType(click.ParamType):
    """Up to three discounts, of the counts 1, 2, 3 and more; the last goes for what is missing."""

    name = "discounts"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            given = [float(number) for number in value.replace(",", " ").split()]
        except ValueError:
            given = []
        numbers = (given + given[-1:] * 2)[:3]
        if not 1 <= len(given) <= 3 or not all(0 <= number <= i for i, number in enumerate(numbers, start=1)):
            self.fail(f"{value!r} are no discounts: one to three numbers, from 0 to 1, 2 and 3", param, ctx)
        return tuple(numbers)


@click.group("lm", cls=CommandGroup, short_help="Train and ask language models.")
def command() -> None:
    """Train n-gram language models of Chinese, exchange them with KenLM and SRILM, and ask them.

    \b
    Examples:
      cnmine lm train corpus.txt -o news.lm
      cnmine lm perplexity news.lm other.txt
    """


@command.command("train", short_help="Estimate a model from text or from a store.")
@options.sources
@model_output
@click.option("--order", type=click.IntRange(1, 8), default=4, help="Longest n-gram, in units.")
@click.option(
    "--prune",
    type=ThresholdsType(),
    default=(),
    show_default="nothing",
    help="Leave out n-grams that occur so often or less: a count for each order, the last for all above: '0 0 1'.",
)
@click.option(
    "--discount-fallback",
    type=DiscountsType(),
    is_flag=False,
    flag_value="0.5,1,1.5",
    show_default="stop",
    help="Discounts where the counts give none, as with little or repetitive text; 0.5,1,1.5 without a value.",
)
@options.fold_case
@options.input_options
@options.memory
@options.temp_dir
@options.threads
@options.quiet
@options.verbose
@click.pass_context
def train(
    ctx: click.Context,
    *,
    sources: tuple[str, ...],
    output: str,
    order: int,
    prune: tuple[int, ...],
    discount_fallback: tuple[float, ...] | None,
    fold_case: bool,
    recursive: bool,
    memory: int | None,
    temp_dir: str | None,
    threads: int | None,
    quiet: bool,
    verbose: bool,
    **input_options: Any,
) -> None:
    """Estimate an interpolated modified Kneser–Ney model of the units of a text.

    A unit is a Han character, a run of letters and digits, or any other character that is not white space; a line
    is a sentence. The model equals that of KenLM's lmplz for the units with blanks between them. SOURCE is text, or
    one store of cnmine count with --max-order of at least the order less one: then its spans are the sentences
    (count --punctuation keep for whole lines).

    Cost: one pass over the text; memory = --memory, with what does not fit in --temp-dir; for each MB of Chinese
    text about 2 to 4 MB of model at order 4.

    \b
    Examples:
      cnmine lm train corpus.txt -o news.lm
      cnmine lm train news/ --recursive --order 5 --prune '0 0 1' --memory 2G -o news5.lm
    """
    from cnmine.cli.memory import budget_bytes
    from cnmine.lm.train import train_from_store, train_model

    settings: dict[str, Any] = {
        "order": order,
        "prune": prune,
        "fallback": discount_fallback,
        "budget_bytes": budget_bytes(memory),
        "temp_dir": temp_dir,
        "threads": options.count_threads(threads),
    }
    if input_options["jsonl_field"] is not None and input_options["column"] is not None:
        raise UsageError("--jsonl-field and --column exclude each other")
    with Messages(quiet=quiet, verbose=verbose) as messages:
        settings |= {"on_step": messages.step, "on_progress": messages.advance, "on_notice": messages.notice}
        if notice := kernel_notice():
            messages.notice(notice)
        store = options.find_store(sources)
        if store:
            _refuse_text_options(ctx)
            options.refuse_overwriting(output, [store])
            made = train_from_store(store, output, **settings)
        else:
            found = options.open_sources(sources, recursive=recursive, output=output, on_notice=messages.notice)
            made = train_model(found, output, fold_case=fold_case, **settings, **input_options)
        messages.notice(
            f"{made['n_tokens']:,} units in {made['n_sentences']:,} sentences, n-grams "
            f"{' + '.join(f'{n:,}' for n in made['n_ngrams'])}, {format_size(os.path.getsize(output))}, "
            f"{messages.seconds:.1f} s"
        )
    if made.get("n_bad") and not store:
        ctx.exit(EXIT_INPUT)  # the model is there, but not of all of the input


def _refuse_text_options(ctx: click.Context) -> None:
    for name in TEXT_OPTIONS:
        if ctx.get_parameter_source(name) not in (None, click.core.ParameterSource.DEFAULT):
            raise UsageError(f"--{name.replace('_', '-')} does not apply to a store; give the corpus instead")


@command.command("export", short_help="Write a model in ARPA format.")
@click.argument("model", type=click.Path())
@options.output
@options.quiet
@options.verbose
def export(model: str, output: str, quiet: bool, verbose: bool) -> None:
    """Write a model in ARPA format, which KenLM, SRILM and others read.

    An output whose name ends in .gz is compressed.

    Cost: 1 to 2 µs an n-gram; memory does not grow with the highest order.

    \b
    Examples:
      cnmine lm export news.lm -o news.arpa.gz
      cnmine lm export news.lm | head
    """
    import gzip

    from cnmine.io.output import open_output
    from cnmine.lm.arpa import export_arpa
    from cnmine.lm.model import open_model

    options.refuse_overwriting(output, [model])
    with Messages(quiet=quiet, verbose=verbose) as messages, open_model(model) as opened, open_output(output) as file:
        messages.step("writing n-grams", total=sum(opened.settings["n_ngrams"]), unit=" n-grams")
        if output.endswith(".gz"):
            # Without name and time, so that equal models give equal files.
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as compressed:
                export_arpa(opened, compressed.write, on_progress=messages.advance)
        else:
            export_arpa(opened, file.write, on_progress=messages.advance)


@command.command("import", short_help="Read a model in ARPA format.")
@click.argument("arpa", type=click.Path(allow_dash=True))
@model_output
@options.quiet
@options.verbose
def import_(arpa: str, output: str, quiet: bool, verbose: bool) -> None:
    """Read a model in ARPA format, as KenLM and SRILM write it; also compressed, - for standard input.

    Its tokens may be words: then what is scored with it needs blanks between them.

    Cost: 2 to 3 µs and 60 bytes of memory an n-gram.

    \b
    Example:
      cnmine lm import news.arpa.gz -o news.lm
    """
    from cnmine.lm.arpa import import_arpa

    options.refuse_overwriting(output, [arpa])
    with Messages(quiet=quiet, verbose=verbose) as messages:
        messages.step("reading n-grams")
        settings = import_arpa(arpa, output, on_notice=messages.notice)
        messages.notice(
            f"n-grams {' + '.join(f'{n:,}' for n in settings['n_ngrams'])}, {format_size(os.path.getsize(output))}, "
            f"{messages.seconds:.1f} s"
        )


@command.command("score", short_help="Log probability of every line.")
@click.argument("model", type=click.Path())
@options.sources
@options.rows_format
@options.output
@options.no_header
@options.input_options
@options.threads
@options.quiet
def score(
    model: str,
    sources: tuple[str, ...],
    output_format: str,
    output: str,
    no_header: bool,
    recursive: bool,
    threads: int | None,
    quiet: bool,
    **input_options: Any,
) -> None:
    """Log10 probability of every line as a sentence, with its number of tokens and the perplexity.

    The probability is that of all tokens and the end of the line; the perplexity is per token, the end counted as
    one. Unknown tokens count with the probability of <unk>.

    Cost: linear, some MB/s; the model is mapped, not loaded.

    \b
    Examples:
      cnmine lm score news.lm sentences.txt
      echo 今天天气很好 | cnmine lm score news.lm -f jsonl
    """
    from cnmine.io.output import open_output
    from cnmine.io.rows import make_writer
    from cnmine.lm.scoring import score_lines

    columns = [("log10_prob", DIGITS), ("tokens", None), ("unknown", None), ("perplexity", DIGITS)]
    with Messages(quiet=quiet) as messages, _open(model, messages) as opened:
        found = options.open_sources(sources, recursive=recursive, output=output, on_notice=messages.notice)
        options.refuse_overwriting(output, [model])
        n_threads = options.count_threads(threads)
        with open_output(output) as file:
            writer = make_writer(file, output_format, columns, header=not no_header)
            writer.write([])
            for lines in score_lines(opened, found, threads=n_threads, on_notice=messages.notice, **input_options):
                values = (lines.log10_probs, lines.n_tokens, lines.n_unknown, lines.perplexities)
                writer.write(zip(*(column.tolist() for column in values), strict=True))


@command.command("perplexity", short_help="How well a model predicts a text.")
@click.argument("model", type=click.Path())
@options.sources
@options.report_format
@options.output
@options.input_options
@options.threads
@options.quiet
def perplexity(
    model: str,
    sources: tuple[str, ...],
    output_format: str,
    output: str,
    recursive: bool,
    threads: int | None,
    quiet: bool,
    **input_options: Any,
) -> None:
    """Perplexity of a text, and bits per character, which compare models of different units.

    perplexity counts line ends and unknown tokens, perplexity_known leaves the unknown ones out. The characters are
    those of the tokens: white space is none.

    Cost: linear, some MB/s; the model is mapped, not loaded.

    \b
    Example:
      cnmine lm perplexity news.lm held_out.txt
    """
    from cnmine.io.output import open_output
    from cnmine.io.rows import make_writer
    from cnmine.lm.scoring import measure_perplexity

    with Messages(quiet=quiet) as messages, _open(model, messages) as opened:
        found = options.open_sources(sources, recursive=recursive, output=output, on_notice=messages.notice)
        options.refuse_overwriting(output, [model])
        report = measure_perplexity(
            opened, found, threads=options.count_threads(threads), on_notice=messages.notice, **input_options
        )
        with open_output(output) as file:
            if output_format == "json":
                file.write((json.dumps(report, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))
                return
            rows = [
                (name, f"{value:,.{DIGITS}f}" if isinstance(value, float) else value) for name, value in report.items()
            ]
            make_writer(file, "table", [("figure", None), ("value", None)]).write(rows)


def _open(path: str, messages: Messages) -> LanguageModel:
    from cnmine.lm.model import open_model

    if notice := kernel_notice():
        messages.notice(notice)
    return open_model(path)
