"""Published encoders: pSp's, e4e's and ReStyle's files, and the rows that they find."""

import argparse
import re
from functools import cache

import pytest
import torch
import torch.nn.functional as F

from core.convert import CheckpointError, to_state_dict
from core.errors import UserError
from core.inversion.published import PublishedEncoder, ReStyle
from core.networks.generator import Generator
from core.source import Source
from tests.golden.cases import EXHAUSTIVE
from tests.helpers import checkpoints

FORMATS = ("psp", "e4e", "restyle_psp", "restyle_e4e")
TYPES = dict(zip(FORMATS, ("GradualStyleEncoder", "Encoder4Editing", "BackboneEncoder",
                           "ProgressiveBackboneEncoder"), strict=True))  # fmt: skip
CHANNELS = dict.fromkeys((4, 8, 16, 32), 8)
ROWS, WIDTH, PASSES = 8, 16, 2


def generator(side=32, w_dim=WIDTH, channels=8):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        table = {2**k: channels for k in range(2, side.bit_length())}
        g = Generator(z_dim=8, w_dim=w_dim, img_resolution=side, channels=table, mapping_layers=2)
        g.mapping.w_avg.normal_()
        return g.eval().requires_grad_(False)


G = generator()
AVERAGE = torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(4))
NETWORKS = {name: checkpoints.encoder(name, rows=ROWS, w_dim=WIDTH) for name in FORMATS}
PHOTOS = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(5)) * 2 - 1


def written(tmp_path, format, *, average=AVERAGE, opts=None, network=None, **kept):
    opts = {"encoder_type": TYPES[format]} if opts is None else opts
    decoder = to_state_dict(G, format="rosinality_g")
    tree = checkpoints.encoder_tree(network or NETWORKS[format], average, opts, decoder) | kept
    return checkpoints.rosinality(tmp_path / "encoder.pt", tree)


def inverter(path, format, batch_size=1):
    if format.startswith("restyle"):
        return ReStyle(encoder=path, format=format, batch_size=batch_size, passes=PASSES)
    return PublishedEncoder(encoder=path, format=format, batch_size=batch_size)


def enlarged(pictures):
    return F.interpolate(pictures, (256, 256), mode="bilinear", antialias=True)


@cache
def codes(format):
    """At one look."""
    return NETWORKS[format](enlarged(PHOTOS))


def expected(format, average):
    """From the papers: once, or each time beside what is shown so far."""
    ws = average.expand(2, ROWS, WIDTH)
    if not format.startswith("restyle"):
        return ws + codes(format)
    for _ in range(PASSES):
        ws = ws + NETWORKS[format](torch.cat([enlarged(PHOTOS), enlarged(G.synthesis(ws))], 1))
    return ws


@pytest.mark.parametrize("format", FORMATS)
def test_rows_are_those_of_the_encoder_from_the_average_on(tmp_path, format):
    opts = argparse.Namespace(encoder_type=TYPES[format], start_from_latent_avg=True, lr=1e-4)
    path = written(tmp_path, format, opts=opts)
    found = inverter(path, format)(G, PHOTOS)
    torch.testing.assert_close(found, expected(format, AVERAGE), atol=1e-4, rtol=1e-4)
    assert found.std(0).min() > 0  # photos are told apart


@pytest.mark.parametrize(("average", "started", "used"), [
    (AVERAGE[0], True, AVERAGE[0]),
    (AVERAGE, None, AVERAGE),
    (AVERAGE, False, torch.zeros(WIDTH)),
    (None, True, G.mapping.w_avg),
])  # fmt: skip
def test_codes_are_added_to_what_the_file_says(tmp_path, average, started, used):
    opts = {} if started is None else {"start_from_latent_avg": started}
    path = written(tmp_path, "e4e", average=average, opts=opts)
    found = inverter(path, "e4e")(G, PHOTOS[:1])
    torch.testing.assert_close(found, expected("e4e", used)[:1], atol=1e-4, rtol=1e-4)


def test_an_encoder_may_stand_alone(tmp_path):
    path = checkpoints.rosinality(tmp_path / "alone.pt", dict(NETWORKS["psp"].state_dict()))
    found = inverter(path, "psp")(G, PHOTOS[:1])
    torch.testing.assert_close(found, expected("psp", G.mapping.w_avg)[:1], atol=1e-4, rtol=1e-4)


def test_a_source_refuses_an_encoder_of_other_rows_before_anything_else(tmp_path):
    invert = inverter(written(tmp_path, "psp"), "psp")
    facts = {"name": "x", "invert": invert, "trained": True, "sha256": ""}
    assert Source(G, None, G, **facts).invert(PHOTOS).shape == (2, ROWS, WIDTH)
    other = generator(side=64)
    said = "finds 8 rows of 16 numbers (those of a generator of 32 px), and the source's generator"
    with pytest.raises(UserError, match=re.escape(said)):
        Source(other, None, other, **facts)
    with pytest.raises(UserError, match="has 8 of 4"):
        Source(generator(w_dim=4), None, other, **facts)


@pytest.mark.parametrize(("held", "opts", "asked", "said"), [
    ("psp", None, "e4e", "its encoder is a GradualStyleEncoder, which source.invert=psp reads"),
    ("e4e", None, "psp", "its encoder is a Encoder4Editing, which source.invert=e4e reads"),
    ("psp", {}, "restyle_psp", "one with a pyramid, which source.invert=psp or e4e reads"),
    ("restyle_psp", {}, "psp", "one without, which source.invert=restyle_psp or restyle_e4e reads"),
    ("psp", {"encoder_type": "ResNetBackboneEncoder"}, "psp", "a ResNetBackboneEncoder, and not"),
])  # fmt: skip
def test_an_encoder_of_another_kind_is_refused_at_once(tmp_path, held, opts, asked, said):
    path = written(tmp_path, held, opts=opts)
    with pytest.raises(CheckpointError, match=re.escape(said)) as refused:
        inverter(path, asked)
    assert str(refused.value).startswith(f"{path}, source.invert={asked}: ")


def test_what_is_missing_or_damaged_is_named(tmp_path):
    with pytest.raises(UserError, match=r"There is no encoder at .*nowhere\.pt"):
        inverter(tmp_path / "nowhere.pt", "psp")
    sketches = checkpoints.encoder("restyle_psp", rows=ROWS, w_dim=WIDTH)
    with pytest.raises(UserError, match="sees pictures with 6 channels"):
        PublishedEncoder(encoder=written(tmp_path, "restyle_psp", network=sketches),
                         format="restyle_psp", batch_size=1)  # fmt: skip
    tree = checkpoints.encoder_tree(NETWORKS["psp"], AVERAGE, {})
    del tree["state_dict"]["encoder.body.3.res_layer.1.weight"]
    lacking = checkpoints.rosinality(tmp_path / "lacking.pt", tree)
    with pytest.raises(UserError, match=r"lacking\.pt, source.invert=psp: entry 'body\.3"):
        inverter(lacking, "psp")(G, PHOTOS)
    tree = checkpoints.encoder_tree(NETWORKS["psp"], AVERAGE / 0, {})
    endless = checkpoints.rosinality(tmp_path / "endless.pt", tree)
    with pytest.raises(UserError, match="'latent_avg' holds numbers that are not finite"):
        inverter(endless, "psp")(G, PHOTOS)
    (tmp_path / "page.pt").write_text("<html>quota exceeded</html>")
    with pytest.raises(UserError, match="is a web page"):
        inverter(tmp_path / "page.pt", "psp")


@EXHAUSTIVE
@pytest.mark.slow
@pytest.mark.parametrize(("format", "side"), [("e4e", 256), ("psp", 1024)])
def test_a_published_file_of_full_width_inverts_photos(tmp_path, format, side):
    g = generator(side=side, w_dim=512, channels=4)
    network = checkpoints.encoder(format, rows=g.num_ws, w_dim=512, width=512)
    average = torch.randn(g.num_ws, 512, generator=torch.Generator().manual_seed(6))
    path = written(tmp_path, format, network=network, average=average)
    photos = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(7)) * 2 - 1
    found = inverter(path, format)(g, photos)
    seen = F.interpolate(photos, (256, 256), mode="bilinear", antialias=True)
    torch.testing.assert_close(found, average + network(seen), atol=1e-3, rtol=1e-3)
    assert g.synthesis(found).shape == photos.shape
