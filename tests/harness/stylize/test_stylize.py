import copy
import json
import struct
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from benchmarks import stylize
from benchmarks.harness.alignment import align
from benchmarks.harness.config import files
from benchmarks.harness.config.build import build
from benchmarks.harness.config.compose import compose
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.io.contact_sheet import to_uint8
from benchmarks.harness.records import recipe
from benchmarks.harness.records.record import SCHEMA, Cost, Record
from benchmarks.harness.stylize.find_run import find_run
from benchmarks.harness.stylize.generator import (
    BareGenerator,
    InvertOnce,
    StylisedGenerator,
    load_generator,
    tuned,
    usually_tuned,
)
from core import weights
from core.errors import UserError
from core.networks.generator import Generator
from core.networks.layer_swap import by_features, by_weights, install
from tests.helpers.records import PROVENANCE

NAME = "finetune--parafaces_webtoon--parafaces64--00000000--s0"
FACE = [[120.0, 90.0], [165.0, 92.0], [125.0, 140.0], [162.0, 141.0]]


@pytest.fixture(scope="module")
def cfg():
    return compose(["source=parafaces64", "method=finetune"]).cfg


@pytest.fixture(scope="module")
def source(cfg):
    return build(cfg.source)


def recorded(cfg, **changes):
    made = {
        "schema": SCHEMA,
        **{"method": "finetune", "data": "parafaces_webtoon", "source": "parafaces64"},
        **{"eval": "fewshot", "seed": 0, "recipe": "00000000", "overrides": [], "paper": ""},
        **{"metrics": {}, "tolerance": 0.25, "provenance": dict.fromkeys(PROVENANCE, "")},
        "cost": dict.fromkeys(Cost.model_fields, 0),
        "config": recipe.unaddressed(
            recipe.spell_infinity(
                {
                    "method": OmegaConf.to_container(cfg.method, resolve=True),
                    "source": OmegaConf.to_container(cfg.source, resolve=True),
                    "swap": {"resolution": 0},
                }
            )
        ),
    }
    return made | changes


@pytest.fixture
def results(tmp_path, cfg, source):
    """A finished run whose generator differs from the source's above 16 px."""
    g = copy.deepcopy(source.g)
    with torch.no_grad():
        for r in (32, 64):
            for parameter in getattr(g.synthesis, f"b{r}").parameters():
                parameter.mul_(1.1)
    folder = tmp_path / "results" / "out" / NAME
    networks = {"g_ema": g, "g": source.raw, "d": source.d}
    weights.write(folder / "generator.safetensors", networks, {"run": NAME})
    Record.from_json(recorded(cfg)).write(folder / "record.json")
    return tmp_path / "results"


def picture(path, height=64, width=64, seed=0):
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [np.sin(5 * x + seed), np.cos(4 * y + seed), np.sin(3 * (x + y))]
    pixels = (128 + 100 * np.stack(waves, 2)).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


def call(results, *words, run=NAME):
    return stylize.main([run, *map(str, words), "--folder", str(results)])


@pytest.fixture
def refusal(capsys):
    """The sentence of a call that is refused."""

    def call_refused(*words, **options):
        capsys.readouterr()
        assert call(*words, **options) == 2
        *notes, sentence = capsys.readouterr().err.splitlines()
        assert all(note.endswith("is converted, once.") for note in notes)
        return sentence.removeprefix("styleshift: ")

    return call_refused


def read(path):
    return np.asarray(Image.open(path))


def expected(source, results, pixels):
    """What the run's generator shows of the encoder's styles."""
    encoded = source.inverter.invert
    with torch.no_grad():
        ws = encoded.encode(encoded.encoders[0], source.g, as_images(pixels[None]))
        g = weights.read(results / "out" / NAME / "generator.safetensors")[0]["g_ema"].eval()
        return to_uint8(g.synthesis(ws))[0], to_uint8(source.g.synthesis(ws))[0]


def near(found, wanted):
    return np.abs(found.astype(int) - wanted).max() <= 1


def test_a_photo_becomes_what_the_run_shows_of_the_encoders_styles(tmp_path, results, source):
    pixels = picture(tmp_path / "in" / "a.png")
    assert call(results, tmp_path / "in", "--to", tmp_path / "to", "--strip") == 0
    styled, inversion = expected(source, results, pixels)
    assert near(read(tmp_path / "to" / "a.png"), styled)
    assert not near(styled, inversion)
    strip = Image.open(tmp_path / "to" / "a-strip.png")
    tiles = [strip.crop((14 + 258 * i, 36, 270 + 258 * i, 292)) for i in range(3)]
    for tile, shown in zip(tiles, (pixels, inversion, styled), strict=True):
        large = Image.fromarray(shown).resize((256, 256), Image.Resampling.LANCZOS)
        assert near(np.asarray(tile), np.asarray(large))


def test_with_all_layers_swapped_a_photo_becomes_its_inversion(tmp_path, results, source):
    pixels = picture(tmp_path / "a.png")
    words = (tmp_path / "a.png", "--to", tmp_path / "to", "--swap")
    assert call(results, *words, 64) == 0
    assert near(read(tmp_path / "to" / "a.png"), expected(source, results, pixels)[1])
    assert call(results, *words, 16) == 0  # the run differs from its source only above
    assert near(read(tmp_path / "to" / "a.png"), expected(source, results, pixels)[0])


def test_refinement_brings_the_inversion_nearer(tmp_path, results):
    pixels = picture(tmp_path / "a.png").astype(int)
    apart = []
    for steps in (0, 4):
        to = tmp_path / str(steps)
        words = ("--to", to, "--refine", steps, "--swap", 64)  # swapped wholly: the inversion
        assert call(results, tmp_path / "a.png", *words) == 0
        apart.append(np.square(read(to / "a.png") - pixels).mean())
    assert apart[1] < 0.9 * apart[0]


def chunk(kind, data):
    """A piece of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def broken(folder):
    picture(folder / "ok.png", seed=1)
    picture(folder / "whole.jpg", 200, 200)
    data = (folder / "whole.jpg").read_bytes()
    (folder / "truncated.jpg").write_bytes(data[: len(data) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "text.png").write_text("no picture")
    size = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", size) + chunk(b"IDAT", b"")
    (folder / "huge.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    picture(folder / "tiny.png", 8, 8)
    picture(folder / "wide.png", 64, 96)
    (folder / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic")


def test_what_is_wrong_with_a_photo_is_one_sentence_and_the_others_go_on(
    tmp_path, results, capsys, monkeypatch
):
    monkeypatch.setenv("STYLESHIFT_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "in"
    broken(folder)
    status = call(results, folder, tmp_path / "missing.png", "--to", tmp_path / "to")
    said = capsys.readouterr()
    assert status == 1
    assert sorted(p.name for p in (tmp_path / "to").iterdir()) == ["ok.png", "whole.png"]
    sentences = said.err.splitlines()
    assert len(sentences) == 8
    for name, what in {
        "truncated.jpg": "cannot be read as a picture",
        "empty.jpg": "is empty",
        "text.png": "not a picture",
        "huge.png": "too many pixels",
        "tiny.png": "too small for a face",
        "wide.png": "benchmarks.fetch mtcnn-p mtcnn-r mtcnn-o",
        "missing.png": "does not exist",
        "phone.heic": "not a picture",
    }.items():
        (sentence,) = (s for s in sentences if name in s)
        assert sentence.startswith("styleshift: ")
        assert what in sentence
    assert "2 stylised" in said.out


def test_odd_pictures_are_made_and_what_was_done_is_said(tmp_path, results, capsys):
    folder = tmp_path / "in"
    picture(folder / "a.png")
    photo = Image.open(folder / "a.png")
    photo.convert("CMYK").save(folder / "cmyk.jpg")
    photo.convert("L").point(lambda v: v * 257, "I").convert("I;16").save(folder / "deep.png")
    photo.save(folder / "moving.webp", save_all=True, append_images=[photo.rotate(90)])
    photo.save(folder / "moving.gif", save_all=True, append_images=[photo.rotate(90)])
    photo.resize((32, 32)).save(folder / "small.png")
    assert call(results, folder, "--to", tmp_path / "to") == 0
    said = capsys.readouterr().out
    for what in ("CMYK", "16 bits", "only the first frame", "smaller than 64 px"):
        assert what in said
    assert "6 stylised" in said


def test_a_face_is_cut_out_where_the_landmarks_are(tmp_path, results, source):
    pixels = picture(tmp_path / "wide.png", 220, 300)
    (tmp_path / "marks.json").write_text(json.dumps({"wide.png": FACE}))
    picture(tmp_path / "unknown.png")
    words = ("--landmarks", tmp_path / "marks.json", "--to", tmp_path / "to")
    assert call(results, tmp_path / "wide.png", tmp_path / "unknown.png", *words) == 1
    face = align(Image.fromarray(pixels), np.array(FACE), 64, 256)
    assert near(read(tmp_path / "to" / "wide.png"), expected(source, results, face)[0])
    assert not (tmp_path / "to" / "unknown.png").exists()


def test_of_an_aligned_face_the_part_is_used_that_the_source_shows(tmp_path, results, cfg, source):
    made = recorded(cfg)
    made["config"]["source"]["box"] = [0.25, 0.5, 0.75, 1.0]
    Record.from_json(made).write(results / "out" / NAME / "record.json")
    pixels = picture(tmp_path / "square.png", 128, 128)
    words = (tmp_path / "square.png", "--to", tmp_path / "to")
    assert call(results, *words) == 0
    part = pixels[64:128, 32:96]
    assert near(read(tmp_path / "to" / "square.png"), expected(source, results, part)[0])
    assert call(results, *words, "--align", "none") == 0
    whole = np.asarray(Image.fromarray(pixels).resize((64, 64), Image.Resampling.LANCZOS))
    assert near(read(tmp_path / "to" / "square.png"), expected(source, results, whole)[0])
    assert not near(part, whole)


def test_the_largest_of_several_faces_is_taken(tmp_path, results, source, capsys):
    pixels = picture(tmp_path / "two.png", 220, 300)
    small = (np.array(FACE) / 2).tolist()
    (tmp_path / "marks.json").write_text(json.dumps({"two.png": [small, FACE]}))
    words = ("--landmarks", tmp_path / "marks.json", "--to", tmp_path / "to")
    assert call(results, tmp_path / "two.png", *words) == 0
    face = align(Image.fromarray(pixels), np.array(FACE), 64, 256)
    assert near(read(tmp_path / "to" / "two.png"), expected(source, results, face)[0])
    assert "of 2 faces the largest" in capsys.readouterr().out


def test_photos_of_one_name_get_files_of_their_own_and_no_photo_is_written_over(tmp_path, results):
    to = tmp_path / "to"
    for n, place in enumerate(("a.png", "sub/a.png")):
        picture(to / place, seed=n)
    picture(tmp_path / "other" / "a.jpg", seed=5)
    before = (to / "a.png").read_bytes()
    other = tmp_path / "other"
    assert call(results, to, other, other / "a.jpg", "--to", to, "--size", 100) == 0
    assert (to / "a.png").read_bytes() == before
    made = [to / "a-2.png", to / "sub" / "a-2.png", to / "a-3.png"]
    assert {read(path).shape for path in made} == {(100, 100, 3)}
    assert len(list(to.rglob("*.png"))) == 5


def test_a_photo_alone_becomes_the_same_as_among_others(tmp_path, results):
    for n in range(3):
        picture(tmp_path / "in" / f"{n}.png", seed=n)
    assert call(results, tmp_path / "in", "--to", tmp_path / "all") == 0
    assert call(results, tmp_path / "in" / "1.png", "--to", tmp_path / "one") == 0
    assert near(read(tmp_path / "all" / "1.png"), read(tmp_path / "one" / "1.png"))


def test_a_run_is_found_by_folder_name_beginning_record_and_weights(results):
    folder = results / "out" / NAME
    Record.read(folder / "record.json").write(results / "runs" / f"{NAME}.json")
    weighed = folder / "generator.safetensors"
    for text in (NAME, NAME[:20], folder, folder / "record.json", weighed):
        run = find_run(str(text), results, whole=False)
        assert (run.name, run.weights) == (NAME, weighed)
        assert run.record.method == "finetune"
    away = results.parent / "away.safetensors"
    away.write_bytes(weighed.read_bytes())
    assert find_run(str(away), results, whole=False).record.method == "finetune"


def test_a_run_that_is_not_there_is_one_sentence(results):
    with pytest.raises(UserError, match="neither a folder, a file nor a run"):
        find_run("nothing", results, whole=False)
    record = Record.read(results / "out" / NAME / "record.json")
    for seed in (1, 2):
        record.write(results / "runs" / f"{NAME[:-1]}{seed}.json")
    assert find_run("finetune", results, whole=False).name == NAME  # the only one with weights
    for seed in (0, 1):
        (results / "out" / f"{NAME[:-1]}{seed}").mkdir(exist_ok=True)
        (results / "out" / f"{NAME[:-1]}{seed}" / "generator.safetensors").touch()
    shown = rf"of 2 runs whose weights are in .*out: {NAME}, {NAME[:-1]}1\.$"
    with pytest.raises(UserError, match=shown):  # not of the third, of which there is a record
        find_run("finetune", results, whole=False)
    with pytest.raises(UserError, match=r"not here: `python -m benchmarks\.run method=finetune"):
        find_run(f"{NAME[:-1]}2", results, whole=False)


def test_a_row_with_swapped_layers_takes_its_own_weights_or_the_whole_runs(results, cfg):
    row = results / "out" / "row"
    own = recorded(cfg, of=NAME)
    own["config"]["swap"] = {"resolution": 16}
    Record.from_json(own).write(row / "record.json")
    whole = results / "out" / NAME / "generator.safetensors"
    assert find_run(str(row), results, whole=False).weights == whole
    (row / "generator.safetensors").write_bytes(whole.read_bytes())
    assert find_run(str(row), results, whole=False).weights == row / "generator.safetensors"
    assert find_run(str(row), results, whole=True).weights == whole


def test_a_row_of_swapped_features_is_made_of_the_whole_run_as_it_was_judged(
    tmp_path, results, cfg, source
):
    pixels = picture(tmp_path / "a.png")
    own = recorded(cfg, of=NAME, overrides=["swap=features"])
    own["config"]["swap"] = {
        "_target_": "by_features",
        "_partial_": True,
        "resolution": 32,
    }
    Record.from_json(own).write(results / "out" / "row" / "record.json")
    assert call(results, tmp_path / "a.png", "--to", tmp_path / "to", run="row") == 0
    g = weights.read(results / "out" / NAME / "generator.safetensors")[0]["g_ema"].eval()
    encoded = source.inverter.invert
    with torch.no_grad():
        ws = encoded.encode(encoded.encoders[0], source.g, as_images(pixels[None]))
        wanted = to_uint8(by_features(source.g, g, resolution=32).synthesis(ws))[0]
        other = to_uint8(by_weights(source.g, g, resolution=32).synthesis(ws))[0]
    assert near(read(tmp_path / "to" / "a.png"), wanted)
    assert not near(wanted, other)


def test_weights_without_a_record_are_shown_with_the_source_that_is_named(
    tmp_path, results, source, refusal
):
    pixels = picture(tmp_path / "a.png")
    g = weights.read(results / "out" / NAME / "generator.safetensors")[0]["g_ema"]
    weights.write(tmp_path / "g.safetensors", {"g_ema": g}, {})
    words = (tmp_path / "a.png", "--to", tmp_path / "to")
    assert call(results, *words, run=str(tmp_path / "g.safetensors")) == 0
    assert near(read(tmp_path / "to" / "a.png"), expected(source, results, pixels)[0])
    other = type(g)(**{**g.config, "w_dim": 16})
    weights.write(tmp_path / "o.safetensors", {"g_ema": other}, {})
    sentence = refusal(results, *words, run=str(tmp_path / "o.safetensors"))
    assert "--source NAME" in sentence


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--size", 0), "--size 0"),
        (("--refine", -1), "--refine -1"),
        (("--swap", 48), "no resolution of the generator"),
        (("--swap", 2), "--swap 2"),
        (("--seed", -1), "--seed -1"),
        (("--align", "landmarks"), "JSON file"),
        (("--align", "mtcnn", "--landmarks", "x.json"), "contradict"),
        (("--align", "magic"), "no detector 'magic': the choices are landmarks, mtcnn, dlib"),
    ],
)
def test_a_wrong_option_is_refused_in_one_sentence(tmp_path, results, refusal, words, why):
    picture(tmp_path / "a.png")
    assert why in refusal(results, tmp_path / "a.png", "--to", tmp_path / "to", *words)
    assert not (tmp_path / "to").exists()


def test_what_argparse_refuses_leaves_with_status_2():
    with pytest.raises(SystemExit) as left:
        stylize.main(["run", "photo", "--size", "large"])
    assert left.value.code == 2


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("os.system", "method is os.system, and the one of this version"),
        (
            "core.atomic.write",
            "method is core.atomic.write, and the one of",
        ),  # ours, but in no yaml
        ("${oc.env:HOME}", "method is ${oc.env:HOME}, and the one of this version"),
    ],
)
def test_a_record_that_names_what_it_may_not_is_refused(
    tmp_path, results, cfg, refusal, target, why
):
    picture(tmp_path / "a.png")
    hostile = recorded(cfg)
    hostile["config"]["method"]["_target_"] = target
    Record.from_json(hostile).write(results / "out" / NAME / "record.json")
    assert why in refusal(results, tmp_path / "a.png", "--to", tmp_path / "to")


def test_a_record_whose_text_decodes_to_a_class_is_refused(tmp_path, results, cfg, refusal):
    picture(tmp_path / "a.png")
    hostile = recorded(cfg)
    node = f"{{_target_: core.atomic.write, path: {tmp_path / 'written'}, data: x}}"
    hostile["config"]["source"]["weights"] = f"${{oc.decode:'{node}'}}"
    Record.from_json(hostile).write(results / "out" / NAME / "record.json")
    assert "holds ${...}" in refusal(results, tmp_path / "a.png", "--to", tmp_path / "to")
    assert not (tmp_path / "written").exists()


def test_weights_that_are_none_are_one_sentence(tmp_path, results, refusal):
    picture(tmp_path / "a.png")
    for raw, said in (
        (b"{}", "its pickle has an instruction"),
        (b"\x80\x04.", "its pickle is damaged"),
    ):
        (tmp_path / "w.safetensors").write_bytes(raw)
        assert said in refusal(results, tmp_path / "a.png", run=str(tmp_path / "w.safetensors"))


def test_the_same_photos_are_inverted_once():
    asked = []

    def invert(g, photos):
        asked.append(photos)
        return photos + 1

    once, photos = InvertOnce(invert), torch.zeros(2, 3)
    assert once(None, photos) is once(None, photos)
    assert len(asked) == 1
    assert torch.equal(once(None, photos + 1), photos + 2)
    assert len(asked) == 2


def test_the_command_for_weights_that_are_not_here_begins_with_the_yaml_of_a_named_source(
    cfg, tmp_path
):
    words = ["source=photo64", "source.weights=/x/a.pt", "source.name=mine", "data.shots=5"]
    for own in (words, words[1:]):
        path = tmp_path / "runs" / "a.json"
        Record.from_json(recorded(cfg, source="mine", overrides=own)).write(path)
        with pytest.raises(UserError, match="are not here") as refused:
            find_run(str(path), tmp_path, whole=False)
        said = str(refused.value)
        assert all(f" {word}" in said for word in own)
        assert "source=mine" not in said
        assert said.count("source=") == own.count("source=photo64")


def test_tuning_shows_each_photo_nearer_and_leaves_the_networks_as_they_were(
    tmp_path, results, source
):
    first, second = (picture(tmp_path / "in" / f"{n}.png", seed=n) for n in (0, 1))
    words = (tmp_path / "in", "--to", tmp_path / "to", "--strip", "--tune", 8)
    assert call(results, *words) == 0
    _, loose = expected(source, results, second)
    run = find_run(NAME, results, whole=False)
    plain = load_generator(run, "parafaces64", refine=0, swap=None, seed=0)
    before = copy.deepcopy(plain.adapter.state_dict())
    together = tuned(plain, 8)(as_images(np.stack([first, second])))
    alone = tuned(plain, 8)(as_images(second[None]))
    torch.testing.assert_close(together[0][1:], alone[0], atol=1e-3, rtol=0)
    after = plain.adapter.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    photo = as_images(second[None])
    near = (alone[0] - photo).square().mean()
    assert near < 0.9 * (as_images(loose[None]) - photo).square().mean()
    assert not torch.allclose(alone[1], plain(photo)[1], atol=0.02)


@pytest.mark.parametrize(
    ("side", "numbers", "guide"),
    [(64, (1e-3, 1.0, 10.0), "Guide"), (128, (3e-4, 1.0, 1.0), "PublishedGuide")],
)
def test_the_numbers_of_tuning_are_the_released_ones_above_64_px(side, numbers, guide):
    channels = dict.fromkeys((4, 8, 16, 32, 64, 128)[: 5 + side // 128], 2)
    g = Generator(z_dim=2, w_dim=2, img_resolution=side, channels=channels, mapping_layers=1)
    source = SimpleNamespace(name="mine", g=g, resolution=side)
    bare = BareGenerator(source, copy.deepcopy(g), "a.pt")
    made = tuned(StylisedGenerator("a.pt", source, bare, bare.stylise, ()), 9).tuning
    assert (made.lr, made.near, made.pixel) == numbers
    assert (made.steps, type(made.perceptual).__name__) == (9, guide)


def test_tuning_is_refused_where_no_generator_is_like_the_sources(tmp_path, results, refusal):
    picture(tmp_path / "a.png")
    said = refusal(results, tmp_path / "a.png", "--matrix", "--tune", 5)
    assert said.startswith("--matrix shows all photos by one generator, and --tune")
    other = load_generator(find_run(NAME, results, whole=False), "parafaces64",
                           refine=0, swap=16, seed=0)  # fmt: skip
    install(by_features(other.source.g, other.adapter.eval_generator(), resolution=16),
            other.adapter.eval_generator())  # fmt: skip
    with pytest.raises(UserError, match="shows no generator of the source's architecture"):
        tuned(other, 5)
    other.source.name = "photo64"
    assert usually_tuned(other) is other  # nobody asked for it


def as_of(results, cfg, name):
    """The run's record, with another name of its source."""
    made = recorded(cfg)
    made["config"]["source"]["name"] = name
    Record.from_json(made).write(results / "out" / NAME / "record.json")


def test_photos_of_people_are_tuned_unless_another_way_is_asked_for(
    tmp_path, results, cfg, source, monkeypatch, capsys
):
    pixels = picture(tmp_path / "a.png")
    steps = {"usual": {"photo64": 6}}  # of the yaml's sixty
    monkeypatch.setattr(files, "plain", lambda path, own=files.plain: own(path) | steps)
    plain = expected(source, results, pixels)[0]

    def stylised(*words):
        assert call(results, tmp_path / "a.png", "--to", tmp_path / "to", *words) == 0
        return read(tmp_path / "to" / "a.png"), "Each photo trains" in capsys.readouterr().out

    assert near(stylised()[0], plain)  # of parafaces64
    as_of(results, cfg, "photo64")
    usual, said = stylised()
    assert said
    assert not near(usual, plain)
    assert near(usual, stylised("--tune", 6)[0])
    for words in (("--tune", 0), ("--refine", 1)):
        picked, said = stylised(*words)
        assert not said
        assert near(picked, plain)  # a single evaluation improves nothing
