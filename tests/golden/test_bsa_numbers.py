"""BSA's losses against their definitions, gains against StyleDomain's public code (group M)."""

import torch

from adapters.bsa import matching, pull
from core.networks.gains import GainedLayer
from tests.golden import formula
from tests.golden.cases import CASES, PRECISIONS, check
from tests.golden.modulated import OUT, Convolution

CASE = "M.bsa_terms"
SALT = CASES[CASE]["recipe"]["salt"]


def drawn(name, shape, double):
    values = torch.tensor(formula.normal(SALT, name, shape))
    return values.double() if double else values


@PRECISIONS
def test_codes_are_matched_with_normal_numbers_both_ways(double):
    codes = drawn("z", [5, 6], double).requires_grad_(True)
    distance = matching(codes, drawn("t", [50, 6], double))
    check(CASE, "emd", distance, double)
    check(CASE, "emd_grad", torch.autograd.grad(distance, codes)[0], double)


@PRECISIONS
def test_gains_are_pulled_to_one_and_shifts_to_zero(double):
    gains = [1 + 0.2 * drawn(f"gamma{i}", [n], double) for i, n in enumerate((6, 4))]
    shifts = [0.2 * drawn(f"beta{i}", [n], double) for i, n in enumerate((6, 4))]
    check(CASE, "reg", pull(gains, shifts), double)


@PRECISIONS
def test_a_gain_multiplies_a_channel_after_its_demodulation(double):
    made = Convolution("cout_mult", double, kind_of_layer=GainedLayer)
    check(made.case, "plain", made.out(), double)
    with torch.no_grad():
        made.layer.gain += 0.3 * made.drawn("out", [OUT])
    check(made.case, "out", made.out(), double)
