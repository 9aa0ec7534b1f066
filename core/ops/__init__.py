"""Resampling and activation operators, in plain torch, differentiable as often as one likes."""

from core.ops.bias_act import ACTIVATIONS, bias_act
from core.ops.upfirdn2d import (
    downsample2d,
    filter2d,
    setup_filter,
    upfirdn2d,
    upsample2d,
)

__all__ = [
    "ACTIVATIONS",
    "bias_act",
    "downsample2d",
    "filter2d",
    "setup_filter",
    "upfirdn2d",
    "upsample2d",
]
