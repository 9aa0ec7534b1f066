"""Bias, activation, gain and clamp, and all that follows a modulated convolution, in one pass.
Departs from the published CUDA operators of StyleGAN2 in: a saturated output has no gradient for
every activation (there, linear with clamp lets it pass), and derivatives of any order exist.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core.ops import backend

SLOPE = 0.2  # of the leaky rectifier below zero, in all of StyleGAN2
SQRT2 = math.sqrt(2)  # keeps the second moment where a rectifier halves it (He et al. 2015)


class Activation(NamedTuple):
    """An activation ``function(x, alpha)`` with its default slope and gain."""

    function: Callable[[Tensor, float], Tensor]
    alpha: float
    gain: float
    homogeneous: bool  # act(g x) = g act(x) for g >= 0, so that the gain may go in first


ACTIVATIONS = {
    "linear": Activation(lambda x, _: x, 0.0, 1.0, True),
    "relu": Activation(lambda x, _: F.relu(x), 0.0, SQRT2, True),
    "lrelu": Activation(lambda x, alpha: F.leaky_relu(x, alpha), SLOPE, SQRT2, True),
    "tanh": Activation(lambda x, _: torch.tanh(x), 0.0, 1.0, False),
    "sigmoid": Activation(lambda x, _: torch.sigmoid(x), 0.0, 1.0, False),
    "elu": Activation(lambda x, _: F.elu(x), 0.0, 1.0, False),
    "selu": Activation(lambda x, _: F.selu(x), 0.0, 1.0, False),
    "softplus": Activation(lambda x, _: F.softplus(x), 0.0, 1.0, False),
    "swish": Activation(lambda x, _: torch.sigmoid(x) * x, 0.0, SQRT2, False),
}


def bias_act(
    x: Tensor,
    b: Tensor | None = None,
    dim: int = 1,
    act: str = "linear",
    alpha: float | None = None,
    gain: float | None = None,
    clamp: float | None = None,
) -> Tensor:
    """``clamp(gain * act(x + b))``, the bias [n] along ``dim``; what is left out is the
    activation's own, ``alpha`` the slope of ``lrelu`` below zero.
    """
    if act not in ACTIVATIONS:
        raise ValueError(f"unknown activation {act!r}; known are {', '.join(ACTIVATIONS)}")
    if clamp is not None and clamp < 0:
        raise ValueError(f"clamp must not be negative, got {clamp}")
    kind = ACTIVATIONS[act]
    alpha = kind.alpha if alpha is None else float(alpha)
    gain = kind.gain if gain is None else float(gain)
    if b is not None and (b.ndim != 1 or b.shape[0] != x.shape[dim]):
        raise ValueError(
            f"bias of shape {tuple(b.shape)} does not fit dimension {dim} of {tuple(x.shape)}"
        )
    if backend.kernels(x):
        from core.ops import registered  # triton is not everywhere

        bound = -1.0 if clamp is None else float(clamp)  # custom operators take no None here
        return registered.bias_act(x, b, dim, act, alpha, gain, bound)
    early = kind.homogeneous and gain >= 0 and gain != 1  # the gain then costs no pass of its own
    if b is not None:
        b = b.to(x.dtype).reshape([-1 if i == dim % x.ndim else 1 for i in range(x.ndim)])
        x = torch.add(b * gain, x, alpha=gain) if early else x + b
    elif early:
        x = x * gain
    x = kind.function(x, alpha)
    if not early and gain != 1:
        x = x * gain
    return x if clamp is None else x.clamp(-clamp, clamp)


def epilogue(
    x: Tensor,
    scale: Tensor,
    noise: Tensor | None,
    strength: Tensor,
    bias: Tensor,
    clamp: float | None,
) -> Tensor:
    """``clamp(sqrt(2) lrelu(x scale + noise strength + bias))`` of features x [N, C, H, W], whose
    type the result has; ``scale`` [N, C] demodulates, ``noise`` is [1 or N, 1, H, W], ``strength``
    a scalar, ``bias`` [C].
    """
    if backend.kernels(x):
        from core.ops import registered  # triton is not everywhere

        bound = -1.0 if clamp is None else float(clamp)
        return registered.epilogue(x, scale, noise, strength, bias, SLOPE, SQRT2, bound)
    shift = (bias * SQRT2).to(x.dtype)[None, :, None, None]
    if noise is not None:
        shift = shift + (noise * (strength * SQRT2)).to(x.dtype)
    y = torch.addcmul(shift, x, (scale * SQRT2).to(x.dtype)[:, :, None, None])
    y = F.leaky_relu_(y, SLOPE)  # in place: nobody else has y, and features are what memory goes to
    return y if clamp is None else y.clamp(-clamp, clamp)
