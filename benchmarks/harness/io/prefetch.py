"""The next results of a slow function, made in threads while the last one is used."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")


def prefetch(items: Iterable[S], work: Callable[[S], T], workers: int) -> Iterator[T]:
    """What ``work`` makes of the items, in order; the next ones are made in threads meanwhile."""
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > workers:  # no further ahead: memory is bounded
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
