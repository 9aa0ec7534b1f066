"""Affine+ and AffineLight+: train the style layers, whole or by products of low rank, and offsets
of one block's weights.
Paper: "StyleDomain: efficient and lightweight parameterizations of StyleGAN for one-shot and
few-shot domain adaptation" (Alanov et al., ICCV 2023, arXiv:2212.10229).
Departs from the paper in: nothing known but the schedule.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from adapters.finetune import FineTune
from core.bounds import Count
from core.errors import UserError
from core.networks.generator import Generator
from core.source import Source


class PositionOffset(nn.Module):
    """A weight [O, I, k, k] plus an offset [O, I, 1, 1]."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.zeros_like(weight[..., :1, :1]))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.offset


class LowRank(nn.Module):
    """The mean of ``terms`` matrices [O, I], each a product over ``rank`` numbers; first zero."""

    def __init__(self, weight: Tensor, *, rank: Count, terms: Count) -> None:
        super().__init__()
        rows, columns = weight.shape
        first = F.normalize(torch.randn(terms, rank, columns), dim=2)
        self.first = nn.Parameter(first.to(weight))
        self.last = nn.Parameter(weight.new_zeros(terms, rows, rank))

    def product(self) -> Tensor:
        # Not by a matrix product, which autocast would round.
        return (self.last[..., None] * self.first[:, None]).sum(2).mean(0)


class LowRankFactor(LowRank):
    """A weight [O, I] times one plus such a matrix."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight * (1 + self.product())


class LowRankOffset(LowRank):
    """A weight [O, I] plus such a matrix."""

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.product()


class Affine(FineTune):
    """Fine-tuning of the style layers, and of one block's weights by offsets."""

    paper = "arXiv:2212.10229"

    def __init__(
        self,
        source: Source,
        *,
        offset_at: Count,  # px, of the block whose weights are offset
        **finetune: Any,
    ) -> None:
        self.offset_at = offset_at
        super().__init__(source, **finetune)

    def initial_g(self) -> Generator:
        g = super().initial_g()
        if self.offset_at not in g.synthesis.resolutions:
            known = ", ".join(map(str, g.synthesis.resolutions))
            raise UserError(f"method.offset_at={self.offset_at} is no resolution of G: {known}.")
        for layer in getattr(g.synthesis, f"b{self.offset_at}").children():
            offset = PositionOffset(layer.weight)
            parametrize.register_parametrization(layer, "weight", offset)
        return g


class AffineLight(Affine):
    """The same with style layers that are moved by products of low rank."""

    def __init__(
        self,
        source: Source,
        *,
        factors: Callable[[Tensor], LowRank],
        **affine: Any,
    ) -> None:
        self.factors = factors
        super().__init__(source, **affine)

    def initial_g(self) -> Generator:
        return self.fresh(8, self.by_factors, super().initial_g())

    def by_factors(self, g: Generator) -> Generator:
        """The generator itself, with its style layers' weights computed."""
        for name, layer in [*g.synthesis.named_modules()]:
            if name.endswith(".affine"):
                factors = self.factors(layer.get_parameter("weight"))
                parametrize.register_parametrization(layer, "weight", factors)
        return g
