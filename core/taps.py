"""What a discriminator or a generator computes on the way, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from core.discriminator import Discriminator
from core.generator import Synthesis


def entering(d: Discriminator, images: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Each resolution r of d, from the highest to 4, with the features [N, C, r, r] that enter it.

    Nothing is computed beyond what was asked for. Images are [N, 3, R, R].
    """
    images = images.contiguous(memory_format=torch.channels_last)
    x = getattr(d, f"b{d.img_resolution}").fromrgb(images)
    for r in d.block_resolutions:
        yield r, x
        x = getattr(d, f"b{r}")(x)
    yield 4, x


@contextmanager
def recorded(synthesis: Synthesis) -> Iterator[list[Tensor]]:
    """A list that fills with the features [N, C, r, r] of a pass, while the context lasts.

    They are what each convolution gives after its activation: b4.conv1, b8.conv0, b8.conv1, ...
    """
    maps: list[Tensor] = []
    layers = [synthesis.get_submodule(name) for name in synthesis.noise_names]
    handles = [layer.register_forward_hook(lambda *call: maps.append(call[2])) for layer in layers]
    try:
        yield maps
    finally:
        for handle in handles:
            handle.remove()
