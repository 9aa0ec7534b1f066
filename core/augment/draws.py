"""Where the augmentations' random parameters come from: chance, or a fixed quantile; on the CPU,
since what is done to a picture depends on them, and nobody may wait for a device to know it.
"""

import torch
from torch import Tensor

from core import draws

DOUBLE = torch.float64


def like(numbers: Tensor, images: Tensor) -> Tensor:
    """What the CPU has computed, in the precision and on the device of images."""
    return draws.sent(numbers.to(images.dtype), images.device)


class Chance:
    """Independent draws for n samples; every entry is applied with its multiplier times p."""

    def __init__(self, n: int, p: float, generator: torch.Generator) -> None:
        self.n, self.p, self.generator = n, p, generator

    def coin(self, multiplier: float) -> Tensor:
        return self.uniform() < multiplier * self.p

    def rotation_coin(self, multiplier: float, *, second: bool) -> Tensor:
        """Boolean [N]; the two rotations together happen with probability p."""
        return self.uniform() < 1 - (1 - min(max(multiplier * self.p, 0.0), 1.0)) ** 0.5

    def uniform(self) -> Tensor:
        """[N] in [0, 1)."""
        return torch.rand(self.n, generator=self.generator, dtype=DOUBLE)

    def normal(self) -> Tensor:
        return torch.randn(self.n, generator=self.generator, dtype=DOUBLE)

    def half_normal(self) -> Tensor:
        """[N], absolute values of standard normals."""
        return self.normal().abs()

    def field(self, images: Tensor) -> Tensor:
        """Standard normal numbers like images [N, C, H, W]."""
        field = draws.randn(images.shape, self.generator, images.device)
        return field.to(images.dtype)


class Percentile:
    """Every parameter is the same quantile of its distribution and every entry is applied, for
    comparisons with the published code. As there, normal parameters are ``erfinv(2 q - 1)``, the
    quantile over the root of two, and the second rotation is off.
    """

    def __init__(self, n: int, quantile: float, field: Tensor) -> None:
        self.n, self.noise = n, field
        self.quantile = torch.full([n], quantile, dtype=DOUBLE)

    def coin(self, multiplier: float) -> Tensor:
        return torch.ones(self.n, dtype=torch.bool)

    def rotation_coin(self, multiplier: float, *, second: bool) -> Tensor:
        return torch.full([self.n], not second)

    def uniform(self) -> Tensor:
        return self.quantile

    def normal(self) -> Tensor:
        return torch.erfinv(2 * self.quantile - 1)

    def half_normal(self) -> Tensor:
        return torch.erfinv(self.quantile)

    def field(self, images: Tensor) -> Tensor:
        return like(self.noise, images)


Draws = Chance | Percentile
