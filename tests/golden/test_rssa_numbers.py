"""Latent compression and correlation losses of RSSA against the public code (group E)."""

import pytest
import torch

from core.losses import structural_alignment
from tests.golden import formula
from tests.golden.cases import CASES, PRECISIONS, check

SALT = "open/R"
STRENGTHS = [0.0] * 3 + [0.05] * 4 + [0.45] * 2 + [0.65] * 2 + [0.85] * 3
CODES = {"10": range(10), "5": (0, 2, 5, 6, 8)}


def normal(key, shape, double):
    found = torch.tensor(formula.normal(SALT, key, shape))
    return found.double() if double else found


def maps(case, name, double):
    """Source and target maps of a case."""
    theirs, ours = [], []
    for i, shape in enumerate(CASES[case]["recipe"]["maps"]):
        theirs.append(normal(f"{name}_source{i}", [4, *shape], double) + 0.4)
        ours.append(theirs[-1] + 0.7 * normal(f"{name}_target{i}", [4, *shape], double))
    return ours, theirs


@PRECISIONS
@pytest.mark.parametrize("count", CODES)
def test_styles_are_drawn_towards_the_span_of_the_codes(count, double):
    codes = torch.cat([normal(f"code{i}", [1, 14, 512], double) for i in CODES[count]])
    w = normal("w", [3, 512], double)[:, None].repeat(1, 14, 1)
    for key, ws in (("w", w), ("wplus", normal("wp", [2, 14, 512], double))):
        found = structural_alignment.project_latents(ws, codes, STRENGTHS)
        check(f"E.rssa_projection.{count}", key, found, double)


@PRECISIONS
def test_the_self_correlation_of_the_maps_at_64_px(double):
    pairs = zip(*maps("E.rssa_self", "self", double), strict=True)
    ours, theirs = zip(*[pair for pair in pairs if pair[0].shape[-1] == 64], strict=True)
    check("E.rssa_self", "loss", structural_alignment.self_correlation(ours, theirs), double)


@PRECISIONS
def test_the_disturbance_correlation_whole_and_in_blocks(double):
    ours, theirs = maps("E.rssa_disturbance", "dis", double)
    small = structural_alignment.disturbance_correlation(ours[:2], theirs[:2])
    check("E.rssa_disturbance", "sum_small", small, double)
    check(
        "E.rssa_disturbance",
        "sum_all",
        structural_alignment.disturbance_correlation(ours, theirs),
        double,
    )


def test_equal_maps_lose_nothing():
    ours, _ = maps("E.rssa_self", "self", True)
    assert structural_alignment.self_correlation(ours, ours) == 0
    assert structural_alignment.disturbance_correlation(ours, ours) == 0
