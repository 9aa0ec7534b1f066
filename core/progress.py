"""What a person is told while a method makes something ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress

SECONDS_BETWEEN_LINES = 20.0
console = Console(stderr=True)


@contextmanager
def told(title: str, total: int) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, a line now and then in a log; call it with (done, total)."""
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task, spoken = bar.add_task(title, total=total), time.monotonic()

        def progress(done: int, of: int) -> None:
            nonlocal spoken
            bar.update(task, completed=done, total=of)
            now = time.monotonic()
            if not console.is_terminal and now - spoken > SECONDS_BETWEEN_LINES:
                console.print(f"{title}: {done:,}/{of:,}", highlight=False)
                spoken = now

        yield progress
