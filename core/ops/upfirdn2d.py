"""Upsample, pad or crop, FIR filter, downsample, the operator of StyleGAN2 (arXiv:1912.04958),
without ever inserting a zero: spreading and convolving together are a transposed convolution,
convolving and decimating a strided one; both are per channel.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from core.ops import backend

SEPARABLE_FROM = 8  # taps; shorter filters are quicker as one two-dimensional pass, as published

Factor = int | Sequence[int]
Pair = tuple[int, int]
Pad = tuple[int, int, int, int]


def setup_filter(
    f: Tensor | Sequence[float] | Sequence[Sequence[float]] | float | None,
    *,
    normalize: bool = True,
    flip_filter: bool = False,
    gain: float = 1,
    separable: bool | None = None,
) -> Tensor:
    """Float32 filter ``[taps]`` or ``[Kh, Kw]``; few taps in a row give their outer product."""
    taps = torch.as_tensor(1.0 if f is None else f, dtype=torch.float32)
    if taps.ndim > 2 or taps.numel() == 0:
        raise ValueError(f"a filter is one- or two-dimensional, got shape {tuple(taps.shape)}")
    taps = torch.atleast_1d(taps)
    if separable is None:
        separable = taps.ndim == 1 and taps.numel() >= SEPARABLE_FROM
    if taps.ndim == 1 and not separable:
        taps = torch.outer(taps, taps)
    if normalize:
        taps = taps / taps.sum()
    if flip_filter:
        taps = taps.flip(list(range(taps.ndim)))
    return taps * gain ** (taps.ndim / 2)  # a separable filter is applied twice


def upfirdn2d(
    x: Tensor,
    f: Tensor | None,
    up: Factor = 1,
    down: Factor = 1,
    padding: Factor = 0,
    flip_filter: bool = False,
    gain: float = 1,
) -> Tensor:
    """Resampled images ``[N, C, Ho, Wo]`` of ``x [N, C, H, W]``. ``up`` and ``down`` are one number
    or (x, y); ``padding``, negative to crop, is one number, (x, y) or (x before, x after, y before,
    y after) in samples of the upsampled image. ``f`` is ``[Kh, Kw]``, ``[taps]`` (separable) or
    None. True convolution, or correlation if ``flip_filter``.
    """
    if x.ndim != 4:
        raise ValueError(f"upfirdn2d takes images [N, C, H, W], got shape {tuple(x.shape)}")
    ux, uy = _pair(up, "up")
    dx, dy = _pair(down, "down")
    px0, px1, py0, py1 = _padding(padding)
    f = x.new_ones(1, 1) if f is None else f
    if not backend.kernels(x):  # which compute in their own precision
        f = f.to(device=x.device, dtype=x.dtype)
    if f.ndim == 1:
        x = _filter(x, f[None, :], (1, ux), (1, dx), (0, 0, px0, px1), flip_filter, gain**0.5)
        return _filter(x, f[:, None], (uy, 1), (dy, 1), (py0, py1, 0, 0), flip_filter, gain**0.5)
    return _filter(x, f, (uy, ux), (dy, dx), (py0, py1, px0, px1), flip_filter, gain)


def _filter(
    x: Tensor, f: Tensor, up: Pair, down: Pair, pad: Pad, flip_filter: bool, gain: float
) -> Tensor:
    """One filter [Kh, Kw]; factors are (y, x), ``pad`` is (top, bottom, left, right)."""
    kh, kw = f.shape
    top, bottom, left, right = pad
    height, width = x.shape[2] * up[0] + top + bottom, x.shape[3] * up[1] + left + right
    if height < kh or width < kw:
        raise ValueError(
            f"the filter of {kh} x {kw} taps is larger than the padded image of {height} x {width}"
        )
    if backend.kernels(x):
        from core.ops import registered  # triton is not everywhere

        return registered.upfirdn(x, f, list(up), list(down), list(pad), flip_filter, float(gain))
    f = f * gain
    as_it_is = flip_filter == (up == (1, 1))  # a transposed convolution turns its weight round
    channels = x.shape[1]
    weight = (f if as_it_is else f.flip(0, 1)).expand(channels, 1, kh, kw)
    if up == (1, 1):
        # What both sides have is padded by the convolution, which copies nothing for it.
        inner = (max(min(top, bottom), 0), max(min(left, right), 0))
        rest = (left - inner[1], right - inner[1], top - inner[0], bottom - inner[0])
        x = F.pad(x, rest) if any(rest) else x
        return F.conv2d(x, weight, stride=down, padding=inner, groups=channels)
    full = F.conv_transpose2d(x, weight, stride=up, groups=channels)
    # y[o] is sample o + K - 1 - p of the full convolution; what lies outside of it is zero.
    y0, x0 = kh - 1 - top, kw - 1 - left
    right, bottom = x0 + width - kw + 1 - full.shape[3], y0 + height - kh + 1 - full.shape[2]
    full = F.pad(full, (-x0, right, -y0, bottom))
    return full if down == (1, 1) else full[:, :, :: down[0], :: down[1]]


def filter2d(
    x: Tensor, f: Tensor, padding: Factor = 0, flip_filter: bool = False, gain: float = 1
) -> Tensor:
    """Same-size filtering; ``padding`` is added to what keeps the size."""
    return upsample2d(x, f, 1, padding, flip_filter, gain)


def upsample2d(
    x: Tensor,
    f: Tensor,
    up: Factor = 2,
    padding: Factor = 0,
    flip_filter: bool = False,
    gain: float = 1,
) -> Tensor:
    """``up`` times as large, brightness kept; ``padding`` is added to what keeps it centred."""
    ux, uy = _pair(up, "up")
    axes = zip(_size(f), (ux, uy), strict=True)
    pad = _added(padding, [((k + u - 1) // 2, (k - u) // 2) for k, u in axes])
    return upfirdn2d(x, f, up=(ux, uy), padding=pad, flip_filter=flip_filter, gain=gain * ux * uy)


def downsample2d(
    x: Tensor,
    f: Tensor,
    down: Factor = 2,
    padding: Factor = 0,
    flip_filter: bool = False,
    gain: float = 1,
) -> Tensor:
    """``down`` times as small; ``padding`` is added to what keeps it centred."""
    factors = _pair(down, "down")
    axes = zip(_size(f), factors, strict=True)
    pad = _added(padding, [((k - d + 1) // 2, (k - d) // 2) for k, d in axes])
    return upfirdn2d(x, f, down=factors, padding=pad, flip_filter=flip_filter, gain=gain)


def _pair(factor: Factor, name: str) -> Pair:
    x, y = (factor, factor) if isinstance(factor, int) else tuple(factor)
    if x < 1 or y < 1:
        raise ValueError(f"{name} must be at least 1, got {factor}")
    return int(x), int(y)


def _padding(padding: Factor) -> Pad:
    values = [padding] * 4 if isinstance(padding, int) else [int(p) for p in padding]
    if len(values) == 2:
        values = [values[0], values[0], values[1], values[1]]
    if len(values) != 4:
        raise ValueError(f"padding is one, two or four numbers, got {padding}")
    return values[0], values[1], values[2], values[3]


def _added(padding: Factor, centring: Sequence[Pair]) -> list[int]:
    px0, px1, py0, py1 = _padding(padding)
    (x0, x1), (y0, y1) = centring
    return [px0 + x0, px1 + x1, py0 + y0, py1 + y1]


def _size(f: Tensor | None) -> Pair:
    return (1, 1) if f is None else (f.shape[-1], f.shape[0])
