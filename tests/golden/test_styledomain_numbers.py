"""Parameterisations of modulated layers against the public code of StyleDomain (group M)."""

import math

import pytest
import torch
from torch.nn.utils import parametrize

from adapters.affine import LowRankFactor, LowRankOffset
from adapters.fsgan import SingularValues
from core.networks.layers import SynthesisLayer
from tests.golden import formula
from tests.golden.cases import CASES, PRECISIONS, check

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

    def check(self, key):
        """Holds what the layer gives before its rectifier."""
        out = self.layer(self.x, self.w, None) / math.sqrt(2)
        check(self.case, key, torch.where(out < 0, out / SLOPE, out), self.double)


@PRECISIONS
def test_an_offset_of_styles_is_one_of_the_style_layers_bias(double):
    made = Convolution("s_delta", double)
    made.check("plain")
    with torch.no_grad():
        made.layer.affine.bias += made.strength * 0.3 * made.drawn("in", [IN])
    made.check("out")


@PRECISIONS
def test_singular_values_that_are_moved_are_multiplied_by_factors(double):
    """FSGAN's factors, which reach every value that is not zero."""
    made = Convolution("svd_s", double)
    values = SingularValues(made.layer.weight)
    singular = torch.linalg.svdvals(made.layer.weight.flatten(1))
    with torch.no_grad():
        values.factors += 0.3 * made.drawn("sing", [OUT]) / singular
    parametrize.register_parametrization(made.layer, "weight", values)
    made.check("out")


FACTORS = {"5.1": LowRankFactor, "1.3": LowRankOffset}


@PRECISIONS
@pytest.mark.parametrize("kind", FACTORS)
def test_style_layers_move_by_products_of_low_rank(kind, double):
    case = f"M.styledomain.affine_light.{kind}"
    recipe = CASES[case]["recipe"]
    salt, rank, terms = recipe["salt"], recipe["rank"], recipe["terms"]
    weight = drawn(salt, "A", [6, 8], double)
    factors = FACTORS[kind](weight, rank=rank, terms=terms)
    assert torch.equal(factors(weight), weight)
    torch.testing.assert_close(factors.first.norm(dim=2), weight.new_ones(terms, rank))
    with torch.no_grad():
        for t in range(terms):
            factors.last[t] = 0.3 * drawn(salt, f"out{t}", [6, rank], double)
            factors.first[t] = drawn(salt, f"in{t}", [rank, 8], double)
    check(case, "weight", factors(weight), double)
