"""The frame of every command: words in, one sentence on what the user can mend, a status out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import NoReturn, overload

from benchmarks.harness.config.validation import printable
from core.errors import UserError

REFUSED = 2
"""Exit status of a command whose words or files cannot be meant, as argparse has it."""
INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the number of the signal, as shells have it."""


class Command:
    """A command: called with words it returns its exit status, called without it is the process.

    Args:
        run: takes the words of the command line and returns the exit status.
        interrupted: what is said after Ctrl-C, of what was made so far.
    """

    def __init__(self, run: Callable[[list[str]], int], interrupted: str) -> None:
        wraps(run)(self)
        self.run, self.interrupted = run, interrupted

    @overload
    def __call__(self) -> NoReturn: ...

    @overload
    def __call__(self, words: Sequence[str]) -> int: ...

    def __call__(self, words: Sequence[str] | None = None) -> int:
        """The exit status of ``words``; of the process's own words, the process ends with it."""
        if words is None:
            sys.exit(self(sys.argv[1:]))
        try:
            return self.run(list(words))
        except KeyboardInterrupt:
            complain(self.interrupted)
            return INTERRUPTED
        except UserError as error:
            complain(str(error))
            return REFUSED


def command(
    *, interrupted: str = "stopped; what was made so far is whole."
) -> Callable[[Callable[[list[str]], int]], Command]:
    """Make a function of words a command; see :class:`Command`."""
    return lambda run: Command(run, interrupted)


def complain(sentence: str) -> None:
    """Say on the standard error what the user can mend."""
    print(f"styleshift: {printable(sentence)}", file=sys.stderr)
