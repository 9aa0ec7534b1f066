"""Parameterisations of modulated layers against the public code of StyleDomain (group M)."""

import pytest
import torch
from torch.nn.utils import parametrize

from adapters.affine import LowRankFactor, LowRankOffset
from adapters.fsgan import SingularValues
from tests.golden.cases import CASES, PRECISIONS, check
from tests.golden.modulated import IN, OUT, Convolution, drawn


@PRECISIONS
def test_an_offset_of_styles_is_one_of_the_style_layers_bias(double):
    made = Convolution("s_delta", double)
    check(made.case, "plain", made.out(), double)
    with torch.no_grad():
        made.layer.affine.bias += made.strength * 0.3 * made.drawn("in", [IN])
    check(made.case, "out", made.out(), double)


@PRECISIONS
def test_singular_values_that_are_moved_are_multiplied_by_factors(double):
    """FSGAN's factors, which reach every value that is not zero."""
    made = Convolution("svd_s", double)
    values = SingularValues(made.layer.weight)
    singular = torch.linalg.svdvals(made.layer.weight.flatten(1))
    with torch.no_grad():
        values.factors += 0.3 * made.drawn("sing", [OUT]) / singular
    parametrize.register_parametrization(made.layer, "weight", values)
    check(made.case, "out", made.out(), double)


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
