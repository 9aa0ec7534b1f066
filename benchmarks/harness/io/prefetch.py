"""The next results of a slow function, made in threads while the last one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


def prefetch(items: Iterable[S], work: Callable[[S], T], workers: int) -> Iterator[T]:
    """What ``work`` makes of the items, in order; the next ones are made in threads meanwhile."""
    with ThreadPoolExecutor(workers) as pool:
        waiting: list[Future[T]] = []
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > workers:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
