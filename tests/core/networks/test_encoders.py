"""The encoders' structure, their foreign formats, and the small one."""

import pytest
import torch

from core import convert, weights
from core.errors import UserError
from core.networks.encoders import (
    IRSE50,
    Compact,
    CompactZPlus,
    Encoder4Editing,
    GradualStyleEncoder,
    IdentityLoss,
)
from core.networks.generator import Generator

SMALL = {"rows": 1, "w_dim": 16, "input_channels": 3}
TABLE = {4: 8, 8: 8, 16: 8, 32: 8}


def on_meta(network, **config):
    with torch.device("meta"):
        return network(**config)


def generator(seed=0, z_dim=8, w_dim=8):
    torch.manual_seed(seed)
    g = Generator(
        z_dim=z_dim, w_dim=w_dim, img_resolution=32, channels=TABLE, mapping_layers=2
    ).requires_grad_(False)
    g.mapping.w_avg.copy_(g.mapping.style(torch.randn(500, z_dim)).mean(0))
    return g


def compact(kind=Compact, **changes):
    torch.manual_seed(1)
    config = {
        "backbone": "resnet10t",
        "options": {"channels": [8, 8, 16, 16], "stem_type": "deep", "stem_width": 4},
        "stem_pool": True,
        "laterals": [8, 4],
        "hidden": 16,
        "resolution": 32,
        "rows": 8,
        "w_dim": 8,
    }
    return kind(**{**config, **changes}).eval()


def pictures(n=2, side=32, seed=3):
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.mark.parametrize(("rows", "millions"), [(18, 267.1), (14, 209.5), (12, 180.6), (10, 151.8)])
def test_encoders_have_the_published_size(rows, millions):
    for network in (GradualStyleEncoder, Encoder4Editing):
        encoder = on_meta(network, rows=rows, w_dim=512, input_channels=3)
        assert sum(p.numel() for p in encoder.parameters()) / 1e6 == pytest.approx(
            millions, abs=0.05
        )


def test_encoders_and_the_identity_network_have_the_published_entries():
    psp = on_meta(GradualStyleEncoder, rows=18, w_dim=512, input_channels=3)
    e4e = on_meta(Encoder4Editing, rows=18, w_dim=512, input_channels=3)
    shapes = {k: v.shape for k, v in psp.state_dict().items()}
    assert len(shapes) == 621
    assert {k: v.shape for k, v in e4e.state_dict().items()} == shapes
    assert sum(p.numel() for p in psp.parameters()) == 267_136_704
    identity = on_meta(IRSE50)
    assert len(identity.state_dict()) == 397
    assert sum(p.numel() for p in identity.parameters()) == 43_797_696


@pytest.mark.parametrize(
    ("format", "network"), [("psp", GradualStyleEncoder), ("e4e", Encoder4Editing)]
)
def test_an_encoder_comes_back_bit_by_bit(format, network):
    state = network(**SMALL).state_dict()
    state["body.5.res_layer.0.num_batches_tracked"] = torch.tensor(7)
    read = convert.from_state_dict(state, format=format)
    assert type(read) is network
    assert read.config == SMALL
    again = convert.to_state_dict(read, format=format)
    assert again.keys() == state.keys()
    assert all(torch.equal(again[k], state[k]) and again[k].dtype == state[k].dtype for k in state)


def test_the_identity_network_comes_back_bit_by_bit_and_may_lack_counters():
    state = IRSE50().state_dict()
    lean = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    again = convert.to_state_dict(convert.from_state_dict(lean, format="ir_se50"), format="ir_se50")
    assert again.keys() == state.keys()
    assert all(torch.equal(again[k], state[k]) for k in state)


def test_bad_entries_of_an_encoder_are_named():
    state = GradualStyleEncoder(**SMALL).state_dict()
    lacking = {k: v for k, v in state.items() if k != "latlayer1.bias"}
    with pytest.raises(convert.CheckpointError, match=r"latlayer1\.bias"):
        convert.from_state_dict(lacking, format="psp")
    with pytest.raises(convert.CheckpointError, match="teapot"):
        convert.from_state_dict({**state, "teapot": torch.zeros(1)}, format="psp")
    bent = {**state, "body.0.res_layer.1.weight": torch.zeros(64, 64, 1, 1)}
    with pytest.raises(convert.CheckpointError, match=r"body\.0\.res_layer\.1\.weight"):
        convert.from_state_dict(bent, format="psp")
    gap = {**state, "styles.3.linear.weight": torch.zeros(16, 512)}
    with pytest.raises(convert.CheckpointError, match=r"styles\.1\.linear\.weight"):
        convert.from_state_dict(gap, format="psp")
    whole = {f"encoder.{k}": v for k, v in state.items()}
    with pytest.raises(convert.CheckpointError, match=r"encoder\."):
        convert.from_state_dict(whole, format="psp")


def test_an_encoder_is_not_written_in_the_other_format():
    encoder = on_meta(Encoder4Editing, **SMALL)
    with pytest.raises(convert.CheckpointError, match="GradualStyleEncoder"):
        convert.to_state_dict(encoder, format="psp")


@torch.no_grad()
def test_e4e_adds_offsets_to_its_first_row_up_to_the_stage():
    torch.manual_seed(0)
    encoder = Encoder4Editing(rows=4, w_dim=16, input_channels=3).eval()
    images = pictures(1, 64)
    heads = torch.stack(encoder.heads(images, 4), dim=1)
    torch.testing.assert_close(encoder(images)[:, 0], heads[:, 0])
    torch.testing.assert_close(encoder(images)[:, 1:], heads[:, :1] + heads[:, 1:])
    encoder.stage = 0
    torch.testing.assert_close(encoder(images), heads[:, :1].expand(-1, 4, -1))


@pytest.mark.parametrize(
    "shape", [(1, 3, 512, 512), (1, 1, 256, 256), (1, 3, 256, 128), (3, 64, 64)]
)
def test_pictures_that_an_encoder_cannot_read_are_refused(shape):
    encoder = on_meta(GradualStyleEncoder, **SMALL)
    with pytest.raises(ValueError, match="images must"):
        encoder(torch.zeros(shape, device="meta"))


def test_the_identity_loss_is_nothing_for_the_same_face_and_moves_only_the_first():
    torch.manual_seed(0)
    loss = IdentityLoss(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 112 * 112, 8)))
    face, other = pictures(1, 256).requires_grad_(True), pictures(1, 256, seed=4)
    assert loss(face, face).item() == pytest.approx(0, abs=1e-6)
    other.requires_grad_(True)
    value = loss(face, other)
    assert 0 < value.item() <= 2
    value.backward()
    outside = face.grad[:, :, :35].abs().sum() + face.grad[:, :, :, 220:].abs().sum()
    assert face.grad.abs().sum() > 0
    assert outside == 0
    assert other.grad is None


@torch.no_grad()
def test_an_untrained_small_encoder_says_nearly_the_average():
    g, encoder = generator(), compact()
    encoder.attend(g, samples=500, seed=0)
    ws = encoder.styles(g, pictures())
    assert ws.shape == (2, g.num_ws, g.w_dim)
    assert ((ws - g.mapping.w_avg) / encoder.spread).abs().max() < 0.2
    torch.testing.assert_close(encoder(pictures()) + encoder.average, ws)


@torch.no_grad()
def test_a_small_encoder_reads_pictures_of_any_size():
    encoder = compact()
    assert encoder(pictures(1, 128)).shape == (1, 8, 8)


@torch.no_grad()
def test_rows_of_a_zplus_encoder_pass_the_mapping_network():
    g, encoder = generator(), compact(CompactZPlus)
    encoder.attend(g, samples=10, seed=0)
    codes, ws = encoder(pictures()), encoder.styles(g, pictures())
    for row in range(g.num_ws):
        torch.testing.assert_close(ws[:, row], g.mapping.style(codes[:, row]))


def test_zplus_needs_latents_as_wide_as_styles():
    with pytest.raises(UserError, match="as wide as"):
        compact(CompactZPlus).attend(generator(z_dim=4), samples=10, seed=0)


def test_an_encoder_refuses_another_generator():
    encoder = compact()
    encoder.attend(generator(), samples=10, seed=0)
    encoder.check(generator())
    with pytest.raises(UserError, match="another generator"):
        encoder.check(generator(seed=5))


@pytest.mark.parametrize("kind", [Compact, CompactZPlus])
@torch.no_grad()
def test_an_encoder_survives_its_file_in_half_precision(kind, tmp_path):
    g, encoder = generator(), compact(kind)
    encoder.attend(g, samples=100, seed=0)
    path = tmp_path / "encoder.safetensors"
    weights.write(path, {"encoder": encoder}, {"run": "test"}, torch.float16)
    networks, notes = weights.read(path)
    read = networks["encoder"].eval()
    assert type(read) is kind
    assert notes["run"] == "test"
    read.check(g)
    torch.testing.assert_close(
        read.styles(g, pictures()), encoder.styles(g, pictures()), atol=1e-2, rtol=1e-2
    )
