"""The modulated convolution of StyleDomain's cases (group M)."""

import math

import torch

from core.networks.layers import SynthesisLayer
from tests.golden import formula
from tests.golden.cases import CASES

SLOPE = 0.2  # of the leaky rectifier, whose gain is the root of two
IN, OUT = 6, 5


def drawn(salt, name, shape, double):
    values = torch.tensor(formula.normal(salt, name, shape))
    return values.double() if double else values


class Convolution:
    """The layer of a case, with its inputs and offsets."""

    def __init__(self, kind, double, kind_of_layer=SynthesisLayer) -> None:
        self.case = f"M.styledomain.{kind}"
        recipe, self.double = CASES[self.case]["recipe"], double
        self.salt, self.strength = recipe["salt"], recipe["strength"]
        self.layer = kind_of_layer(IN, OUT, w_dim=8, resolution=6)
        self.layer = self.layer.double() if double else self.layer
        self.x, self.w = self.drawn("x", [2, IN, 6, 6]), self.drawn("w", [2, 8])
        with torch.no_grad():
            self.layer.weight.copy_(self.drawn("weight", [1, OUT, IN, 3, 3])[0])
            self.layer.affine.weight.copy_(self.drawn("mod", [IN, 8]))
            self.layer.affine.bias.copy_(1 + 0.1 * self.drawn("modb", [IN]))

    def drawn(self, name, shape):
        return drawn(self.salt, name, shape, self.double)

    def out(self):
        """What the layer gives before its rectifier."""
        out = self.layer(self.x, self.w, None) / math.sqrt(2)
        return torch.where(out < 0, out / SLOPE, out)
