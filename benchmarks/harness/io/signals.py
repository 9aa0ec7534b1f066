"""SIGINT and SIGTERM: a run ends at the next safe moment; a second Ctrl-C ends it at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

CAUGHT = (signal.SIGINT, signal.SIGTERM)
ANEW = "; the same command goes on with what is there"


class Stopped(BaseException):
    """Somebody wants the process to end; no ``except Exception`` may swallow that.
    ``where`` says what the run had reached, and how to go on; ``status`` is that with which the
    process exits, as a shell counts.
    """

    def __init__(self, number: int, where: str) -> None:
        super().__init__(number, where)  # what is needed to make it again in another process
        self.number, self.where, self.status = number, where, 128 + number

    def __str__(self) -> str:
        return f"Stopped by {signal.Signals(self.number).name}{self.where}."


class Signals:
    """While it is entered, a signal raises :class:`Stopped`, or waits where it is held.
    Batch systems may send SIGTERM more than once, so only a second SIGINT ends the process without
    any further step.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.holding = False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> Signals:
        self.before = {number: signal.signal(number, self.handle) for number in CAUGHT}
        return self

    def __exit__(self, *raised: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def handle(self, number: int, frame: FrameType | None) -> None:
        """First: remember it, and raise it unless held. A second Ctrl-C: out."""
        if self.asked and number == signal.SIGINT:
            if sys.stderr.isatty():
                os.write(2, b"\x1b[?25h\n")  # a live bar hides the cursor
            os._exit(128 + number)
        first, self.asked = not self.asked, self.asked or number
        if first and not self.holding:
            raise Stopped(number, ANEW)

    def alone(self) -> None:
        """Take SIGTERM back from Lightning, which asks the other processes within the handler.
        They may be in the middle of a step, and both sides would wait for ever.
        """
        if self.before:
            signal.signal(signal.SIGTERM, self.handle)

    @contextmanager
    def held(self) -> Iterator[None]:
        """A block that looks at :attr:`asked` itself, at moments of its own choice."""
        self.holding = True
        try:
            yield
        finally:
            self.holding = False
        self.check(ANEW)

    def check(self, where: str) -> None:
        """Raise what was asked for meanwhile; ``where`` goes on the sentence."""
        if self.asked:
            raise Stopped(self.asked, where)
