"""What the words on the command line of a run changed: the method, or the task that it was set."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.harness.records.recipe import PLACES

SCHEDULE = ("images", "batch_size", "seed", "xflip")  # of the data: what belongs to the training
IDLE = {("data", "cache"), ("eval", "batch_size"), ("eval", "keep"), ("eval", "tolerance")}
"""What changes no number."""


def key_of(word: str) -> tuple[str, str]:
    """Group and name of what an override sets."""
    group, _, name = word.lstrip("+~").partition("=")[0].partition(".")
    return group, name


def of_method(words: Iterable[str]) -> tuple[str, ...]:
    """The overrides of the method, of its training or of the layers that are swapped."""
    return tuple(word for word in sorted(words) if is_of_method(word))


def of_task(words: Iterable[str], *, published: bool) -> tuple[str, ...]:
    """The overrides of the data, the source or the evaluation that change a number.

    Where a published set lies says nothing, for its checksums are in the protocol.
    """
    idle = IDLE | ({("data", place) for place in PLACES} if published else set())
    return tuple(w for w in sorted(words) if not is_of_method(w) and key_of(w) not in idle)


def is_of_method(word: str) -> bool:
    group, name = key_of(word)
    return group in ("method", "swap") or (group == "data" and name in SCHEDULE)


def is_swap(word: str) -> bool:
    """Whether an override is about layer swap."""
    return key_of(word)[0] == "swap"
