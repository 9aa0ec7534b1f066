"""Folders that one process at a time works in, and that are not left behind empty."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core import atomic
from core.errors import UserError


class Busy(UserError):
    """Another process works in this folder."""


def writable(folder: Path) -> None:
    """Refuse early where results cannot be written; a folder that was not there is not left."""
    new = absent(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe{atomic.PART}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"Results cannot be written to {folder}: {error.strerror}.") from error
    finally:
        emptied(new)


def absent(folder: Path) -> list[Path]:
    """Which of a folder and those that it lies in are not there, the innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def emptied(folders: list[Path]) -> None:
    """Take away those of these folders in which nothing lies."""
    for path in folders:
        with suppress(OSError):
            path.rmdir()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Work in a folder as the only process; the lock ends with the process, however it ends.

    A folder that was made for this, and in which nothing came to lie, is not left; nor are files
    that a killed process had only begun to write.

    Raises:
        Busy: another process is at it.
    """
    writable(folder)
    new = absent(folder)
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"{folder.name} is being run by another process already.") from error
        except OSError:
            pass  # a file system without locks: as careful as it can be
        else:
            for left in folder.rglob(f"*{atomic.PART}"):  # of a process that was killed
                left.unlink(missing_ok=True)
        yield
    finally:
        os.close(descriptor)
        emptied(new)
