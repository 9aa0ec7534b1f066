"""Who runs what: a claim is a locked file that ends with the process that works under it.

The lock goes to that process by inheritance. A sweep that is killed therefore leaves the claims of
the cells that are still under way, and another sweep passes them over; nothing has to be cleared.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from benchmarks.harness.io.locks import Busy, alone
from core.errors import UserError

NAME = ".claim"


class Claim:
    """The right to run the cells of one training.

    Args:
        training: its folder.

    Raises:
        Busy: somebody else has it.
        UserError: the folder cannot be written to.
    """

    def __init__(self, training: Path) -> None:
        try:
            training.mkdir(parents=True, exist_ok=True)
            self.descriptor = os.open(training / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise UserError(f"{training} cannot be written to: {error.strerror}.") from error
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise Busy(f"{training.name} is being run by another sweep already.") from error
        except OSError:
            pass  # a file system without locks: as careful as it can be

    def release(self) -> None:
        """Close this process's end; the lock lives on in a process that inherited it."""
        os.close(self.descriptor)


def busy(*folders: Path) -> bool:
    """Whether a run that no sweep started works in one of the folders."""
    for folder in folders:
        try:
            with alone(folder):
                pass
        except Busy:
            return True
    return False
