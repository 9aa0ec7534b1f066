"""The frame of every command: words in, one sentence on what the user can mend, a status out."""

import re
import sys
from collections.abc import Callable, Sequence
from functools import wraps

from benchmarks.harness.io.signals import Stopped
from core import streams
from core.errors import UserError, cause
from core.streams import printable

REFUSED = 2  # exit status where words or files cannot be meant, as argparse has it
INTERRUPTED = 130  # after Ctrl-C: 128 and the number of the signal, as shells have it
UNREAD = 1  # where whoever read the output has gone, as ``head`` does
HALFWAY = "stopped; what was made so far is whole."

MEMORY = re.compile(r"MemoryError|allocate memory|out of memory|Storage size", re.IGNORECASE)

Run = Callable[[list[str]], int]
Main = Callable[..., int]


def command(*, about: str | None = None, interrupted: str = "") -> Callable[[Run], Main]:
    """Make a function of words a command, which without words is the process and ends it.
    ``about`` is printed for ``--help``; without it the function answers that itself.
    ``interrupted`` is said after Ctrl-C or another end from outside, of what was made so far.
    """

    def framed(run: Run) -> Main:
        @wraps(run)
        def main(words: Sequence[str] | None = None) -> int:
            if words is None:
                streams.show()  # to the end of the process, for a traceback as well
                sys.exit(main(sys.argv[1:]))
            if about and {"-h", "--help"} & set(words):
                print(about)
                return 0
            return status_of(lambda: run(list(words)), interrupted)

        return main

    return framed


def status_of(run: Callable[[], int], interrupted: str = "") -> int:
    """The exit status of ``run``; what a user can mend is one sentence, all else a traceback."""
    with streams.only_shown():
        return mended(run, interrupted)


def mended(run: Callable[[], int], interrupted: str) -> int:
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
    first = cause(error)
    if isinstance(first, MemoryError | RuntimeError) and MEMORY.search(repr(first)):
        return f"There is not enough memory: {str(first).splitlines()[-1] or 'for this'}."
    if type(first).__name__ == "MisconfigurationException":  # Lightning's, of devices
        return " ".join(str(first).split())
    libraries = {cls.__module__.split(".")[0] for cls in type(error).__mro__}
    if not libraries & {"hydra", "omegaconf"}:
        return ""
    from benchmarks.harness.config import complaints  # by now Hydra is imported

    return complaints.sentence(error)


def complain(sentence: str) -> None:
    """Say on the standard error what the user can mend."""
    print(f"styleshift: {printable(sentence)}", file=sys.stderr)
