"""FreezeStyle, structure loss, layer swap and factorisation against the public code (group D)."""

import functools

import numpy as np
import pytest
import torch

from adapters.structure import multi_resolution_mse
from core.convert import FORMATS
from core.editing import sefa
from core.networks import layer_swap
from core.networks.mixing_regularisation import crossed
from tests.golden import formula
from tests.golden.cases import CARTOON, CASES, GENERATOR_32, PRECISIONS, check, network, norms


@functools.cache
def pair(double):
    """Source and target of all cases."""
    salts = ("open/D.source", "open/D.target")
    return tuple(network("rosinality_g", salt, GENERATOR_32, double) for salt in salts)


def latents(double):
    found = (torch.tensor(formula.normal("open/D", key, [2, 512])) for key in ("z1", "z2"))
    return tuple(z.double() if double else z for z in found)


def rows(case, double):
    """Styles as the case's recipe composes them."""
    (source, target), (z1, z2), recipe = pair(double), latents(double), CASES[case]["recipe"]
    if case == "D.freeze_style_single":
        return target.mapping(z1)
    cut = recipe.get("source_crossover", recipe.get("crossover"))
    composed = crossed(source.mapping(z1), source.mapping(z2), cut)
    return crossed(composed, target.mapping(z1), recipe.get("k", source.num_ws))


@PRECISIONS
@pytest.mark.parametrize(
    "case",
    [
        "D.source_latent",
        "D.freeze_style1",
        "D.freeze_style2",
        "D.freeze_style4",
        "D.freeze_fc",
        "D.freeze_style_single",
    ],
)
@torch.no_grad()
def test_the_rows_of_frozen_styles_and_their_pictures(case, double):
    ws = rows(case, double)
    single = len(CASES[case]["keys"]["latent"]["shape"]) == 2
    check(case, "latent", ws[:, 0] if single else ws, double)
    if "img" in CASES[case]["keys"]:
        check(case, "img", pair(double)[1].synthesis(ws, noise_mode="none"), double)


@PRECISIONS
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_the_structure_loss_of_features_and_its_gradient_norms(levels, double):
    (source, target), (z1, _) = pair(double), latents(double)
    case, at = f"D.structure{levels}", [8 << k for k in range(levels)]
    ours, theirs = (
        g.synthesis.trace(g.mapping(z1), "none", until=at[-1]).features for g in (target, source)
    )
    loss = multi_resolution_mse(ours, theirs, at)
    check(case, "loss", loss, double)
    for name, features in (("source", theirs[at[-1]]), ("target", ours[at[-1]])):
        check(case, f"feat_{name}", shown(case, name, features), double)
        whole = features.detach().double().numpy()
        found = np.array([whole.mean(), np.sqrt(np.square(whole).sum())])
        check(case, f"feat_{name}_stats", found, double)
    table, own = FORMATS["rosinality_g"].names(target.config), dict(target.named_parameters())
    names = CARTOON["name_lists"][CASES[case]["recipe"]["grad_names"]]
    check(case, "grad_norms", norms(loss, [own[table[key]] for key in names]), double)


def shown(case, name, features):
    """The channels that are stored."""
    limits = CASES[case]["keys"][f"feat_{name}"]
    return features[:, : limits.get("whole", limits["shape"])[1]]


@PRECISIONS
@pytest.mark.parametrize(
    ("case", "resolution"), [("D.swap_none", 0), ("D.swap1", 8), ("D.swap2", 16)]
)
@torch.no_grad()
def test_features_are_swapped_as_in_the_public_code(case, resolution, double):
    (source, target), (z1, _) = pair(double), latents(double)
    swapped = layer_swap.by_features(source, target, resolution=resolution)
    check(case, "img", swapped.synthesis(source.mapping(z1)), double)
    if resolution:
        assert torch.equal(swapped.mapping(z1), source.mapping(z1))
        check(case, "img_source", source(z1), double)


@PRECISIONS
def test_the_factorisation_of_the_style_affine_weights(double):
    g = pair(double)[0]
    directions, gains = sefa.factorise(g)
    probe = torch.tensor(formula.normal("open/D", "eig_probe", [4, 512])).to(directions)
    check("D.sefa", "rows", np.array(len(sefa.affines(g))), double)
    check("D.sefa", "singular_values", gains[:10], double)
    check("D.sefa", "last", gains[-3:], double)
    check("D.sefa", "probe", (probe @ directions[:5].t()).abs(), double)
