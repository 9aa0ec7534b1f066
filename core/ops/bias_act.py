"""Bias, activation, gain and clamp: ``y = clamp(gain * act(x + b), -clamp, clamp)``.

Follows StyleGAN2 (arXiv:1912.04958) and its table of activations with their default gains.

Departs from the published CUDA operator in: a saturated output has no gradient for every activation
(there, linear with clamp lets it pass), and derivatives of any order exist.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from core.ops import backend

SQRT2 = math.sqrt(2)


class Activation(NamedTuple):
    """An activation ``function(x, alpha)`` with its default slope and gain."""

    function: Callable[[Tensor, float], Tensor]
    alpha: float
    gain: float
    homogeneous: bool  # act(g x) = g act(x) for g >= 0, so that the gain may go in first


ACTIVATIONS = {
    "linear": Activation(lambda x, _: x, 0.0, 1.0, True),
    "relu": Activation(lambda x, _: F.relu(x), 0.0, SQRT2, True),
    "lrelu": Activation(lambda x, alpha: F.leaky_relu(x, alpha), 0.2, SQRT2, True),
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
    """``x`` plus ``b`` along ``dim``, activated, times ``gain``, within +-``clamp``.

    ``alpha`` is the slope of ``lrelu`` below zero; what is left out is the activation's own.
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

        bound = -1.0 if clamp is None else float(clamp)
        return registered.bias_act(x, b, dim, act, alpha, gain, bound)
    if b is not None:
        b = b.to(x.dtype).reshape([-1 if i == dim % x.ndim else 1 for i in range(x.ndim)])
    if kind.homogeneous and gain >= 0:
        x = kind.function(_affine(x, b, gain), alpha)
    else:
        x = kind.function(x if b is None else x + b, alpha)
        x = x if gain == 1 else x * gain
    return x if clamp is None else x.clamp(-clamp, clamp)


def _affine(x: Tensor, b: Tensor | None, gain: float) -> Tensor:
    if b is None:
        return x if gain == 1 else x * gain
    return x + b if gain == 1 else torch.add(b * gain, x, alpha=gain)
