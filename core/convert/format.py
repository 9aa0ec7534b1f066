"""What a foreign format is made of, and how an architecture is read off its shapes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch

from core.errors import UserError
from core.networks.discriminator import Discriminator
from core.networks.dualstylegan import DualStyleGAN
from core.networks.encoders.ir_se import IRSE50
from core.networks.encoders.psp import PyramidEncoder
from core.networks.generator import Generator, resolutions

Shapes = Mapping[str, tuple[int, ...]]
Table = dict[str, str]  # foreign name to ours
Network = Generator | Discriminator | PyramidEncoder | IRSE50 | DualStyleGAN
LARGEST = 1024  # number in a name: the resolution of the largest published network


class CheckpointError(UserError):
    """A checkpoint that is not what it should be; the message names the entry."""


def unchanged(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The foreign shape of an entry that has ours."""
    return shape


def own_names(network: type[Network]) -> Callable[[dict[str, Any]], Table]:
    """The table of a format whose names are ours."""

    def names(config: dict[str, Any]) -> Table:
        with torch.device("meta"):
            return {name: name for name in network(**config).state_dict()}

    return names


def no_filters(config: dict[str, Any]) -> dict[str, float]:
    return {}


def never(name: str) -> bool:
    """No entry may be absent."""
    return False


class Format(NamedTuple):
    """How one foreign state dict relates to ours."""

    network: type[Network]
    architecture: Callable[[Shapes], dict[str, Any]]
    names: Callable[[dict[str, Any]], Table]
    filters: Callable[[dict[str, Any]], dict[str, float]] = no_filters  # name to sum of its taps
    foreign_shape: Callable[[str, tuple[int, ...]], tuple[int, ...]] = unchanged
    optional: Callable[[str], bool] = never  # entries that keep their first value where absent


def shape_of(shapes: Shapes, name: str, axes: int) -> tuple[int, ...]:
    """Shape of an entry that the architecture is read from."""
    if name not in shapes:
        raise CheckpointError(f"The architecture cannot be read: entry {name!r} is missing.")
    if len(shapes[name]) != axes:
        raise CheckpointError(
            f"The architecture cannot be read: entry {name!r} has shape {shapes[name]}."
        )
    return shapes[name]


def greatest(shapes: Shapes, pattern: str) -> int:
    """The greatest number in entries that begin like this, whole or not; -1 without any."""
    matches = [match for match in (re.match(pattern, name) for name in shapes) if match]
    for match in matches:
        if int(match[1]) > LARGEST:
            raise CheckpointError(
                f"The architecture cannot be read: entry {match.string!r} belongs to no layer."
            )
    return max((int(match[1]) for match in matches), default=-1)


def doubled(steps: int) -> int:
    """4 px doubled so many times; beyond what any network has, it stops."""
    return 4 * 2 ** min(steps, 20)


def sizes(top: int) -> list[int]:
    """4, 8, ..., top."""
    try:
        return resolutions(top)
    except ValueError as error:
        raise CheckpointError(f"The architecture cannot be read: {error}.") from error
