"""Modulated layers, what matters and what is kept, against the public code of AdAM (group M)."""

import math

import numpy as np
import pytest
import torch

from adapters.adam import kept, score
from core.importance import squared_gradients
from core.networks.layers import Linear, SynthesisLayer, ToRGB
from core.networks.modulation import RankOneReleased, modulate, originals, vectors
from tests.golden import formula
from tests.golden.cases import CASES, PRECISIONS, check, ids

WIDTHS = [4, 6, 5]
SHAPES = {"M.kml_fc.linear": ([4, 10], 6), "M.kml_fc.lrelu": ([4, 8], 8)}
SLOPE = 0.2  # of the leaky rectifier, whose gain is the root of two


def drawn(salt, name, like, double=False):
    values = torch.tensor(formula.normal(salt, name, tuple(like.shape)))
    return values.double() if double else values


@torch.no_grad()
def fill(tensors, salt, names, factors):
    for tensor, name, factor in zip(tensors, names, factors, strict=True):
        tensor.copy_(factor * drawn(salt, name, tensor, tensor.dtype == torch.float64))


@PRECISIONS
@pytest.mark.parametrize("case", ids("M.kml_fc"))
def test_a_modulated_linear_layer(case, double):
    recipe = CASES[case]["recipe"]
    x = torch.tensor(formula.normal(recipe["salt"], "x", SHAPES[case][0]))
    numbers = {"activated": bool(recipe["activation"]), "lr_multiplier": recipe["lr_mul"]}
    layer = Linear(x.shape[1], SHAPES[case][1], **numbers)
    modulate(layer, [layer], RankOneReleased)
    layer, x = (layer.double(), x.double()) if double else (layer, x)
    fill(originals(layer), recipe["salt"], "Wb", (1, 1))
    fill(vectors(layer), recipe["salt"], ("u", "v", "db"), (0.3, 0.3, 0.1))
    check(case, "out", layer(x), double)


LAYERS = {
    "plain": lambda: SynthesisLayer(6, 5, w_dim=8, resolution=6),
    "up": lambda: SynthesisLayer(4, 6, w_dim=8, resolution=12, up=True),
    "rgb": lambda: ToRGB(5, 3, w_dim=8),
    "importance": lambda: SynthesisLayer(5, 6, w_dim=8, resolution=4),
}


def convolution(kind, salt, factor, double):
    """A modulated layer with a modulated style layer, filled; without bias."""
    layer = LAYERS[kind]()
    modulate(layer, [layer, layer.affine], RankOneReleased)
    layer = layer.double() if double else layer
    with torch.no_grad():
        weight = formula.normal(salt, "weight", (1, *originals(layer)[0].shape))
        originals(layer)[0].copy_(torch.tensor(weight[0]))
    fill(originals(layer.affine), salt, ("mod", "modb"), (1, 0.1))
    with torch.no_grad():
        originals(layer.affine)[1].add_(1)
    fill(vectors(layer), salt, "uv", (factor, factor))
    fill(vectors(layer.affine), salt, ("fu", "fv", "fb"), (factor, factor, 0.1))
    return layer


def before_the_rectifier(layer, *inputs):
    if isinstance(layer, ToRGB):
        return layer(*inputs)
    out = layer(*inputs, None) / math.sqrt(2)
    return torch.where(out < 0, out / SLOPE, out)


@PRECISIONS
@pytest.mark.parametrize("kind", ["plain", "up", "rgb"])
def test_a_modulated_convolution_and_its_gradients(kind, double):
    case = f"M.kml_conv.{kind}"
    salt = CASES[case]["recipe"]["salt"]
    layer = convolution(kind, salt, 0.3, double)
    shapes = [2, originals(layer)[0].shape[1], 6, 6], [2, 8]
    x, w = (torch.tensor(formula.normal(salt, n, s)) for n, s in zip("xw", shapes, strict=True))
    x, w = (x.double(), w.double()) if double else (x, w)
    out = before_the_rectifier(layer, x, w)
    check(case, "out", out, double)
    check(case, "weight", layer.weight[None], double)
    (out * drawn(salt, "cot", out, double)).sum().backward()
    for name, vector in zip(("grad_u", "grad_v"), vectors(layer), strict=True):
        check(case, name, vector.grad, double)


@PRECISIONS
def test_what_matters_is_the_mean_square_of_single_gradients(double):
    salt = CASES["M.importance"]["recipe"]["salt"]
    layer = convolution("importance", salt, 0.1, double)
    x, w, c = (
        torch.tensor(formula.normal(salt, n, s)).to(layer.bias)
        for n, s in (("x", [7, 5, 4, 4]), ("w", [7, 8]), ("c", [6, 4, 4]))
    )
    losses = (
        torch.nn.functional.softplus(-(before_the_rectifier(layer, *one) * 0.1 * c).sum())
        for one in zip(x.split(1), w.split(1), strict=True)
    )
    both = vectors(layer), vectors(layer.affine)
    found = squared_gradients(losses, [v for own in both for v in own])
    for name, squares in zip(("u", "v", "fc_u", "fc_v", "fc_b"), found, strict=True):
        check("M.importance", name, squares, double)
    check("M.importance", "score_conv", score(*found[:2]), double)
    check("M.importance", "score_fc", score(*found[2:]), double)


def kinds(salt):
    """Of each kind, the public code's keys of a layer's v and b, and the scores of its kernels."""

    def scores(name, *parts):
        squares = [formula.normal(salt, f"{name}.{key}", [n]) for key, n in parts]
        return score(*(torch.tensor(part).double().square() for part in squares))

    convolutions, styles, own = {}, {}, {}
    for b in range(12):
        name, width, out = f"convs.{b}.conv", WIDTHS[b % 3], WIDTHS[(b + 1) % 3]
        convolutions[f"{name}.v_vector",] = scores(name, ("u", 9 * width), ("v", out))
        keys = f"{name}.kml_fc.v_vector", f"{name}.kml_fc.b_vector"
        styles[keys] = scores(name, ("fu", 8), ("fv", width), ("fb", width))
    for b in range(1, 7):
        for k in (1, 2):
            name = f"convs.{b}.conv{k}"
            keys = f"{name}.{k - 1}.v_vector", f"{name}.{k}.b_vector"
            own[keys] = scores(name, ("u", 9 * width), ("v", out), ("b", out))
        name = f"convs.{b}.skip"
        own[f"{name}.1.v_vector",] = scores(name, ("u", width), ("v", out))
    return convolutions, styles, own


@pytest.mark.parametrize("case", ids("M.adam_select"))
def test_what_is_kept_lies_above_the_percentile_of_its_kind(case):
    recipe, chosen = CASES[case]["recipe"], []
    for name, kind in zip(("conv", "fc", "d"), kinds(recipe["salt"]), strict=True):
        line, masks = kept([*kind.values()], recipe["quantile"])
        check(case, f"cut_{name}", line, double=True)
        by_layer = zip(kind, masks, strict=True)
        chosen.append({key: mask for keys, mask in by_layer for key in keys})
    for name, own in (("g", chosen[0] | chosen[1]), ("d", chosen[2])):
        parts = [[-1, *own[key].nonzero().flatten().tolist()] for key in sorted(own)]
        check(case, f"kept_{name}", np.concatenate(parts), double=True)
