"""``cnmine segment``: text in, words out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from cnmine.cli import EXIT_INPUT, options
from cnmine.cli.command import Command
from cnmine.cli.messages import Messages, kernel_notice
from cnmine.errors import StoreError, UsageError

if TYPE_CHECKING:
    from cnmine.io.paths import Source
    from cnmine.segmentation.segmenter import Segmenter
    from cnmine.segmentation.stream import TextBlock
    from cnmine.segmentation.writing import Decoder, Layout

INPUT_NAMES = ("encoding", "jsonl_field", "column", "bad_bytes")


class GranularityType(click.ParamType):
    """A name or a number."""

    name = "fine|default|coarse|number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | float:
        if value in ("fine", "default", "coarse") or isinstance(value, float):
            return value
        try:
            number = float(value)
        except ValueError:
            number = float("inf")
        if not abs(number) <= 100:
            self.fail(f"{value!r} is no granularity; choose fine, default, coarse or a number", param, ctx)
        return number


class SeparatorType(click.ParamType):
    r"""Text in which \t, \n, \0 and \xNN stand for characters."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        import re

        names = {"t": "\t", "n": "\n", "r": "\r", "0": "\0", "\\": "\\"}
        pattern = r"\\(?:x([0-9a-fA-F]{2})|([tnr0\\]))"
        return re.sub(pattern, lambda match: chr(int(match[1], 16)) if match[1] else names[match[2]], value)


@dataclass
class Settings:
    """The options of the command by their names."""

    sources: tuple[str, ...]
    model: str | None
    train: bool
    save_model: str | None
    lexicon: tuple[str, ...]
    lexicon_bonus: float
    granularity: str | float
    transitions: tuple[float, ...]
    separator: str
    output_format: str
    bmes: bool
    n_best: int
    n_samples: int
    alpha: float
    seed: int
    output: str
    recursive: bool
    encoding: str
    jsonl_field: str | None
    column: int | None
    bad_bytes: str
    threads: int | None
    quiet: bool
    verbose: bool


@click.command("segment", cls=Command, short_help="Segment text into words.")
@options.sources
@click.option("--model", metavar="FILE", type=click.Path(), help="From --save-model, cnmine count or cnmine lm train.")
@click.option("--train", is_flag=True, help="Learn from the input itself, then segment it.")
@click.option("--save-model", metavar="FILE", type=click.Path(), help="Keep what was learned, for --model.")
@click.option(
    "--lexicon",
    multiple=True,
    metavar="FILE",
    type=click.Path(),
    help="Words to prefer, as newwords writes them. Repeatable.",
)
@click.option(
    "--lexicon-bonus",
    type=click.FloatRange(-100, 100),
    default=4.0,
    help="Added to the score of a word of the lexicon, times its probability; natural logarithm.",
)
@click.option(
    "--granularity",
    type=GranularityType(),
    default="default",
    help="Length of the words; a number is added to the score of every boundary (fine 1.5, coarse -1.5).",
)
@click.option(
    "--transitions",
    type=options.NumbersType(),
    default=(1.0, 0.15, 1.0, 0.01, 1.0, 0.01, 1.0, 0.001),
    show_default="1,.15,1,.01,1,.01,1,.001",
    help="With a language model: factors of ending and going on in the states b, c, d, e.",
)
@click.option(
    "--sep", "separator", type=SeparatorType(), default=" ", help=r"Between words; \t, \0, \x1f are understood."
)
@click.option(
    "-f",
    "--format",
    "output_format",
    type=click.Choice(["text", "jsonl"]),
    default="text",
    help="Words with separators, or an object a line with the places of all tokens.",
)
@click.option("--bmes", is_flag=True, help="A character a line, with the tag of its place in the word.")
@click.option(
    "--nbest", "n_best", type=click.IntRange(0, 1000), default=0, help="Best ways to read every line to show."
)
@click.option("--sample", "n_samples", type=click.IntRange(0, 1000), default=0, help="Ways to draw for every line.")
@click.option(
    "--alpha",
    type=click.FloatRange(0, 100),
    default=1.0,
    help="Sharpness of --sample: 0 draws evenly, more the likelier.",
)
@options.output
@options.input_options
@options.seed
@options.threads
@options.quiet
@options.verbose
@click.pass_context
def command(ctx: click.Context, **values: Any) -> None:
    """Segment Chinese text into words, by what raw text teaches and without a dictionary.

    White space stays as it is, and between tokens that have nothing between them a separator is put: with --sep ''
    the output is the input, byte for byte. Numbers, words of letters, web and mail addresses are one token.
    With --train the text itself teaches; that takes some hundred thousand characters, better millions. Lines appear
    as soon as they are there.

    Cost: 0.2 to 0.3 µs a character and thread; --train about 4 s a million characters up to four million, then 1 s.
    Memory: some 100 bytes for each of a few hundred thousand characters; --train holds the text, 0.5 kB for each
    character up to four million, less beyond; --format jsonl, --nbest and --sample hold a whole line.

    \b
    Examples:
      cnmine segment --train corpus.txt -o words.txt
      cnmine segment --train news/ --recursive --save-model news.model -o words.txt
      cat more.txt | cnmine segment --model news.model --format jsonl
    """
    settings = Settings(**values)
    layout = _check(settings)
    with Messages(quiet=settings.quiet, verbose=settings.verbose) as messages:
        found = options.open_sources(
            settings.sources, recursive=settings.recursive, output=settings.output, on_notice=messages.notice
        )
        _refuse_overwriting(settings, found)
        if notice := kernel_notice():
            messages.notice(notice)
        n_bad = _run(settings, layout, found, messages)
    if n_bad:
        ctx.exit(EXIT_INPUT)  # the result is there, but not of all of the input


def _check(settings: Settings) -> Layout:
    from cnmine.segmentation.writing import Layout

    if settings.train == (settings.model is not None):
        raise UsageError(
            "--train and --model exclude each other"
            if settings.train
            else "nothing to segment with; --train learns from the input itself, --model names what was learned"
        )
    if settings.jsonl_field is not None and settings.column is not None:
        raise UsageError("--jsonl-field and --column exclude each other")
    if settings.bmes and settings.output_format == "jsonl":
        raise UsageError("--bmes and --format jsonl exclude each other")
    kind = "bmes" if settings.bmes else settings.output_format
    return Layout(kind, settings.separator, settings.n_best, settings.n_samples, settings.alpha, settings.seed)


def _refuse_overwriting(settings: Settings, sources: list[Source]) -> None:
    inputs = [path for path in (settings.model, *settings.lexicon) if path is not None]
    options.refuse_overwriting(settings.output, inputs)
    if settings.save_model is not None:
        texts = [source.path for source in sources if source.path is not None]
        options.refuse_overwriting(settings.save_model, [*inputs, *texts])


def _run(settings: Settings, layout: Layout, sources: list[Source], messages: Messages) -> int:
    """Do what the command asks for; return how many bad byte sequences were passed over."""
    from cnmine.io.output import open_output
    from cnmine.segmentation.segmenter import GRANULARITIES
    from cnmine.segmentation.stream import read_text
    from cnmine.segmentation.writing import segment_blocks

    passed_over: list[int] = []
    blocks: Iterable[TextBlock] = read_text(
        sources,
        whole_lines=layout.needs_whole_lines,
        on_notice=messages.notice,
        on_bad=passed_over.append,
        **{name: getattr(settings, name) for name in INPUT_NAMES},
    )
    if settings.train:
        blocks = list(blocks)
    decoder = _prepare(settings, layout, blocks, messages)
    bias = settings.granularity
    if isinstance(bias, str):
        bias = GRANULARITIES[bias]
    n_tokens = n_characters = n_ambiguous = 0
    threads = options.count_threads(settings.threads)
    messages.step("segmenting", total=sum(source.n_bytes or 0 for source in sources) or None, unit="B")
    with open_output(settings.output) as file:
        for output in segment_blocks(blocks, decoder, layout, bias=bias, threads=threads):
            file.write(output.data)
            if output.is_last_for_now:
                file.flush()
            n_tokens, n_characters = n_tokens + output.n_tokens, n_characters + output.n_characters
            n_ambiguous += output.n_ambiguous
            messages.advance(output.n_bytes_read)
    messages.detail(f"{n_tokens:,} tokens in {n_characters:,} characters")
    if n_ambiguous and layout.kind == "text" and not layout.has_alternatives:
        advice = "to undo the segmentation, choose one that it has not, as --sep '\\x1f'"
        messages.detail(f"the separator stands in the text itself, {n_ambiguous:,} times; {advice}")
    return sum(passed_over)


def _prepare(settings: Settings, layout: Layout, blocks: Iterable[TextBlock], messages: Messages) -> Decoder:
    """The decoder that the options ask for."""
    from cnmine.segmentation.lexicon import bonuses_of, read_lexicon
    from cnmine.segmentation.storage import save_segmenter

    lexicon = read_lexicon(settings.lexicon) if settings.lexicon else None
    segmenter = _train(settings, blocks, messages) if settings.train else _open(settings, messages)
    if isinstance(segmenter, tuple):
        return _published(settings, layout, segmenter[0])
    if settings.save_model is not None:
        save_segmenter(segmenter, settings.save_model, on_notice=messages.notice)
    if lexicon is not None:
        words, probabilities = lexicon
        segmenter = segmenter.with_lexicon(words, bonuses_of(probabilities, settings.lexicon_bonus))
    return segmenter


def _train(settings: Settings, blocks: Iterable[TextBlock], messages: Messages) -> Segmenter:
    from cnmine.segmentation.tokens import encode_text
    from cnmine.segmentation.training import train_segmenter

    return train_segmenter(
        encode_text(block.text for block in blocks),
        threads=options.count_threads(settings.threads),
        on_step=messages.step,
        on_progress=messages.advance,
    )


def _open(settings: Settings, messages: Messages) -> Segmenter | tuple[str]:
    """A segmenter; or the path of a language model."""
    from cnmine.ngrams.corpus import load_corpus
    from cnmine.ngrams.lookup import open_ngrams
    from cnmine.segmentation.storage import open_segmenter
    from cnmine.segmentation.training import train_segmenter
    from cnmine.store.container import open_store

    assert settings.model is not None
    with open_store(settings.model, verify="none") as store:
        kind = store.kind
    if kind == "segmenter":
        return open_segmenter(settings.model)
    if kind == "lm":
        return (settings.model,)
    if kind != "ngrams":
        raise StoreError(
            f"{settings.model}: is a store of kind {kind}, expected segmenter, ngrams or lm; name another file"
        )
    with open_ngrams(settings.model) as ngrams:
        corpus = load_corpus(ngrams)
    threads = options.count_threads(settings.threads)
    return train_segmenter(corpus, threads=threads, on_step=messages.step, on_progress=messages.advance)


def _published(settings: Settings, layout: Layout, path: str) -> Decoder:
    from cnmine.lm.model import open_model
    from cnmine.segmentation.published import PublishedDecoder

    if settings.save_model is not None or settings.lexicon or layout.has_alternatives:
        raise UsageError(
            f"{path}: is a language model; --save-model, --lexicon, --nbest and --sample do not apply to it"
        )
    return PublishedDecoder(open_model(path), transitions=settings.transitions)
