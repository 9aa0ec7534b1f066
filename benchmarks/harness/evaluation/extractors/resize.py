"""Bringing pictures to the side that a network wants, in the ways that published numbers rest on.

Reductions differ so much between libraries that a distance depends on them (arXiv:2104.11222), so
every way has a name and the name is part of the extractor's.

``clean``             Pillow's bicubic filter on float channels, antialiased, clipped, not rounded
``legacy-pytorch``    bilinear without antialiasing, centres aligned at half pixels
``legacy-tensorflow`` bilinear without antialiasing, corners of the first pixels aligned (TF 1)
``pillow``            Pillow's filter on bytes, as torchvision resizes a picture that is a file

The first two are clean-fid's own. It leaves the third to the TorchScript program of Inception,
which a state dict has not got.
"""

import warnings
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.harness.io.contact_sheet import to_uint8

SIDE = 299  # of Inception's pictures, and of all that clean-fid resizes


@lru_cache
def clean_fid(way: str) -> Callable[[np.ndarray], np.ndarray]:
    """clean-fid's ``clean`` or ``legacy_pytorch``: uint8 [H, W, 3] to float [299, 299, 3]."""
    from cleanfid.resize import build_resizer

    with warnings.catch_warnings():  # it would silence those of the whole process
        resizer: Callable[[np.ndarray], np.ndarray] = build_resizer(way)
    return resizer


def legacy_tensorflow(pixels: Tensor, side: int) -> Tensor:
    """Pictures [N, 3, side, side] of [N, 3, H, W]: pixel i lies at i * H / side, no half pixels."""

    def places(length: int) -> tuple[Tensor, Tensor, Tensor]:
        scale = np.float32(length) / np.float32(side)
        exact = torch.arange(side, dtype=torch.float32, device=pixels.device) * float(scale)
        low = exact.floor().long()
        return low, (low + 1).clamp(max=length - 1), (exact - low).to(pixels.dtype)

    top, bottom, down = places(pixels.shape[2])
    left, right, along = places(pixels.shape[3])
    across = pixels[..., left] + (pixels[..., right] - pixels[..., left]) * along
    upper, lower = across[:, :, top], across[:, :, bottom]
    return upper + (lower - upper) * down[:, None]


def pillow(images: Tensor, side: int, filter: Image.Resampling) -> Tensor:
    """Grey levels [N, 3, side, side] as floats of images in [-1, 1]; untouched with that side."""
    if images.shape[-2:] == (side, side):
        return levels(images)
    resized = (Image.fromarray(pixels).resize((side, side), filter) for pixels in to_uint8(images))
    return stack([np.asarray(picture) for picture in resized])


def levels(images: Tensor) -> Tensor:
    """Grey levels [N, 3, R, R], whole numbers 0..255 as floats, of images in [-1, 1]."""
    return torch.from_numpy(to_uint8(images)).permute(0, 3, 1, 2).float()


def stack(pictures: list[np.ndarray]) -> Tensor:
    """Pictures [N, 3, S, S] as floats of pictures [S, S, 3]."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
