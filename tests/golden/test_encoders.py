"""The encoders and the identity network against the official numbers (group H)."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch

from core import convert
from core.networks.encoders import IdentityLoss, face_crop
from tests.golden import formula
from tests.golden.cases import EXHAUSTIVE, PRECISIONS, cut, statistics
from tests.golden.held import hold

FOLDER = Path(__file__).parent
CASES = json.loads((FOLDER / "H_encoders.json").read_text())["cases"]
ARRAYS = dict(np.load(FOLDER / "H_encoders.npz"))


def check(case, key, found, double):
    """Holds an array, and its statistics where they are stored, to the case's limits."""
    whole = found.detach().numpy().astype(np.float64)
    limits = CASES[case]["keys"]
    compare(case, key, cut(whole, limits[key].get("view", "[...]")), double)
    if f"{key}.stats" in limits:
        compare(case, f"{key}.stats", statistics(whole), double)


def compare(case, key, found, double):
    limit, reference = CASES[case]["keys"][key], ARRAYS[f"{case}.{key}"]
    at, rt = ("atol64", "rtol64") if double else ("atol", "rtol")
    name = f"{case}.{key}"
    hold(name, found, reference, atol=limit[at], rtol=limit.get(rt, 0), double=double)


def shapes(kind, config):
    """The shapes of a network that is never filled."""
    with torch.device("meta"):
        return {k: v.shape for k, v in convert.FORMATS[kind].network(**config).state_dict().items()}


def filled(kind, salt, config):
    """A network filled by formula under its foreign names, in evaluation mode."""
    state = formula.fill(shapes(kind, config), salt, kind)
    return convert.from_state_dict(state, format=kind).eval().requires_grad_(False)


def image(salt, key, shape, double, cell=8):
    picture = torch.from_numpy(formula.image(salt, key, shape, cell=cell))
    return picture.double() if double else picture


@cache
def identity():
    return filled("ir_se50", "open/H.irse50", {})


@PRECISIONS
def test_the_identity_embedding_and_what_leads_to_it(double):
    net = identity().double() if double else identity().float()
    faces = image("open/H.irse50", "faces", [2, 3, 112, 112], double)
    stages = [net.input_layer(faces)]
    for unit in net.body:
        stages.append(unit(stages[-1]))
    found = [[stages[i].mean(), stages[i].std(correction=0)] for i in (0, 3, -1)]
    check("H.irse.embedding", "stage_stats", torch.tensor(found), double)
    raw = net(faces)
    check("H.irse.embedding", "norm_before", raw.norm(dim=1), double)
    check("H.irse.embedding", "embedding", torch.nn.functional.normalize(raw), double)


@PRECISIONS
def test_the_face_is_cropped_and_averaged_as_for_the_identity_loss(double):
    photo = image("open/H.irse50", "photo", [2, 3, 256, 256], double, cell=16)
    check("H.irse.preprocess", "pooled", face_crop(photo), double)


@PRECISIONS
def test_the_identity_loss(double):
    loss = IdentityLoss(identity().double() if double else identity().float())
    y = image("open/H.irse50", "photo", [2, 3, 256, 256], double, cell=16)
    other = image("open/H.irse50", "photo_hat", [2, 3, 256, 256], double, cell=16)
    y_hat = 0.6 * y + 0.4 * other
    check("H.irse.id_loss", "similarity", loss.similarity(y_hat, y), double)
    check("H.irse.id_loss", "loss", loss(y_hat, y), double)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "rows", "precisions"),
    [
        pytest.param("psp", 10, (False,), marks=EXHAUSTIVE),
        pytest.param("e4e", 10, (False,), marks=EXHAUSTIVE),
        pytest.param("psp", 10, (True,), marks=EXHAUSTIVE),
        pytest.param("e4e", 10, (True,), marks=EXHAUSTIVE),
        # More of the same heads: float64 would add six seconds and no constant.
        pytest.param("psp", 14, (False,), marks=EXHAUSTIVE),
        pytest.param("e4e", 14, (False,), marks=EXHAUSTIVE),
    ],
)
def test_the_codes_of_an_encoder(kind, rows, precisions):
    case = f"H.{kind}{rows}"
    config = {"rows": rows, "w_dim": 512, "input_channels": 3}
    encoder = filled(kind, f"open/{case}", config)
    for double in precisions:
        encoder = encoder.double() if double else encoder
        check(case, "codes", encoder(photo(case, double)), double)


def photo(case, double):
    return image(f"open/{case}", "img", [1, 3, 256, 256], double, cell=16)


@pytest.mark.slow
def test_the_codes_of_the_first_stages_of_e4e():
    encoder = filled("e4e", "open/H.e4e10", {"rows": 10, "w_dim": 512, "input_channels": 3})
    for key, stage in (("codes_staged", 4), ("codes_w", 0)):
        encoder.stage = stage
        check("H.e4e10", key, encoder(photo("H.e4e10", False)), False)
