"""Gains of channels, and generators that have none."""

import pytest
import torch

from core import weights
from core.networks import layer_swap
from core.networks.gains import GainedGenerator
from core.networks.generator import Generator

SHAPE = {"z_dim": 8, "w_dim": 8, "img_resolution": 8, "channels": {4: 6, 8: 5}, "mapping_layers": 2}
ROWS = {"b4.conv1": 0, "b8.conv0": 1, "b8.conv1": 2}


@pytest.fixture
def pair():
    """A generator, and one with gains that began as it."""
    torch.manual_seed(0)
    g, gained = Generator(**SHAPE), GainedGenerator(**SHAPE)
    gained.load_state_dict(g.state_dict())
    return g, gained


def changed(gained):
    for gain in gained.gains():
        gain.data = 0.5 + torch.rand_like(gain)
    return gained


def test_it_takes_the_state_of_one_without_and_makes_its_pictures(pair):
    g, gained = pair
    z = torch.randn(3, 8)
    assert torch.equal(gained(z), g(z))
    other = GainedGenerator(**SHAPE)
    other.load_state_dict(changed(gained).state_dict())
    assert torch.equal(other(z), gained(z))
    other.load_state_dict(g.state_dict())
    assert torch.equal(other(z), g(z))


def test_gains_and_biases_are_those_of_the_convolutions_in_order(pair):
    _, gained = pair
    layers = [gained.synthesis.get_submodule(name) for name in gained.synthesis.noise_names]
    assert list(ROWS) == gained.synthesis.noise_names
    for layer, gain, bias in zip(layers, gained.gains(), gained.biases(), strict=True):
        assert gain is layer.gain
        assert bias is layer.bias


@pytest.mark.parametrize("name", ROWS)
def test_a_gain_is_that_of_its_channel_before_the_bias(pair, name):
    _, gained = pair
    seen = {}
    synthesis = gained.synthesis.double()
    layer = synthesis.get_submodule(name)
    layer.register_forward_hook(lambda *call: seen.update(out=call[2]))
    torch.nn.init.zeros_(layer.bias)
    ws = torch.randn(2, 4, 8, dtype=torch.float64)
    synthesis(ws, noise_mode="none")
    before = seen["out"]
    layer.gain.data[1] = 3
    synthesis(ws, noise_mode="none")
    wanted = before.clone()
    wanted[:, 1] *= 3
    torch.testing.assert_close(seen["out"], wanted)


def test_a_file_keeps_the_gains(pair, tmp_path):
    gained = changed(pair[1])
    weights.write(tmp_path / "made.safetensors", {"g_ema": gained}, {})
    read = weights.read(tmp_path / "made.safetensors")[0]["g_ema"]
    z = torch.randn(2, 8)
    assert isinstance(read, GainedGenerator)
    assert torch.equal(read(z), gained(z))


def test_layers_are_swapped_with_those_of_one_without(pair):
    g, gained = pair
    swapped = layer_swap.by_weights(g, changed(gained), resolution=4)
    kept, taken = swapped.gains()[1:], swapped.gains()[0]
    assert torch.equal(taken, torch.ones_like(taken))
    assert all(torch.equal(a, b) for a, b in zip(kept, gained.gains()[1:], strict=True))
