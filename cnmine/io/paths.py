"""What the user typed → the list of inputs: files, globs, directories, standard input."""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from cnmine.errors import CorpusError, UsageError
from cnmine.io.compression import ByteReader
from cnmine.io.encoding import find_bom

_BINARY_PROBE_BYTES = 1 << 13


@dataclass(frozen=True)
class Source:
    """One input.

    Attributes
    ----------
    name
        For messages.
    path
        Of the file; None for standard input.
    n_bytes
        On disk; None if not known, as for pipes.
    """

    name: str
    path: str | None
    n_bytes: int | None


@contextmanager
def open_source(source: Source) -> Iterator[BinaryIO]:
    """The bytes of a source as they are on disk.

    Raises
    ------
    CorpusError
        If the file cannot be opened.
    """
    if source.path is None:
        yield sys.stdin.buffer
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open(source.path, "rb"))
        except OSError as err:
            raise _cannot_open(source.name, err) from err
        yield file


def find_sources(
    paths: Sequence[str], *, recursive: bool = False, on_notice: Callable[[str], None] = lambda text: None
) -> list[Source]:
    """List the inputs that paths stand for, in the order given; those of one directory sorted.

    Files named outright are taken as they are, even twice. Files found through a glob or in a
    directory are taken once, however many names they have; hidden files are passed over, and in
    directories binary files too.

    Parameters
    ----------
    paths
        Files, globs (for shells that do not expand them, and quoted ones), directories, "-" for standard input.
    recursive
        Whether to descend into directories; symbolic links to directories are never followed.
    on_notice
        Called with one line per file that is passed over.

    Raises
    ------
    CorpusError
        If a path does not exist or cannot be read, or a glob or directory has no file to offer.
    UsageError
        If there is no path, or "-" is named twice.
    """
    if not paths:
        raise UsageError("no input; name a file, a directory, or - for standard input")
    if sum(path == "-" for path in paths) > 1:
        raise UsageError("- (standard input) is named twice; it can be read only once")
    finder = _Finder(recursive, on_notice)
    for path in paths:
        finder.add(os.fspath(path))
    return finder.sources


class _Finder:
    def __init__(self, recursive: bool, on_notice: Callable[[str], None]) -> None:
        self.sources: list[Source] = []
        self._recursive, self._on_notice = recursive, on_notice
        self._names: dict[tuple[int, int], str] = {}

    def add(self, path: str) -> None:
        if path == "-":
            self.sources.append(Source("stdin", None, None))
        elif os.path.isdir(path):
            self._add_directory(path)
        elif not os.path.lexists(path) and glob.has_magic(path):
            self._add_glob(path)
        else:
            self._add_file(path)

    def _add_file(self, path: str) -> None:
        try:
            status = os.stat(path)
            if stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer
                with open(path, "rb"):
                    pass
        except OSError as err:
            raise _cannot_open(path, err) from err
        self._names.setdefault((status.st_dev, status.st_ino), path)
        self.sources.append(Source(path, path, status.st_size if stat.S_ISREG(status.st_mode) else None))

    def _add_found(self, path: str) -> None:
        try:
            status = os.stat(path)
        except OSError as err:
            raise _cannot_open(path, err) from err
        first = self._names.get((status.st_dev, status.st_ino))
        if first is not None:
            self._on_notice(f"{path}: passed over, the same file as {first}")
            return
        self._add_file(path)

    def _add_glob(self, pattern: str) -> None:
        found = sorted(glob.glob(pattern, recursive=self._recursive))
        files = [path for path in found if not os.path.isdir(path)]
        directories = [path for path in found if os.path.isdir(path)] if self._recursive and not files else []
        if not files and not directories:
            raise CorpusError(f"{pattern}: no file matches; check the pattern and the directory")
        for path in files:
            self._add_found(path)
        for path in directories:
            self._add_directory(path)

    def _add_directory(self, directory: str) -> None:
        n_before = len(self.sources)
        n_known = 0
        for path in self._files_in(directory):
            if _is_binary(path):
                self._on_notice(f"{path}: passed over, a binary file")
                continue
            n_known += 1
            self._add_found(path)
        if len(self.sources) == n_before and not n_known:
            advice = "name the files" if self._recursive else "--recursive searches the directories below it"
            raise CorpusError(f"{directory}: no text file in this directory; {advice}")

    def _files_in(self, directory: str) -> Iterator[str]:
        def fail(err: OSError) -> None:
            raise _cannot_open(str(err.filename), err) from err

        for root, directories, names in os.walk(directory, onerror=fail):
            directories[:] = sorted(name for name in directories if not name.startswith("."))
            for name in sorted(names):
                path = os.path.join(root, name)
                # Neither pipes and devices nor links that lead nowhere.
                if not name.startswith(".") and os.path.isfile(path):
                    yield path
            if not self._recursive:
                return


def _is_binary(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            head = ByteReader(file, path).read(_BINARY_PROBE_BYTES)
    except OSError as err:
        raise _cannot_open(path, err) from err
    return b"\0" in head and not find_bom(head)[0].startswith("utf-16")


def _cannot_open(name: str, err: OSError) -> CorpusError:
    if isinstance(err, FileNotFoundError):
        return CorpusError(f"{name}: no such file; check the spelling and the working directory")
    if isinstance(err, PermissionError):
        return CorpusError(f"{name}: no permission to read it; check its owner and mode")
    return CorpusError(f"{name}: cannot be opened: {err.strerror or err}")
