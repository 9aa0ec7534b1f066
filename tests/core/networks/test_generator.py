import pytest
import torch

from benchmarks.harness.speed.cases import TWINS
from core import weights
from core.networks.generator import Generator, channel_table
from core.paths import ASSETS

TABLE = {4: 8, 8: 7, 16: 6, 32: 5}


@pytest.fixture
def g():
    torch.manual_seed(1)
    g = Generator(z_dim=6, w_dim=5, img_resolution=32, channels=TABLE, mapping_layers=2)
    for parameter in g.parameters():
        parameter.data.add_(0.2 * torch.randn_like(parameter))
    return g.double()


@pytest.fixture
def z():
    return torch.randn(3, 6, generator=torch.Generator().manual_seed(2)).double()


twins = pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)


@twins
def test_images_are_those_of_the_twins(g, z, twin):
    ws = g.mapping(z)
    torch.testing.assert_close(g.synthesis(ws), twin.images(g, ws))


@twins
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("clamp", [None, 0.6])
def test_gradients_are_those_of_the_twins(g, z, clamp, training, twin):
    g = Generator(**{**g.config, "conv_clamp": clamp}).double().train(training)
    ws = g.mapping(z)
    ours = torch.autograd.grad(g.synthesis(ws).square().sum(), list(g.parameters()))
    ws = g.mapping(z)
    other = torch.autograd.grad(twin.images(g, ws).square().sum(), list(g.parameters()))
    for a, b in zip(ours, other, strict=True):
        torch.testing.assert_close(a, b)


@twins
def test_the_path_length_is_differentiable_like_the_twins(g, z, twin):
    def slopes(render):
        ws = g.mapping(z)
        (slope,) = torch.autograd.grad(render(ws)[:, :, ::3].sum(), ws, create_graph=True)
        penalty = slope.square().sum()
        return torch.autograd.grad(penalty, list(g.parameters()), allow_unused=True)

    for a, b in zip(slopes(g.synthesis), slopes(lambda ws: twin.images(g, ws)), strict=True):
        if a is not None and b is not None:
            torch.testing.assert_close(a, b)


def test_a_configuration_rebuilds_the_generator(g, z):
    again = Generator(**g.config).double()
    again.load_state_dict(g.state_dict())
    assert torch.equal(again(z), g(z))


def test_the_forward_pass_is_mapping_and_synthesis(g, z):
    assert torch.equal(g(z), g.synthesis(g.mapping(z)))
    assert g(z).shape == (3, 3, 32, 32)
    assert g.mapping(z).shape == (3, g.num_ws, 5)
    assert g.num_ws == 8


def test_truncation_moves_the_first_rows_towards_the_average(g, z):
    g.mapping.w_avg.normal_()
    whole, half = g.mapping(z), g.mapping(z, truncation_psi=0.5, truncation_cutoff=3)
    torch.testing.assert_close(half[:, :3], (whole[:, :3] + g.mapping.w_avg) / 2)
    assert torch.equal(half[:, 3:], whole[:, 3:])
    centre = g.mapping.w_avg.expand(3, g.num_ws, 5)
    torch.testing.assert_close(g.mapping(z, truncation_psi=0.0), centre)


def test_the_average_moves_only_when_told(g, z):
    g.train()
    g(z)
    assert not g.mapping.w_avg.any()
    ws = g.mapping(z)
    g.mapping.track(ws)
    torch.testing.assert_close(g.mapping.w_avg, 0.005 * ws[:, 0].mean(0))


def test_noise_modes_differ_as_they_should(g, z):
    ws = g.mapping(z)

    def random(seed):
        return g.synthesis(ws, "random", torch.Generator().manual_seed(seed))

    assert torch.equal(random(0), random(0))
    assert not torch.allclose(random(0), random(1))
    assert not torch.allclose(g.synthesis(ws, "none"), g.synthesis(ws, "const"))
    silent = {name: torch.zeros(1, 1, 1, 1) for name in g.synthesis.noise_names}
    trace = g.synthesis.trace(ws, "random", noise=silent)
    torch.testing.assert_close(trace.image, g.synthesis(ws, "none"))


def test_a_trace_holds_every_resolution(g, z):
    trace = g.synthesis.trace(g.mapping(z))
    assert torch.equal(trace.image, trace.rgb[32])
    assert {r: tuple(f.shape) for r, f in trace.features.items()} == {
        r: (3, c, r, r) for r, c in TABLE.items()
    }
    assert list(trace.rgb) == list(TABLE)


def test_a_torgb_shares_its_row_with_the_next_block(g, z):
    ws = g.mapping(z)
    before = g.synthesis.trace(ws)
    ws[:, 1] += 1
    after = g.synthesis.trace(ws)
    assert torch.equal(before.features[4], after.features[4])
    assert not torch.allclose(before.rgb[4], after.rgb[4])
    assert not torch.allclose(before.features[8], after.features[8])


def test_bfloat16_autocast_stays_near_and_keeps_colours_exact(g, z):
    g, z = g.float(), z.float()
    exact = g(z)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = g(z)
    assert rough.dtype == torch.float32
    assert (rough - exact).std() < 0.05 * exact.std()


@pytest.mark.parametrize("resolution", [8, 64])
def test_other_resolutions_build_and_render(resolution):
    channels = channel_table(resolution, 256, 8)
    g = Generator(z_dim=4, w_dim=4, img_resolution=resolution, channels=channels, mapping_layers=1)
    assert g(torch.randn(2, 4)).shape == (2, 3, resolution, resolution)


def test_published_channel_tables():
    f = {4: 512, 8: 512, 16: 512, 32: 512, 64: 512, 128: 256, 256: 128}
    assert channel_table(256, 32768, 512) == f
    assert channel_table(1024, 16384, 512)[1024] == 16


def test_published_parameter_counts():
    with torch.device("meta"):
        g = Generator(
            z_dim=512,
            w_dim=512,
            img_resolution=256,
            channels=channel_table(256, 32768, 512),
            mapping_layers=8,
        )
    assert sum(p.numel() for p in g.parameters()) == 30_034_338
    assert sum(p.numel() for p in g.mapping.parameters()) == 2_101_248


def test_wrong_shapes_are_named(g, z):
    with pytest.raises(ValueError, match=r"latents must be \[N, 6\]"):
        g.mapping(z[:, :4])
    with pytest.raises(ValueError, match=r"styles must be \[N, 8, 5\]"):
        g.synthesis(g.mapping(z)[:, :6])
    with pytest.raises(ValueError, match="noise_mode must be one of"):
        g.synthesis(g.mapping(z), "some")
    with pytest.raises(ValueError, match="b4"):
        g.synthesis.trace(g.mapping(z), noise={"b4.conv0": torch.zeros(1, 1, 4, 4)})
    with pytest.raises(ValueError, match="power of two"):
        Generator(**{**g.config, "img_resolution": 48})
    with pytest.raises(ValueError, match="channels must give"):
        Generator(**{**g.config, "channels": {4: 8, 8: 8}})


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_trained_generator_of_another_precision_makes_nearly_the_same_pictures(dtype):
    """Its styles are far larger than fresh ones: their squares leave the range of float16."""
    g = weights.read(ASSETS / "parafaces64.safetensors")[0]["g_ema"].eval()
    z = torch.randn(8, g.z_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = g(z)
        assert (g.to(dtype)(z.to(dtype)).float() - expected).abs().mean() < 0.01
        for layer in (g.synthesis.b4.conv1, g.synthesis.b64.conv0):
            layer.affine.weight.zero_()
            layer.affine.bias.zero_()
        assert g(z.to(dtype)).isfinite().all()
