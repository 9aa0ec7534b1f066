"""Files that are whole or not there, and folders that one process at a time works in."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import UserError


class Busy(UserError):
    """Another process works in this folder.

    Attributes:
        status: with which a command ends then, EX_TEMPFAIL of sysexits.h: to be tried again.
    """

    status = 75


def put(path: Path, data: bytes) -> None:
    """Write a file at once: beside, down to the disk, then moved into place.

    A kill or a loss of power at any moment leaves the old file or the new one, never half of one.

    Raises:
        OSError: where it cannot be written; what was there is still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    settle(path.parent)


def settle(folder: Path) -> None:
    """Take the names in a folder down to the disk, where its file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def writable(folder: Path) -> None:
    """Refuse early where results cannot be written; a folder that was not there is not left."""
    new = absent(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe.part"
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

    A folder that was made for this, and in which nothing came to lie, is not left.

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
        yield
    finally:
        os.close(descriptor)
        emptied(new)
