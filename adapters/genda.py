"""GenDA: move and stretch the styles of a frozen generator, judged by one new layer.
Paper: "One-shot generative domain adaptation" (Yang et al., ICCV 2023, arXiv:2111.09876).
Departs from the paper in: nothing known but the schedule, of which its text says little; the reals
of the classifier's loss are the shots, where the printed formula names the source's pictures.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from adapters.finetune import FineTune
from core.bounds import Share
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator
from core.networks.layers import Linear
from core.source import Source


class AttributeAdaptor(nn.Module):
    """What becomes of styles [N, W]: ``scale`` times them plus ``shift``, at first themselves."""

    def __init__(self, w_dim: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(w_dim))
        self.shift = nn.Parameter(torch.zeros(w_dim))


class AdaptedWeight(nn.Module):
    """The weight [O, W] of a linear layer that is given styles as they are, not adapted ones."""

    def __init__(self, adaptor: AttributeAdaptor) -> None:
        super().__init__()
        self.adaptor = adaptor

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.adaptor.scale


class AdaptedBias(nn.Module):
    """The bias [O] of such a layer."""

    columns: Tensor

    def __init__(self, adaptor: AttributeAdaptor, layer: Linear) -> None:
        super().__init__()
        self.adaptor = adaptor
        columns = layer.weight.detach() * (layer.weight_gain / layer.bias_gain)
        self.register_buffer("columns", columns.clone())  # of the weight, which is frozen

    def forward(self, bias: Tensor) -> Tensor:
        # Not by a matrix product, which autocast would round.
        return bias + (self.columns * self.adaptor.shift).sum(1)


class GenDA(FineTune):
    """A frozen pair but for one adaptor of all styles and the last layer of the discriminator."""

    paper = "arXiv:2111.09876"

    def __init__(
        self,
        source: Source,
        *,
        diversity: Share,  # how far styles of a training are from the average, of a usual distance
        **finetune: Any,
    ) -> None:
        super().__init__(source, **finetune)
        self.diversity = diversity

    def initial_g(self) -> Generator:
        """The source, whose style layers adapt what they are given."""
        g = super().initial_g()
        adaptor = AttributeAdaptor(g.w_dim)
        for name, layer in [*g.synthesis.named_modules()]:
            if name.endswith(".affine") and isinstance(layer, Linear):
                bias = AdaptedBias(adaptor, layer)
                parametrize.register_parametrization(layer, "weight", AdaptedWeight(adaptor))
                parametrize.register_parametrization(layer, "bias", bias)
        return g

    def initial_d(self) -> Discriminator:
        """The source's with a new last layer, the attribute classifier."""
        d = super().initial_d()
        d.b4.out = self.fresh(9, Linear, d.b4.out.weight.shape[1], 1)
        return d

    def ws(self, g: Generator, z: Tensor) -> Tensor:
        return torch.lerp(g.mapping.w_avg, super().ws(g, z), self.diversity)
