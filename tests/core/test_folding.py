"""Computed weights and plain ones."""

import copy

import pytest
import torch
from torch.nn.utils import parametrize

from core.networks.folding import fold, folded
from core.networks.generator import Generator
from core.networks.modulation import (
    RankOne,
    RankOneReleased,
    generator_layers,
    modulate,
    originals,
    vectors,
)

SHAPE = {"z_dim": 8, "w_dim": 8, "img_resolution": 8, "channels": {4: 6, 8: 5}, "mapping_layers": 2}


@pytest.fixture
def modulated():
    torch.manual_seed(0)
    g = Generator(**SHAPE)
    modulate(g, generator_layers(g), RankOne)
    for name, p in g.named_parameters():
        if name.endswith((".u", ".v", ".b")):
            p.data = 0.3 * torch.randn_like(p)
    return g


def test_a_folded_copy_is_plain_and_makes_the_same_pictures(modulated):
    twin = copy.deepcopy(modulated)
    z = torch.randn(3, 8)
    wanted = modulated(z)
    plain = folded(modulated)
    assert torch.equal(plain(z), wanted)
    assert plain.state_dict().keys() == Generator(**SHAPE).state_dict().keys()
    assert {type(m) for m in plain.modules()} == {type(m) for m in Generator(**SHAPE).modules()}
    for computed in (modulated, twin):  # whose classes are shared
        assert parametrize.is_parametrized(computed.mapping.fc0)
        assert torch.equal(computed(z), wanted)
    assert torch.equal(fold(modulated)(z), wanted)
    assert torch.equal(twin(z), wanted)


def test_a_plain_network_is_not_copied():
    g = Generator(**SHAPE)
    assert folded(g) is g


@pytest.mark.parametrize("layer", ["mapping.fc0", "synthesis.b8.conv1", "synthesis.b8.torgb"])
def test_v_multiplies_the_kernels_and_u_the_numbers_of_each(modulated, layer):
    layer = modulated.get_submodule(layer)
    weight, (u, v, *b) = originals(layer)[0], vectors(layer)
    for o in range(len(weight)):
        wanted = weight[o] * (1 + v[o] * u.reshape(weight[o].shape))
        torch.testing.assert_close(layer.weight[o], wanted)
    assert len(b) == len(originals(layer)) - 1
    if b:
        assert torch.equal(layer.bias, originals(layer)[1] + b[0])


def test_at_first_modulated_networks_are_the_source_but_for_the_released_style_layers():
    torch.manual_seed(0)
    g, z = Generator(**SHAPE), torch.randn(3, 8)
    for make, same in ((RankOne, True), (RankOneReleased, False)):
        other = copy.deepcopy(g)
        modulate(other, generator_layers(other), make)
        assert torch.allclose(other(z), g(z), atol=1e-5) == same
