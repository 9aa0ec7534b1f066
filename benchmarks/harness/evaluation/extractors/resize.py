"""Bringing pictures to the side that a network wants, in the ways that published numbers rest on.

Reductions differ so much between libraries that a distance depends on them (arXiv:2104.11222), so
every way has a name and the name is part of the extractor's.

``clean``             Pillow's bicubic filter on float channels, antialiased, clipped, not rounded
``legacy-pytorch``    bilinear without antialiasing, centres aligned at half pixels
``legacy-tensorflow`` bilinear without antialiasing, corners of the first pixels aligned (TF 1)
``pillow``            Pillow's filter on bytes, as torchvision resizes a picture that is a file
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from benchmarks.harness.io.contact_sheet import to_uint8


def clean(pixels: np.ndarray, side: int) -> np.ndarray:
    """A picture float32 [side, side, 3] in 0..255 of pixels uint8 [H, W, 3]."""
    out = np.empty((side, side, 3), np.float32)
    for channel in range(3):
        plane = Image.fromarray(pixels[:, :, channel].astype(np.float32))
        out[:, :, channel] = np.asarray(plane.resize((side, side), Image.Resampling.BICUBIC))
    return out.clip(0, 255)


def legacy_pytorch(pixels: Tensor, side: int) -> Tensor:
    """Pictures [N, 3, side, side] in 0..255 of [N, 3, H, W] in 0..255."""
    resized = F.interpolate(pixels, (side, side), mode="bilinear", align_corners=False)
    return resized.clamp(0, 255)


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


def pillow(pixels: np.ndarray, side: int, filter: Image.Resampling) -> np.ndarray:
    """A picture uint8 [side, side, 3] of pixels uint8 [H, W, 3]; untouched if it has the side."""
    if pixels.shape[:2] == (side, side):
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((side, side), filter))


def levels(images: Tensor) -> Tensor:
    """Grey levels [N, 3, R, R], whole numbers 0..255 as floats, of images in [-1, 1]."""
    return torch.from_numpy(to_uint8(images)).permute(0, 3, 1, 2).float()


def each(images: Tensor, resized: list[np.ndarray]) -> Tensor:
    """Pictures [N, 3, S, S] as floats of resized ones [S, S, 3], in the order of the images."""
    assert len(resized) == len(images)
    return torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2).float()
