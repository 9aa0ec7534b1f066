"""DualStyleGAN against the official numbers (group G)."""

import copy
import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from adapters.dualstylegan.destylisation import rate
from core.inversion.noise_maps import autocorrelation, renormalise
from core.losses.contextual import contextual
from core.networks.generator import channel_table
from core.networks.mixing_regularisation import crossed
from core.networks.styles import CodeSampler
from tests.golden import formula
from tests.golden.cases import CASES, EXHAUSTIVE, PRECISIONS, check, ids, network, norms

CASES |= json.loads((Path(__file__).parent / "G_dualstyle.json").read_text())["cases"]
KEPT = ["G.64.weights1", "G.64.mixed", "G.64.zplus", "G.64.trunc", "G.64.single_extrinsic"]
NETWORKS = {"G.64": (64, 10, 6), "G.64r4": (64, 10, 4), "G.128": (128, 12, 6)}
PICTURES = [
    case
    for name in NETWORKS
    for case in ids(f"{name}.")
    if not case.endswith((".codes", ".features"))
]

SIZES = pytest.mark.parametrize(
    "name", ["G.64", *(pytest.param(name, marks=EXHAUSTIVE) for name in ("G.64r4", "G.128"))]
)


def given(case):
    return CASES[case]["recipe"]


def name_of(case):
    return case.rpartition(".")[0]


@cache
def built(name, double):
    if double:
        return copy.deepcopy(built(name, False)).double()
    side, _, res_index = NETWORKS[name]
    config = {
        "z_dim": 512,
        "w_dim": 512,
        "img_resolution": side,
        "channels": channel_table(side, 32768, 512),
        "mapping_layers": 8,
        "res_index": res_index,
    }
    return network("dualstylegan", f"open/{name}", config, False).requires_grad_(False)


def normal(case, key, shape, double):
    drawn = torch.from_numpy(formula.normal(f"open/{name_of(case)}", key, shape))
    return drawn.double() if double else drawn


def extrinsic(case, double):
    """Extrinsic styles [N, L, W] after the mapping network."""
    batch = 1 if name_of(case) == "G.128" else 2
    rows = NETWORKS[name_of(case)][1]
    return built(name_of(case), double).mapping(normal(case, "ze", [batch, rows, 512], double))


def intrinsic(case, double):
    """Intrinsic styles [N, L, W] as the case's recipe says."""
    g, recipe = built(name_of(case), double), given(case)
    batch = 1 if name_of(case) == "G.128" else 2
    shape = [batch, g.num_ws, 512] if "zplus" in recipe["z"] else [batch, 512]
    key = "zplus" if "zplus" in recipe["z"] else "z"
    towards = 0.0
    if recipe.get("towards", "zero") != "zero":
        towards = normal(case, "truncation_latent", [512], double) * np.float32(0.2)
    ws = g.mapping(normal(case, key, shape, double), recipe.get("psi", 1), towards)
    if "crossover" in recipe:
        second = g.mapping(normal(case, "z2", [batch, 512], double))
        ws = crossed(ws, second, recipe["crossover"])
    return ws


def weights(case, rows):
    """Row weights of the case; None where the extrinsic path is off."""
    said = given(case)["row_weights"]
    known = {"all 0": [0.0] * rows, "all 1": [1.0] * rows, "extrinsic path off": None}
    found = known[said] if isinstance(said, str) else said
    index = given(case).get("fuse_index")
    if index is None:
        return found
    # The published fuse_index keeps row r where r <= index, row 0 where 0 < index.
    return [w if (row <= index if row else index > 0) else 0.0 for row, w in enumerate(found)]


def param(case, double):
    # All constants enter these; the others are the same code at other sizes and precisions, with
    # other row weights and codes.
    kept = case in KEPT and not double
    return pytest.param(case, double, marks=[] if kept else EXHAUSTIVE)


@pytest.mark.parametrize(
    ("case", "double"),
    [param(case, False) for case in PICTURES]
    + [param(f"G.64{kind}", True) for kind in (".weights1", "r4.mixed", "r4.trunc", "r4.zplus")],
)
def test_the_pictures_of_dualstylegan(case, double):
    g, ws, ex_ws = built(name_of(case), double), intrinsic(case, double), extrinsic(case, double)
    if "single" in case:
        ex_ws = ex_ws[:, 2]
    check(case, "img", g.synthesis(ws, ex_ws, weights(case, g.num_ws)), double)
    if "latent" in CASES[case]["keys"]:
        check(case, "latent", ws, double)


@pytest.mark.parametrize("double", [False])
@SIZES
def test_the_features_after_the_last_structure_block(name, double):
    case = f"{name}.features"
    g = built(name, double)
    ws, ex_ws = intrinsic(case, double), extrinsic(case, double)
    side = 2 ** (g.structure_rows // 2 + 2)
    trace = g.trace(ws, ex_ws, weights(case, g.num_ws), until=side)
    check(case, "feat", trace.features[side], double)
    check(case, "rgb", trace.image, double)


@pytest.mark.parametrize("double", [False])
@SIZES
def test_the_codes_of_dualstylegan(name, double):
    case = f"{name}.codes"
    rows = extrinsic(case, double)
    check(case, "extrinsic_w", rows, double)
    check(case, "structure", built(name, double).structure(rows), double)
    check(case, "intrinsic_w", intrinsic(case, double)[:, 0], double)


@PRECISIONS
@pytest.mark.parametrize("case", ids("G.contextual"))
def test_the_contextual_loss(case, double):
    recipe, number = given(case), case[-1]
    shape = [2, 16, 12, 12] if number == "0" else [1, 8, 10, 14]
    x = torch.from_numpy(formula.normal("open/G", f"cx_x{number}", shape) + np.float32(0.5))
    y = torch.from_numpy(np.abs(formula.normal("open/G", f"cx_y{number}", shape)))
    x, y = (x.double(), y.double()) if double else (x, y)
    x.requires_grad_(True)
    loss = contextual(x, y, recipe["bandwidth"])
    check(case, "loss", loss, double)
    check(case, "grad_norm", norms(loss, [x])[0], double)
    check(case, "loss_same", contextual(y, y, recipe["bandwidth"]), double)


@PRECISIONS
def test_the_noise_regulariser_over_a_whole_batch(double):
    maps = {}
    for i, r in enumerate(given("G.noise")["sizes"]):
        drawn = torch.from_numpy(formula.normal("open/G", f"reg_noise{i}", [2, 1, r, r]))
        value = drawn * np.float32(1.5) + np.float32(0.1)
        # Both pictures as channels of one: the public code averages over the batch.
        whole = (value.double() if double else value).transpose(0, 1)
        maps[str(i)] = whole.clone().requires_grad_(True)
    cost = autocorrelation(maps).sum()
    check("G.noise", "regulariser", cost, double)
    check("G.noise", "noise_grad_norms", norms(cost, list(maps.values())), double)
    renormalise(maps)
    check("G.noise", "normalised_first", maps["1"].transpose(0, 1), double)
    stats = [[m.mean(), m.std(), m.norm()] for m in (m.detach() for m in maps.values())]
    check("G.noise", "normalised_stats", torch.tensor(stats, dtype=torch.float64), double)


def test_the_learning_rate_of_the_latent_optimisation():
    recipe = given("G.schedule")
    found = [rate(step, recipe["of"], recipe["base"]) for step in recipe["steps"]]
    check("G.schedule", "lr", np.array(found), False)
    assert math.isclose(rate(120, 300, 0.1), 0.1)


@PRECISIONS
@pytest.mark.parametrize(("case", "out", "n"), [("structure", 3584, 5), ("colour", 1536, 4)])
def test_the_sampler_of_codes(case, out, n, double):
    sampler, salt = CodeSampler(out), f"open/G.icp.{case}"
    own = sampler.state_dict()
    values = formula.fill({k: v.shape for k, v in own.items()}, salt, "icp_sampler")
    sampler.load_state_dict(own | {k: torch.from_numpy(v) for k, v in values.items()})
    noise = torch.from_numpy(formula.normal(salt, "e", [n, 128]))
    sampler, noise = (sampler.double(), noise.double()) if double else (sampler, noise)
    check(f"G.sampler.{case}", "codes", sampler.eval()(noise), double)
