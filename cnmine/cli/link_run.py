"""``cnmine link run``: texts in, texts with linked mentions out."""

from __future__ import annotations

import click

from cnmine.cli import EXIT_INPUT, options
from cnmine.cli.command import Command
from cnmine.cli.messages import Messages, kernel_notice

MENTIONS = ("auto", "cover", "line")
FIRST_KERNELS = ("linking/_mention_kernels.py", "linking/_line_kernels.py")  # for mentions in texts, and for lines


@click.command("run", cls=Command, short_help="Link the mentions in texts.")
@click.argument("kb", type=click.Path())
@options.sources
@click.option("-m", "--model", type=click.Path(), help="From link train; without one, rules decide.")
@click.option(
    "--input",
    "input_format",
    type=click.Choice(["auto", "text", "jsonl"]),
    default="auto",
    help="A text a line, or JSON Lines with text and text_id; auto looks at the first line.",
)
@click.option(
    "--mentions",
    type=click.Choice(MENTIONS),
    default="auto",
    help="auto finds them; cover takes the names that cover most of the text, for comparison; line takes every text as "
    "one mention.",
)
@click.option(
    "--overlap",
    type=click.Choice(["none", "nested"]),
    default="none",
    help="Whether mentions may lie inside of mentions.",
)
@click.option("--candidates", type=click.IntRange(min=0), default=0, help="How many each mention lists with scores.")
@click.option("--nil", type=click.Choice(["keep", "drop"]), default="keep", help="What becomes of mentions of NIL.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    show_default="what was best in training",
    help="Least score: what has a lower one is left out, with --mentions line it is NIL.",
)
@click.option("--ccks", is_flag=True, help="Offsets as strings and no scores, as CCKS and DuEL have it.")
@click.option("--strict", is_flag=True, help="Stop at the first line that cannot be read.")
@options.encoding
@options.bad_bytes
@click.option(
    "-j",
    "-t",
    "--threads",
    type=click.IntRange(min=1),
    show_default="all processors",
    help="Worker threads; the result does not depend on it.",
)
@options.output
@options.quiet
@click.pass_context
def command(
    ctx: click.Context,
    *,
    kb: str,
    sources: tuple[str, ...],
    model: str | None,
    input_format: str,
    mentions: str,
    overlap: str,
    candidates: int,
    nil: str,
    threshold: float | None,
    ccks: bool,
    strict: bool,
    encoding: str,
    bad_bytes: str,
    threads: int | None,
    output: str,
    quiet: bool,
) -> None:
    """Find the mentions of entities in texts and link each to its entity in KB, or to NIL.

    SOURCE is text, one a line, or JSON Lines; what it says of mentions is not looked at. Output is JSON Lines of
    CCKS: text_id, text, and mention_data with mention, offset in characters, kb_id, score and, if asked for,
    candidates. With a model scores are probabilities. Without one, names of two characters or more between word
    boundaries are mentions unless they are frequent words, expect F1 of .60 to .67 for mentions, and scores are not
    calibrated.

    Cost: one pass, some million characters a second and thread; KB is mapped, not loaded. What entity a mention means
    depends on 64 characters on each side.

    \b
    Examples:
      cnmine link run sample.kb -m sample.linker data/linking/sample_test.jsonl -o linked.jsonl
      echo 苹果今天发布了新手机 | cnmine link run sample.kb --candidates 3
    """
    from cnmine.io.output import open_output
    from cnmine.linking.kb import open_kb
    from cnmine.linking.linker import Linker
    from cnmine.linking.model_file import open_linker
    from cnmine.linking.records import read_records

    n_bad = 0

    def count_bad(n: int) -> None:
        nonlocal n_bad
        n_bad += n

    with Messages(quiet=quiet) as messages, open_kb(kb) as opened:
        if notice := kernel_notice(FIRST_KERNELS[mentions == "line"]):
            messages.notice(notice)
        linker = Linker(opened, open_linker(model) if model else None)
        found = options.open_sources(sources, recursive=False, output=output, on_notice=messages.notice)
        options.refuse_overwriting(output, [kb, *([model] if model else [])])
        records = read_records(
            found,
            input_format=input_format,
            labels="ignored",
            strict=strict,
            encoding=encoding,
            bad_bytes=bad_bytes,
            on_notice=messages.notice,
            on_bad=count_bad,
        )
        linked = linker.link_to_json(
            records,
            threads=options.count_threads(threads),
            mentions=mentions,
            overlap=overlap,
            n_candidates=candidates,
            threshold=threshold,
            keep_nil=nil == "keep",
            ccks=ccks,
        )
        with open_output(output) as file:
            for lines in linked:
                file.write(lines)
    if n_bad:
        ctx.exit(EXIT_INPUT)
