"""Folders that one process at a time works in, and that are not left behind empty."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from filelock import FileLock, Timeout

from core import atomic
from core.errors import UserError

LOCK = ".lock"  # in the folder that is worked in; gone when the work ends


class Busy(UserError):
    """Another process works in this folder."""

    status = 75  # with which a command ends then, EX_TEMPFAIL of sysexits.h: to be tried again


def writable(folder: Path) -> None:
    """Raise a `UserError` early where results cannot be written; no folder is made for it."""
    for attempt in reversed(range(atomic.ATTEMPTS)):
        there = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        try:
            TemporaryFile(dir=there).close()
            return
        except OSError as error:
            if attempt and isinstance(error, FileNotFoundError):  # it was another's, and empty
                continue
            raise UserError(f"Results cannot be written to {folder}: {error.strerror}.") from error


def absent(folder: Path) -> list[Path]:
    """Which of a folder and those that it lies in are not there, the innermost first."""
    return [path for path in (folder, *folder.parents) if not os.path.exists(path)]


def remove_empty(folders: list[Path]) -> None:
    for path in folders:
        with suppress(OSError):
            path.rmdir()


@contextmanager
def alone(folder: Path, work: str = "run") -> Iterator[None]:
    """Work in a folder as the only process; the lock ends with the process, however it ends.
    A folder that was made for this, and in which nothing came to lie, is not left; nor are files
    that a killed process had only begun to write. Where another process is at it, it is `Busy`.
    """
    writable(folder)
    new = absent(folder)
    lock = FileLock(folder / LOCK)

    def take() -> None:
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            if not os.path.exists(lock.lock_file):  # who held it has just ended
                raise FileNotFoundError from error
            raise

    try:
        try:
            atomic.make_folder(folder, take)
        except (Timeout, FileNotFoundError) as error:
            name = folder.name.lstrip(".")
            raise Busy(f"{name} is being {work} by another process already.") from error
        except (OSError, NotImplementedError) as error:  # a file system without locks
            if not os.path.isdir(folder):
                raise UserError(f"Results cannot be written to {folder}: {error}.") from error
        else:
            for part in folder.rglob(f"*{atomic.PART}"):
                part.unlink(missing_ok=True)
        yield
    finally:
        if lock.is_locked:
            # Before the release: who opened the file meanwhile must see that it lost its name,
            # and not hold a lock beside one on a new file. Windows takes it away at the release.
            with suppress(OSError):
                (folder / LOCK).unlink()
            lock.release()
        remove_empty(new)
