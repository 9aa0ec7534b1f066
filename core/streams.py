"""What is printed: whatever a record, a name or a checkpoint holds, a terminal only shows it."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

# C0 but for tabs and ends of lines, DEL, C1; then what turns the direction of writing.
CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\r(?!\n)"
)


def shown(text: str) -> str:
    """A text whose control characters are escapes, as in Python's texts."""
    return CONTROL.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def printable(text: str) -> str:
    """The same in one line."""
    return shown(text.replace("\n", " ")).replace("\t", "\\t")


class ShownStream:
    """A stream of text that shows control characters, and escapes what its encoding cannot hold.
    Who writes control characters of its own (rich) does so to ``rich_proxied_file``.
    """

    def __init__(self, stream: TextIO) -> None:
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        self.rich_proxied_file.write(shown(text))
        return len(text)

    def writelines(self, lines: Any) -> None:
        self.write("".join(lines))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


@contextmanager
def only_shown() -> Iterator[None]:
    """A block whose output is only shown."""
    before = sys.stdout, sys.stderr
    show()
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def show() -> None:
    """Let the process from now on only show what it prints."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, ShownStream):
            setattr(sys, name, ShownStream(stream))
