"""Which network answers for which pixels after a swap, and directions of a known matrix."""

import copy

import pytest
import torch

from core.editing import sefa
from core.errors import UserError
from core.networks import layer_swap
from core.networks.generator import Generator

BOTH = pytest.mark.parametrize("by", [layer_swap.by_weights, layer_swap.by_features])
CONFIG = {
    "z_dim": 8,
    "w_dim": 8,
    "img_resolution": 32,
    "channels": {4: 8, 8: 8, 16: 6, 32: 4},
    "mapping_layers": 2,
}


def generator(seed, **config):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        g = Generator(**(CONFIG | config)).double()
        for name, p in g.named_parameters():
            if name.endswith("noise_strength"):
                p.data.fill_(0.3)
    return g.requires_grad_(False)


def latents(n=3):
    return torch.randn(n, 8, generator=torch.Generator().manual_seed(9), dtype=torch.float64)


@BOTH
@pytest.mark.parametrize("resolution", [0, 4, 8, 16, 32])
def test_a_generator_swapped_with_itself_is_itself(by, resolution):
    g = generator(0)
    torch.testing.assert_close(by(g, g, resolution=resolution)(latents()), g(latents()))


@BOTH
def test_no_resolution_is_the_high_generator(by):
    low, high = generator(0), generator(1)
    assert torch.equal(by(low, high, resolution=0)(latents()), high(latents()))


def test_all_resolutions_by_weights_are_the_low_generator():
    low, high = generator(0), generator(1)
    assert torch.equal(layer_swap.by_weights(low, high, resolution=32)(latents()), low(latents()))


def test_blocks_come_from_one_generator_up_to_the_resolution_and_from_the_other_above():
    low, high = generator(0), generator(1)
    found = dict(layer_swap.by_weights(low, high, resolution=8).named_parameters())
    for name, value in found.items():
        origin = low if name.startswith(("mapping.", "synthesis.b4.", "synthesis.b8.")) else high
        assert torch.equal(value, dict(origin.named_parameters())[name]), name


def test_by_features_keeps_the_colours_from_below():
    low, high = generator(0), generator(1)
    ws = low.mapping(latents())
    swapped = layer_swap.by_features(low, high, resolution=16).synthesis.trace(ws)
    ours, theirs = high.synthesis.trace(ws), low.synthesis.trace(ws)
    for r in (4, 8):
        assert torch.equal(swapped.rgb[r], ours.rgb[r])
    assert torch.equal(swapped.features[16], theirs.features[16])
    assert not torch.allclose(swapped.rgb[16], theirs.rgb[16])


@BOTH
def test_neither_generator_is_changed(by):
    low, high = generator(0), generator(1)
    before = copy.deepcopy((low.state_dict(), high.state_dict()))
    by(low, high, resolution=8).requires_grad_(True).synthesis(low.mapping(latents())).sum()
    for g, state in zip((low, high), before, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in g.state_dict().items())


@BOTH
def test_both_ways_take_styles_from_the_low_generator(by):
    low, high = generator(0), generator(1)
    swapped = by(low, high, resolution=4)
    assert torch.equal(swapped.mapping(latents()), low.mapping(latents()))


@BOTH
def test_whoever_holds_a_generator_sees_it_swapped(by):
    low, high = generator(0), generator(1)
    swapped, held = by(low, high, resolution=8), high
    wanted = swapped(latents())
    layer_swap.install(swapped, high)
    assert torch.equal(held(latents()), wanted)


@BOTH
def test_generators_of_different_families_are_refused(by):
    with pytest.raises(UserError, match="channels"):
        by(generator(0), generator(1, channels={4: 8, 8: 8, 16: 6, 32: 6}), resolution=8)


@BOTH
@pytest.mark.parametrize("resolution", [12, 64])
def test_a_resolution_that_is_not_there_is_refused(by, resolution):
    with pytest.raises(UserError, match=f"swap.resolution={resolution}"):
        by(generator(0), generator(1), resolution=resolution)


def test_a_trace_may_end_early():
    g = generator(0)
    ws = g.mapping(latents())
    whole, part = g.synthesis.trace(ws), g.synthesis.trace(ws, until=8)
    assert sorted(part.rgb) == sorted(part.features) == [4, 8]
    assert torch.equal(part.image, whole.rgb[8])


def test_the_directions_are_those_of_the_stacked_weights():
    g = generator(0)
    scales = torch.arange(8, 0, -1).double()
    for name, p in g.synthesis.named_parameters():
        if name.endswith("affine.weight"):  # every row along one axis, the first axis the longest
            axis = torch.arange(len(p)) % 8
            p.data.zero_()
            p.data[torch.arange(len(p)), axis] = scales[axis]
            if "torgb" in name and not name.startswith("b4."):
                p.data.fill_(1e3)  # not looked at
    directions, gains = sefa.factorise(g)
    counts = (sefa.affines(g) != 0).sum(0)
    order = (scales * counts.sqrt()).sort(descending=True)
    torch.testing.assert_close(gains, order.values)
    torch.testing.assert_close(directions.abs(), torch.eye(8).double()[order.indices])
