"""Photos in styles that somebody names, of a run of DualStyleGAN that was filled by hand."""

import json

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from benchmarks import stylize
from benchmarks.harness.config.build import build
from benchmarks.harness.config.compose import compose
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.io.contact_sheet import cut, to_uint8
from benchmarks.harness.records.record import Record
from core import weights
from core.networks.exemplars import thumbnails
from core.networks.styles import mixed
from tests.harness.stylize.test_stylize import near, picture, read, recorded

NAME = "dualstylegan--parafaces_clay--parafaces64--00000000--s0"
SHOTS = 3


@pytest.fixture(scope="module")
def cfg():
    """Of the shipped source, with steps that a test can wait for."""
    few = (
        "pretraining.destylise.refine_steps",
        "pretraining.destylise.code_steps",
        "styles.sampler_steps",
    )
    words = [f"method.{name}=2" for name in few]
    made = compose(["method=dualstylegan", "source=parafaces64", *words]).cfg
    OmegaConf.resolve(made)
    return made


@pytest.fixture(scope="module")
def shots(tmp_path_factory):
    """Pictures whose styles a run knows."""
    folder = tmp_path_factory.mktemp("shots")
    for k in range(SHOTS):
        picture(folder / f"{k}.png", seed=10 + k)
    return folder


@pytest.fixture(scope="module")
def adapter(cfg, shots):
    """One with a path that does something and codes that differ."""
    made = build(cfg.method, build(cfg.source))
    rng = torch.Generator().manual_seed(0)
    pixels = np.stack([read(shots / f"{k}.png") for k in range(SHOTS)])
    codes = torch.randn(2, SHOTS, made.g.num_ws, made.g.z_dim, generator=rng)
    made.exemplars.fill(*codes, thumbnails(as_images(pixels)))
    with torch.no_grad():
        for parameter in made.eval_generator().residuals.parameters():
            parameter.mul_(1.5)
    return made.eval()


@pytest.fixture(scope="module")
def results(tmp_path_factory, cfg, adapter):
    root = tmp_path_factory.mktemp("results")
    folder = root / "out" / NAME
    weights.write(folder / "generator.safetensors", adapter.export(), {"run": NAME})
    record = recorded(cfg, method="dualstylegan", data="parafaces_clay")
    Record.from_json(record).write(folder / "record.json")
    return root


@pytest.fixture
def shown(tmp_path, results):
    """What becomes of a photo when words are added to the call."""
    picture(tmp_path / "in" / "a.png")

    def call(*words, to="to"):
        line = [NAME, str(tmp_path / "in"), "--to", str(tmp_path / to), *map(str, words)]
        assert stylize.main([*line, "--folder", str(results)]) == 0
        return read(tmp_path / to / "a.png")

    return call


@pytest.fixture(scope="module")
def faces(adapter, shots):
    """Styles of the photo, as the encoder says without refinement."""

    def ws(pixels):
        encoded = adapter.source.inverter.invert
        with torch.no_grad():
            return encoded.encode(encoded.encoders[0], adapter.source.g, as_images(pixels[None]))

    return ws


def drawn(adapter, ws, style, **changes):
    with torch.no_grad():
        return to_uint8(adapter.styles.apply(ws, style, adapter.strength._replace(**changes)))[0]


def test_a_number_picks_the_style_of_a_shot_in_the_dose_that_is_asked(
    shown, adapter, faces, tmp_path
):
    ws, two = faces(picture(tmp_path / "in" / "a.png")), adapter.styles.exemplar(2)
    found = shown("--style", 2, "--structure", 0.75, "--color", 1)
    assert near(found, drawn(adapter, ws, two, structure=0.75))
    assert not near(found, drawn(adapter, ws, two))
    assert not near(found, drawn(adapter, ws, adapter.styles.exemplar(1), structure=0.75))
    kept = shown("--style", 2, "--preserve-colour")
    assert near(kept, drawn(adapter, ws, two, preserve=1.0))
    with torch.no_grad():
        plain = to_uint8(adapter.source.g.synthesis(ws))[0]
    assert near(shown("--style", 2, "--structure", 0, "--colour", 0), plain)


def test_several_styles_are_mixed(shown, adapter, faces, tmp_path):
    ws = faces(picture(tmp_path / "in" / "a.png"))
    one, two = adapter.styles.exemplar(1), adapter.styles.exemplar(2)
    found = shown("--style", 1, "--style", 2, "--style", 2)
    assert near(found, drawn(adapter, ws, mixed([one, two, two])))


@pytest.mark.exhaustive
def test_without_a_named_style_the_mean_of_the_shots_is_weighed(shown, adapter, tmp_path):
    photo = as_images(picture(tmp_path / "in" / "a.png")[None])
    plain, structure = shown(), adapter.unnamed_strength.structure
    assert near(shown("--structure", structure), plain)
    assert not near(shown("--no-preserve-colour"), plain)
    assert not near(shown("--structure", 0), plain)
    assert photo.shape[-1] == plain.shape[0]


def test_a_picture_gives_its_style_and_that_of_a_shot_is_recognised(
    shown, adapter, shots, faces, tmp_path
):
    assert near(shown("--style", shots / "1.png"), shown("--style", 1))
    new = as_images(picture(tmp_path / "new.png", seed=40)[None])
    ws = faces(picture(tmp_path / "in" / "a.png"))
    wanted = drawn(adapter, ws, adapter.styles.style_of(new[0]))
    assert near(shown("--style", tmp_path / "new.png"), wanted)


def test_a_random_style_is_the_seeds(shown):
    first = shown("--style", "random", "--seed", 3)
    assert np.array_equal(shown("--style", "random", "--seed", 3), first)
    assert not near(shown("--style", "random", "--seed", 4), first)


def test_a_matrix_shows_photos_by_styles_and_doses_from_none_to_all(
    shown, adapter, faces, results, tmp_path
):
    (tmp_path / "broken.png").write_bytes(b"")
    pixels = [picture(tmp_path / "in" / f"{name}.png", seed=n) for n, name in enumerate("ab")]
    words = [str(tmp_path / "in"), str(tmp_path / "broken.png"), "--to", str(tmp_path / "to")]
    words += ["--matrix", "--style", "2", "--style", "0", "--size", "64"]
    assert stylize.main([NAME, *words, "--folder", str(results)]) == 1  # one cannot be read
    ((top, *rows),) = cut(tmp_path / "to" / "matrix.png")
    assert [len(top), *map(len, rows)] == [3, 3, 3]
    whole = adapter.strength._replace(structure=1.0, colour=1.0)
    with torch.no_grad():
        remembered = to_uint8(adapter.styles.reconstruct(0, whole))[0]
    assert near(np.asarray(top[2]), remembered)
    for row, photo in zip(rows, pixels, strict=True):
        assert near(np.asarray(row[0]), photo)
        for tile, which in zip(row[1:], (2, 0), strict=True):
            wanted = drawn(adapter, faces(photo), adapter.styles.exemplar(which))
            assert near(np.asarray(tile), wanted)
    ((_, *strengths),) = cut(tmp_path / "to" / "strengths.png")
    first, last = np.asarray(strengths[1][1]), np.asarray(strengths[1][-1])
    two = adapter.styles.exemplar(2)
    assert near(first, drawn(adapter, faces(pixels[1]), two, structure=0.0))
    assert near(last, drawn(adapter, faces(pixels[1]), two))
    assert sorted(p.name for p in (tmp_path / "to").iterdir()) == ["matrix.png", "strengths.png"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--style", "3"), "--style 3: the styles of this run are numbered 0 to 2"),
        (("--style", "-1"), "--style -1: the styles"),
        (("--style", "nobody.png"), "nobody.png is no picture file, no shot's number"),
        (("--style", "text.png"), "text.png is not a picture"),
        (("--style", "empty.png"), "empty.png is empty"),
        (("--style", "1", "--structure", "1.5"), "--structure 1.5 is not from 0 to 1"),
        (("--style", "1", "--color", "-0.1"), "--colour -0.1 is not from 0 to 1"),
        (("--structure", "nan"), "--structure nan is not from 0 to 1"),
        (("--matrix", "--strip"), "no single pictures"),
        (("--matrix", "--size", "4096"), "--size 4096 is not from 1 to 256"),
    ],
)
def test_a_style_that_cannot_be_had_is_one_sentence(
    tmp_path, results, monkeypatch, capsys, words, why
):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "a.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    assert stylize.main([NAME, "a.png", "--to", "to", *words, "--folder", str(results)]) == 2
    assert why in capsys.readouterr().err
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("words", [("--style", "0"), ("--structure", "0.5"), ("--matrix",)])
def test_a_method_without_styles_says_so(tmp_path, cfg, adapter, capsys, words):
    plain = OmegaConf.create(OmegaConf.to_container(cfg))
    plain.method = compose(["method=finetune", "source=parafaces64"]).cfg.method
    name = NAME.replace("dualstylegan", "finetune")
    source = adapter.source
    networks = {"g_ema": source.g, "g": source.raw, "d": source.d}
    folder = tmp_path / "out" / name
    weights.write(folder / "generator.safetensors", networks, {"run": name})
    record = json.loads(json.dumps(recorded(plain)))
    Record.from_json(record).write(folder / "record.json")
    picture(tmp_path / "a.png")
    line = [name, str(tmp_path / "a.png"), *words, "--folder", str(tmp_path)]
    assert stylize.main([*line, "--to", str(tmp_path / "to")]) == 2
    assert f"{name} has made one style of all its shots" in capsys.readouterr().err
