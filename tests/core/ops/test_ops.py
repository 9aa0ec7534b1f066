import math
from itertools import product

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from benchmarks.harness.speed.cases import TWINS
from core.ops import (
    ACTIVATIONS,
    bias_act,
    downsample2d,
    filter2d,
    setup_filter,
    upfirdn2d,
    upsample2d,
)

CLOSED = {
    "linear": lambda x: x,
    "relu": lambda x: max(x, 0),
    "lrelu": lambda x: x if x > 0 else 0.2 * x,
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "elu": lambda x: x if x >= 0 else math.exp(x) - 1,
    "selu": lambda x: (
        1.0507009873554805 * (x if x >= 0 else 1.6732632423543772 * (math.exp(x) - 1))
    ),
    "softplus": lambda x: math.log1p(math.exp(x)),
    "swish": lambda x: x / (1 + math.exp(-x)),
}
GEOMETRIES = [  # up, down, padding
    (1, 1, 0),
    (2, 1, (2, 1, 2, 1)),
    (1, 2, 1),
    (3, 2, (4, 3, 2, 5)),
    ((2, 1), (1, 3), (1, 2)),
    (1, 1, (-1, 2, 0, -2)),
    (2, 3, (-1, 2, 3, -1)),
]


@pytest.fixture
def draw():
    generator = torch.Generator().manual_seed(3)
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


def by_definition(x, f, up, down, padding, flip, gain):
    """Spread, pad or crop, sum over taps: the definition, sample by sample."""
    (ux, uy), (dx, dy) = (((v, v) if isinstance(v, int) else v) for v in (up, down))
    p = [padding] * 4 if isinstance(padding, int) else list(padding)
    x0, x1, y0, y1 = p if len(p) == 4 else (p[0], p[0], p[1], p[1])
    h, w = x.shape[0] * uy, x.shape[1] * ux
    big = np.zeros((h + 40, w + 40))
    big[20 : 20 + h : uy, 20 : 20 + w : ux] = x
    big = big[20 - y0 : 20 + h + y1, 20 - x0 : 20 + w + x1]
    kh, kw = f.shape
    out = np.zeros(((big.shape[0] - kh) // dy + 1, (big.shape[1] - kw) // dx + 1))
    for i, j, a, b in product(*map(range, (*out.shape, kh, kw))):
        tap = f[kh - 1 - a, kw - 1 - b] if flip else f[a, b]
        out[i, j] += gain * tap * big[i * dy + kh - 1 - a, j * dx + kw - 1 - b]
    return out


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize(("up", "down", "padding"), GEOMETRIES)
def test_upfirdn2d_is_its_definition_on_odd_sizes(draw, up, down, padding, flip):
    x, f = draw(1, 2, 7, 9), draw(3, 4)
    y = upfirdn2d(x, f, up, down, padding, flip_filter=flip, gain=1.7)
    for channel in range(2):
        wanted = by_definition(x[0, channel].numpy(), f.numpy(), up, down, padding, flip, 1.7)
        np.testing.assert_allclose(y[0, channel], wanted, atol=1e-12)


@pytest.mark.parametrize(("up", "down", "padding"), GEOMETRIES)
def test_upfirdn2d_passes_gradcheck_twice(draw, up, down, padding):
    x, f = draw(1, 2, 5, 6).requires_grad_(), draw(3, 2)
    assert gradcheck(lambda x: upfirdn2d(x, f, up, down, padding), x)
    assert gradgradcheck(lambda x: upfirdn2d(x, f, up, down, padding), x)


@pytest.mark.parametrize(("up", "down", "p"), [(1, 1, 2), (2, 1, 3), (1, 2, 2), (3, 2, 4)])
def test_the_gradient_of_upfirdn2d_is_upfirdn2d(draw, up, down, p):
    x, f = draw(1, 1, 8, 8).requires_grad_(), draw(4, 4)
    y = upfirdn2d(x, f, up, down, p)
    dy = draw(*y.shape)
    (slope,) = torch.autograd.grad(y, x, dy)
    after = 8 * up - y.shape[2] * down + p - up + 1
    again = upfirdn2d(dy, f, down, up, (4 - p - 1, after, 4 - p - 1, after), flip_filter=True)
    torch.testing.assert_close(slope, again)


def test_a_separable_filter_is_its_outer_product(draw):
    x, taps = draw(2, 3, 6, 7), draw(8)
    options = {"up": (2, 3), "down": (3, 2), "padding": (4, 3, 4, 2), "gain": 2.5}
    whole = upfirdn2d(x, torch.outer(taps, taps), **options)
    torch.testing.assert_close(upfirdn2d(x, taps, **options), whole)


def test_memory_format_does_not_change_the_numbers(draw):
    x, f = draw(2, 4, 6, 6), setup_filter([1, 3, 3, 1])
    last = x.contiguous(memory_format=torch.channels_last)
    for how in (upsample2d, downsample2d, filter2d):
        torch.testing.assert_close(how(x, f), how(last, f))


def test_resampling_keeps_a_flat_picture_flat_inside():
    flat, f = torch.ones(1, 1, 8, 8), setup_filter([1, 3, 3, 1])
    for how, inner in ((upsample2d, 14), (downsample2d, 2), (filter2d, 4)):
        y = how(flat, f)
        edge = (y.shape[2] - inner) // 2
        inside = y[..., edge : edge + inner, edge : edge + inner]
        torch.testing.assert_close(inside, torch.ones_like(inside))


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
def test_the_resampling_of_the_twins_agrees(draw, twin):
    x, f = draw(1, 3, 6, 6), setup_filter([1, 3, 3, 1])
    up = twin.upfirdn2d(x, f * 4, up=2, pad=(2, 1))
    torch.testing.assert_close(upsample2d(x, f), up)
    down = twin.upfirdn2d(x, f, down=2, pad=(1, 1))
    torch.testing.assert_close(downsample2d(x, f), down)


def test_filters_are_normalised_to_one():
    assert setup_filter([1, 3, 3, 1]).sum().item() == pytest.approx(1)
    assert setup_filter([1, 3, 3, 1], gain=4).sum().item() == pytest.approx(4)
    assert setup_filter(None).tolist() == [[1]]
    assert setup_filter(range(1, 10)).ndim == 1


def test_wrong_arguments_are_named(draw):
    x = draw(1, 1, 4, 4)
    with pytest.raises(ValueError, match="up must be at least 1"):
        upfirdn2d(x, None, up=0)
    with pytest.raises(ValueError, match="padding is one, two or four"):
        upfirdn2d(x, None, padding=(1, 2, 3))
    with pytest.raises(ValueError, match="larger than the padded image"):
        upfirdn2d(x, draw(6, 6))
    with pytest.raises(ValueError, match="unknown activation 'gelu'"):
        bias_act(x, act="gelu")
    with pytest.raises(ValueError, match="does not fit dimension 1"):
        bias_act(x, torch.ones(3))


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_bias_act_is_its_closed_form(draw, act):
    x, b = draw(3, 4), draw(4)
    gain = ACTIVATIONS[act].gain
    wanted = [
        [min(max(gain * CLOSED[act]((x[i, j] + b[j]).item()), -1.1), 1.1) for j in range(4)]
        for i in range(3)
    ]
    y = bias_act(x, b, act=act, clamp=1.1)
    np.testing.assert_allclose(y, wanted, atol=1e-12)


@pytest.mark.parametrize("act", ACTIVATIONS)
def test_bias_act_passes_gradcheck_twice_away_from_kinks(draw, act):
    x = draw(3, 4, 2)
    x = (x + 0.3 * x.sign()).requires_grad_()
    b = (0.1 * draw(3)).clamp(-0.2, 0.2).requires_grad_()

    def act_on(x, b):
        return bias_act(x, b, dim=0, act=act, gain=1.3)

    assert gradcheck(act_on, (x, b))
    assert gradgradcheck(act_on, (x, b))


def test_a_saturated_output_has_no_gradient_not_even_a_linear_one():
    x = torch.tensor([[-3.0, 0.2, 3.0]], requires_grad=True)
    (slope,) = torch.autograd.grad(bias_act(x, clamp=1).sum(), x)
    assert slope.tolist() == [[0, 1, 0]]


def test_slope_and_gain_can_be_given():
    y = bias_act(torch.tensor([[-2.0, 2.0]]), act="lrelu", alpha=0.5, gain=3)
    assert y.tolist() == [[-3, 6]]
    y = bias_act(torch.tensor([[-2.0, 2.0]]), act="lrelu", alpha=0.5, gain=-3)
    assert y.tolist() == [[3, -6]]
