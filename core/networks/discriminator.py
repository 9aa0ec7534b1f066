"""The discriminator of StyleGAN2 (arXiv:1912.04958), "resnet" architecture: images [N, 3, R, R] to
logits [N, 1]. Parameter names are NVIDIA's; the residual's division by root two is folded into both
branches.
Departs from the paper in: a batch that is no multiple of ``mbstd_group`` is grouped by its largest
divisor below; no labels.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from core.networks.generator import checked_channels, resolutions
from core.networks.layers import EPS, Blur, Conv, Linear, Skip, entered, full_precision
from core.networks.registry import network
from core.ops.backend import kernels

SQRT_HALF = math.sqrt(0.5)


def minibatch_deviation(x: Tensor, group: int | None) -> Tensor:
    """Features [N, C, H, W] plus one channel: the mean deviation in strided groups of the batch, as
    large as divides N and at most ``group`` (None: N).
    """
    n = len(x)
    size = n if group is None else max(g for g in range(1, min(group, n) + 1) if n % g == 0)
    with full_precision(x):
        y = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        y = y.reshape(size, -1, *x.shape[1:])  # [G, N / G, C, H, W]
        deviation = (y.var(dim=0, unbiased=False) + EPS).sqrt().mean((1, 2, 3))  # [N / G]
        channel = deviation.repeat(size).to(x.dtype)[:, None, None, None]
    return torch.cat([x, channel.expand(-1, 1, *x.shape[2:])], dim=1)


class Block(nn.Module):
    """Two convolutions beside a 1x1 skip; the first block also reads the image."""

    in_half = False  # computes in float16, see `core.networks.half_precision`

    def __init__(
        self, in_channels: int, out_channels: int, *, img_channels: int, conv_clamp: float | None
    ) -> None:
        super().__init__()
        same: dict[str, Any] = {"conv_clamp": conv_clamp}
        if img_channels:
            self.fromrgb = Conv(img_channels, in_channels, kernel=1, **same)
        self.conv0 = Conv(in_channels, in_channels, kernel=3, **same)
        self.conv1 = Conv(in_channels, out_channels, kernel=3, down=True, gain=SQRT_HALF, **same)
        self.skip = Skip(in_channels, out_channels, gain=SQRT_HALF)
        self.blur = Blur(gain=1.0, padding=2)  # one sample more than the size: conv1 does not pad
        self.skip_blur = Blur(gain=1.0, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Features [N, O, r / 2, r / 2] of x [N, I, r, r]."""
        # A kernel leaves out what the skip does not look at. A strided depthwise convolution does
        # too, but its bfloat16 gradient is ten times slower.
        down = 2 if kernels(x) else 1
        y = self.skip(self.skip_blur(x, down), 2 // down)
        return y + self.conv1(self.blur(self.conv0(x)))


class Epilogue(nn.Module):
    """Features [N, C, 4, 4] to logits [N, 1], in full precision."""

    def __init__(self, channels: int, *, mbstd_group: int | None, conv_clamp: float | None) -> None:
        super().__init__()
        self.mbstd_group = mbstd_group
        self.conv = Conv(channels + 1, channels, kernel=3, conv_clamp=conv_clamp)
        self.fc = Linear(channels * 16, channels, activated=True)
        self.out = Linear(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        with full_precision(x):  # few pixels, so it costs little; the deviation is a small number
            x = x.to(self.conv.weight.dtype)
            x = self.conv(minibatch_deviation(x, self.mbstd_group))
            return self.out(self.fc(x.flatten(1)))


@network
class Discriminator(nn.Module):
    """Blocks and epilogue; ``Discriminator(**d.config)`` has the same architecture as d."""

    config: dict[str, Any]

    def __init__(
        self,
        *,
        img_resolution: int,
        img_channels: int = 3,
        channels: Mapping[Any, int],
        mbstd_group: int | None = 4,
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        table = checked_channels(img_resolution, channels)
        self.img_resolution, self.img_channels = img_resolution, img_channels
        self.config = {"img_resolution": img_resolution, "img_channels": img_channels}
        self.config |= {"channels": table, "mbstd_group": mbstd_group, "conv_clamp": conv_clamp}
        self.block_resolutions = resolutions(img_resolution)[:0:-1]  # R, ..., 8
        for r in self.block_resolutions:
            colours = img_channels if r == img_resolution else 0
            block = Block(table[r], table[r // 2], img_channels=colours, conv_clamp=conv_clamp)
            setattr(self, f"b{r}", block)
        self.b4 = Epilogue(table[4], mbstd_group=mbstd_group, conv_clamp=conv_clamp)

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N, 1] of images [N, 3, R, R]: positive for real."""
        return self.features(images)[0]

    def features(self, images: Tensor) -> tuple[Tensor, dict[int, Tensor]]:
        """Logits [N, 1] and the features [N, C, r, r] that enter each resolution r."""
        shape = (self.img_channels, self.img_resolution, self.img_resolution)
        if images.ndim != 4 or images.shape[1:] != shape:
            raise ValueError(f"images must be [N, {shape}], got {tuple(images.shape)}")
        features = dict(self.block_inputs(images))
        return self.b4(features[4]), features

    def block_inputs(self, images: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Resolutions r, R to 4, with the features [N, C, r, r] that enter them, one by one."""
        images = images.contiguous(memory_format=torch.channels_last)
        first = getattr(self, f"b{self.img_resolution}")
        x = first.fromrgb(entered(images, first.in_half, first.conv0.weight))
        for r in self.block_resolutions:
            yield r, x
            block = getattr(self, f"b{r}")
            x = block(entered(x, block.in_half, block.conv0.weight))
        yield 4, x
