"""StyleGAN2 as it is usually written: the twin that is slow and plainly right. Every sample has a
convolution of its own (grouped), upsampling inserts zeros, and filters run over them. The functions
take our networks and compute the same outputs, so they are an oracle for tests and the other side
of ``python -m benchmarks.speed``.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from core.draws import randn
from core.networks.discriminator import Conv, Discriminator, minibatch_deviation
from core.networks.generator import Generator
from core.networks.layers import EPS, SLOPE, SynthesisLayer, ToRGB
from core.ops import setup_filter

TAPS = (1, 3, 3, 1)  # the blur of arXiv:1912.04958
Random = torch.Generator | None


def upfirdn2d(
    x: Tensor, f: Tensor, up: int = 1, down: int = 1, pad: tuple[int, int] = (0, 0)
) -> Tensor:
    """Zeros inserted, padded before and after, convolved with f [Kh, Kw], decimated."""
    n, c, h, w = x.shape
    x = x.reshape(n, c, h, 1, w, 1)
    x = F.pad(x, [0, up - 1, 0, 0, 0, up - 1]).reshape(n, c, h * up, w * up)
    x = F.pad(x, [*pad, *pad])
    x = F.conv2d(x.flatten(0, 1)[:, None], f.to(x).flip(0, 1)[None, None])
    return x.reshape(n, c, *x.shape[2:])[:, :, ::down, ::down]


def images(g: Generator, ws: Tensor, noise: str = "const", generator: Random = None) -> Tensor:
    """Images [N, 3, R, R] of styles [N, L, W]; ``noise`` is const or random."""
    x = g.synthesis.b4.const[None].repeat(len(ws), 1, 1, 1)
    rgb = x.new_zeros(len(ws), g.img_channels, 2, 2)
    taps = setup_filter(TAPS)
    for i, r in enumerate(g.synthesis.resolutions):
        block = getattr(g.synthesis, f"b{r}")
        rgb = upfirdn2d(rgb, taps * 4, up=2, pad=(2, 1))
        if r > 4:
            x = _layer(block.conv0, x, ws[:, 2 * i - 1], noise, generator)
        x = _layer(block.conv1, x, ws[:, 2 * i], noise, generator)
        rgb = rgb + _colours(block.torgb, x, ws[:, 2 * i + 1])
    return rgb


def _layer(layer: SynthesisLayer, x: Tensor, w: Tensor, noise: str, generator: Random) -> Tensor:
    styles: Tensor = layer.affine(w)
    weight = layer.weight[None] * styles[:, None, :, None, None]  # [N, O, I, 3, 3]
    weight = weight * (weight.square().sum((2, 3, 4), keepdim=True) + EPS).rsqrt()
    n, o, i, _, _ = weight.shape
    padding = 1
    if layer.up:
        # The published transposed convolution, spelled out: the stored kernel is a true one.
        x = upfirdn2d(x, setup_filter(TAPS) * 4, up=2, pad=(3, 2))
        weight, padding = weight.flip(3, 4), 0
    x = x.reshape(1, n * i, *x.shape[2:])
    x = F.conv2d(x, weight.reshape(n * o, i, 3, 3), padding=padding, groups=n)
    x = x.reshape(n, o, *x.shape[2:])
    size = (n, 1, *x.shape[2:])
    drawn = noise == "random"
    maps = randn(size, generator, x.device) if drawn else layer.noise_const
    x = x + maps * layer.noise_strength + layer.bias[None, :, None, None]
    return _clamped(F.leaky_relu(x, SLOPE) * math.sqrt(2), layer.clamp)


def _colours(layer: ToRGB, x: Tensor, w: Tensor) -> Tensor:
    styles = layer.affine(w) / math.sqrt(x.shape[1])
    weight = layer.weight[None] * styles[:, None, :, None, None]
    n, o, i, _, _ = weight.shape
    y = F.conv2d(x.reshape(1, n * i, *x.shape[2:]), weight.reshape(n * o, i, 1, 1), groups=n)
    return _clamped(y.reshape(n, o, *x.shape[2:]) + layer.bias[None, :, None, None], layer.clamp)


def logits(d: Discriminator, x: Tensor) -> Tensor:
    """Logits [N, 1] of images [N, 3, R, R]."""
    taps = setup_filter(TAPS)
    x = _conv(getattr(d, f"b{d.img_resolution}").fromrgb, x, 1.0)
    for r in d.block_resolutions:
        block = getattr(d, f"b{r}")
        y = _conv(block.conv0, x, 1.0)
        y = _conv(block.conv1, upfirdn2d(y, taps, pad=(2, 2)), math.sqrt(0.5))
        x = upfirdn2d(x, taps, down=2, pad=(1, 1))
        skip = F.conv2d(x, block.skip.weight / math.sqrt(block.skip.weight.shape[1]))
        x = skip * math.sqrt(0.5) + y
    x = _conv(d.b4.conv, minibatch_deviation(x, d.b4.mbstd_group), 1.0)
    return d.b4.out(d.b4.fc(x.flatten(1)))


def _conv(layer: Conv, x: Tensor, gain: float) -> Tensor:
    weight = layer.weight / math.sqrt(layer.weight[0].numel())
    y = F.conv2d(x, weight, stride=layer.stride, padding=layer.padding)
    y = F.leaky_relu(y + layer.bias[None, :, None, None], SLOPE) * (math.sqrt(2) * gain)
    return _clamped(y, layer.clamp)


def _clamped(x: Tensor, clamp: float | None) -> Tensor:
    return x if clamp is None else x.clamp(-clamp, clamp)
