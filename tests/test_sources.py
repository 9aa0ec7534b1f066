"""Every shipped source loads, is small enough, and says whose terms it carries."""

import contextlib
import os

import pytest
import torch
from hydra import compose, initialize_config_dir

from benchmarks.harness.config import validation
from benchmarks.harness.config.build import build
from benchmarks.harness.config.grid import CompositionGrid
from core import weights
from core.errors import UserError
from core.networks.generator import Generator
from core.paths import CONF, ROOT
from core.source import load
from tests.helpers import checkpoints

LARGEST = 16 * 2**20  # bytes of a source, and of all that a source with terms of its own brings


def composed(*words):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", list(words))


def configured(name):
    return composed(f"source={name}").source


def shipped(name):
    path = CONF / "source" / f"{name}.yaml"
    return "weights: core/assets/" in path.read_text(encoding="utf-8")


SHIPPED = [name for name in validation.choices_of("source") if shipped(name)]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_source_loads_and_makes_different_pictures(name):
    cfg = configured(name)
    assert (ROOT / cfg.weights).stat().st_size <= LARGEST
    source = build(cfg)  # refuses another checksum
    assert source.trained
    z = torch.randn(8, source.g.z_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        pictures = source.g(z)
    assert pictures.shape == (8, 3, source.resolution, source.resolution)
    assert pictures.isfinite().all()
    gaps = torch.pdist(pictures.flatten(1)) / pictures[0].numel() ** 0.5
    assert gaps.min() > 0.1


@pytest.mark.parametrize("name", SHIPPED)
def test_weights_that_are_not_ours_alone_carry_their_terms(name):
    cfg = configured(name)
    licence = (ROOT / cfg.weights).with_name(f"{name}.LICENSE.txt")
    assert licence.is_file() == (cfg.get("licence", "mit") != "mit")
    if licence.is_file():
        family = (ROOT / cfg.weights).parent.glob(f"{name}*.safetensors")
        assert sum(path.stat().st_size for path in family) <= LARGEST
        assert "non-commercial" in cfg.licence
        assert "research only" in licence.read_text()


def test_codes_of_real_people_are_not_kept():
    assert configured("parafaces64").invert.codes
    assert not configured("photo64").invert.codes


def test_peoples_own_pictures_are_framed_as_the_source_is():
    tight = composed("source=photo64", "data=folder")
    assert list(tight.data.box) == list(tight.source.box) != [0, 0, 1, 1]
    assert list(tight.data.box) == list(composed("data=metfaces_tight").data.box)
    assert list(composed("source=parafaces64", "data=folder").data.box) == [0, 0, 1, 1]


def kept(path, **networks):
    weights.write(path, networks, {})
    return {"name": "mine", "weights": str(path), "sha256": "", "resolution": 16, "invert": None}


def test_a_generator_alone_is_a_source_until_somebody_needs_its_discriminator(tmp_path):
    g, d = checkpoints.pair()
    for name in ("g_ema", "g"):
        source = load(**kept(tmp_path / f"{name}.safetensors", **{name: g}))
        for one in (source.g, source.raw):
            assert torch.equal(one.synthesis.b4.const, g.synthesis.b4.const)
        with pytest.raises(UserError, match=r"source mine hold no discriminator \(d\).*=fresh"):
            _ = source.d
    assert load(**kept(tmp_path / "whole.safetensors", g=g, d=d)).d.config == d.config


def test_a_source_that_cannot_be_is_one_sentence(tmp_path):
    g, d = checkpoints.pair()
    small_g, small_d = checkpoints.pair(channels={4: 5, 8: 4})
    grey = Generator(**{**g.config, "img_channels": 1})
    wide, _ = checkpoints.pair(width=7)
    wrong = [
        ({"d": d}, r"no Generator as g_ema or g, but d \(Discriminator\)"),
        ({"g_ema": d, "d": d}, r"no Generator as g_ema or g, but g_ema \(Discriminator\)"),
        ({"g_ema": g, "d": g}, "holds a Generator as d"),
        ({"g_ema": grey, "d": d}, "g_ema is of pictures with img_channels=1, a source has 3"),
        ({"g_ema": g, "d": small_d}, "d is of 8 px pictures, not of 16 px"),
        ({"g_ema": g, "g": small_g, "d": d}, "g is of 8 px pictures"),
        ({"g_ema": small_g}, "g_ema is of 8 px pictures"),
        ({"g_ema": g, "g": wide}, "g and g_ema have latents or styles of other widths"),
    ]
    for number, (networks, said) in enumerate(wrong):
        with pytest.raises(UserError, match=said):
            load(**kept(tmp_path / f"{number}.safetensors", **networks))


def test_weights_of_others_and_what_is_no_file_are_said_where_ours_are_wanted(tmp_path):
    tree = checkpoints.rosinality_tree(*checkpoints.pair())
    os.mkfifo(tmp_path / "pipe")
    said = {
        checkpoints.rosinality(tmp_path / "new.pt", tree): "benchmarks.convert .* new.safetensors",
        checkpoints.rosinality(tmp_path / "old.pt", tree, old=True): "convert .* old.safetensors",
        checkpoints.nvidia(tmp_path / "a.pkl", *checkpoints.pair()): "convert .* a.safetensors",
        tmp_path / "pipe": "no regular file",
        tmp_path / "absent": "not there",
    }
    for path, sentence in said.items():
        with pytest.raises(UserError, match=sentence):
            weights.read(path)


NEEDS_NONE = {"encoder", "encoder_zplus", "bsa"}
LOOKS_LATER = {"jojogan", "jojogan_colour", "jojogan_released"}  # not where a run is read back


def test_which_methods_need_a_discriminator():
    grid, found = CompositionGrid(), set()
    source = build(configured("tiny"))
    source.discriminator = None
    for name in validation.choices_of("method"):
        node = grid([f"method={name}", "source=tiny"]).cfg.method
        with contextlib.suppress(UserError):
            adapter = build(node, source)
            found.add(name)
        if name in LOOKS_LATER:
            with pytest.raises(UserError, match=r"source\.discriminator=fresh"):
                adapter.prepare(torch.zeros(1, 3, 64, 64))
    assert found == NEEDS_NONE | LOOKS_LATER
