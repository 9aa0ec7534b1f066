"""Pictures of discs on a gradient: smooth, with edges, each unlike the others."""

import io

import numpy as np
from PIL import Image


def scene(seed, side=128):
    """The picture of a seed, RGB, `side` x `side`."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    pixels = np.stack([x * rng.uniform(), y * rng.uniform(), x * y], axis=2) * 100 + 60
    for _ in range(12):
        cx, cy, r = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0.05, 0.2)
        pixels[(x - cx) ** 2 + (y - cy) ** 2 < r * r] = rng.uniform(30, 210, 3)
    return Image.fromarray(pixels.astype(np.uint8))


def recompressed(image):
    """The same picture after 64 px and a JPEG of quality 40."""
    buffer = io.BytesIO()
    image.resize((64, 64), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=40)
    return Image.open(buffer).convert("RGB").resize(image.size, Image.Resampling.BICUBIC)


def fill(folder, seeds, side=128):
    """A folder with the pictures of some seeds, ``000.png`` …"""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        scene(seed, side).save(folder / f"{seed:03}.png")
    return folder
