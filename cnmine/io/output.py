"""A path or "-" → a binary file to write to, which appears complete or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from cnmine.errors import CnmineError, CorpusError, ResourceError, UsageError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if hasattr(errno, "EDQUOT") else {errno.ENOSPC, errno.EFBIG}
_NO_RESERVATION = {errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL}


class OutputFile:
    """A binary file whose write errors name it.

    ``BrokenPipeError`` passes unchanged: the reader has seen enough, which is no failure.
    Errors other than a full device are of the type ``failure``.
    """

    def __init__(self, file: BinaryIO, name: str, failure: type[CnmineError] = CorpusError) -> None:
        self.name = name
        self._file = file
        self._failure = failure

    def write(self, data: bytes) -> int:
        """Write all of ``data``.

        Raises
        ------
        ResourceError
            If the device or the quota is full.
        CorpusError
            If the system refuses for another reason.
        """
        with self.named_errors():
            view = memoryview(data)
            while len(view):
                view = view[self._file.write(view) :]
        return len(data)

    def flush(self) -> None:
        """Hand everything to the operating system."""
        with self.named_errors():
            self._file.flush()

    def sync(self) -> None:
        """Flush, and wait until the data is on the disk."""
        self.flush()
        with self.named_errors():
            os.fsync(self._file.fileno())

    def fileno(self) -> int:
        """Descriptor of the open file."""
        return self._file.fileno()

    @contextmanager
    def named_errors(self) -> Iterator[None]:
        """Turn errors of the system in the block into those of `write`."""
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as err:
            raise _write_error(self.name, err, self._failure) from err


@contextmanager
def open_output(path: str) -> Iterator[OutputFile]:
    """Open a file for results.

    A regular file is written beside its place as ``<name>.partial-<random>`` and renamed when the block
    ends without an exception; otherwise nothing is left and an older file of that name is untouched.
    Pipes and devices are written to directly.

    Parameters
    ----------
    path
        "-" is standard output.

    Raises
    ------
    UsageError
        At entry, if the place cannot take a file.
    ResourceError
        If the disk fills up, also when that shows only at the end.
    CorpusError
        If writing fails for another reason.
    """
    path = os.fspath(path)
    if path == "-":
        with _standard_output() as output:
            yield output
    elif os.path.exists(path) and not os.path.isdir(path) and not os.path.isfile(path):
        with _opened(path, path, os.O_WRONLY) as output:
            yield output
            output.flush()
    else:
        with open_replacement(path) as output:
            yield output


@contextmanager
def _standard_output() -> Iterator[OutputFile]:
    sys.stdout.flush()
    output = OutputFile(sys.stdout.buffer, "standard output")
    try:
        yield output
        output.flush()
    except CnmineError as err:
        if isinstance(err.__cause__, OSError):
            _drop_standard_output()
        raise


def _drop_standard_output() -> None:
    """Send what is still buffered nowhere, or the interpreter fails on it once more at exit."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


@contextmanager
def open_replacement(path: str, failure: type[CnmineError] = CorpusError) -> Iterator[OutputFile]:
    """Open a regular file as `open_output` does; ``failure`` is raised where that raises CorpusError."""
    target = resolve_target(path)
    directory = os.path.dirname(target)
    partial = f"{target}.partial-{secrets.token_hex(4)}"
    try:
        with _opened(partial, path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, failure) as output:
            yield output
            output.sync()
        if os.path.exists(target):
            with contextlib.suppress(OSError):
                os.chmod(partial, stat.S_IMODE(os.stat(target).st_mode))
        try:
            os.replace(partial, target)
            _sync_directory(directory)
        except OSError as err:
            raise _write_error(path, err, failure) from err
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise


def resolve_target(path: str) -> str:
    """The file that ``path`` names, behind symbolic links, which stay as they are.

    Raises
    ------
    UsageError
        If that place cannot take a file.
    """
    target = os.path.realpath(path)
    directory = os.path.dirname(target)
    if path.endswith(("/", os.sep)) or os.path.isdir(target):
        raise UsageError(f"{path}: is a directory; name a file in it")
    if not os.path.isdir(directory):
        raise UsageError(f"{path}: the directory {directory} does not exist; create it first")
    if os.path.exists(target) and not os.access(target, os.W_OK):
        raise UsageError(f"{path}: is write-protected; choose another name or change its mode")
    return target


@contextmanager
def _opened(path: str, name: str, flags: int, failure: type[CnmineError] = CorpusError) -> Iterator[OutputFile]:
    try:
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as err:
        if err.errno in _FULL:
            raise _write_error(name, err, failure) from err
        raise UsageError(f"{name}: cannot be written: {err.strerror}; choose another place") from err
    file = open(descriptor, "wb", buffering=1 << 16)  # noqa: SIM115  (closed below, where its errors get a name)
    try:
        yield OutputFile(file, name, failure)
    except BaseException:
        with contextlib.suppress(OSError):
            file.close()
        raise
    try:
        file.close()
    except BrokenPipeError:
        raise
    except OSError as err:
        raise _write_error(name, err, failure) from err


def _sync_directory(directory: str) -> None:
    """Make the new name itself durable, where the system lets a directory be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as err:
        if err.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def _write_error(name: str, err: OSError, failure: type[CnmineError]) -> CnmineError:
    if err.errno in _FULL:
        reason = "no space left on device" if err.errno == errno.ENOSPC else (err.strerror or "full").lower()
        return ResourceError(f"{name}: {reason}; make room or choose another place with --output")
    return failure(f"{name}: cannot be written: {err.strerror or err}; check the device or choose another place")


def reserve(descriptor: int, n_bytes: int) -> bool:
    """Take room on the disk at once: too small a disk shows before anything is written. False if the system cannot."""
    if not hasattr(os, "posix_fallocate"):
        return False
    try:
        os.posix_fallocate(descriptor, 0, n_bytes)
    except OSError as err:
        if err.errno not in _NO_RESERVATION:
            raise
        return False
    return True
