"""Encoders into W+ with a feature pyramid: pSp (arXiv:2008.00951) and e4e (arXiv:2102.02766). Both
look through IR-SE50; coarse rows (0-2) read its last features, middle rows (3-6) a map twice as
fine, the others one twice as fine again. e4e's rows are offsets from the first, which keeps them
near W, where edits work. Parameters are those of the published checkpoints.
Departs from the papers in: any number of rows and any style width; pictures larger than 256 px are
refused, where the published code returns several codes for one picture.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.networks.encoders.ir_se import stem, trunk
from core.networks.layers import Linear

WIDTH = 512  # of all maps and of a style row
MIDDLE, FINE = 3, 7  # the first rows of these groups
TAPS = (6, 20, 23)  # the units whose outputs are used: 64, 32 and 16 px of a 256 px picture
SMALLEST, LARGEST = 32, 256  # sides of the pictures that the taps leave maps of


class RowHead(nn.Module):
    """One style row [N, W] of a feature map [N, 512, s, s], by convolutions that halve it."""

    def __init__(self, w_dim: int, *, halvings: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(halvings):
            layers += [nn.Conv2d(WIDTH, WIDTH, 3, 2, 1), nn.LeakyReLU(0.01)]  # as published
        self.convs = nn.Sequential(*layers)
        self.linear = Linear(WIDTH, w_dim)

    def forward(self, features: Tensor) -> Tensor:
        return self.linear(self.convs(features).flatten(1))


class PyramidEncoder(nn.Module):
    """What both encoders are made of: a trunk, and a head for each row (2 log2(R) - 2 at R px)."""

    def __init__(self, *, rows: int, w_dim: int, input_channels: int) -> None:
        super().__init__()
        if rows < 1:
            raise ValueError(f"an encoder needs at least one row, got {rows}")
        self.config = {"rows": rows, "w_dim": w_dim, "input_channels": input_channels}
        self.input_layer, self.body = stem(input_channels), trunk()
        halvings = [4 + (row >= MIDDLE) + (row >= FINE) for row in range(rows)]  # to one pixel
        self.styles = nn.ModuleList(RowHead(w_dim, halvings=n) for n in halvings)
        self.latlayer1 = nn.Conv2d(256, WIDTH, 1)
        self.latlayer2 = nn.Conv2d(128, WIDTH, 1)

    def heads(self, images: Tensor, count: int) -> list[Tensor]:
        """What the first ``count`` heads [N, W] each say of images [N, C, R, R]."""
        coarse, middle, fine = self.pyramid(images)
        maps = [coarse if r < MIDDLE else middle if r < FINE else fine for r in range(count)]
        return [head(features) for head, features in zip(self.styles, maps, strict=False)]

    def pyramid(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Features [N, 512, s, s] of 1/16, 1/8 and 1/4 of the picture's side."""
        self._check(images)
        x = self.input_layer(images.contiguous(memory_format=torch.channels_last))
        taps = []
        for index, unit in enumerate(self.body):
            x = unit(x)
            if index in TAPS:
                taps.append(x)
        fine, middle, coarse = taps
        middle = _enlarged(coarse, middle) + self.latlayer1(middle)
        return coarse, middle, _enlarged(middle, fine) + self.latlayer2(fine)

    def _check(self, images: Tensor) -> None:
        channels = self.config["input_channels"]
        side = images.shape[-1]
        if images.ndim != 4 or images.shape[1] != channels or images.shape[2] != side:
            raise ValueError(f"images must be [N, {channels}, R, R], got {tuple(images.shape)}")
        if not SMALLEST <= side <= LARGEST or side & (side - 1):
            sizes = f"{SMALLEST} to {LARGEST} px, a power of two"
            raise ValueError(f"images must have {sizes}, not {side} px")


class GradualStyleEncoder(PyramidEncoder):
    """pSp's encoder: every row has a head of its own."""

    def forward(self, images: Tensor) -> Tensor:
        """Codes [N, L, W], before the average style is added, of images [N, 3, 256, 256]."""
        return torch.stack(self.heads(images, self.config["rows"]), dim=1)


class Encoder4Editing(PyramidEncoder):
    """e4e's encoder: the first row, repeated, plus an offset for ``stage`` rows after it. All of
    them unless it is set; training raises it step by step from 0 (W).
    """

    def __init__(self, *, rows: int, w_dim: int, input_channels: int) -> None:
        super().__init__(rows=rows, w_dim=w_dim, input_channels=input_channels)
        self.stage = rows - 1

    def forward(self, images: Tensor) -> Tensor:
        """Codes [N, L, W], before the average style is added, of images [N, 3, 256, 256]."""
        first, *offsets = self.heads(images, self.stage + 1)
        repeated = [first] * (self.config["rows"] - 1 - self.stage)
        return torch.stack([first, *(first + offset for offset in offsets), *repeated], dim=1)


def _enlarged(features: Tensor, like: Tensor) -> Tensor:
    # Aligned corners, as published: the pretrained weights expect it.
    return F.interpolate(features, like.shape[-2:], mode="bilinear", align_corners=True)
