"""A generator tuned on one photo, and its difference added to another."""

import copy

import pytest
import torch

from core.inversion.pivotal_tuning import PivotalTuning, moved
from core.networks.generator import Generator
from core.networks.perception import Guide


@pytest.fixture(scope="module")
def g():
    torch.manual_seed(0)
    table = {4: 8, 8: 8, 16: 8}
    made = Generator(z_dim=8, w_dim=8, img_resolution=16, channels=table, mapping_layers=2)
    return made.requires_grad_(False)


def test_tuning_shows_the_photo_and_leaves_the_source_and_the_mapping(g):
    before = copy.deepcopy(g.state_dict())
    ws = torch.randn(1, g.num_ws, 8, generator=torch.Generator().manual_seed(1))
    photo = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2)) * 2 - 1
    tuning = PivotalTuning(perceptual=Guide(), steps=40, lr=0.01, near=1.0, pixel=1.0)
    tuned = tuning(g, photo, ws)
    ours, theirs = g.synthesis(ws), tuned.synthesis(ws)
    assert (theirs - photo).square().mean() < 0.5 * (ours - photo).square().mean()
    after = g.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    assert torch.equal(tuned.mapping.fc0.weight, g.mapping.fc0.weight)
    assert not any(p.requires_grad for p in tuned.parameters())


def test_a_difference_is_added_and_taken_away_again_bit_by_bit(g):
    end, other = copy.deepcopy(g), copy.deepcopy(g)
    for network, seed in ((end, 3), (other, 4)):
        rng = torch.Generator().manual_seed(seed)
        for p in network.synthesis.parameters():
            p.add_(torch.randn(p.shape, generator=rng))
    before = copy.deepcopy(other.state_dict())
    start, ends = dict(g.named_parameters()), dict(end.named_parameters())
    with moved(other, g, end):
        for name, value in other.synthesis.named_parameters():
            name = f"synthesis.{name}"
            torch.testing.assert_close(value, before[name] + ends[name] - start[name])
    with pytest.raises(ZeroDivisionError), moved(other, g, end):
        _ = 1 / 0
    after = other.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    same = copy.deepcopy(g)
    with moved(same, g, end):  # the source itself becomes the tuned one
        torch.testing.assert_close(same.synthesis.b4.const, end.synthesis.b4.const)
