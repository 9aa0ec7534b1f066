"""Whether a value is of the kind that its option usually is: number, text, list, group."""

from __future__ import annotations

from typing import Any

from core.errors import UserError

LARGEST_SEED = 2**32 - 1  # numpy's
PATHS = ("root", "reference_root", "photos_root", "folder", "cache", "weights")
"""Last words of options that are places: a folder may be named 2024."""

WHOLE = (
    "seed", "images", "batch_size", "samples", "photos", "shots", "draw", "reference",
    "reference_minimum", "levels", "frozen_ws", "trained_blocks", "threads", "devices",
)  # fmt: skip
"""Last words of options that count something."""


def check(value: Any, usual: Any, key: str = "") -> None:
    """Refuse a value, or the first of its entries, that is not of the usual kind.

    Args:
        value: resolved, of what the user asked for.
        usual: of the same choices without the user's words; None says nothing about the kind.
        key: dotted name of both.
    """
    if isinstance(usual, dict):
        if not isinstance(value, dict):
            raise UserError(f"{key}={value} is refused: {key} is a group of options.")
        for name in [name for name in usual if name in value]:
            check(value[name], usual[name], f"{key}.{name}" if key else str(name))
    elif isinstance(usual, list):
        if not isinstance(value, list):
            raise UserError(f"{key}={value} must be a list, {key}=[...].")
        if key.endswith("betas") and len(value) != len(usual):
            raise UserError(f"{key}={value} must be {len(usual)} numbers.")
        example = usual[0] if usual else ""
        for index, entry in enumerate(value):
            check(entry, example, f"{key}.{index}")
    elif usual is not None:
        single(value, usual, key)


def single(value: Any, usual: Any, key: str) -> None:
    """Refuse another kind than a number, a text, or true or false."""
    last = key.split(".")[-1]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(usual, bool):
        if not isinstance(value, bool):
            raise UserError(f"{key}={value} must be true or false.")
    elif isinstance(usual, int | float):
        if not number:
            raise UserError(f"{key}={value} is no number; the usual value is {usual}.")
        if ".betas." in key and not value < 1:
            raise UserError(f"{key}={value} must be less than 1.")
        if last in WHOLE and not isinstance(value, int):
            raise UserError(f"{key}={value} must be a whole number.")
        if last == "seed" and value > LARGEST_SEED:
            raise UserError(f"{key}={value} is larger than a seed can be, {LARGEST_SEED}.")
    elif isinstance(usual, str) and not isinstance(value, str) and not (number and last in PATHS):
        raise UserError(f"{key}={value} must be a text, as {usual!r} is.")
