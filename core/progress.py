"""Progress that a person can read: a live bar on a terminal, a line now and then in a log."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, Progress, TimeRemainingColumn
from rich.segment import Segment

from core.streams import shown

SECONDS_BETWEEN_LINES = 20.0  # in a log, which nobody watches


class ShownConsole(Console):
    """A console that sends a terminal its own control characters, and shows those of texts."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterator[Segment]:
        for segment in super().render(renderable, options):
            text = segment.text if segment.control else shown(segment.text)
            yield Segment(text, segment.style, segment.control)

    @property
    def file(self) -> IO[str]:
        """The stream itself, below what else may look at what is printed."""
        file = super().file
        while hasattr(file, "rich_proxied_file"):
            file = file.rich_proxied_file
        return file

    @file.setter
    def file(self, new: IO[str]) -> None:
        self._file = new


console = ShownConsole(stderr=True)


class Bar:
    """A running count out of ``total`` with a rate and some named numbers."""

    def __init__(self, title: str, total: int, unit: str, progress: Progress) -> None:
        self.title, self.total, self.unit, self.progress = title, total, unit, progress
        self.task = progress.add_task(title, total=total, state="")
        self.started = self.printed = time.monotonic()
        self.first = 0

    def start_at(self, done: int) -> None:
        """Count from ``done``: a resumed run did not do the rest at this speed."""
        self.first = done
        self.progress.update(self.task, completed=done)

    def grow(self, done: int, total: int, title: str = "") -> None:
        """Update a count whose total, or what is counted, is known or changes only now."""
        self.total = total
        self.progress.update(self.task, total=total, description=title or self.title)
        self.update(done)

    def update(self, done: int, **numbers: float) -> None:
        now = time.monotonic()
        rate = (done - self.first) / max(now - self.started, 1e-9)
        parts = [f"{done:,}/{self.total:,} {self.unit}", f"{rate:.1f}/s"]
        parts += [f"{name} {value:.3g}" for name, value in numbers.items()]
        state = "  ".join(parts)
        self.progress.update(self.task, completed=done, state=state)
        if not console.is_terminal and now - self.printed > SECONDS_BETWEEN_LINES:
            left = (self.total - done) / max(rate, 1e-9)
            console.print(f"{self.title}: {state}  {left:.0f} s left", highlight=False)
            self.printed = now


@contextmanager
def bar(title: str, total: int, unit: str) -> Iterator[Bar]:
    """A bar that lives as long as the block."""
    texts = "{task.description}", "{task.fields[state]}"
    columns = texts[0], BarColumn(bar_width=24), texts[1], TimeRemainingColumn(compact=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Bar(title, total, unit, progress)
