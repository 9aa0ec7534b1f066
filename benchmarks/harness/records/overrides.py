"""What the words on the command line of a run changed: the method, or the task that it was set."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.harness.records.recipe import PLACES

SCHEDULE = ("images", "batch_size", "seed", "xflip")
"""Of the data: what belongs to the training."""
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

    Args:
        words: all overrides.
        published: the data are a published set: where it lies says nothing, for its checksums are
            in the protocol.
    """
    others = [word for word in sorted(words) if not is_of_method(word) and key_of(word) not in IDLE]
    return tuple(word for word in others if not (published and is_place(word)))


def is_of_method(word: str) -> bool:
    """Whether an override is of the method, of its training or of layer swap."""
    group, name = key_of(word)
    return group in ("method", "swap") or (group == "data" and name in SCHEDULE)


def is_place(word: str) -> bool:
    """Whether an override only says where pictures lie."""
    group, name = key_of(word)
    return group == "data" and name in PLACES


def is_swap(word: str) -> bool:
    """Whether an override is about layer swap."""
    return key_of(word)[0] == "swap"
