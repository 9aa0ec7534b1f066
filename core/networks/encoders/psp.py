"""Encoders into W+ that look through IR-SE50: pSp (arXiv:2008.00951) and e4e (arXiv:2102.02766),
with a feature pyramid, and ReStyle's (arXiv:2104.02699) without. In a pyramid coarse rows (0-2)
read the last features, middle rows (3-6) a map twice as fine, the others one twice as fine again.
Rows of e4e are offsets from the first, which keeps them near W, where edits work. Parameters are
those of the published checkpoints.
Departs from the papers in: any number of rows and any width; pictures larger than 256 px are
refused, where the published code returns several codes for one picture.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.networks.encoders.ir_se import STEM, stem, trunk
from core.networks.layers import Linear

WIDTH = 512  # of all maps; the last stage of the trunk is as wide
SHARE = WIDTH // STEM  # of that width the stem has one in so many
MIDDLE, FINE = 3, 7  # the first rows of these groups
TAPS = (6, 20, 23)  # the units whose outputs are used: 64, 32 and 16 px of a 256 px picture
HALVINGS = 4  # from 16 px to one pixel
SMALLEST, LARGEST = 32, 256  # sides of the pictures that the taps leave maps of


class RowHead(nn.Module):
    """One style row [N, W] of a feature map [N, C, s, s], by convolutions that halve it."""

    def __init__(self, width: int, w_dim: int, *, halvings: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(halvings):
            layers += [nn.Conv2d(width, width, 3, 2, 1), nn.LeakyReLU(0.01)]  # as published
        self.convs = nn.Sequential(*layers)
        self.linear = Linear(width, w_dim)

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(self.convs(features).flatten(1))


class StyleEncoder(nn.Module):
    """What all encoders are made of: a trunk, and a head for each row (2 log2(R) - 2 at R px)."""

    def __init__(self, *, rows: int, w_dim: int, input_channels: int, width: int = WIDTH) -> None:
        super().__init__()
        if rows < 1:
            raise ValueError(f"an encoder needs at least one row, got {rows}")
        self.config: dict[str, Any] = {"rows": rows, "w_dim": w_dim}
        self.config |= {"input_channels": input_channels}
        self.config |= {"width": width} if width != WIDTH else {}
        self.input_layer, self.body = stem(input_channels, width // SHARE), trunk(width // SHARE)
        heads = (RowHead(width, w_dim, halvings=self.halvings(row)) for row in range(rows))
        self.styles = nn.ModuleList(heads)

    def halvings(self, row: int) -> int:
        """How often the map that a row reads is halved to one pixel."""
        return HALVINGS

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What coarse, middle and fine rows read [N, C, s, s] of images: here the same."""
        last = self.taps(images)[-1]
        return last, last, last

    def taps(self, images: Tensor) -> list[Tensor]:
        """The trunk's features [N, C, s, s] of 1/4, 1/8 and 1/16 of the picture's side."""
        self._check(images)
        x = self.input_layer(images.contiguous(memory_format=torch.channels_last))
        taps = []
        for index, unit in enumerate(self.body):
            x = unit(x)
            if index in TAPS:
                taps.append(x)
        return taps

    def heads(self, images: Tensor, count: int) -> list[Tensor]:
        """What the first ``count`` heads [N, W] each say of images [N, C, R, R]."""
        coarse, middle, fine = self.maps(images)
        maps = [coarse if r < MIDDLE else middle if r < FINE else fine for r in range(count)]
        return [head(features) for head, features in zip(self.styles, maps, strict=False)]

    def forward(self, images: Tensor) -> Tensor:
        """Codes [N, L, W], before the average style is added, of images [N, C, 256, 256]."""
        return torch.stack(self.heads(images, self.config["rows"]), dim=1)

    def _check(self, images: Tensor) -> None:
        channels = self.config["input_channels"]
        side = images.shape[-1]
        if images.ndim != 4 or images.shape[1] != channels or images.shape[2] != side:
            raise ValueError(f"images must be [N, {channels}, R, R], got {tuple(images.shape)}")
        if not SMALLEST <= side <= LARGEST or side & (side - 1):
            sizes = f"{SMALLEST} to {LARGEST} px, a power of two"
            raise ValueError(f"images must have {sizes}, not {side} px")


class PyramidEncoder(StyleEncoder):
    """An encoder whose finer rows read finer maps."""

    def __init__(self, *, rows: int, w_dim: int, input_channels: int, width: int = WIDTH) -> None:
        super().__init__(rows=rows, w_dim=w_dim, input_channels=input_channels, width=width)
        self.latlayer1 = nn.Conv2d(width // 2, width, 1)
        self.latlayer2 = nn.Conv2d(width // 4, width, 1)

    def halvings(self, row: int) -> int:
        return HALVINGS + (row >= MIDDLE) + (row >= FINE)

    def maps(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine, middle, coarse = self.taps(images)
        middle = _enlarged(coarse, middle) + self.latlayer1(middle)
        return coarse, middle, _enlarged(middle, fine) + self.latlayer2(fine)


class OffsetRows(StyleEncoder):
    """The first row, repeated, plus an offset for ``stage`` rows after it. All of them unless it is
    set; training raises it step by step from 0 (W).
    """

    def __init__(self, *, rows: int, w_dim: int, input_channels: int, width: int = WIDTH) -> None:
        super().__init__(rows=rows, w_dim=w_dim, input_channels=input_channels, width=width)
        self.stage = rows - 1

    def forward(self, images: Tensor) -> Tensor:
        first, *offsets = self.heads(images, self.stage + 1)
        repeated = [first] * (self.config["rows"] - 1 - self.stage)
        return torch.stack([first, *(first + offset for offset in offsets), *repeated], dim=1)


class GradualStyleEncoder(PyramidEncoder):
    """pSp's encoder: every row has a head of its own."""


class Encoder4Editing(OffsetRows, PyramidEncoder):
    """e4e's encoder."""


class BackboneEncoder(StyleEncoder):
    """ReStyle's encoder on pSp: it sees a photo beside what is shown of it so far."""


class ProgressiveBackboneEncoder(OffsetRows):
    """ReStyle's encoder on e4e."""


def _enlarged(features: Tensor, like: Tensor) -> Tensor:
    # Aligned corners, as published: the pretrained weights expect it.
    return F.interpolate(features, like.shape[-2:], mode="bilinear", align_corners=True)
