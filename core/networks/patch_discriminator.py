"""Logits for patches of a picture, read off a discriminator's inner layers.
Paper: "Few-shot image generation via cross-domain correspondence" (Ojha et al., CVPR 2021,
arXiv:2104.06820), section 3.2.
A tap is a convolution of the discriminator, a head one more convolution that makes a map of logits
of what the tap gives. Taps are named by the size of that map: one of 32 px looks at patches of a
fifth to a third of the picture's side, one of 16 px at patches of half to two thirds. Where they
lie is taken from the public code.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from core.bounds import Count
from core.errors import UserError
from core.networks.activations import record_activations
from core.networks.discriminator import Discriminator
from core.networks.layers import Conv, full_precision
from core.ops.bias_act import SLOPE, SQRT2


class Tap(NamedTuple):
    """A convolution of the discriminator, and the side of the map that it gives."""

    block: int
    layer: str
    side: int

    @property
    def name(self) -> str:
        return f"b{self.block}.{self.layer}"


def taps(d: Discriminator, sides: Sequence[int]) -> list[Tap]:
    """The convolutions that give maps of these sides, for each what halves before what keeps."""
    all_taps = []
    for side in sides:
        blocks = [(2 * side, "conv1"), (side, "conv0")]
        of_side = [Tap(r, layer, side) for r, layer in blocks if r in d.block_resolutions]
        if not of_side:
            raise UserError(
                f"method.heads.sides={list(sides)} has {side}, and a discriminator of "
                f"{d.img_resolution} px has maps of {d.block_resolutions[-1] // 2} to "
                f"{d.img_resolution} px."
            )
        all_taps += of_side
    return all_taps


def tapped(outputs: Mapping[str, Tensor], wanted: Sequence[Tap]) -> list[Tensor]:
    """What taps give, [N, C, side, side] each, of what was recorded: a block's second convolution
    without the division by root two that belongs to its joining the skip.
    """
    return [outputs[tap.name] * (SQRT2 if tap.layer == "conv1" else 1) for tap in wanted]


class Head(nn.Module):
    """Equalised 3x3 convolution to one logit a position."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        plain = Conv(channels, 1, kernel=3)
        self.weight, self.bias = plain.weight, plain.bias
        self.weight_gain = 1 / math.sqrt(channels * 9)  # equalised: what enters a 3 x 3 kernel

    def forward(self, x: Tensor) -> Tensor:
        with full_precision(x):  # as the discriminator's own logits
            x = x.to(self.weight.dtype)
            return F.conv2d(x, self.weight * self.weight_gain, self.bias, padding=1)


class ActivatedHead(Head):
    """The public code's head: its logits pass a leaky rectifier, so negative ones are dwarfed."""

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(super().forward(x), SLOPE) * SQRT2


class PatchHeads(nn.Module):
    """A head for each of the first ``count`` :func:`taps` of a discriminator, which is not held."""

    head: type[Head] = Head

    def __init__(self, d: Discriminator, *, sides: Sequence[Count], count: Count) -> None:
        super().__init__()
        self.taps = taps(d, sides)[:count]
        if not self.taps:
            raise UserError(f"method.heads.count={count} must be at least 1.")
        outputs = [tap.side if tap.layer == "conv1" else tap.block for tap in self.taps]
        self.heads = nn.ModuleList(self.head(d.config["channels"][r]) for r in outputs)

    def forward(self, d: Discriminator, images: Tensor, chosen: Sequence[int]) -> list[Tensor]:
        """Maps of logits [N, 1, side, side] at chosen taps; nothing is computed beyond."""
        names = {self.taps[i].name for i in chosen}
        with record_activations(d, sorted(names)) as outputs:
            for _ in d.block_inputs(images):
                if len(outputs) == len(names):
                    break
        return self._maps(outputs, chosen)

    def beside(self, d: Discriminator, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The discriminator's own logits [N, 1], and the maps at all taps, in one pass."""
        with record_activations(d, [tap.name for tap in self.taps]) as outputs:
            logits = d(images)
        return logits, self._maps(outputs, range(len(self.taps)))

    def _maps(self, outputs: Mapping[str, Tensor], chosen: Sequence[int]) -> list[Tensor]:
        features = tapped(outputs, [self.taps[i] for i in chosen])
        return [self.heads[i](x) for i, x in zip(chosen, features, strict=True)]


class ActivatedHeads(PatchHeads):
    """Patch logits as in the public code."""

    head = ActivatedHead
