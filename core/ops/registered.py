"""The kernels as operators of torch: their launch, what shape comes out, and their derivatives,
which are again such operators, so that R1 and the path length penalty stay in the kernels.
``torch.compile`` takes them without a graph break. A negative clamp is none.
"""

from typing import Any

import torch
import triton
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from core.ops import kernels as k

Sizes = list[int]
LONGEST = 8  # blocks of a picture that one program of the epilogue's gradient adds up


def _grid(x: Tensor) -> tuple[int]:
    return (triton.cdiv(x.numel(), k.BLOCK),)


def _dense_like(x: Tensor, *rest: Any) -> Tensor:
    return torch.empty_like(k.dense(x))


_known = WeakIdKeyDictionary()  # of filters that were looked at, which a device is waited for


def separated(f: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Filters of both axes whose product f [Kh, Kw] is exactly, if there are any."""
    if f not in _known:
        rows = f.detach().double().cpu()
        at = int(rows.abs().sum(1).argmax())
        along_x = rows[at] / rows[at].sum() if rows[at].sum() else rows[at]
        along_y = rows.sum(1)
        same = torch.equal(torch.outer(along_y, along_x), rows)
        _known[f] = (tuple(along_y.tolist()), tuple(along_x.tolist())) if same else None
    return _known[f]


@torch.library.custom_op("styleshift::upfirdn", mutates_args=())
def upfirdn(
    x: Tensor, f: Tensor, up: Sizes, down: Sizes, pad: Sizes, flip: bool, gain: float
) -> Tensor:
    """Resampled x [N, C, H, W]; factors are (y, x), pad is (top, bottom, left, right)."""
    x = k.dense(x)
    y = _upfirdn_shape(x, f, up, down, pad, flip, gain)
    if not y.numel():
        return y
    if factors := separated(f):
        last, (out_h, out_w), channels = k.channels_last(x), y.shape[2:], x.shape[1]
        rows, block_w, block_c = k.tile(last, y.shape[2:], channels, up[0], down[0])
        # A true convolution turns the filter round.
        fy, fx = (factor if flip else factor[::-1] for factor in factors)
        low, high = -pad[0] // up[0], ((rows - 1) * down[0] - pad[0] + len(fy) - 1) // up[0]
        blocks = triton.cdiv(out_w, block_w) * triton.cdiv(channels, block_c)
        k._upfirdn_tile_kernel[(blocks, triton.cdiv(out_h, rows), x.shape[0])](
            x, y, channels, *x.shape[2:], out_h, out_w, tuple(gain * tap for tap in fy), fx,
            len(fy), len(fx), pad[0], pad[2], *up, *down, last, k.computed_in(x), low, high, rows,
            block_w, block_c,
        )  # fmt: skip
    else:
        k._upfirdn_kernel[_grid(y)](
            x, f.contiguous(), y, y.numel(), *x.shape[1:], *y.shape[2:], pad[0], pad[2], gain,
            *up, *down, *f.shape, flip, k.channels_last(x), k.computed_in(x), k.wide(x, y), k.BLOCK,
        )  # fmt: skip
    return y


@upfirdn.register_fake
def _upfirdn_shape(
    x: Tensor, f: Tensor, up: Sizes, down: Sizes, pad: Sizes, flip: bool, gain: float
) -> Tensor:
    h = (x.shape[2] * up[0] + pad[0] + pad[1] - f.shape[0]) // down[0] + 1
    w = (x.shape[3] * up[1] + pad[2] + pad[3] - f.shape[1]) // down[1] + 1
    size = (x.shape[0], x.shape[1], h, w)
    return torch.empty(size, dtype=x.dtype, device=x.device, memory_format=k.order(x))


def _upfirdn_save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, f, ctx.up, ctx.down, ctx.pad, ctx.flip, ctx.gain = inputs
    ctx.save_for_backward(f)
    ctx.size, ctx.out = x.shape[2:], output.shape[2:]


def _upfirdn_back(ctx: Any, dy: Tensor) -> tuple[Any, ...]:
    """Up and down change places, the filter turns round, and the padding fills up to the size."""
    (f,) = ctx.saved_tensors
    pad = []
    for axis, before in enumerate((ctx.pad[0], ctx.pad[2])):
        up, down, taps = ctx.up[axis], ctx.down[axis], f.shape[axis]
        pad.append(taps - before - 1)
        pad.append(ctx.size[axis] * up - ctx.out[axis] * down + before - up + 1)
    dx = upfirdn(dy, f, ctx.down, ctx.up, pad, not ctx.flip, ctx.gain)
    return dx, *[None] * 6


upfirdn.register_autograd(_upfirdn_back, setup_context=_upfirdn_save)


def _bias_act(
    x: Tensor, b: Tensor | None, dy: Tensor | None, ddx: Tensor | None, dim: int, act: str,
    alpha: float, gain: float, clamp: float,
) -> Tensor:  # fmt: skip
    """Order 0, 1 (with dy) or 2 (with dy and ddx), in the order in memory of x."""
    x = k.dense(x)
    last, order = k.channels_last(x), (dy is not None) + (ddx is not None)
    out = torch.empty_like(x)
    dim %= x.ndim
    if last and dim != 1:
        raise ValueError("the bias of a channels-last tensor belongs to dimension 1")
    inner = 1 if last else x[(0,) * (dim + 1)].numel()
    k._bias_act_kernel[_grid(x)](
        x, x if b is None else b, x if dy is None else k.layout_as(dy, x),
        x if ddx is None else k.layout_as(ddx, x), out, x.numel(), x.shape[dim], inner, alpha, gain,
        clamp, k.ACTS.index(act), order, b is not None, clamp >= 0, k.computed_in(x), k.wide(x),
        k.BLOCK,
    )  # fmt: skip
    return out


@torch.library.custom_op("styleshift::bias_act", mutates_args=())
def bias_act(
    x: Tensor, b: Tensor | None, dim: int, act: str, alpha: float, gain: float, clamp: float
) -> Tensor:
    """Bias along ``dim``, activation, gain and clamp."""
    return _bias_act(x, b, None, None, dim, act, alpha, gain, clamp)


@torch.library.custom_op("styleshift::bias_act_grad", mutates_args=())
def bias_act_grad(
    x: Tensor, b: Tensor | None, dy: Tensor, ddx: Tensor | None, dim: int, act: str,
    alpha: float, gain: float, clamp: float,
) -> Tensor:  # fmt: skip
    """The first derivative times dy, or with ddx: the second times dy ddx."""
    return _bias_act(x, b, dy, ddx, dim, act, alpha, gain, clamp)


bias_act.register_fake(_dense_like)
bias_act_grad.register_fake(_dense_like)


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
    return dx, over_others(dx, ctx.how[0], b), *[None] * 5


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


bias_act.register_autograd(_bias_act_back, setup_context=_bias_act_save)
bias_act_grad.register_autograd(_bias_act_grad_back, setup_context=_bias_act_grad_save)


@torch.library.custom_op("styleshift::epilogue", mutates_args=())
def epilogue(
    x: Tensor, scale: Tensor, noise: Tensor | None, strength: Tensor, bias: Tensor, slope: float,
    gain: float, clamp: float,
) -> Tensor:  # fmt: skip
    """clamp(gain lrelu(x scale + noise strength + bias)) for x [N, C, H, W], scale [N, C]."""
    x, noise = k.dense(x), None if noise is None else noise.contiguous()
    y = torch.empty_like(x)
    k._epilogue_kernel[_grid(x)](
        x, scale.contiguous(), x if noise is None else noise, strength, bias.contiguous(), y,
        x.numel(), x.shape[1], x.shape[2] * x.shape[3], slope, gain, clamp, k.maps(noise),
        k.channels_last(x), clamp >= 0, k.computed_in(x), k.wide(x), k.BLOCK,
    )  # fmt: skip
    return y


@torch.library.custom_op("styleshift::epilogue_grad", mutates_args=())
def epilogue_grad(
    dy: Tensor, x: Tensor, y: Tensor, scale: Tensor, noise: Tensor | None, slope: float,
    gain: float, clamp: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The gradient dx, and sums [3, N, C] of dz x, dz, dz noise; no atomics, so deterministic."""
    x, noise = k.dense(x), None if noise is None else noise.contiguous()
    n, channels, area = x.shape[0], x.shape[1], x.shape[2] * x.shape[3]
    last = k.channels_last(x)
    # Neighbours in memory: channels of a pixel where these lie together, else pixels of a channel.
    block_c = min(triton.next_power_of_2(channels), 32) if last else 1
    block_a = k.BLOCK // block_c
    rounds = min(triton.cdiv(area, block_a), LONGEST)
    parts = triton.cdiv(area, block_a * rounds)
    dx, sums = torch.empty_like(x), x.new_empty(3, parts, n, channels, dtype=_kept(x))
    k._epilogue_grad_kernel[(n * triton.cdiv(channels, block_c), parts)](
        k.layout_as(dy, x), x, k.layout_as(y, x), scale.contiguous(), x if noise is None else noise,
        dx, sums, n, channels, area, slope, gain, clamp, k.maps(noise), last, clamp >= 0,
        k.computed_in(x), rounds, block_c, block_a,
    )  # fmt: skip
    return dx, sums.sum(1)


epilogue.register_fake(_dense_like)


@epilogue_grad.register_fake
def _epilogue_grad_shape(dy: Tensor, x: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    return _dense_like(x), x.new_empty(3, x.shape[0], x.shape[1], dtype=_kept(x))


def _kept(x: Tensor) -> torch.dtype:
    return torch.promote_types(x.dtype, torch.float32)  # half precision would lose long sums


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


def _epilogue_grad_save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    dy, x, y, scale, noise, *ctx.how = inputs
    ctx.save_for_backward(dy, x, y, scale, noise)


def _epilogue_grad_back(ctx: Any, g_dx: Tensor, g_sums: Tensor) -> tuple[Any, ...]:
    dy, x, y, scale, noise = ctx.saved_tensors
    m = steepness(y, *ctx.how)
    dz = dy * m
    by = g_sums[..., None, None].to(x.dtype)
    by_dz = g_dx * scale[..., None, None].to(x.dtype) + by[0] * x + by[1]
    by_noise = None
    if noise is not None:
        by_dz = by_dz + by[2] * noise.to(x.dtype)
        if ctx.needs_input_grad[4]:  # as in _epilogue_back
            sums = (by[2] * dz).sum((0, 1) if len(noise) == 1 else 1, keepdim=True)
            by_noise = sums.to(noise.dtype)
    by_scale = (g_dx * dz).sum((2, 3), dtype=scale.dtype)
    return by_dz * m, by[0] * dz, None, by_scale, by_noise, None, None, None


epilogue.register_autograd(_epilogue_back, setup_context=_epilogue_save)
epilogue_grad.register_autograd(_epilogue_grad_back, setup_context=_epilogue_grad_save)
