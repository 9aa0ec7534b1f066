"""FSGAN: train the singular values of weights, and leave their singular vectors.
Paper: "Few-shot adaptation of generative adversarial networks" (Robb et al., arXiv:2010.11943).
Departs from the paper in: what the released code is known to do is done here; its schedule is plain
transfer's.
"""

from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from adapters.finetune import FineTune
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator
from core.networks.layers import Conv, Linear, Skip, SynthesisLayer, ToRGB, full_precision

M = TypeVar("M", bound=nn.Module)
WEIGHTED = (Conv, Linear, Skip, SynthesisLayer, ToRGB)
STYLE_LAYER = ".affine"  # how the names of layers end that the released code leaves whole


class SingularValues(nn.Module):
    """A weight [O, ...] whose singular values, as a matrix [O, I], are multiplied by factors, first
    ones, in the order of the values, the largest first.
    """

    vectors: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        with torch.no_grad():
            vectors = torch.linalg.svd(weight.flatten(1), full_matrices=False).U
        self.register_buffer("vectors", vectors)
        self.factors = nn.Parameter(weight.new_ones(vectors.shape[1]))

    def forward(self, weight: Tensor) -> Tensor:
        # What is added is zero at first, so that training begins at the very weight.
        with full_precision(weight):
            values = self.vectors.t() @ weight.flatten(1)  # times the other vectors
            return weight + (self.vectors * (self.factors - 1) @ values).reshape(weight.shape)


def by_singular_values(network: M) -> M:
    """The network itself, with the weights of its layers computed, but those of style layers."""
    for name, layer in [*network.named_modules()]:
        if isinstance(layer, WEIGHTED) and not name.endswith(STYLE_LAYER):
            values = SingularValues(layer.get_parameter("weight"))
            parametrize.register_parametrization(layer, "weight", values)
    return network


class FSGAN(FineTune):
    """Fine-tuning of singular values, in the generator and in the discriminator."""

    paper = "arXiv:2010.11943"

    def initial_g(self) -> Generator:
        return by_singular_values(super().initial_g())

    def initial_d(self) -> Discriminator:
        return by_singular_values(super().initial_d())
