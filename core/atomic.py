"""Files that are whole or not there: the one way in which this project writes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

PART = ".part"  # how the name of an unfinished file ends, here and in .gitignore
ATTEMPTS = 100  # at a folder that other processes may take away, each at any moment


def write(path: Path, data: bytes) -> None:
    """Write a file at once; see :func:`writing`."""
    with writing(path) as file:
        file.write(data)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes its place when the block ends well, and goes if not: a kill
    or a loss of power at any moment leaves the old file or the new one, never half of one. Raises
    `OSError` where it cannot be written.
    """
    make_folder(path.parent)
    part = path.with_name(f"{path.name}.{os.getpid()}{PART}")  # two writers do not share one
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # before the rename: else a loss of power may leave it empty
        place(part, path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def make_folder(path: Path, enter: Callable[[], Any] = lambda: None) -> None:
    """Make a folder and ``enter`` it, where other processes may take away empty ones meanwhile."""
    for attempt in reversed(range(ATTEMPTS)):
        try:
            path.mkdir(parents=True, exist_ok=True)
            enter()
            return
        except (FileNotFoundError, FileExistsError):
            if not attempt:
                raise


def place(part: Path, path: Path) -> None:
    """Move a finished file or folder to its place, and take its name down to the disk."""
    part.replace(path)
    with suppress(OSError):  # not every file system can
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def reserve(file: BinaryIO, size: int) -> None:
    """Take a file's room on the disk now: a disk that fills up under a mapped file is a SIGBUS."""
    if hasattr(os, "posix_fallocate"):  # neither macOS nor Windows has it
        os.posix_fallocate(file.fileno(), 0, max(size, 1))
