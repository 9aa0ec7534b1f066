"""Resampling and activation: plain torch anywhere, Triton kernels on GPUs."""

from core.ops.backend import Active, active, choose
from core.ops.bias_act import ACTIVATIONS, bias_act, epilogue
from core.ops.upfirdn2d import downsample2d, filter2d, setup_filter, upfirdn2d, upsample2d

__all__ = ["ACTIVATIONS", "Active", "active", "bias_act", "choose", "downsample2d", "epilogue",
           "filter2d", "setup_filter", "upfirdn2d", "upsample2d"]  # fmt: skip
