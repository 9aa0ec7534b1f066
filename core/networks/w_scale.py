"""A generator whose styles lie farther from their average, or nearer."""

from __future__ import annotations

import copy

import torch

from core.networks.generator import Generator


@torch.no_grad()
def scale_w(g: Generator, factor: float) -> Generator:
    """A copy that shows at styles w what ``g`` shows at ``average + factor (w - average)``. The
    factor is folded into the affine layers, so that the mapping network, its average and the
    truncation trick stay as they are. Regression shrinks what it cannot tell; this undoes it.
    """
    wide = copy.deepcopy(g)
    average = g.mapping.w_avg
    for name, layer in wide.synthesis.named_modules():
        if name.endswith("affine"):
            constant = (1 - factor) * layer.weight_gain / layer.bias_gain
            layer.bias += constant * (layer.weight @ average)
            layer.weight *= factor
    return wide
