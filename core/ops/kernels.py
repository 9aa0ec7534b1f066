# mypy: allow-untyped-defs
"""Triton kernels of the operators, for NVIDIA GPUs; :mod:`core.ops.registered` launches them. Every
kernel reads and writes memory in the order in which it lies there (NCHW or channels-last) and
computes in float32 (float64 for float64). Sizes are compiled in, the batch is not: a division of an
index by a number that is not known costs more than the memory of the element.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 1024  # elements a program handles: eight for each of Triton's 128 threads
ACTS = ("linear", "relu", "lrelu", "tanh", "sigmoid", "elu", "selu", "softplus", "swish")
SELU_SCALE = tl.constexpr(1.0507009873554805)  # arXiv:1706.02515, equation 14
SELU_ALPHA = tl.constexpr(1.6732632423543772)


def channels_last(x: Tensor) -> bool:
    """Whether the channels of x [N, C, H, W] lie next to each other, and it is not both ways."""
    last = x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last)
    return last and not x.is_contiguous()


def dense(x: Tensor) -> Tensor:
    """The tensor in one of the two orders that kernels read."""
    return x if channels_last(x) else x.contiguous()


def layout_as(x: Tensor, like: Tensor) -> Tensor:
    """The tensor in the memory order of ``like``."""
    return x.contiguous(memory_format=order(like))


def order(x: Tensor) -> torch.memory_format:
    return torch.channels_last if channels_last(x) else torch.contiguous_format


@triton.jit
def _indices(WIDE: tl.constexpr, BLOCK: tl.constexpr):
    block = tl.program_id(0)
    if WIDE:
        block = block.to(tl.int64)
    return block * BLOCK + tl.arange(0, BLOCK)


@triton.jit
def _activated(u, alpha, ACT: tl.constexpr, ORDER: tl.constexpr):
    zero = tl.zeros_like(u)  # u * 0 is not a number where half precision overflowed
    one = zero + 1.0
    if ACT == 0:  # linear
        out = u if ORDER == 0 else (one if ORDER == 1 else zero)
    elif ACT == 1:  # relu
        first = tl.where(u > 0, one, zero)
        out = tl.where(u > 0, u, zero) if ORDER == 0 else (first if ORDER == 1 else zero)
    elif ACT == 2:  # lrelu
        first = tl.where(u > 0, one, zero + alpha)
        out = first * u if ORDER == 0 else (first if ORDER == 1 else zero)
    elif ACT == 3:  # tanh
        t = 2.0 / (1.0 + tl.exp(-2.0 * u)) - 1.0
        out = t if ORDER == 0 else ((1.0 - t * t) if ORDER == 1 else -2.0 * t * (1.0 - t * t))
    elif ACT == 5 or ACT == 6:  # elu, selu
        scale = SELU_SCALE if ACT == 6 else 1.0
        bent = SELU_ALPHA if ACT == 6 else 1.0
        e = tl.exp(tl.minimum(u, 0.0)) * bent
        straight = u if ORDER == 0 else (one if ORDER == 1 else zero)
        curved = (e - bent) if ORDER == 0 else e
        out = tl.where(u >= 0, straight, curved) * scale
    else:
        s = 1.0 / (1.0 + tl.exp(-u))
        ds = s * (1.0 - s)
        if ACT == 4:  # sigmoid
            out = s if ORDER == 0 else (ds if ORDER == 1 else ds * (1.0 - 2.0 * s))
        elif ACT == 7:  # softplus
            soft = tl.maximum(u, 0.0) + tl.log(1.0 + tl.exp(-tl.abs(u)))
            out = soft if ORDER == 0 else (s if ORDER == 1 else ds)
        else:  # swish
            second = ds * (2.0 + u * (1.0 - 2.0 * s))
            out = u * s if ORDER == 0 else ((s + u * ds) if ORDER == 1 else second)
    return out


@triton.jit
def _bias_act_kernel(
    x_ptr, b_ptr, dy_ptr, ddx_ptr, out_ptr, n, channels: tl.constexpr, inner: tl.constexpr, alpha,
    gain, clamp, ACT: tl.constexpr, ORDER: tl.constexpr, BIAS: tl.constexpr,
    CLAMP: tl.constexpr, TYPE: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = _indices(WIDE, BLOCK)
    inside = i < n
    u = tl.load(x_ptr + i, mask=inside, other=0).to(TYPE)
    if BIAS:
        u += tl.load(b_ptr + (i // inner) % channels, mask=inside, other=0).to(TYPE)
    out = _activated(u, alpha, ACT, ORDER) * gain
    if ORDER > 0:
        out *= tl.load(dy_ptr + i, mask=inside, other=0).to(TYPE)
    if ORDER > 1:
        out *= tl.load(ddx_ptr + i, mask=inside, other=0).to(TYPE)
    if CLAMP:
        if ORDER == 0:
            out = tl.minimum(tl.maximum(out, -clamp), clamp)
        else:
            y = _activated(u, alpha, ACT, 0) * gain
            out = tl.where((y >= -clamp) & (y <= clamp), out, tl.zeros_like(out))
    tl.store(out_ptr + i, out, mask=inside)


@triton.jit
def _upfirdn_kernel(
    x_ptr, f_ptr, y_ptr, n, channels: tl.constexpr, in_h: tl.constexpr, in_w: tl.constexpr,
    out_h: tl.constexpr, out_w: tl.constexpr, pad_y, pad_x, gain,
    UP_Y: tl.constexpr, UP_X: tl.constexpr, DOWN_Y: tl.constexpr, DOWN_X: tl.constexpr,
    KH: tl.constexpr, KW: tl.constexpr, FLIP: tl.constexpr, LAST: tl.constexpr,
    TYPE: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = _indices(WIDE, BLOCK)
    inside = i < n
    if LAST:
        c = i % channels
        ox = (i // channels) % out_w
        oy = (i // (channels * out_w)) % out_h
        base = i // (channels * out_w * out_h) * (in_h * in_w * channels) + c
        step = channels
    else:
        ox = i % out_w
        oy = (i // out_w) % out_h
        base = i // (out_w * out_h) * (in_h * in_w)
        step = 1
    # The first tap k with (o down + k - pad) a multiple of up; samples are up apart.
    first_y = oy * DOWN_Y - pad_y
    first_x = ox * DOWN_X - pad_x
    phase_y = ((-first_y) % UP_Y + UP_Y) % UP_Y
    phase_x = ((-first_x) % UP_X + UP_X) % UP_X
    total = tl.zeros([BLOCK], dtype=TYPE)
    for jy in tl.static_range((KH + UP_Y - 1) // UP_Y):
        ky = phase_y + jy * UP_Y
        iy = (first_y + ky) // UP_Y
        ok_y = inside & (ky < KH) & (first_y + ky >= 0) & (iy < in_h)
        for jx in tl.static_range((KW + UP_X - 1) // UP_X):
            kx = phase_x + jx * UP_X
            ix = (first_x + kx) // UP_X
            ok = ok_y & (kx < KW) & (first_x + kx >= 0) & (ix < in_w)
            at = (ky * KW + kx) if FLIP else ((KH - 1 - ky) * KW + KW - 1 - kx)
            tap = tl.load(f_ptr + at, mask=ok, other=0).to(TYPE)
            value = tl.load(x_ptr + base + (iy * in_w + ix) * step, mask=ok, other=0).to(TYPE)
            total += tap * value
    tl.store(y_ptr + i, total * gain, mask=inside)


@triton.jit(do_not_specialize=["in_h", "in_w", "out_h", "out_w"])
def _upfirdn_tile_kernel(
    x_ptr, y_ptr, channels, in_h, in_w, out_h, out_w, FY: tl.constexpr, FX: tl.constexpr,
    KH: tl.constexpr, KW: tl.constexpr, PAD_Y: tl.constexpr, PAD_X: tl.constexpr,
    UP_Y: tl.constexpr, UP_X: tl.constexpr, DOWN_Y: tl.constexpr, DOWN_X: tl.constexpr,
    LAST: tl.constexpr, TYPE: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr,
    ROWS: tl.constexpr, BLOCK_W: tl.constexpr, BLOCK_C: tl.constexpr,
):  # fmt: skip
    """Outputs [ROWS, BLOCK_W, BLOCK_C] by filters of both axes that are compiled in. Every row of
    the input (LOW to HIGH, from the tile's first one) is read and filtered along x once, for all
    rows of the output that it enters. ROWS is a multiple of UP_Y, so which these are is known.
    """
    blocks_c = (channels + BLOCK_C - 1) // BLOCK_C
    c = (tl.program_id(0) % blocks_c) * BLOCK_C + tl.arange(0, BLOCK_C)[None, :]
    ox = (tl.program_id(0) // blocks_c) * BLOCK_W + tl.arange(0, BLOCK_W)[:, None]
    sample = tl.program_id(2).to(tl.int64)
    top = tl.program_id(1) * ROWS
    real = (c < channels) & (ox < out_w)
    if LAST:
        base, step_y, step_x = sample * in_h * in_w * channels + c, in_w * channels, channels
    else:
        base, step_y, step_x = (sample * channels + c) * in_h * in_w, in_w, 1
    first_x = ox * DOWN_X - PAD_X
    phase_x = ((-first_x) % UP_X + UP_X) % UP_X  # the first tap that meets a sample, UP_X apart
    # Tuples that only addition makes longer.
    taps, columns, valid, filtered = (), (), (), ()
    for jx in tl.static_range((KW + UP_X - 1) // UP_X):
        tap = tl.zeros([BLOCK_W, 1], dtype=TYPE)
        for phase in tl.static_range(UP_X):
            if phase + jx * UP_X < KW:
                tap = tl.where(phase_x == phase, FX[phase + jx * UP_X], tap)
        place = first_x + phase_x + jx * UP_X
        taps = taps + (tap,)  # type: ignore[assignment]  # noqa: RUF005
        columns = columns + (base + place // UP_X * step_x,)  # type: ignore[assignment]  # noqa: RUF005
        held = real & (place >= 0) & (place // UP_X < in_w)
        valid = valid + (held,)  # type: ignore[assignment]  # noqa: RUF005
    for r in tl.static_range(LOW, HIGH + 1):
        iy = top * DOWN_Y // UP_Y + r
        total = tl.zeros([BLOCK_W, BLOCK_C], dtype=TYPE)
        for jx in tl.static_range((KW + UP_X - 1) // UP_X):
            ok = valid[jx] & (iy >= 0) & (iy < in_h)
            total += taps[jx] * tl.load(x_ptr + columns[jx] + iy * step_y, mask=ok, other=0).to(
                TYPE
            )
        filtered = filtered + (total,)  # type: ignore[assignment]  # noqa: RUF005
    for j in tl.static_range(ROWS):
        out = tl.zeros([BLOCK_W, BLOCK_C], dtype=TYPE)
        for r in tl.static_range(LOW, HIGH + 1):
            if r * UP_Y - j * DOWN_Y + PAD_Y >= 0 and r * UP_Y - j * DOWN_Y + PAD_Y < KH:
                out += FY[r * UP_Y - j * DOWN_Y + PAD_Y] * filtered[r - LOW]
        oy = top + j
        if LAST:
            at = ((sample * out_h + oy) * out_w + ox) * channels + c
        else:
            at = ((sample * channels + c) * out_h + oy) * out_w + ox
        tl.store(y_ptr + at, out, mask=real & (oy < out_h))


@triton.jit
def _epilogue_kernel(
    x_ptr, scale_ptr, noise_ptr, strength_ptr, bias_ptr, y_ptr, n, channels: tl.constexpr,
    area: tl.constexpr, slope, gain, clamp, NOISE: tl.constexpr, LAST: tl.constexpr,
    CLAMP: tl.constexpr, TYPE: tl.constexpr, WIDE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    i = _indices(WIDE, BLOCK)
    inside = i < n
    sample = i // (channels * area)
    c = i % channels if LAST else (i // area) % channels
    place = (i // channels) % area if LAST else i % area
    z = tl.load(x_ptr + i, mask=inside, other=0).to(TYPE)
    z *= tl.load(scale_ptr + sample * channels + c, mask=inside, other=0).to(TYPE)
    z += tl.load(bias_ptr + c, mask=inside, other=0).to(TYPE)
    if NOISE:
        at = place if NOISE == 1 else sample * area + place
        z += tl.load(noise_ptr + at, mask=inside, other=0).to(TYPE) * tl.load(strength_ptr).to(TYPE)
    y = tl.where(z > 0, z, z * slope) * gain
    if CLAMP:
        y = tl.minimum(tl.maximum(y, -clamp), clamp)
    tl.store(y_ptr + i, y, mask=inside)


@triton.jit
def _epilogue_grad_kernel(
    dy_ptr, x_ptr, y_ptr, scale_ptr, noise_ptr, dx_ptr, sums_ptr, samples, channels, area, slope,
    gain, clamp, NOISE: tl.constexpr, LAST: tl.constexpr, CLAMP: tl.constexpr, TYPE: tl.constexpr,
    ROUNDS: tl.constexpr, BLOCK_C: tl.constexpr, BLOCK_A: tl.constexpr,
):  # fmt: skip
    """dx, and for each part of the area the sums [3, parts, N, C] of dz x, dz and dz noise."""
    blocks_c = (channels + BLOCK_C - 1) // BLOCK_C
    sample = (tl.program_id(0) // blocks_c).to(tl.int64)
    c = (tl.program_id(0) % blocks_c) * BLOCK_C + tl.arange(0, BLOCK_C)[None, :]
    part, parts = tl.program_id(1), tl.num_programs(1)
    real = c < channels
    scale = tl.load(scale_ptr + sample * channels + c, mask=real, other=0).to(TYPE)
    by_scale = tl.zeros([BLOCK_C], dtype=TYPE)
    by_bias = tl.zeros([BLOCK_C], dtype=TYPE)
    by_noise = tl.zeros([BLOCK_C], dtype=TYPE)
    for turn in range(ROUNDS):
        place = (part * ROUNDS + turn) * BLOCK_A + tl.arange(0, BLOCK_A)[:, None]
        inside = real & (place < area)
        i = place * channels + c if LAST else c * area + place
        i = sample * channels * area + i
        y = tl.load(y_ptr + i, mask=inside, other=0).to(TYPE)
        dz = tl.load(dy_ptr + i, mask=inside, other=0).to(TYPE) * gain
        dz = tl.where(y > 0, dz, dz * slope)
        if CLAMP:
            dz = tl.where((y > -clamp) & (y < clamp), dz, tl.zeros_like(dz))
        x = tl.load(x_ptr + i, mask=inside, other=0).to(TYPE)
        tl.store(dx_ptr + i, dz * scale, mask=inside)
        by_scale += tl.sum(dz * x, axis=0)
        by_bias += tl.sum(dz, axis=0)
        if NOISE:
            at = place if NOISE == 1 else sample * area + place
            noise = tl.load(noise_ptr + at, mask=place < area, other=0).to(TYPE)
            by_noise += tl.sum(dz * noise, axis=0)
    row = (part * samples + sample) * channels + tl.reshape(c, [BLOCK_C])
    size = parts * samples * channels
    own = tl.reshape(real, [BLOCK_C])
    tl.store(sums_ptr + row, by_scale, mask=own)
    tl.store(sums_ptr + size + row, by_bias, mask=own)
    tl.store(sums_ptr + 2 * size + row, by_noise, mask=own)


TILES = {True: (8, 16, 32), False: (8, 128, 1)}
"""Rows, columns and channels of a tile of outputs at most, by whether channels lie together."""


def tile(last: bool, size: torch.Size, channels: int, up: int, down: int) -> tuple[int, int, int]:
    """Rows, columns and channels of a tile of outputs of a size (height, width); rows are a
    multiple of ``up``, and fewer where each takes ``down`` of the input.
    """
    most_rows, most_w, most_c = TILES[last]
    block_c = min(triton.next_power_of_2(channels), most_c)
    block_w = min(triton.next_power_of_2(size[1]), most_w * most_c // block_c if last else most_w)
    return max(min(most_rows // down, size[0]) // up, 1) * up, block_w, block_c


def computed_in(x: Tensor) -> tl.dtype:
    """What the sums of a kernel are kept in."""
    return tl.float64 if x.dtype == torch.float64 else tl.float32


def wide(*tensors: Tensor) -> bool:
    """Whether an index may need 64 bits, which are slower, up to the end of the last block."""
    return max(t.numel() for t in tensors) >= 2**31 - BLOCK


def maps(noise: Tensor | None) -> int:
    """0 without noise, 1 for one map for all samples, 2 for one each."""
    return 0 if noise is None else 1 + (len(noise) > 1)
