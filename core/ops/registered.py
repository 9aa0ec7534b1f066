"""The kernels as operators of torch: what shape comes out, and how they are differentiated.

Each gradient is again one of these operators, so that R1 and the path length penalty, which
differentiate twice, stay in the kernels. ``torch.compile`` takes them without a graph break.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from core.ops import kernels

Sizes = list[int]


def extent(size: int, taps: int, up: int, down: int, before: int, after: int) -> int:
    return (size * up + before + after - taps) // down + 1


@torch.library.custom_op("styleshift::upfirdn", mutates_args=())
def upfirdn(
    x: Tensor, f: Tensor, up: Sizes, down: Sizes, pad: Sizes, flip: bool, gain: float
) -> Tensor:
    """Resampled x [N, C, H, W]; factors are (y, x), pad is (top, bottom, left, right)."""
    x = kernels.dense(x)
    y = _upfirdn_shape(x, f, up, down, pad, flip, gain)
    if y.numel():
        kernels.upfirdn(x, f.contiguous(), y, up, down, [pad[0], pad[2]], flip, gain)
    return y


@upfirdn.register_fake
def _upfirdn_shape(
    x: Tensor, f: Tensor, up: Sizes, down: Sizes, pad: Sizes, flip: bool, gain: float
) -> Tensor:
    h = extent(x.shape[2], f.shape[0], up[0], down[0], pad[0], pad[1])
    w = extent(x.shape[3], f.shape[1], up[1], down[1], pad[2], pad[3])
    order = torch.channels_last if kernels.channels_last(x) else torch.contiguous_format
    return torch.empty(
        (x.shape[0], x.shape[1], h, w), dtype=x.dtype, device=x.device, memory_format=order
    )


def _upfirdn_save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, f, ctx.up, ctx.down, ctx.pad, ctx.flip, ctx.gain = inputs
    ctx.save_for_backward(f)
    ctx.size, ctx.out = x.shape[2:], output.shape[2:]


def _upfirdn_back(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
    (f,) = ctx.saved_tensors
    pad = []
    for axis, before in enumerate((ctx.pad[0], ctx.pad[2])):
        up, down, taps = ctx.up[axis], ctx.down[axis], f.shape[axis]
        pad.append(taps - before - 1)
        pad.append(ctx.size[axis] * up - ctx.out[axis] * down + before - up + 1)
    dx = upfirdn(dy, f, ctx.down, ctx.up, pad, not ctx.flip, ctx.gain)
    return dx, None, None, None, None, None, None


upfirdn.register_autograd(_upfirdn_back, setup_context=_upfirdn_save)


@torch.library.custom_op("styleshift::bias_act", mutates_args=())
def bias_act(
    x: Tensor, b: Tensor | None, dim: int, act: str, alpha: float, gain: float, clamp: float
) -> Tensor:
    """Bias, activation, gain and clamp (negative: none)."""
    return kernels.bias_act(x, b, None, None, dim=dim, act=act, alpha=alpha, gain=gain, clamp=clamp)


@torch.library.custom_op("styleshift::bias_act_grad", mutates_args=())
def bias_act_grad(
    x: Tensor,
    b: Tensor | None,
    dy: Tensor,
    ddx: Tensor | None,
    dim: int,
    act: str,
    alpha: float,
    gain: float,
    clamp: float,
) -> Tensor:
    """The first derivative times dy, or with ddx: the second times dy ddx."""
    return kernels.bias_act(x, b, dy, ddx, dim=dim, act=act, alpha=alpha, gain=gain, clamp=clamp)


@bias_act.register_fake
def _bias_act_shape(x: Tensor, b: Tensor | None, *rest: Any) -> Tensor:
    return torch.empty_like(kernels.dense(x))


@bias_act_grad.register_fake
def _bias_act_grad_shape(x: Tensor, b: Tensor | None, dy: Tensor, *rest: Any) -> Tensor:
    return torch.empty_like(kernels.dense(x))


def over_others(x: Tensor, dim: int, b: Tensor | None) -> Tensor | None:
    """Sums over all dimensions but ``dim``, in the precision of b."""
    if b is None:
        return None
    others = [i for i in range(x.ndim) if i != dim % x.ndim]
    return x.sum(others, dtype=b.dtype) if others else x.to(b.dtype)


def _bias_act_save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, b, *ctx.how = inputs
    ctx.save_for_backward(x, b)


def _bias_act_back(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
    x, b = ctx.saved_tensors
    dx = bias_act_grad(x, b, dy, None, *ctx.how)
    return dx, over_others(dx, ctx.how[0], b), None, None, None, None, None


bias_act.register_autograd(_bias_act_back, setup_context=_bias_act_save)


def _bias_act_grad_save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, b, dy, ddx, *ctx.how = inputs
    ctx.save_for_backward(x, b, dy)
    ctx.second = ddx is not None


def _bias_act_grad_back(ctx: Any, g: Tensor) -> tuple[Any, ...]:
    if ctx.second:
        raise NotImplementedError("bias_act has kernels for two derivatives, not for a third.")
    x, b, dy = ctx.saved_tensors
    by_dy = bias_act_grad(x, b, g, None, *ctx.how)
    by_x = bias_act_grad(x, b, dy, g, *ctx.how)
    return by_x, over_others(by_x, ctx.how[0], b), by_dy, *[None] * 6


bias_act_grad.register_autograd(_bias_act_grad_back, setup_context=_bias_act_grad_save)


@torch.library.custom_op("styleshift::epilogue", mutates_args=())
def epilogue(
    x: Tensor,
    scale: Tensor,
    noise: Tensor | None,
    strength: Tensor,
    bias: Tensor,
    slope: float,
    gain: float,
    clamp: float,
) -> Tensor:
    """clamp(gain lrelu(x scale + noise strength + bias)) for x [N, C, H, W], scale [N, C]."""
    flat = None if noise is None else noise.contiguous()
    return kernels.epilogue(
        kernels.dense(x), scale.contiguous(), flat, strength, bias.contiguous(),
        slope=slope, gain=gain, clamp=clamp,
    )  # fmt: skip


@epilogue.register_fake
def _epilogue_shape(x: Tensor, *rest: Any) -> Tensor:
    return torch.empty_like(kernels.dense(x))


@torch.library.custom_op("styleshift::epilogue_grad", mutates_args=())
def epilogue_grad(
    dy: Tensor,
    x: Tensor,
    y: Tensor,
    scale: Tensor,
    noise: Tensor | None,
    slope: float,
    gain: float,
    clamp: float,
) -> tuple[Tensor, Tensor]:
    """The gradient dx [N, C, H, W], and sums [3, N, C] over the picture of dz x, dz, dz noise."""
    x = kernels.dense(x)
    flat = None if noise is None else noise.contiguous()
    return kernels.epilogue_grad(
        dy,
        x,
        kernels.layout_as(y, x),
        scale.contiguous(),
        flat,
        slope=slope,
        gain=gain,
        clamp=clamp,
    )


@epilogue_grad.register_fake
def _epilogue_grad_shape(dy: Tensor, x: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    kept = torch.float64 if x.dtype == torch.float64 else torch.float32
    sums = torch.empty((3, x.shape[0], x.shape[1]), dtype=kept, device=x.device)
    return torch.empty_like(kernels.dense(x)), sums


def steepness(y: Tensor, slope: float, gain: float, clamp: float) -> Tensor:
    """Derivative [N, C, H, W] of the epilogue by what enters its rectifier, read off its output."""
    m = torch.where(y > 0, gain, gain * slope)
    return (m if clamp < 0 else m * (y.abs() < clamp)).to(y.dtype)


def _epilogue_save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, scale, noise, strength, bias, *ctx.how = inputs
    ctx.save_for_backward(x, output, scale, noise, strength, bias)


def _epilogue_back(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
    x, y, scale, noise, strength, bias = ctx.saved_tensors
    dx, sums = epilogue_grad(dy, x, y, scale, noise, *ctx.how)
    by_noise = by_strength = None
    if noise is not None:
        by_strength = sums[2].sum().to(strength.dtype).reshape(strength.shape)
        if ctx.needs_input_grad[2]:  # only a projector that optimises noise maps asks for it
            dz = dy * steepness(y, *ctx.how)
            whole = dz.sum((0, 1) if len(noise) == 1 else 1, keepdim=True, dtype=noise.dtype)
            by_noise = whole * strength
    by_bias = sums[1].sum(0).to(bias.dtype)
    return dx, sums[0].to(scale.dtype), by_noise, by_strength, by_bias, None, None, None


epilogue.register_autograd(_epilogue_back, setup_context=_epilogue_save)


def _epilogue_grad_save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    dy, x, y, scale, noise, *ctx.how = inputs
    ctx.save_for_backward(dy, x, y, scale, noise)


def _epilogue_grad_back(ctx: Any, g_dx: Tensor, g_sums: Tensor) -> tuple[Any, ...]:
    dy, x, y, scale, noise = ctx.saved_tensors
    m = steepness(y, *ctx.how)
    dz = dy * m
    by = g_sums[..., None, None].to(x.dtype)
    factor = scale[..., None, None].to(x.dtype)
    by_dz = g_dx * factor + by[0] * x + by[1]
    by_noise = None
    if noise is not None:
        by_dz = by_dz + by[2] * noise.to(x.dtype)
        if ctx.needs_input_grad[4]:
            sums = (by[2] * dz).sum((0, 1) if len(noise) == 1 else 1, keepdim=True)
            by_noise = sums.to(noise.dtype)
    by_scale = (g_dx * dz).sum((2, 3), dtype=scale.dtype)
    return by_dz * m, by[0] * dz, None, by_scale, by_noise, None, None, None


epilogue_grad.register_autograd(_epilogue_grad_back, setup_context=_epilogue_grad_save)
