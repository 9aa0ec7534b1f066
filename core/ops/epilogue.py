"""What follows every modulated convolution: demodulation, noise, bias, rectifier, gain, clamp.

One pass over the features on a GPU; in plain torch the positive gain goes in before the rectifier.
Follows StyleGAN2 (arXiv:1912.04958). Departs from the paper in: nothing.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from core.ops import backend

SLOPE = 0.2
GAIN = math.sqrt(2)


def epilogue(
    x: Tensor,
    scale: Tensor,
    noise: Tensor | None,
    strength: Tensor,
    bias: Tensor,
    clamp: float | None,
) -> Tensor:
    """``clamp(sqrt(2) lrelu(x scale + noise strength + bias))`` of features x [N, C, H, W].

    Args:
        x: what the convolution gave, in any floating type; the result has the same.
        scale: demodulation [N, C].
        noise: one map [1, 1, H, W], one for each sample [N, 1, H, W], or None.
        strength: of the noise, a scalar.
        bias: [C].
        clamp: bound of the result's size, or None.
    """
    if backend.kernels(x):
        from core.ops import registered  # triton is not everywhere

        bound = -1.0 if clamp is None else float(clamp)
        return registered.epilogue(x, scale, noise, strength, bias, SLOPE, GAIN, bound)
    shift = (bias * GAIN).to(x.dtype)[None, :, None, None]
    if noise is not None:
        shift = shift + (noise * (strength * GAIN)).to(x.dtype)
    y = torch.addcmul(shift, x, (scale * GAIN).to(x.dtype)[:, :, None, None])
    y = F.leaky_relu_(y, SLOPE)
    return y if clamp is None else y.clamp(-clamp, clamp)
