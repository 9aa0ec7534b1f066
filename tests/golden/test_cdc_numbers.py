"""Distance consistency and patch logits of CDC against the public code (group E)."""

import copy
import functools

import numpy as np
import pytest
import torch

from core.convert import FORMATS
from core.losses.cross_domain import ConsistencyReleased, log_rows
from core.losses.penalties import R1
from core.networks.activations import record_activations
from core.networks.patch_discriminator import ActivatedHeads
from tests.golden import formula
from tests.golden.cases import (
    CASES,
    CDC,
    EXHAUSTIVE,
    GENERATOR_32,
    PRECISIONS,
    ROSINALITY_256,
    check,
    network,
    norms,
)


def tensor(array, double):
    return torch.tensor(array).double() if double else torch.tensor(array)


def check_consistency(case, ours, theirs, double):
    """The loss and both sets of rows; gives the loss."""
    recipe = CASES[case]["recipe"]
    layers = recipe["layer_of_anchor"]
    loss = ConsistencyReleased(weight=recipe.get("weight", 1000)).at(ours, theirs, layers)
    check(case, "loss", loss, double)
    for name, maps in (("source", theirs), ("target", ours)):
        if f"{name}_rows" in CASES[case]["keys"]:
            check(case, f"{name}_rows", log_rows(maps, layers).exp(), double)
    return loss


@PRECISIONS
@pytest.mark.parametrize("case", ["E.consistency_maps.0", "E.consistency_maps.1"])
def test_the_consistency_of_given_maps(case, double):
    def maps(name):
        for i, shape in enumerate(CASES[case]["recipe"]["maps"]):
            base = formula.normal("open/E", f"base{i}", [1, *shape])
            own = formula.normal("open/E", f"{name}{i}", [4, *shape])
            yield tensor(base, double) + tensor(own, double)

    theirs, ours = list(maps("source")), [m.requires_grad_() for m in maps("target")]
    loss = check_consistency(case, ours, theirs, double)
    check(case, "map_grad_norms", norms(loss, ours), double)


@functools.cache
def networks():
    """Source and target."""
    salts = ("open/E.source", "open/E.target")
    return [network("rosinality_g", salt, GENERATOR_32, False) for salt in salts]


@functools.cache
def pair(double):
    """Source and target, with the maps that they make of the cases' latents."""
    z = tensor(formula.normal("open/E", "z", [4, 512]), double)
    found = []
    for g in networks():
        g = copy.deepcopy(g).double() if double else g
        with record_activations(g.synthesis, g.synthesis.noise_names) as maps:
            g(z)
        found.append((g, list(maps.values())))
    return found


@PRECISIONS
def test_the_maps_of_the_generator(double):
    (_, maps), _ = pair(double)
    check("E.features", "shapes", np.array([m.shape[1:] for m in maps]), double)
    found = [[m.double().mean().item(), m.double().norm().item()] for m in maps]
    check("E.features", "stats", np.array(found), double)
    check("E.features", "first", maps[1][:, :4], double)
    check("E.features", "last", maps[-1][:, :2], double)


@pytest.mark.parametrize(
    ("case", "double"),
    [
        ("E.consistency_g.0", False),
        ("E.consistency_g.1", False),
        pytest.param("E.consistency_g.0", True, marks=EXHAUSTIVE),
        pytest.param("E.consistency_g.1", True, marks=EXHAUSTIVE),
    ],
)
def test_the_consistency_of_two_generators_and_its_gradient_norms(case, double):
    (_, theirs), (target, ours) = pair(double)
    loss = check_consistency(case, ours, theirs, double)
    table, own = FORMATS["rosinality_g"].names(target.config), dict(target.named_parameters())
    names = CDC["name_lists"][CASES[case]["recipe"]["grad_names"]]
    parameters = [own[table[name]] for name in names]
    slopes = torch.autograd.grad(
        loss, parameters, allow_unused=True, materialize_grads=True, retain_graph=True
    )
    found = np.array([s.double().norm().item() for s in slopes])
    check(case, "grad_norms", found, double)


@PRECISIONS
def test_a_generator_is_consistent_with_itself(double):
    (_, theirs), _ = pair(double)
    check_consistency("E.consistency_same", theirs, theirs, double)


@functools.cache
def patch_discriminator():
    """The discriminator at 256 px and its four heads."""
    config = {"img_resolution": 256, "channels": ROSINALITY_256}
    d = network("rosinality_d", "open/E.patch", config, False).requires_grad_(False)
    heads = ActivatedHeads(d, sides=[32, 16], count=4).requires_grad_(False)
    own = {f"new_conv.{j}.0.weight": head.weight for j, head in enumerate(heads.heads)}
    own |= {f"new_conv.{j}.1.bias": head.bias for j, head in enumerate(heads.heads)}
    shapes = {name: tuple(value.shape) for name, value in own.items()}
    for name, value in formula.fill(shapes, "open/E.patch.heads", "cdc_patch_heads").items():
        own[name].copy_(torch.from_numpy(value))
    return d, heads


def in_precision(double):
    return tuple(m.double() if double else m.float() for m in patch_discriminator())


def pictures(double):
    found = tensor(formula.image("open/E.patch", "img", [2, 3, 256, 256], cell=64), double)
    found[1] *= 0.5
    return found


@pytest.mark.slow
@PRECISIONS
@torch.no_grad()
def test_the_patch_logits_at_all_taps_and_the_image_logit(double):
    (d, heads), images = in_precision(double), pictures(double)
    for j, logits in enumerate(heads(d, images, range(4))):
        check("E.patch", f"tap{j}", logits, double)
    check("E.patch", "image_logit", d(images), double)


@pytest.mark.slow
@PRECISIONS
def test_r1_of_the_averaged_patch_logits(double):
    d, heads = in_precision(double)
    r1 = R1(gamma=2, every=1)  # half of gamma is one
    found = r1(lambda x: heads(d, x, [0])[0].mean((1, 2, 3)), pictures(double)[:1], lambda x: x)
    check("E.patch_r1", "r1", found, double)
