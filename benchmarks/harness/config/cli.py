"""The frame of every command: words in, one sentence on what the user can mend, a status out."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import NoReturn, overload

from benchmarks.harness.io.signals import Stopped
from core.errors import UserError

REFUSED = 2
"""Exit status of a command whose words or files cannot be meant, as argparse has it."""
INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the number of the signal, as shells have it."""
UNREAD = 1
"""Exit status where whoever read the output has gone, as ``head`` does."""
HALFWAY = "stopped; what was made so far is whole."
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Command:
    """A command: called with words it returns its exit status, called without it is the process.

    Args:
        run: takes the words of the command line and returns the exit status.
        about: printed for ``--help``; empty where ``run`` answers that itself.
        interrupted: what is said after Ctrl-C or another end from outside, of what was made so far.
    """

    def __init__(self, run: Callable[[list[str]], int], about: str, interrupted: str) -> None:
        wraps(run)(self)
        self.run, self.about, self.interrupted = run, about, interrupted

    @overload
    def __call__(self) -> NoReturn: ...

    @overload
    def __call__(self, words: Sequence[str]) -> int: ...

    def __call__(self, words: Sequence[str] | None = None) -> int:
        if words is None:
            sys.exit(self(sys.argv[1:]))
        if self.about and {"-h", "--help"} & set(words):
            print(self.about)
            return 0
        return status_of(lambda: self.run(list(words)), self.interrupted)


def command(
    *, about: str | None = None, interrupted: str = ""
) -> Callable[[Callable[[list[str]], int]], Command]:
    """Make a function of words a command; see :class:`Command`."""
    return lambda run: Command(run, about or "", interrupted)


def status_of(run: Callable[[], int], interrupted: str = "") -> int:
    """The exit status of ``run``; whatever a user can mend is said in one sentence.

    Anything else is a fault of this project, and leaves its traceback.
    """
    try:
        return run()
    except KeyboardInterrupt:
        complain(interrupted or HALFWAY)
        return INTERRUPTED
    except Stopped as stop:
        complain(interrupted or str(stop))
        return stop.status
    except BrokenPipeError:
        sys.stderr.close()  # Python would report that it could not flush the output
        return UNREAD
    except Exception as error:
        sentence = mendable(error)
        if not sentence:
            raise
        complain(sentence)
        return getattr(error, "status", REFUSED)


def mendable(error: BaseException) -> str:
    """What a user can do about an error, in one sentence; empty where she can do nothing."""
    if isinstance(error, UserError):
        return str(error)
    libraries = {cls.__module__.split(".")[0] for cls in type(error).__mro__}
    if not libraries & {"hydra", "omegaconf"}:
        return ""
    from benchmarks.harness.config import complaints  # by now Hydra is imported

    return complaints.sentence(error)


def complain(sentence: str) -> None:
    """Say on the standard error what the user can mend."""
    print(f"styleshift: {printable(sentence)}", file=sys.stderr)


def printable(text: str) -> str:
    """One line that a terminal only shows, whatever a file is named."""
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", " ".join(text.split("\n")))
