"""What a discriminator or a generator computes on the way, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from core.networks.discriminator import Discriminator


def block_inputs(d: Discriminator, images: Tensor) -> Iterator[tuple[int, Tensor]]:
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
def record_activations(network: nn.Module, layers: Sequence[str]) -> Iterator[dict[str, Tensor]]:
    """What some layers of a network give, by name, in the order in which they give it.

    The mapping fills during a pass, while the context lasts. Layers of a generator's synthesis are
    named as in its ``noise_names``: b4.conv1, b8.conv0, b8.conv1, ...
    """
    found: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(layer: nn.Module, given: Any, features: Tensor) -> None:
            found[name] = features

        return hook

    handles = [network.get_submodule(n).register_forward_hook(keep(n)) for n in layers]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
