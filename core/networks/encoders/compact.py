"""A small encoder for a small generator: a photo's style rows in one forward pass, as offsets from
the average style, as in pSp (arXiv:2008.00951).
Departs from the paper in: all depths of the trunk are joined before the rows are read from them,
because a head for every row would be larger than the trunk.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from core.bounds import Count
from core.errors import UserError
from core.networks.generator import Generator, rows_mapped
from core.networks.perception import resized, trunk
from core.networks.registry import library_network


@library_network
class Compact(nn.Module):
    """Photos [N, 3, R, R] to L ``rows`` in W+, with what is known of its generator: the average
    style, the spread of styles, and for every row the ``steps`` [L, W, W] that change the picture
    equally (`core.inversion.refinement`). It reads pictures at ``resolution`` px; ``laterals`` are
    the channels that are taken from each depth before the last, coarse to fine.
    """

    average: Tensor
    spread: Tensor
    steps: Tensor

    def __init__(
        self,
        *,
        backbone: str,
        options: Mapping[str, str | Count | Sequence[Count]],
        stem_pool: bool,
        laterals: Sequence[Count],
        hidden: Count,
        resolution: Count,
        rows: Count,
        w_dim: Count,
    ) -> None:
        super().__init__()
        reads = {"backbone": backbone, "options": dict(options), "stem_pool": stem_pool}
        joins = {"laterals": list(laterals), "hidden": hidden, "resolution": resolution}
        self.config: dict[str, Any] = {**reads, **joins, "rows": rows, "w_dim": w_dim}
        self.resolution, self.rows, self.w_dim = resolution, rows, w_dim
        self.trunk = trunk(backbone, options, stem_pool)
        widths = [info["num_chs"] for info in self.trunk.feature_info]
        depths = list(zip(reversed(widths[:-1]), laterals, strict=False))
        self.laterals = nn.ModuleList(nn.Conv2d(width, channels, 1) for width, channels in depths)
        with torch.no_grad():
            read = self.eval().read(torch.zeros(1, 3, resolution, resolution)).shape[1]
        self.join = nn.Sequential(nn.Linear(read, hidden), nn.BatchNorm1d(hidden), nn.GELU())
        self.out = nn.Linear(hidden, rows * w_dim)
        nn.init.normal_(self.out.weight, std=0.003)  # the first picture is the average face
        nn.init.zeros_(self.out.bias)
        self.register_buffer("average", torch.zeros(w_dim))
        self.register_buffer("spread", torch.ones(w_dim))
        self.register_buffer("steps", torch.eye(w_dim).repeat(rows, 1, 1))
        self.train()

    def read(self, images: Tensor) -> Tensor:
        """What all depths see of images [N, 3, R, R], flat."""
        images = resized(images, self.resolution).contiguous(memory_format=torch.channels_last)
        *others, last = self.trunk.forward_intermediates(images, intermediates_only=True)
        pairs = zip(self.laterals, reversed(others), strict=False)
        depths = [last, *(lateral(x) for lateral, x in pairs)]
        return torch.cat([x.flatten(1) for x in depths], 1)

    def forward(self, images: Tensor) -> Tensor:
        """Codes [N, L, W], before the average is added, of images [N, 3, R, R] in [-1, 1]."""
        codes = self.out(self.join(self.read(images))).float()
        return codes.unflatten(1, (self.rows, self.w_dim)) * self.spread

    def styles(self, g: Generator, images: Tensor) -> Tensor:
        """Style rows [N, L, W] of images [N, 3, R, R]."""
        return self(images) + self.average

    @torch.no_grad()
    def attend(self, g: Generator, *, samples: int, seed: int) -> None:
        """Learn the average and the spread of a generator's styles."""
        self.average.copy_(g.mapping.w_avg)
        self.spread.copy_(w_std(g, samples=samples, seed=seed))

    def check(self, g: Generator) -> None:
        """Refuse a generator that the encoder was not trained for."""
        if g.num_ws != self.rows or not same_average(self.average, g):
            raise UserError(
                "The encoder was trained for another generator; "
                "`python -m benchmarks.assets encoder source=NAME` trains it anew."
            )


@library_network
class CompactZPlus(Compact):
    """The same with latents [N, L, Z] as codes, which every row maps: what it cannot express the
    generator has never seen, so drawings give faces (DualStyleGAN, arXiv:2203.13248, and AgileGAN).
    """

    def styles(self, g: Generator, images: Tensor) -> Tensor:
        return rows_mapped(g, self(images))

    @torch.no_grad()
    def attend(self, g: Generator, *, samples: int, seed: int) -> None:
        if g.z_dim != g.w_dim:
            raise UserError(f"Z+ needs latents as wide as styles, not {g.z_dim} and {g.w_dim}.")
        self.average.copy_(g.mapping.w_avg)


def same_average(average: Tensor, g: Generator) -> bool:
    """Whether an average style [W], perhaps in half precision, is the generator's."""
    own = g.mapping.w_avg
    near = 2e-3 * float(own.abs().max())  # half precision rounds by 5e-4 of a number at most
    return average.shape == own.shape and torch.allclose(average.to(own), own, atol=near, rtol=0)


@torch.no_grad()
def w_std(g: Generator, *, samples: int, seed: int) -> Tensor:
    """Standard deviation [W] of the styles of latents drawn from a seed."""
    z = torch.randn(samples, g.z_dim, generator=torch.Generator().manual_seed(seed))
    return g.mapping.style(z.to(g.mapping.w_avg)).std(0)
