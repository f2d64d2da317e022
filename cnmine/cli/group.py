"""The command ``cnmine`` itself: its subcommands, loaded when they are asked for."""

from __future__ import annotations

import click

from cnmine import __version__
from cnmine.cli.command import LazyGroup

# In working order. A module imports nothing heavy: its callback does.
COMMANDS = {
    "newwords": "cnmine.cli.newwords",
    "count": "cnmine.cli.count",
    "merge": "cnmine.cli.merge",
    "lookup": "cnmine.cli.lookup",
    "ngrams": "cnmine.cli.ngrams",
    "lm": "cnmine.cli.lm",
    "segment": "cnmine.cli.segment",
    "kb": "cnmine.cli.kb",
    "link": "cnmine.cli.link",
    "evaluate": "cnmine.cli.evaluate",
    "info": "cnmine.cli.info",
}
CONTEXT = {"help_option_names": ["-h", "--help"], "show_default": True, "max_content_width": 100}


@click.group(cls=LazyGroup, modules=COMMANDS, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="cnmine", message="%(prog)s %(version)s")
def group() -> None:
    """Text mining for Chinese: new words, n-gram counts, language models, segmentation, entity linking.

    Results go to standard output, everything else to standard error. Exit codes: 0 done, 2 usage, 3 input,
    4 store, 5 resources, 130 Ctrl-C.

    Every option can be set by an environment variable, CNMINE_<COMMAND>_<OPTION>:
    CNMINE_NEWWORDS_MIN_COUNT=10. CNMINE_DEBUG=1 shows the traceback of a failure.

    \b
    Examples:
      cnmine newwords corpus.txt
      cat *.txt | cnmine newwords - --format jieba > userdict.txt

    \b
    Completion, in the start file of the shell:
      bash  eval "$(_CNMINE_COMPLETE=bash_source cnmine)"
      zsh   eval "$(_CNMINE_COMPLETE=zsh_source cnmine)"
      fish  _CNMINE_COMPLETE=fish_source cnmine | source
    """
