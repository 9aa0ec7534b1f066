"""The extrinsic style path, its losses, and destylisation."""

import json

import pytest
import torch

from core import convert
from core.networks.dualstylegan import DualStyleGAN, ModRes, colour_transform
from core.networks.generator import Generator, channel_table

ARCH = {"z_dim": 16, "w_dim": 16, "mapping_layers": 2}


def generator(side=32, width=16):
    torch.manual_seed(0)
    table = dict.fromkeys(channel_table(side, 1, 1), width)
    return Generator(img_resolution=side, channels=table, **ARCH).requires_grad_(False)


def dual(side=32, width=16, res_index=4, loud=True):
    """With residuals that can be seen, unless they are to be fresh."""
    g = DualStyleGAN.of(generator(side, width), res_index=res_index)
    if loud:
        with torch.no_grad():
            for block in g.residuals:
                block.conv2.weight.mul_(100)
    return g.requires_grad_(False)


def codes(g, n=2, seed=1):
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(n, g.num_ws, g.z_dim, generator=rng)


@pytest.mark.parametrize("side", [32, 64, 128, 256, 512, 1024])
def test_weights_of_zero_are_the_plain_generator_bit_for_bit(side):
    g = dual(side, width=4, res_index=6)
    ws, ex_ws = g.mapping(codes(g, 1)), g.mapping(codes(g, 1, seed=2))
    plain = g.generator.synthesis(ws)
    assert torch.equal(g.synthesis(ws, ex_ws, [0.0] * g.num_ws), plain)
    assert torch.equal(g.synthesis(ws, ex_ws, torch.zeros(g.num_ws)), plain)
    assert torch.equal(g.synthesis(ws), plain)
    assert not torch.equal(g.synthesis(ws, ex_ws, [1.0] * g.num_ws), plain)


@pytest.mark.parametrize(
    ("side", "res_index", "structure"),
    [(32, 6, 7), (64, 6, 7), (64, 4, 5), (64, 5, 5), (1024, 6, 7), (8, 6, 3), (16, 6, 5)],
)
def test_rows_mean_the_same_resolution_at_every_size(side, res_index, structure):
    g = dual(side, width=4, res_index=res_index)
    assert g.structure_rows == structure
    assert len(g.residuals) + len(g.colours) == g.num_ws == g.generator.num_ws
    assert DualStyleGAN(**json.loads(json.dumps(g.config))).config == g.config


def test_at_1024_px_there_are_253_entries_and_74_million_parameters():
    with torch.device("meta"):
        table = channel_table(1024, 32768, 512)
        arch = {"z_dim": 512, "w_dim": 512, "mapping_layers": 8}
        g = DualStyleGAN(res_index=6, img_resolution=1024, channels=table, **arch)
    kind = convert.FORMATS["dualstylegan"]
    assert len(kind.names(g.config)) + len(kind.filters(g.config)) == 253
    counts = [sum(p.numel() for p in m.parameters()) for m in (g.generator, g.structure, g)]
    assert counts == [30_370_060, 525_312, 74_176_268]


def test_a_fresh_residual_is_about_a_hundredth_of_the_features():
    torch.manual_seed(0)
    block, x = ModRes(64, w_dim=64), torch.randn(4, 64, 16, 16)
    share = block(x, torch.randn(4, 64)).std() / x.std()
    assert 0.008 < share < 0.015


def test_a_fresh_colour_transform_is_nearly_the_identity():
    torch.manual_seed(0)
    w = torch.randn(8, 512)
    assert (colour_transform(512)(w) - w).abs().max() < 0.1
    effective = colour_transform(512).weight / 512**0.5
    assert (effective - torch.eye(512)).abs().max() < 3e-3


def test_at_weight_one_intrinsic_colour_rows_do_nothing_and_the_others_do():
    g = dual()
    ws, ex_ws = g.mapping(codes(g)), g.mapping(codes(g, seed=2))
    ones = g.weights(1.0, 1.0)
    picture = g.synthesis(ws, ex_ws, ones)
    for row in range(g.num_ws):
        other = ws.clone()
        other[:, row] += 1
        same = torch.equal(g.synthesis(other, ex_ws, ones), picture)
        assert same == (row >= g.structure_rows), row
        other = ex_ws.clone()
        other[:, row] += torch.randn(g.w_dim, generator=torch.Generator().manual_seed(row))
        assert not torch.equal(g.synthesis(ws, other, ones), picture), row


def test_every_row_of_z_plus_is_mapped_on_its_own_whatever_its_length():
    g = dual()
    z = codes(g)
    ws = g.mapping(z)
    torch.testing.assert_close(ws[:, 3], g.mapping(z[:, 3])[:, 0])
    torch.testing.assert_close(g.mapping(z * 3), ws, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(g.mapping(z, 0.5), ws / 2)


def test_the_extrinsic_path_is_trained_and_the_generator_is_not_named():
    g = DualStyleGAN.of(generator(), res_index=4)
    named = {id(p) for p in g.extrinsic()}
    assert all((id(p) in named) != n.startswith("generator.") for n, p in g.named_parameters())


def test_what_cannot_be_meant_is_refused():
    g = dual()
    ws = g.mapping(codes(g))
    with pytest.raises(ValueError, match="weights must be 8 numbers"):
        g.synthesis(ws, ws, [1.0] * 7)
    with pytest.raises(ValueError, match="need extrinsic styles"):
        g.synthesis(ws, None, [1.0] * 8)
    with pytest.raises(ValueError, match=r"must be \[2, 8, 16\]"):
        g.synthesis(ws, ws[:, :5], [1.0] * 8)


def test_the_published_layout_is_read_and_written_without_loss():
    g = dual()
    state = convert.to_state_dict(g, format="dualstylegan")
    assert state["res.4.norm2.style.bias"].shape == (32,)
    assert state["generator.noises.noise_0"].shape == (1, 1, 4, 4)
    again = convert.from_state_dict(state, format="dualstylegan", latent_avg=torch.ones(16))
    assert again.config == g.config
    assert torch.equal(again.generator.mapping.w_avg, torch.ones(16))
    for key, value in g.state_dict().items():
        assert key.endswith("w_avg") or torch.equal(again.state_dict()[key], value), key


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"res.4.conv.0.weight": None}, "residual blocks"),
        ({"res.6.weight": None}, "'res.6.weight' is missing"),
        ({"res.9.weight": torch.zeros(16, 16)}, "belongs to no layer"),
        ({"style.2.weight": torch.zeros(16, 8)}, r"shape \(16, 8\)"),
        ({"generator.conv1.conv.weight": None}, "missing"),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(change, sentence):
    state = convert.to_state_dict(dual(), format="dualstylegan") | change
    state = {k: v for k, v in state.items() if v is not None}
    with pytest.raises(convert.CheckpointError, match=sentence):
        convert.from_state_dict(state, format="dualstylegan")
