import copy

import pytest
import torch

from core.losses.penalties import R1
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator
from core.networks.half_precision import CLAMP, run_in_half

CHANNELS = {4: 8, 8: 8, 16: 8, 32: 4}


@pytest.fixture
def pair():
    torch.manual_seed(0)
    g = Generator(z_dim=8, w_dim=8, img_resolution=32, channels=CHANNELS, mapping_layers=2)
    return g, Discriminator(img_resolution=32, channels=CHANNELS)


def test_the_highest_resolutions_compute_in_float16_and_nothing_else_knows(pair):
    g, d = pair
    z, images = torch.randn(4, 8), torch.randn(4, 3, 32, 32)
    plain = g(z), d(images)
    halves = copy.deepcopy(torch.nn.ModuleList(pair))
    run_in_half(halves, 2)
    trace = halves[0].synthesis.trace(halves[0].mapping(z))
    kinds = {r: x.dtype for r, x in trace.features.items()}
    assert kinds == {r: torch.float16 if r > 8 else torch.float32 for r in CHANNELS}
    assert halves[1].features(images)[1][16].dtype == torch.float16
    assert trace.image.dtype == halves[1](images).dtype == torch.float32
    for ours, theirs in zip((trace.image, halves[1](images)), plain, strict=True):
        assert not torch.equal(ours, theirs)
        assert float((ours - theirs).detach().abs().max()) < 0.01 * float(theirs.detach().std())
    assert [m.config for m in halves] == [m.config for m in pair]
    assert halves[0].state_dict().keys() == g.state_dict().keys()
    assert halves[0].synthesis.b32.conv1.clamp == CLAMP
    assert halves[0].synthesis.b8.conv1.clamp is None


def test_penalties_are_in_the_precision_of_the_network(pair):
    _, d = pair
    images, penalty = torch.randn(4, 3, 32, 32), R1(gamma=1.0, every=1)
    plain = penalty(d, images, lambda x: x)
    run_in_half(d, 9)  # all but the lowest
    seen = []
    d.b32.conv1.register_forward_hook(lambda layer, inputs, out: seen.append(out.dtype))
    ours = penalty(d, images, lambda x: x)
    ours.backward()
    assert seen == [torch.float16]
    assert torch.allclose(ours, plain, rtol=0.05)
    moved = [p.grad for p in d.parameters() if p.grad is not None]  # a last bias has none
    assert len(moved) > 10
    assert all(bool(gradient.isfinite().all()) for gradient in moved)


def test_large_weights_do_not_leave_float16(pair):
    """A convolution of thousands of numbers would overflow without the scale that is undone."""
    g, _ = pair
    with torch.no_grad():
        g.synthesis.b32.conv1.weight *= 1e5
    plain = g(torch.ones(1, 8))
    run_in_half(g, 1)
    ours = g(torch.ones(1, 8))
    assert float((ours - plain).detach().abs().max()) < 0.02 * float(plain.detach().std())
