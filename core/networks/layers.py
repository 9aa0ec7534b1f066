"""Layers of StyleGAN2 (arXiv:1912.04958): equalised, modulated, resampling; parameters are named as
NVIDIA's. Stored weights are standard normal and scaled when used. A modulated convolution scales
its input by the style, convolves the whole batch with one weight, and multiplies its output by the
demodulation coefficient, which equals convolving every sample with a weight of its own. Positive
gains go through the leaky rectifier, so they are folded into what comes before.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.ops import bias_act, epilogue, setup_filter, upfirdn2d
from core.ops.backend import kernels
from core.ops.bias_act import SLOPE, SQRT2

EPS = 1e-8  # under every root, as published
TAPS = (1, 3, 3, 1)  # binomial; the filter of every StyleGAN2, official and not


def normalise(x: Tensor) -> Tensor:
    """Latents [N, Z] divided by the root of their mean square."""
    return x * (x.square().mean(dim=1, keepdim=True) + EPS).rsqrt()


def full_precision(x: Tensor) -> torch.autocast:
    """Switches autocast off on x's device: for what must not be rounded."""
    return torch.autocast(x.device.type, enabled=False)


def entered(x: Tensor, half: bool, weight: Tensor) -> Tensor:
    """Features in the precision of the block that they enter: float16, or that of its weights."""
    if half:
        return x.to(torch.float16)
    return x.to(weight.dtype) if x.dtype == torch.float16 else x


def peak(x: Tensor, dims: int | tuple[int, ...]) -> Tensor:
    """The largest absolute value over some dimensions, never zero."""
    return x.abs().amax(dims, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)


def beside(x: Tensor, weight: Tensor) -> Tensor:
    """A weight as features in float16 need it; autocast sees to all else."""
    return weight.to(x.dtype) if x.dtype == torch.float16 else weight


def clamped(x: Tensor, clamp: float | None) -> Tensor:
    return x if clamp is None else x.clamp(-clamp, clamp)


class Linear(nn.Module):
    """Equalised fully connected layer [N, I] to [N, O], in full precision."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        activated: bool = False,
        bias_init: float = 0.0,
        lr_multiplier: float = 1.0,
    ) -> None:
        super().__init__()
        # Stored larger and used smaller, so Adam's steps, whose size is fixed, move it less.
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), float(bias_init)))
        self.activated = activated
        gain = SQRT2 if activated else 1.0
        self.weight_gain = gain * lr_multiplier / math.sqrt(in_features)
        self.bias_gain = gain * lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        with full_precision(x):  # styles reach every pixel, and these layers cost next to nothing
            x, weight = x.to(self.weight.dtype), self.weight.t()
            y = torch.addmm(self.bias, x, weight, beta=self.bias_gain, alpha=self.weight_gain)
            return F.leaky_relu(y, SLOPE) if self.activated else y


class Conv(nn.Module):
    """Equalised convolution with bias and leaky rectifier; optionally half as large."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        kernel: int,
        down: bool = False,
        gain: float = 1.0,
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.stride = 2 if down else 1
        self.padding = 0 if down else kernel // 2
        self.bias_gain = SQRT2 * gain
        self.weight_gain = SQRT2 * gain / math.sqrt(in_channels * kernel * kernel)
        self.clamp = None if conv_clamp is None else conv_clamp * gain  # as published

    def forward(self, x: Tensor) -> Tensor:
        """Features; with ``down`` of x that was blurred to one sample more than its size."""
        weight, bias = self.weight * self.weight_gain, self.bias * self.bias_gain
        weight, bias = beside(x, weight), beside(x, bias)
        if kernels(x):
            y = F.conv2d(x, weight, stride=self.stride, padding=self.padding)
            return bias_act(y, bias, act="lrelu", gain=1, clamp=self.clamp)
        y = F.conv2d(x, weight, bias, stride=self.stride, padding=self.padding)
        return clamped(F.leaky_relu_(y, SLOPE), self.clamp)


class Skip(nn.Module):
    """The 1x1 convolution beside a block of the discriminator: no bias, no activation."""

    def __init__(self, in_channels: int, out_channels: int, *, gain: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.weight_gain = gain / math.sqrt(in_channels)

    def forward(self, x: Tensor, stride: int = 2) -> Tensor:
        """Every so-manieth sample of x, seen through the weight."""
        return F.conv2d(x, beside(x, self.weight * self.weight_gain), stride=stride)


class Blur(nn.Module):
    """The low-pass filter [1, 3, 3, 1], two-dimensional, per channel."""

    taps: Tensor

    def __init__(self, *, gain: float, padding: int) -> None:
        super().__init__()
        self.register_buffer("taps", setup_filter(TAPS) * gain, persistent=False)
        self.padding = padding

    def forward(self, x: Tensor, down: int = 1) -> Tensor:
        """Features of the same size; a kernel computes every so-manieth sample alone."""
        if kernels(x):
            return upfirdn2d(x, self.taps, down=down, padding=self.padding)
        # The same without checks and turning round, 20 us a layer quicker.
        weight = self.taps.to(x.dtype).expand(x.shape[1], 1, *self.taps.shape)
        return F.conv2d(x, weight, padding=self.padding, groups=x.shape[1])


class SynthesisLayer(nn.Module):
    """Modulated 3x3 convolution, noise, bias, leaky rectifier; optionally twice as large."""

    noise_const: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        w_dim: int,
        resolution: int,
        up: bool = False,
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.resolution, self.up, self.clamp = resolution, up, conv_clamp
        self.affine = Linear(w_dim, in_channels, bias_init=1)  # styles scatter around 1
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        # Gain 4 makes up for the three zeros beside every sample that is spread out.
        self.blur = Blur(gain=4.0, padding=1) if up else nn.Identity()

    def forward(self, x: Tensor, w: Tensor, noise: Tensor | None) -> Tensor:
        """Features [N, O, R, R] under styles w [N, W]; ``noise`` is [1 or N, 1, R, R]."""
        styles: Tensor = self.affine(w)
        stored: Tensor = self.weight
        if x.dtype == torch.float16:
            # Demodulation undoes any scale of both, and sums of large ones leave half precision.
            styles = styles / peak(styles, 1)
            stored = stored / (peak(stored, (1, 2, 3)) * math.sqrt(stored[0].numel()))
        x = x * styles.to(x.dtype)[:, :, None, None]
        weight = beside(x, stored)
        if self.up:
            x = self.blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2))
        else:
            x = F.conv2d(x, weight, padding=1)
        scale = self.demodulation(styles, stored)
        return epilogue(x, scale, noise, self.noise_strength, self.bias, self.clamp)

    def demodulation(self, styles: Tensor, weight: Tensor) -> Tensor:
        """Reciprocal norms [N, O] of the modulated weight [O, I, 3, 3]."""
        with full_precision(styles):  # a sum of up to 4,608 squares
            wide = torch.promote_types(styles.dtype, torch.float32)
            energy = weight.to(wide).square().sum((2, 3))  # [O, I]
            return (styles.to(wide).square() @ energy.t() + EPS).rsqrt().to(styles.dtype)


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to colours, without demodulation, plus bias."""

    def __init__(
        self, in_channels: int, img_channels: int, *, w_dim: int, conv_clamp: float | None = None
    ) -> None:
        super().__init__()
        self.affine = Linear(w_dim, in_channels, bias_init=1)
        self.weight = nn.Parameter(torch.randn(img_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(img_channels))
        self.weight_gain = 1 / math.sqrt(in_channels)
        self.clamp = conv_clamp

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """Colours [N, 3, R, R] in the precision of the weights."""
        styles = self.affine(w) * self.weight_gain
        weights = self.weight.flatten(1) * styles[:, None, :]  # [N, 3, C]
        # A matrix product per sample reads x once and writes little; nothing of its size is kept.
        y = torch.bmm(weights.to(x.dtype), x.flatten(2)).unflatten(2, x.shape[2:])
        return clamped(y.to(self.bias.dtype) + self.bias[None, :, None, None], self.clamp)
