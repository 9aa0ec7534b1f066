"""Warping and filtering of the augmentations. Mirroring at the border, upsampling, filtering and
downsampling are linear along each axis, so each is one matrix per axis: differentiable as often as
one likes, and on a CPU faster than a convolution of three channels.
"""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from core.augment.draws import DOUBLE, like
from core.augment.matrices import scaling, translation
from core.ops import downsample2d, setup_filter

# Symlet wavelets, as in the published code: of the low-pass filter, and of the filter bank.
SYM6 = (0.015404109327027373, 0.0034907120842174702, -0.11799011114819057, -0.048311742585633,
        0.4910559419267466, 0.787641141030194, 0.3379294217276218, -0.07263752278646252,
        -0.021060292512300564, 0.04472490177066578, 0.0017677118642428036,
        -0.007800708325034148)  # fmt: skip
SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
REACH = len(SYM6) // 4  # of the low-pass filter, in pixels of the image


def mirrored(size: int, before: int, after: int) -> Tensor:
    """Indices [before + size + after] into a row of ``size``, reflected at its ends."""
    period = max(2 * (size - 1), 1)
    index = torch.arange(-before, size + after).remainder(period)
    return torch.minimum(index, period - index).clamp(max=size - 1)


@lru_cache(maxsize=256)  # margins differ from batch to batch
def upsampling(size: int, before: int, after: int) -> Tensor:
    """[2 (before + size + after), size], float64: mirror at the ends, then double the samples."""
    source = mirrored(size, before, after)
    count = 2 * len(source)
    # Sample o of the result meets tap a at place o + 5 - a of the row with zeros in between.
    place = torch.arange(count)[:, None] + len(SYM6) // 2 - 1 - torch.arange(len(SYM6))
    sample = (place % 2 == 0) & (place >= 0) & (place < count)
    weights = 2 * setup_filter(SYM6).double() * sample
    columns = source[(place // 2).clamp(0, len(source) - 1)]
    return torch.zeros(count, size, dtype=DOUBLE).scatter_add_(1, columns, weights)


@lru_cache(maxsize=64)
def downsampling(size: int) -> Tensor:
    """[size, 2 (size + 2 REACH)], float64: half as many samples, without the margins."""
    rows = torch.eye(2 * (size + 2 * REACH), dtype=DOUBLE)[None, None]
    taps = setup_filter(SYM6)[:, None].double()
    padding = (0, 0, -2 * REACH, -2 * REACH)
    return downsample2d(rows, taps, down=(1, 2), padding=padding, flip_filter=True)[0, 0]


def margins(inverse: Tensor, height: int, width: int) -> tuple[int, int, int, int]:
    """Pixels (left, top, right, bottom) that inverse [N, 3, 3] reads beyond the image."""
    cx, cy = (width - 1) / 2, (height - 1) / 2
    corners = torch.tensor([[-cx, cx, cx, -cx], [-cy, -cy, cy, cy], [1, 1, 1, 1]], dtype=DOUBLE)
    reached = (inverse @ corners)[:, :2]  # [N, 2, 4]
    most, least = reached.amax((0, 2)), reached.amin((0, 2))
    # The filter reaches beyond on the way up and on the way down.
    beyond = torch.cat([-least, most]) + torch.tensor([2 * REACH - cx, 2 * REACH - cy] * 2)
    limit = torch.tensor([width - 1, height - 1] * 2, dtype=DOUBLE)
    left, top, right, bottom = beyond.clamp(min=0).minimum(limit).ceil().int().tolist()
    return left, top, right, bottom


def warp(images: Tensor, inverse: Tensor) -> Tensor:
    """Images [N, C, H, W] moved, by ``inverse`` [N, 3, 3] of pixels from the centre."""
    height, width = images.shape[2:]
    left, top, right, bottom = margins(inverse, height, width)
    to_x = like(upsampling(width, left, right), images)
    to_y = like(upsampling(height, top, bottom), images)
    large = to_y @ (images @ to_x.t())

    inverse = translation((left - right) / 2, (top - bottom) / 2) @ inverse
    inverse = scaling(2, 2) @ inverse @ scaling(0.5, 0.5)
    # Samples of twice as many lie half a step off those of the image.
    inverse = translation(-0.5, -0.5) @ inverse @ translation(0.5, 0.5)
    rows, columns = 2 * (height + 2 * REACH), 2 * (width + 2 * REACH)
    inverse = scaling(2 / large.shape[3], 2 / large.shape[2]) @ inverse
    inverse = like(inverse @ scaling(columns / 2, rows / 2), images)
    size = [*images.shape[:2], rows, columns]
    grid = F.affine_grid(inverse[:, :2], size, align_corners=False)
    large = F.grid_sample(large, grid, mode="bilinear", padding_mode="zeros", align_corners=False)

    to_x, to_y = (like(downsampling(size), images) for size in (width, height))
    return to_y @ (large @ to_x.t())


def recolour(images: Tensor, colours: Tensor) -> Tensor:
    """Images [N, 3 or 1, H, W] under colour matrices [N, 4, 4]; grey images take the mean row."""
    if images.shape[1] == 1:
        row = colours[:, :3].mean(dim=1)  # [N, 4]
        factor, shift = row[:, :3].sum(dim=1), row[:, 3]
        factor, shift = (like(v, images)[:, None, None, None] for v in (factor, shift))
        return images * factor + shift
    colours = like(colours, images)
    flat = torch.baddbmm(colours[:, :3, 3:], colours[:, :3, :3], images.flatten(2))
    return flat.unflatten(2, images.shape[2:])


@lru_cache(maxsize=1)
def filter_bank() -> Tensor:
    """[4, 43], float32: band-pass filters of the octaves, lowest first; their sum is an impulse."""
    low = torch.tensor(SYM2, dtype=DOUBLE)
    high = low * torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=DOUBLE)
    low2, high2 = _convolved(low, low.flip(0)) / 2, _convolved(high, high.flip(0)) / 2
    bank = torch.eye(4, 1, dtype=DOUBLE)
    for band in range(1, 4):
        spread = torch.stack([bank, torch.zeros_like(bank)], dim=2).flatten(1)[:, :-1]
        bank = torch.stack([_convolved(row, low2) for row in spread])
        start = (bank.shape[1] - len(high2)) // 2
        bank[band, start : start + len(high2)] += high2
    return bank.float()


def _convolved(x: Tensor, taps: Tensor) -> Tensor:
    return F.conv1d(x[None, None], taps.flip(0)[None, None], padding=len(taps) - 1)[0, 0]


@lru_cache(maxsize=16)
def band_filters(size: int) -> Tensor:
    """[4, size, size], float64: each band's filter of a row that is mirrored at its ends."""
    bank = filter_bank().double()
    reach = bank.shape[1] // 2
    rows = torch.eye(size, dtype=DOUBLE)[mirrored(size, reach, reach)]  # [size + 2 reach, size]
    windows = rows.unfold(0, bank.shape[1], 1)  # [size, size, taps]
    return torch.einsum("ijt,bt->bij", windows, bank)


def filter_bands(images: Tensor, gains: Tensor) -> Tensor:
    """Images [N, C, H, W] with gains [N, 4] on their frequency bands."""
    height, width = images.shape[2:]
    along_y, along_x = (
        like(torch.einsum("nb,bij->nij", gains, band_filters(size))[:, None], images)
        for size in (height, width)
    )
    return along_y @ images @ along_x.transpose(2, 3)


def cut(images: Tensor, size: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Images with a square of ``size`` [N] around (x, y) [N], in image sizes, set to zero."""

    def outside(pixels: int, centre: Tensor) -> Tensor:
        place = (torch.arange(pixels, dtype=DOUBLE) + 0.5) / pixels
        return (place - centre[:, None]).abs() >= size[:, None] / 2

    height, width = images.shape[2:]
    kept = outside(height, y)[:, None, :, None] | outside(width, x)[:, None, None, :]
    return images * like(kept, images)


def root_mean_energy(gains: Tensor, energy: Tensor) -> Tensor:
    """[N, 1]: the root of the energy-weighted mean square of gains [N, 4]."""
    return (gains.square() @ energy).sqrt()[:, None]


def octaves(exponent: Tensor) -> Tensor:
    return (exponent * math.log(2)).exp()
