"""What a foreign format is made of, and how an architecture is read off its shapes."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from core.errors import UserError
from core.networks.discriminator import Discriminator
from core.networks.dualstylegan import DualStyleGAN
from core.networks.encoders.ir_se import IRSE50
from core.networks.encoders.psp import StyleEncoder
from core.networks.generator import Generator

Config = dict[str, Any]
Shapes = Mapping[str, tuple[int, ...]]
Table = dict[str, str]  # foreign name to ours
Network = Generator | Discriminator | StyleEncoder | IRSE50 | DualStyleGAN
GROUP = 4  # samples of a minibatch deviation, where a file does not say: everybody's default
LARGEST_GROUP = 4096  # no batch is as large


class CheckpointError(UserError):
    """A checkpoint that is not what it should be; the message names the entry."""


class Format(NamedTuple):
    """How one foreign state dict relates to ours."""

    network: type[Network]
    architecture: Callable[[Shapes], Config]
    names: Callable[[Config], Table]
    filters: Callable[[Config], dict[str, float]] = lambda config: {}  # name to sum of its taps
    foreign_shape: Callable[[str, tuple[int, ...]], tuple[int, ...]] = lambda name, ours: ours
    optional: tuple[str, ...] = ()  # ends of names that keep their first value where absent


def group_of(value: Any) -> int | None:
    """The size of a minibatch deviation's groups, as a file says it; None for the whole batch."""
    if value is not None and (not isinstance(value, int) or not 1 <= value <= LARGEST_GROUP):
        raise CheckpointError("its D has a minibatch deviation that cannot be")
    return value
