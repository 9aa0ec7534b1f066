"""Code mixing and the discriminator-feature loss of JoJoGAN against the public code (group F)."""

import functools

import numpy as np
import pytest
import torch

from adapters.jojogan import (
    ColourPreservingRows,
    StyleRows,
    discriminator_features,
    feature_l1,
    mix_codes,
    sides_of,
)
from core.networks.generator import Mapping
from tests.golden import formula
from tests.golden.cases import (
    CASES,
    FOLDER,
    JOJO,
    PRECISIONS,
    ROSINALITY_256,
    check,
    cut,
    network,
    statistics,
)

STORED = dict(np.load(FOLDER / "F_jojo.npz"))
MIXES = [case for case in JOJO["cases"] if ".rows" in case]


@functools.cache
def mapping(double):
    """The eight layers, filled under their public names."""
    made = Mapping(z_dim=512, w_dim=512, num_ws=1, layers=8)
    names = {f"style.{i + 1}.{p}": f"fc{i}.{p}" for i in range(8) for p in ("weight", "bias")}
    own = dict(made.named_parameters())
    shapes = {theirs: tuple(own[ours].shape) for theirs, ours in names.items()}
    filled = formula.fill(shapes, "open/F.mapping", "rosinality_g")
    with torch.no_grad():
        for theirs, ours in names.items():
            own[ours].copy_(torch.from_numpy(filled[theirs]))
    return made.double() if double else made


def tensor(array, double):
    return torch.tensor(array).double() if double else torch.tensor(array)


@torch.no_grad()
def styles(double):
    return mapping(double).style(tensor(formula.normal("open/F", "z", [2, 512]), double))


@PRECISIONS
def test_the_random_styles(double):
    check("F.mix.w", "w", styles(double), double)


@PRECISIONS
@pytest.mark.parametrize("case", MIXES)
def test_codes_exchange_the_rows_of_the_public_code(case, double):
    recipe = CASES[case]["recipe"]
    count = recipe["rows"]
    kind = ColourPreservingRows if recipe["preserve_colour"] else StyleRows
    rows = kind(row=7).of(count)
    codes = tensor(formula.normal("open/F", f"latents{count}", [2, count, 512]), double)
    mixed = mix_codes(codes, styles(double), rows, recipe["alpha"])
    check(case, "mixed", mixed, double)
    check(case, "swapped", np.array(rows), double)


@pytest.mark.slow
@PRECISIONS
def test_the_loss_of_discriminator_features_and_its_gradient(double):
    case, config = "F.feature_loss", {"img_resolution": 256, "channels": ROSINALITY_256}
    d = network("rosinality_d", "open/F.d", config, double).requires_grad_(False)
    target, fake = (
        tensor(formula.image("open/F.d", key, [1, 3, 256, 256], cell=cell), double)
        for key, cell in (("target", 16), ("fake", 8))
    )
    sides = sides_of(256, [1, 3, 4, 5])
    ours, theirs = (
        discriminator_features(d, fake.requires_grad_(), sides),
        discriminator_features(d, target, sides),
    )
    loss = feature_l1(ours, theirs)
    check(case, "loss", loss, double)
    each = torch.stack([feature_l1({r: ours[r]}, theirs) for r in sides])
    check(case, "per_layer", each, double)
    (slope,) = torch.autograd.grad(loss, fake)
    check(case, "image_grad_norm", slope.double().norm(), double, 1e-4)
    if double:  # in float32 a flipped sign changes the pixels around it
        check(case, "image_grad", slope, double)
    else:
        check(case, "image_grad.stats", statistics(slope), double, 1e-4)
        key = CASES[case]["keys"]["image_grad"]
        gaps = cut(slope.numpy(), key["view"]) - STORED[f"{case}.image_grad"]
        assert (np.abs(gaps) <= key["atol"]).mean() > 0.9
    check(case, "feature_shapes", np.array([ours[r].shape[1:] for r in sides]), double)
    found = [[ours[r].double().mean().item(), ours[r].double().norm().item()] for r in sides]
    check(case, "feature_stats", np.array(found), double)
    last = CASES[case]["keys"]["last_feature"]
    assert last["view"] == "[:, :32]"
    check(case, "last_feature", ours[8], double)
