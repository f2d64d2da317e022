"""``cnmine evaluate``: gold and system in, figures out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from cnmine.cli import options
from cnmine.cli.command import CommandGroup
from cnmine.errors import UsageError

TASKS = ("all", "new", "hidden-half", "published")


@click.group("evaluate", cls=CommandGroup, short_help="Measure word lists and segmentations.")
def command() -> None:
    """Measure word lists and segmentations against a gold standard.

    \b
    Example:
      cnmine evaluate newwords gold_segmented.txt words.tsv
    """


@command.command("newwords", short_help="Measure a ranked word list.")
@click.argument("gold", type=click.Path())
@click.argument("ranking", type=click.Path())
@click.option(
    "--task",
    "tasks",
    type=click.Choice(TASKS),
    multiple=True,
    default=("all", "new"),
    show_default="all, new",
    help="What to measure. Repeatable.",
)
@options.dictionary_options
@click.option("--min-count", type=click.IntRange(min=1), default=5, help="Occurrences that make a gold word relevant.")
@options.seed
@options.report_format
@options.output
def newwords(
    gold: str,
    ranking: str,
    tasks: tuple[str, ...],
    dict_paths: tuple[str, ...],
    no_dict: bool,
    min_count: int,
    seed: int,
    output_format: str,
    output: str,
) -> None:
    """Measure a ranked word list: average precision, precision at k, recall, F1, calibration.

    GOLD is a segmented text (words between blanks) or a list of words; RANKING is the output of cnmine
    newwords or any list of words, best first. Only words of two to six Han characters take part.

    \b
    Tasks:
      all          every word
      new          words of the dictionary removed from both sides
      hidden-half  the same, where half of the dictionary was hidden from the system
      published    the 50,000 best words as jieba's only dictionary, HMM off: F1 of the segmentation

    Hidden half by hand: the system sees one half of the dictionary, the words of the other half are looked for.

    \b
    Examples:
      cnmine newwords text.txt --min-score 0 --all -o words.tsv
      cnmine evaluate newwords text_segmented.txt words.tsv --format json
      cnmine evaluate hide-half --seed 1 -o visible.txt
      cnmine newwords text.txt --dict visible.txt --min-score 0 -o words.tsv
      cnmine evaluate newwords text_segmented.txt words.tsv --task hidden-half --seed 1
    """
    from cnmine.evaluation.newwords import evaluate_new_words, published_protocol
    from cnmine.evaluation.reading import read_gold, read_ranking

    options.refuse_overwriting(output, [gold, ranking])
    gold_words = read_gold(gold, min_count=min_count)
    ranked = read_ranking(ranking)
    ranking_tasks = [task for task in tasks if task != "published"]
    known = _load_known(dict_paths, no_dict) if {"new", "hidden-half"} & set(tasks) else frozenset()
    report: dict[str, Mapping] = dict(
        evaluate_new_words(ranked, gold_words, dictionary_words=known, tasks=ranking_tasks, seed=seed)
    )
    if "published" in tasks:
        if gold_words.lines is None:
            raise UsageError(f"{gold}: --task published needs a segmented text, not a list of words")
        if ranked.counts is None:
            raise UsageError(f"{ranking}: --task published needs a list with counts")
        pairs = zip(ranked.words, ranked.counts, strict=True)
        report["published"] = published_protocol(pairs, gold_words.lines).as_dict()
    _write_report({task: report[task] for task in dict.fromkeys(tasks)}, output_format, output)


@command.command("segment", short_help="Measure a segmentation.")
@click.argument("gold", type=click.Path())
@click.argument("system", type=click.Path())
@click.option(
    "--dict", "dict_paths", multiple=True, metavar="FILE", type=click.Path(), help="Training words. Repeatable."
)
@click.option(
    "--top", "top_confusions", type=click.IntRange(min=0), default=0, help="Show the commonest confusions (json)."
)
@options.report_format
@options.output
def segment(
    gold: str, system: str, dict_paths: tuple[str, ...], top_confusions: int, output_format: str, output: str
) -> None:
    """Measure a segmentation: precision, recall and F1 of words, of unseen ones, by length.

    GOLD and SYSTEM hold the same lines with blanks between the words.

    \b
    Example:
      cnmine evaluate segment gold.txt system.txt --dict training_words.txt
    """
    from cnmine.evaluation.reading import read_lines
    from cnmine.evaluation.segmentation import score_segmentation

    options.refuse_overwriting(output, [gold, system])
    training_words = _load_known(dict_paths, False) if dict_paths else None
    score = score_segmentation(read_lines(gold), read_lines(system), training_words=training_words)
    _write_report({"segmentation": score.as_dict(top_confusions=top_confusions)}, output_format, output)


@command.command("hide-half", short_help="Write half of a dictionary.")
@click.option(
    "--dict", "dict_paths", multiple=True, metavar="FILE", type=click.Path(), help="In place of jieba's. Repeatable."
)
@options.seed
@options.output
def hide_half(dict_paths: tuple[str, ...], seed: int, output: str) -> None:
    """Write the half of a dictionary that a system may see in the task hidden-half.

    Which half a word belongs to depends on the word and the seed alone.

    \b
    Example:
      cnmine evaluate hide-half --seed 1 -o visible.txt
    """
    from cnmine.evaluation.newwords import hide_half as split
    from cnmine.io.output import open_output

    options.refuse_overwriting(output, dict_paths)
    visible, _ = split(_load_known(dict_paths, False), seed)
    with open_output(output) as file:
        file.write("".join(f"{word}\n" for word in sorted(visible)).encode("utf-8"))


def _load_known(dict_paths: tuple[str, ...], no_dict: bool) -> frozenset[str]:
    from cnmine.newwords.dictionary import load_dictionary

    if dict_paths and no_dict:
        raise UsageError("--dict and --no-dict exclude each other")
    return frozenset() if no_dict else load_dictionary(dict_paths or None)


def _write_report(report: Mapping[str, Mapping[str, Any]], output_format: str, output: str) -> None:
    from cnmine.evaluation.report import format_report
    from cnmine.io.output import open_output
    from cnmine.io.rows import make_writer

    with open_output(output) as file:
        if output_format == "json":
            file.write((json.dumps(report, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))
            return
        header, *rows = format_report(report)
        make_writer(file, "table", [(name, None) for name in header]).write(rows)
