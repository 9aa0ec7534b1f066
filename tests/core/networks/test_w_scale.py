import pytest
import torch

from core.networks.generator import Generator, scale_w

CHANNELS = {4: 8, 8: 8, 16: 4}


@pytest.fixture
def g():
    torch.manual_seed(0)
    g = Generator(z_dim=8, w_dim=6, img_resolution=16, channels=CHANNELS, mapping_layers=2)
    g.mapping.w_avg.copy_(torch.randn(6))
    for name, p in g.named_parameters():
        if name.endswith("affine.bias"):
            torch.nn.init.normal_(p, 1.0, 0.3)
    return g.double()


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.3])
def test_a_widened_generator_shows_what_its_model_shows_farther_out(g, factor):
    z = torch.randn(3, 8, dtype=torch.float64)
    there = g.synthesis(g.mapping(z, truncation_psi=factor))
    torch.testing.assert_close(scale_w(g, factor)(z), there, atol=1e-10, rtol=1e-10)


def test_the_model_itself_is_left_alone(g):
    before = {k: v.clone() for k, v in g.state_dict().items()}
    scale_w(g, 2.0)
    assert all(torch.equal(v, before[k]) for k, v in g.state_dict().items())


def test_the_average_face_stays(g):
    average = g.mapping.w_avg.expand(1, g.num_ws, -1)
    torch.testing.assert_close(scale_w(g, 1.7).synthesis(average), g.synthesis(average))
