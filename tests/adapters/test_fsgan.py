"""What trains of weights under FSGAN, and what that does to them."""

import pytest
import torch

from adapters.fsgan import SingularValues, by_singular_values
from benchmarks.harness.config.build import build
from core.networks.folding import fold
from core.networks.generator import Generator

SHAPE = {"z_dim": 8, "w_dim": 8, "img_resolution": 8, "channels": {4: 6, 8: 5}, "mapping_layers": 2}


@pytest.fixture
def adapter(composed):
    cfg = composed("method=fsgan")
    return build(cfg.method, build(cfg.source))


@pytest.mark.parametrize("shape", [(4, 6, 3, 3), (7, 3), (3, 9, 1, 1)])
def test_factors_multiply_the_singular_values_alone(shape):
    torch.manual_seed(0)
    weight = torch.randn(shape, dtype=torch.float64)
    values = SingularValues(weight)
    assert torch.equal(values(weight), weight)
    with torch.no_grad():
        values.factors.copy_(1 + 0.1 * torch.rand_like(values.factors))
    u, s, vh = torch.linalg.svd(weight.flatten(1), full_matrices=False)
    wanted = (u * (s * values.factors) @ vh).reshape(shape)
    torch.testing.assert_close(values(weight), wanted)


def test_factors_of_zero_leave_nothing():
    weight = torch.randn(7, 3, dtype=torch.float64)
    values = SingularValues(weight)
    torch.nn.init.zeros_(values.factors)
    torch.testing.assert_close(values(weight), torch.zeros_like(weight))


def test_both_networks_train_by_factors_and_style_layers_stay_whole(adapter):
    for network in (adapter.g, adapter.d):
        moving = {name for name, p in network.named_parameters() if p.requires_grad}
        computed = {n for n, _ in network.named_parameters() if n.endswith("weight.original")}
        assert moving == {name.replace("original", "0.factors") for name in computed}
        whole = {name for name, _ in network.named_parameters() if name.endswith(".weight")}
        assert all(name.endswith(".affine.weight") for name in whole)
    assert whole == set()  # of the discriminator


def test_it_begins_as_the_source_and_is_folded_into_its_pictures(adapter):
    z = torch.randn(2, adapter.g.z_dim)
    assert torch.equal(adapter.sample(z), adapter.source.g(z))
    g = by_singular_values(Generator(**SHAPE))
    for p in g.parameters():
        p.data = p + 0.2 * torch.randn_like(p)
    z = torch.randn(2, 8)
    wanted = g(z)
    assert torch.equal(fold(g)(z), wanted)
    assert g.state_dict().keys() == Generator(**SHAPE).state_dict().keys()
