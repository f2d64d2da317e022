"""Failures that a user can cause or mend, each with the exit code of the command line."""


class CnmineError(Exception):
    """Root of everything that cnmine raises on purpose.

    The message says what went wrong, where, and what to do about it, on one line.
    """

    exit_code = 1


class UsageError(CnmineError, ValueError):
    """The caller asked for something impossible."""

    exit_code = 2


class CorpusError(CnmineError):
    """Text is missing, unreadable or malformed; the message names the file and the byte offset or line."""

    exit_code = 3


class StoreError(CnmineError):
    """A store is missing, foreign, old, incomplete or damaged; the message says what was expected."""

    exit_code = 4


class ResourceError(CnmineError):
    """Memory budget or disk too small; the message says the size needed and the option to raise."""

    exit_code = 5
