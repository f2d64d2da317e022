"""One writer at a time for a file, between processes and threads."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from cnmine.errors import ResourceError, StoreError, UsageError

_BUSY = {errno.EAGAIN, errno.EACCES, errno.EWOULDBLOCK, getattr(errno, "EDEADLOCK", errno.EAGAIN)}
_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_CONTENT = re.compile(rb"(\d{1,18}\n)?")  # the number of the process that holds the lock
_LOCKED_BYTE = 1 << 30  # on Windows, where others cannot read what is locked


@contextmanager
def exclusive_lock(target: str, name: str) -> Iterator[bool]:
    """Hold ``<target>.lock`` while the block runs; the system lets go of it when the process dies.

    Parameters
    ----------
    target
        The file to be written.
    name
        What the user calls it.

    Yields
    ------
    Whether there is a lock: some network file systems have none.

    Raises
    ------
    StoreError
        At once, if another writer holds it.
    UsageError, ResourceError
        If the directory takes no file, or the lock file is something else.
    """
    path = f"{target}.lock"
    descriptor, is_locked = _acquire(path, name)
    try:
        with contextlib.suppress(OSError):  # a full disk; the number is for messages only
            os.ftruncate(descriptor, 0)
            os.write(descriptor, b"%d\n" % os.getpid())
        yield is_locked
    finally:
        _release(path, descriptor)


def _acquire(path: str, name: str) -> tuple[int, bool]:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except OSError as err:
            failure = ResourceError if err.errno in _FULL else UsageError
            raise failure(f"{name}: cannot be written: {path}: {err.strerror}; choose another place") from err
        try:
            is_locked = _try_lock(descriptor)
            content = os.read(descriptor, 32)
            if not _CONTENT.fullmatch(content):
                raise UsageError(f"{name}: {path} is there and is not a lock of cnmine; choose another name")
            if is_locked is None:
                holder = f"process {int(content)}" if content else "another process"
                raise StoreError(f"{name}: {holder} is writing it; wait for its end, or choose another name")
            if _is_current(descriptor, path):
                os.lseek(descriptor, 0, os.SEEK_SET)
                return descriptor, is_locked
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool | None:
    """True with the lock, None if another has it, False if there are no locks here."""
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as err:
        return None if err.errno in _BUSY else False
    finally:
        os.lseek(descriptor, 0, os.SEEK_SET)
    return True


def _is_current(descriptor: int, path: str) -> bool:
    """Whether the file is still there: the holder before took it away, and what is gone guards nothing."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _release(path: str, descriptor: int) -> None:
    if os.name == "nt":  # an open file cannot be taken away there
        os.close(descriptor)
    with contextlib.suppress(OSError):
        os.unlink(path)
    if os.name != "nt":
        os.close(descriptor)
