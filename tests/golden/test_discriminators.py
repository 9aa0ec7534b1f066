"""The discriminator against the numbers of both official implementations (group B)."""

import numpy as np
import pytest
import torch

from core.convert import FORMATS
from core.losses.adversarial import logistic_d, logistic_g
from core.losses.penalties import R1
from tests.golden import formula
from tests.golden.cases import (
    CASES,
    EXHAUSTIVE,
    MANIFEST,
    NVIDIA_32,
    PRECISIONS,
    ROSINALITY_32,
    check,
    ids,
    network,
    norms,
    statistics,
)

NVIDIA = {  # clamp, group of the minibatch deviation
    "plain": (None, 4),
    "clamp256": (256, 4),
    "clamp": (0.8, 4),
    "wholebatch": (None, None),
}


def pictures(salt: str, key: str, total: int, n: int, size: int, double: bool):
    shades = ((np.arange(total) + 1) / total).astype(np.float32)[:, None, None, None]
    value = torch.tensor((formula.image(salt, key, [total, 3, size, size]) * shades)[:n])
    return value.double() if double else value


def parameters(d, kind: str, case: str) -> list:
    own, names = dict(d.named_parameters()), FORMATS[kind].names(d.config)
    listed = MANIFEST["name_lists"][CASES[case]["recipe"]["grad_names"]]
    return [own[names[key]] for key in listed]


@PRECISIONS
@pytest.mark.parametrize("case", ids("B.nvd"))
def test_nvidia_logits_and_r1(case, double):
    _, _, name, batch = case.split(".")
    clamp, group = NVIDIA[name]
    salt, n = f"open/B.nvd.{name}", int(batch.removeprefix("batch"))
    config = {
        "img_resolution": 32,
        "channels": NVIDIA_32,
        "mbstd_group": group,
        "conv_clamp": clamp,
    }
    d = network("nvidia_d", salt, config, double)
    images = pictures(salt, "img", 6 if n == 6 else 8, n, 32, double).requires_grad_()
    logits = d(images)
    (slope,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    r1 = slope.square().sum((1, 2, 3))
    check(case, "logits", logits, double)
    check(case, "r1", r1, double)
    check(case, "r1_grad_norms", norms(r1.mean(), parameters(d, "nvidia_d", case)), double, 1e-4)


@pytest.mark.parametrize(
    "case",
    [
        "B.rosd32.batch8",
        pytest.param("B.rosd64.batch4", marks=EXHAUSTIVE),
        pytest.param("B.rosd64.batch8", marks=EXHAUSTIVE),
    ],
)
def test_rosinality_logits_and_losses(case):
    d, real, fake, _ = rosinality(case, False)
    with torch.no_grad():
        hold_logits_and_losses(case, d(real), d(fake), False)


@EXHAUSTIVE  # NVIDIA's cases go through the same modules
@pytest.mark.parametrize(
    ("case", "double"),
    [
        ("B.rosd32.batch4", True),  # no rounding flips the sign of an activation: tight limits
        ("B.rosd32.batch8", False),
        ("B.rosd64.batch4", False),
    ],
)
def test_rosinality_gradients_and_r1(case, double):
    d, real, fake, watched = rosinality(case, double)
    # Half of gamma times the mean square, paid every step: with gamma 2 the mean square itself.
    r1 = R1(gamma=2, every=1)(d, real, lambda x: x)
    check(case, "r1", r1, double, 1e-4)
    check(case, "r1_grad_norms", norms(r1, watched), double, 1e-4)
    d_loss, g_loss = hold_logits_and_losses(case, d(real), d(fake.requires_grad_()), double)
    (gradient,) = torch.autograd.grad(g_loss, fake, retain_graph=True)
    if double:  # in float32 a flipped sign changes the pixels around it
        check(case, "g_image_grad", gradient, double)
    else:
        check(case, "g_image_grad.stats", statistics(gradient), double, 1e-4)
    check(case, "d_grad_norms", norms(d_loss, watched), double, 1e-4)


def rosinality(case, double):
    """A network, real and fake pictures, and the parameters whose gradients are stored."""
    size, n = int(case[6:8]), int(case[-1])
    salt = case.replace(".batch", "/").split("/")[0].replace("B.", "open/B.")
    channels = ROSINALITY_32 if size == 32 else {**ROSINALITY_32, 64: 512}
    config = {"img_resolution": size, "channels": channels}
    d = network("rosinality_d", salt, config, double)
    real = pictures(salt, "real", 8, n, size, double)
    fake = torch.tensor(formula.image(salt, "fake", [8, 3, size, size], cell=4)[:n])
    return d, real, fake.double() if double else fake, parameters(d, "rosinality_d", case)


def hold_logits_and_losses(case, logits, fake_logits, double):
    """The losses of D and of G."""
    check(case, "logits", logits, double)
    check(case, "fake_logits", fake_logits, double)
    d_loss, g_loss = logistic_d(logits, fake_logits), logistic_g(fake_logits)
    check(case, "d_loss", d_loss, double)
    check(case, "g_loss", g_loss, double)
    return d_loss, g_loss
