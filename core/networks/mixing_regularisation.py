"""Style mixing (arXiv:1812.04948, section 3.1): two latents share one image.
Departs from the paper in: one crossover for the whole batch, as in the published code.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from core.draws import sent

Map = Callable[[Tensor], Tensor]


def mixed_ws(
    mapping: Map, z1: Tensor, z2: Tensor, prob: float, generator: torch.Generator
) -> Tensor:
    """Styles [N, L, W]: z1's, with probability ``prob`` z2's from a random row (1..L-1) on."""
    ws = mapping(z1)
    # Both are drawn whatever comes of it, so that the random stream does not depend on the draw;
    # and rows are chosen by a mask, so that neither does what is computed.
    draw = torch.rand((), generator=generator, device=generator.device)
    crossover = torch.randint(1, ws.shape[1], (), generator=generator, device=generator.device)
    if prob == 0:
        return ws
    own = torch.where(draw < prob, crossover, ws.shape[1])
    first = torch.arange(ws.shape[1], device=own.device) < own
    return torch.where(sent(first, ws.device)[:, None], ws, mapping(z2))


def crossed(ws1: Tensor, ws2: Tensor, crossover: int) -> Tensor:
    """Rows below ``crossover`` of ws1 [N, L, W], the others of ws2."""
    return torch.cat([ws1[:, :crossover], ws2[:, crossover:]], dim=1)
