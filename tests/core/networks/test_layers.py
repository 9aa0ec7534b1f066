import math

import pytest
import torch
import torch.nn.functional as F

from benchmarks.harness.speed.textbook import Textbook
from core.networks.layers import Conv, Linear, SynthesisLayer, ToRGB, normalise
from core.ops import setup_filter


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(5)


def synthesis_layer(up: bool) -> SynthesisLayer:
    layer = SynthesisLayer(6, 5, w_dim=8, resolution=8, up=up).double()
    for parameter in layer.parameters():
        parameter.data.add_(0.3 * torch.randn_like(parameter))
    return layer


def test_normalised_latents_have_unit_mean_square():
    x = normalise(3 * torch.randn(4, 7, dtype=torch.float64))
    torch.testing.assert_close(x.square().mean(1), torch.ones(4, dtype=torch.float64))


def test_a_linear_layer_scales_weight_and_bias_when_used():
    layer = Linear(4, 3, bias_init=1, lr_multiplier=0.01)
    x = torch.randn(2, 4)
    wanted = x @ layer.weight.t() * (0.01 / 2) + 0.01 * layer.bias
    torch.testing.assert_close(layer(x), wanted)
    assert layer.weight.std() > 20


def test_gains_folded_into_the_weight_equal_gains_after_the_rectifier():
    layer = Conv(3, 5, kernel=3, gain=0.5, conv_clamp=1.0)
    layer.bias.data.normal_()
    x = torch.randn(2, 3, 6, 6)
    y = F.conv2d(x, layer.weight / math.sqrt(27), layer.bias, padding=1)
    wanted = (F.leaky_relu(y, 0.2) * math.sqrt(2) * 0.5).clamp(-0.5, 0.5)
    torch.testing.assert_close(layer(x), wanted)


@pytest.mark.parametrize("up", [False, True])
def test_scaled_activations_equal_a_convolution_for_each_sample(up):
    layer = synthesis_layer(up)
    size = 4 if up else 8
    x = torch.randn(3, 6, size, size, dtype=torch.float64)
    w = torch.randn(3, 8, dtype=torch.float64)
    ours = layer(x, w, layer.noise_const[None, None])
    torch.testing.assert_close(ours, Textbook().layer(layer, x, w, "const", None))


def test_colours_equal_a_convolution_for_each_sample():
    layer = ToRGB(6, 3, w_dim=8).double()
    x, w = torch.randn(3, 6, 4, 4).double(), torch.randn(3, 8).double()
    torch.testing.assert_close(layer(x, w), Textbook().colours(layer, x, w))


def test_the_up_convolution_equals_zeros_inserted_and_a_true_convolution():
    x, weight = torch.randn(1, 4, 6, 6).double(), torch.randn(3, 4, 3, 3).double()
    f = setup_filter([1, 3, 3, 1]).double() * 4
    ours = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    ours = Textbook().upfirdn2d(ours, f, pad=(1, 1))
    other = F.conv2d(Textbook().upfirdn2d(x, f, up=2, pad=(3, 2)), weight.flip(2, 3))
    torch.testing.assert_close(ours, other)


def test_demodulated_outputs_have_unit_variance_for_white_input():
    layer = SynthesisLayer(64, 16, w_dim=8, resolution=32)
    x = torch.randn(4, 64, 32, 32)
    styles = layer.affine(torch.randn(4, 8))
    y = F.conv2d(x * styles[:, :, None, None], layer.weight, padding=1)
    y = y * layer.demodulation(styles, layer.weight)[:, :, None, None]
    assert y[:, :, 1:-1, 1:-1].std().item() == pytest.approx(1, abs=0.03)


def test_a_modulated_layer_passes_gradcheck_twice():
    layer = SynthesisLayer(2, 2, w_dim=2, resolution=4, up=True).double()
    layer.noise_strength.data.fill_(0.3)
    x, w = torch.randn(2, 2, 2, 2).double(), torch.randn(2, 2).double()

    def render(x, w, weight, strength):
        named = {"weight": weight, "noise_strength": strength}
        noise = layer.noise_const[None, None]
        return torch.func.functional_call(layer, named, (x, w, noise))

    inputs = (x.requires_grad_(), w.requires_grad_(), layer.weight, layer.noise_strength)
    assert torch.autograd.gradcheck(render, inputs)
    assert torch.autograd.gradgradcheck(render, inputs)
