"""What a foreign format is made of, and how an architecture is read off its shapes."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from core.errors import UserError
from core.networks.discriminator import Discriminator
from core.networks.dualstylegan import DualStyleGAN
from core.networks.encoders.ir_se import IRSE50
from core.networks.encoders.psp import PyramidEncoder
from core.networks.generator import Generator, resolutions

Config = dict[str, Any]
Shapes = Mapping[str, tuple[int, ...]]
Table = dict[str, str]  # foreign name to ours
Network = Generator | Discriminator | PyramidEncoder | IRSE50 | DualStyleGAN
LARGEST = 1024  # number in a name: the resolution of the largest published network
GROUP = 4  # samples of a minibatch deviation, where a file does not say: everybody's default
LARGEST_GROUP = 4096


class CheckpointError(UserError):
    """A checkpoint that is not what it should be; the message names the entry."""


def unreadable(reason: str) -> CheckpointError:
    return CheckpointError(f"The architecture cannot be read: {reason}.")


def no_filters(config: Config) -> dict[str, float]:
    return {}


def unchanged(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The foreign shape of an entry that has ours."""
    return shape


class Format(NamedTuple):
    """How one foreign state dict relates to ours."""

    network: type[Network]
    architecture: Callable[[Shapes], Config]
    names: Callable[[Config], Table]
    filters: Callable[[Config], dict[str, float]] = no_filters  # name to sum of its taps
    foreign_shape: Callable[[str, tuple[int, ...]], tuple[int, ...]] = unchanged
    optional: tuple[str, ...] = ()  # ends of names that keep their first value where absent


def shape_of(shapes: Shapes, name: str, axes: int) -> tuple[int, ...]:
    """Shape of an entry that the architecture is read from."""
    if name not in shapes:
        raise unreadable(f"entry {name!r} is missing")
    if len(shapes[name]) != axes:
        raise unreadable(f"entry {name!r} has shape {shapes[name]}")
    return shapes[name]


def greatest(shapes: Shapes, pattern: str) -> int:
    """The greatest number in entries that begin like this, whole or not; -1 without any."""
    matches = [match for match in (re.match(pattern, name) for name in shapes) if match]
    for match in matches:
        if int(match[1]) > LARGEST:
            raise unreadable(f"entry {match.string!r} belongs to no layer")
    return max((int(match[1]) for match in matches), default=-1)


def doubled(steps: int) -> int:
    """4 px doubled so many times; beyond what any network has, it stops."""
    return 4 * 2 ** min(steps, 20)


def sizes(top: int) -> list[int]:
    """4, 8, ..., top."""
    try:
        return resolutions(top)
    except ValueError as error:
        raise unreadable(str(error)) from error


def group_of(value: Any) -> int | None:
    """The size of a minibatch deviation's groups, as a file says it; None for the whole batch."""
    if value is not None and (not isinstance(value, int) or not 1 <= value <= LARGEST_GROUP):
        raise CheckpointError("its D has a minibatch deviation that cannot be")
    return value
