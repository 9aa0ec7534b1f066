"""upfirdn2d and bias_act against the numbers of the official implementation (group A)."""

import pytest
import torch

from core import ops
from tests.golden import formula
from tests.golden.cases import CASES, MANIFEST, check, ids

SALT = "open/A"


def tensor(case: str, key: str, shape, double: bool):
    value = torch.tensor(formula.normal(SALT, f"{case}/{key}", shape))
    return value.double() if double else value


def test_this_numpy_draws_the_same_streams():
    assert formula.probe().tolist() == MANIFEST["formula_probe"]


@pytest.mark.parametrize("case", ids("A.setup_filter"))
def test_filters_are_the_official_ones(case):
    recipe = dict(CASES[case]["recipe"])
    check(case, "f", ops.setup_filter(recipe.pop("taps"), **recipe), False)


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("case", ids("A.upfirdn2d"))
def test_upfirdn2d_and_its_derivatives_are_the_official_ones(case, double):
    recipe = CASES[case]["recipe"]
    f = None
    if "taps" in recipe:
        f = ops.setup_filter(recipe["taps"])
    elif recipe["filter"] != "none":
        f = torch.tensor(formula.normal(SALT, f"{case}/f", recipe["filter_shape"]))
    options = {k: recipe[k] for k in ("padding", "flip_filter", "gain")}
    used = {"upfirdn2d": ("up", "down"), "upsample2d": ("up",), "downsample2d": ("down",)}
    options |= {k: recipe[k] for k in used.get(recipe["call"], ())}
    x = tensor(case, "x", recipe["x_shape"], double).requires_grad_()
    if f is not None:
        check(case, "f", f, double)
    y = getattr(ops, recipe["call"])(x, f, **options)
    check(case, "y", y, double)
    dy = tensor(case, "dy", y.shape, double).requires_grad_()
    (dx,) = torch.autograd.grad(y, x, dy, create_graph=True)
    check(case, "dx", dx, double)
    (ddy,) = torch.autograd.grad((dx * tensor(case, "ddx", x.shape, double)).sum(), dy)
    check(case, "ddy", ddy, double)


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("case", ids("A.bias_act"))
def test_bias_act_and_its_derivatives_are_the_official_ones(case, double):
    recipe = CASES[case]["recipe"]
    shape, dim = recipe["x_shape"], recipe["dim"]
    x = (2 * tensor(case, "x", shape, double)).requires_grad_()
    inputs, options = [x], {}
    if recipe["b"] != "none":
        inputs.append(tensor(case, "b", [shape[dim]], double).requires_grad_())
        options = {"b": inputs[1], "dim": dim}
    for key in ("alpha", "gain", "clamp"):
        if recipe[key] not in ("default", "none"):
            options[key] = recipe[key]
    y = ops.bias_act(x, act=recipe["act"], **options)
    check(case, "y", y, double)
    dy = tensor(case, "dy", shape, double).requires_grad_()
    slopes = torch.autograd.grad(y, inputs, dy, create_graph=True)
    total = 0
    for name, slope in zip(("x", "b"), slopes, strict=False):
        check(case, f"d{name}", slope, double)
        total = total + (slope * tensor(case, f"dd{name}", slope.shape, double)).sum()
    second = torch.autograd.grad(total, [dy, *inputs], allow_unused=True, materialize_grads=True)
    for name, slope in zip(("dy", "x", "b"), second, strict=False):
        check(case, f"d2_{name}", slope, double)
