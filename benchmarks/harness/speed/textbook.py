"""StyleGAN2 as it is usually written: the twin that is slow and plainly right. Every sample has a
convolution of its own (grouped), upsampling inserts zeros, and filters run over them. A twin takes
our networks and computes the same outputs, so it is an oracle for tests and the other side of
``python -m benchmarks.speed``; `official` holds those of the official codes.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from core.draws import randn
from core.networks.discriminator import Block, Conv, Discriminator, minibatch_deviation
from core.networks.generator import Generator
from core.networks.layers import EPS, SLOPE, SynthesisLayer, ToRGB
from core.ops import setup_filter

TAPS = (1, 3, 3, 1)  # the blur of arXiv:1912.04958
Random = torch.Generator | None


class Textbook:
    """Images and logits of our networks, computed as a textbook would."""

    def __init__(self) -> None:
        self.taps = setup_filter(TAPS)

    def upfirdn2d(
        self, x: Tensor, f: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0)
    ) -> Tensor:
        """Zeros inserted, padded before and after, convolved with f [Kh, Kw], decimated."""
        n, c, h, w = x.shape
        x = x.reshape(n, c, h, 1, w, 1)
        x = F.pad(x, [0, up - 1, 0, 0, 0, up - 1]).reshape(n, c, h * up, w * up)
        x = self.filtered(F.pad(x, [*pad, *pad]), f.to(x).flip(0, 1)[None, None])
        return x[:, :, ::down, ::down]

    def filtered(self, x: Tensor, f: Tensor) -> Tensor:
        """Every channel of x convolved with f [1, 1, Kh, Kw]."""
        y = F.conv2d(x.flatten(0, 1)[:, None], f)
        return y.reshape(*x.shape[:2], *y.shape[2:])

    def images(
        self, g: Generator, ws: Tensor, noise: str = "const", generator: Random = None
    ) -> Tensor:
        """Images [N, 3, R, R] of styles [N, L, W]; ``noise`` is const or random."""
        x = g.synthesis.b4.const[None].repeat(len(ws), 1, 1, 1)
        rgb = x.new_zeros(len(ws), g.img_channels, 2, 2)
        for i, r in enumerate(g.synthesis.resolutions):
            block = getattr(g.synthesis, f"b{r}")
            rgb = self.upfirdn2d(rgb, self.taps * 4, up=2, pad=(2, 1))
            if r > 4:
                x = self.layer(block.conv0, x, ws[:, 2 * i - 1], noise, generator)
            x = self.layer(block.conv1, x, ws[:, 2 * i], noise, generator)
            rgb = rgb + self.colours(block.torgb, x, ws[:, 2 * i + 1])
        return rgb

    def layer(
        self, layer: SynthesisLayer, x: Tensor, w: Tensor, noise: str, generator: Random
    ) -> Tensor:
        x = self.modulated(layer, x, layer.affine(w))
        size = (len(x), 1, *x.shape[2:])
        drawn = noise == "random"
        maps = randn(size, generator, x.device) if drawn else layer.noise_const
        return activated(x + maps * layer.noise_strength, layer.bias, math.sqrt(2), layer.clamp)

    def modulated(self, layer: SynthesisLayer, x: Tensor, styles: Tensor) -> Tensor:
        """Features convolved with a weight of each sample, scaled by its styles and to length."""
        weight = layer.weight[None] * styles[:, None, :, None, None]  # [N, O, I, 3, 3]
        weight = weight * (weight.square().sum((2, 3, 4), keepdim=True) + EPS).rsqrt()
        return self.up(x, weight) if layer.up else grouped(x, weight, padding=1)

    def up(self, x: Tensor, weight: Tensor) -> Tensor:
        """The published transposed convolution, spelled out: the stored kernel is a true one."""
        x = self.upfirdn2d(x, self.taps * 4, up=2, pad=(3, 2))
        return grouped(x, weight.flip(3, 4))

    def colours(self, layer: ToRGB, x: Tensor, w: Tensor) -> Tensor:
        styles = layer.affine(w) / math.sqrt(x.shape[1])
        y = self.coloured(layer, x, styles) + layer.bias[None, :, None, None]
        return clamped(y, layer.clamp)

    def coloured(self, layer: ToRGB, x: Tensor, styles: Tensor) -> Tensor:
        return grouped(x, layer.weight[None] * styles[:, None, :, None, None])

    def logits(self, d: Discriminator, x: Tensor) -> Tensor:
        """Logits [N, 1] of images [N, 3, R, R]."""
        x = conv(getattr(d, f"b{d.img_resolution}").fromrgb, x)
        for r in d.block_resolutions:
            x = self.block(getattr(d, f"b{r}"), x)
        x = conv(d.b4.conv, minibatch_deviation(x, d.b4.mbstd_group))
        return d.b4.out(d.b4.fc(x.flatten(1)))

    def block(self, block: Block, x: Tensor) -> Tensor:
        """Both branches, each times the root of a half."""
        y = self.upfirdn2d(conv(block.conv0, x), self.taps, pad=(2, 2))
        y = conv(block.conv1, y, math.sqrt(0.5))
        return self.skip(x, block.skip.weight / math.sqrt(x.shape[1])) * math.sqrt(0.5) + y

    def skip(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(self.upfirdn2d(x, self.taps, down=2, pad=(1, 1)), weight)


def grouped(x: Tensor, weight: Tensor, padding: int = 0) -> Tensor:
    """Each sample of x convolved with its own of the weights [N, O, I, K, K]."""
    n, o, i, *kernel = weight.shape
    x = x.reshape(1, n * i, *x.shape[2:])
    y = F.conv2d(x, weight.reshape(n * o, i, *kernel), padding=padding, groups=n)
    return y.reshape(n, o, *y.shape[2:])


def conv(layer: Conv, x: Tensor, gain: float = 1.0) -> Tensor:
    weight = layer.weight / math.sqrt(layer.weight[0].numel())
    y = F.conv2d(x, weight, stride=layer.stride, padding=layer.padding)
    return activated(y, layer.bias, math.sqrt(2) * gain, layer.clamp)


def activated(x: Tensor, bias: Tensor, gain: float, clamp: float | None) -> Tensor:
    return clamped(F.leaky_relu(x + bias[None, :, None, None], SLOPE) * gain, clamp)


def clamped(x: Tensor, clamp: float | None) -> Tensor:
    return x if clamp is None else x.clamp(-clamp, clamp)
