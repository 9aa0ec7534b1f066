"""The generator against the numbers of both official implementations (group B)."""

import functools
import math

import pytest
import torch

from core.convert import FORMATS
from core.losses.penalties import PathLength, path_lengths
from core.networks.mixing_regularisation import crossed
from tests.golden import formula
from tests.golden.cases import (
    CASES,
    EXHAUSTIVE,
    MANIFEST,
    NVIDIA_32,
    PRECISIONS,
    ROSINALITY_32,
    check,
    network,
    norms,
)

NAMES = pytest.mark.parametrize(
    ("name", "double"),
    [
        ("B.ros32", False),
        pytest.param("B.ros32", True, marks=EXHAUSTIVE),
        pytest.param("B.ros64", False, marks=EXHAUSTIVE),
        pytest.param("B.ros64", True, marks=EXHAUSTIVE),
    ],
)
ROSINALITY = {
    "B.ros32": ({**ROSINALITY_32}, 3, 3, 0.7),
    "B.ros64": ({**ROSINALITY_32, 64: 512}, 2, 6, 0.5),
}  # channels, samples, crossover, psi
NVIDIA = {"map8": (8, None), "map2": (2, 256), "clamp": (2, 0.9)}  # mapping layers, clamp


def inputs(salt: str, key: str, shape, double: bool):
    value = torch.tensor(formula.normal(salt, key, shape))
    return value.double() if double else value


@functools.lru_cache(maxsize=2)
def rosinality(name: str, double: bool):
    channels = ROSINALITY[name][0]
    config = {
        "z_dim": 512,
        "w_dim": 512,
        "img_resolution": max(channels),
        "channels": channels,
        "mapping_layers": 8,
    }
    return network("rosinality_g", f"open/{name}", config, double)


@functools.lru_cache(maxsize=2)
def nvidia(name: str, double: bool):
    layers, clamp = NVIDIA[name]
    config = {
        "z_dim": 64,
        "w_dim": 64,
        "img_resolution": 32,
        "channels": NVIDIA_32,
        "mapping_layers": layers,
        "conv_clamp": clamp,
    }
    return network("nvidia_g", f"open/B.nvg.{name}", config, double)


@NAMES
@torch.no_grad()
def test_rosinality_images_and_partial_colours(name, double):
    g, n = rosinality(name, double), ROSINALITY[name][1]
    ws = g.mapping(inputs(f"open/{name}", "z", [n, 512], double))
    trace = g.synthesis.trace(ws)
    check(f"{name}.single", "img", trace.image, double)
    # What the official generator returns as its latent is w itself, or one row for each layer.
    rows = len(CASES[f"{name}.single"]["keys"]["w"]["shape"])
    check(f"{name}.single", "w", ws[:, 0] if rows == 2 else ws, double)
    for r in g.synthesis.resolutions[:-1]:
        check(f"{name}.single", f"rgb{r}", trace.rgb[r], double)


@NAMES
@torch.no_grad()
def test_rosinality_mixing_truncation_and_given_noise(name, double):
    g, (_, n, crossover, psi) = rosinality(name, double), ROSINALITY[name]
    salt = f"open/{name}"
    z, z2 = (inputs(salt, key, [n, 512], double) for key in ("z", "z2"))
    check(
        f"{name}.mix", "img", g.synthesis(crossed(g.mapping(z), g.mapping(z2), crossover)), double
    )
    maps = {
        layer: inputs(salt, f"noise{i}", [n, 1, r, r], double)
        for i, (layer, r) in enumerate(
            (layer, int(layer[1:].split(".")[0])) for layer in g.synthesis.noise_names
        )
    }
    check(f"{name}.noise_list", "img", g.synthesis.trace(g.mapping(z), noise=maps).image, double)
    rows = inputs(salt, "wplus", [n, g.num_ws, 512], double)
    check(f"{name}.wplus", "img", g.synthesis(rows), double)
    before = g.mapping.w_avg.clone()
    g.mapping.w_avg.copy_(0.2 * inputs(salt, "latent_avg", [512], double))
    try:
        ws, ws2 = g.mapping(z, psi), g.mapping(z2, psi)
    finally:
        g.mapping.w_avg.copy_(before)
    check(f"{name}.trunc", "img", g.synthesis(ws), double)
    check(f"{name}.mix_trunc", "img", g.synthesis(crossed(ws, ws2, crossover)), double)


@pytest.mark.parametrize(
    ("name", "case", "double"),
    [
        ("B.ros32", "pl0", False),
        pytest.param("B.ros32", "pl0", True, marks=EXHAUSTIVE),
        pytest.param("B.ros32", "pl1", True, marks=EXHAUSTIVE),
        pytest.param("B.ros64", "pl1", False, marks=EXHAUSTIVE),
    ],
)
def test_rosinality_path_length_and_its_gradient_norms(name, case, double):
    g, (_, n, crossover, _) = rosinality(name, double), ROSINALITY[name]
    salt, recipe = f"open/{name}", CASES[f"{name}.{case}"]["recipe"]
    z, z2 = (inputs(salt, key, [n, 512], double) for key in ("z", "z2"))
    ws = crossed(g.mapping(z), g.mapping(z2), crossover)
    images = g.synthesis(ws)
    noise = inputs(salt, "pl_noise", list(images.shape), double)
    path = PathLength(weight=1.0, every=1, decay=recipe["decay"], shrink=1).double()
    path.mean.fill_(recipe["running_mean_before"])
    lengths = path_lengths(images, ws, noise)
    penalty, mean = path.of(lengths), path.mean
    check(f"{name}.{case}", "lengths", lengths, double)
    check(f"{name}.{case}", "mean", mean, double)
    check(f"{name}.{case}", "penalty", penalty, double)
    check(f"{name}.{case}", "grad_norms", norms(penalty, named(g, name)), double, 1e-2)
    assert math.isfinite(penalty.item())


def named(g, name: str) -> list:
    """Parameters in the order of the stored norms."""
    table = FORMATS["rosinality_g"].names(g.config)
    own = dict(g.named_parameters())
    names = MANIFEST["name_lists"][CASES[f"{name}.pl0"]["recipe"]["grad_names"]]
    return [own[table[key]] for key in names]


@PRECISIONS
@pytest.mark.parametrize("name", NVIDIA)
@torch.no_grad()
def test_nvidia_images_truncation_and_average(name, double):
    g, salt, case = nvidia(name, double), f"open/B.nvg.{name}", f"B.nvg.{name}"
    z = inputs(salt, "z", [3, 64], double)
    ws = g.mapping(z)
    trace = g.synthesis.trace(ws, "const")
    check(f"{case}.const", "w", ws[:, 0], double)
    for r in (4, 8, 16):
        check(f"{case}.const", f"rgb{r}", trace.rgb[r], double)
    check(f"{case}.const", "const", trace.image, double)
    check(f"{case}.none", "none", g.synthesis(ws, noise_mode="none"), double)
    cut = {"truncation_psi": 0.7}
    check(f"{case}.trunc", "trunc", g(z, **cut), double)
    check(f"{case}.trunc", "trunc_cutoff", g(z, **cut, truncation_cutoff=4), double)
    above = g(z, truncation_psi=1.3, noise_mode="none")
    check(f"{case}.trunc", "trunc_above_one", above, double)
    rows = inputs(salt, "wplus", [3, 8, 64], double)
    noise = "none" if "none" in CASES[f"{case}.wplus"]["recipe"].get("noise", "") else "const"
    check(f"{case}.wplus", "wplus", g.synthesis(rows, noise_mode=noise), double)
    before = g.mapping.w_avg.clone()
    g.mapping.track(ws)
    after = g.mapping.w_avg.clone()
    g.mapping.w_avg.copy_(before)
    check(f"{case}.w_avg", "w_avg_after", after, double)
