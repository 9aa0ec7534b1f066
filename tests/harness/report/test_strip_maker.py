"""Small pictures of finished runs: from their weights, the same latents and people for all."""

import copy
import io
import json
import os

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from PIL import Image

from benchmarks import tiles
from benchmarks.harness.config import recorded
from benchmarks.harness.config.build import build
from benchmarks.harness.evaluation import swaps
from benchmarks.harness.io.contact_sheet import to_uint8
from benchmarks.harness.records import recipe
from benchmarks.harness.records.record import Record
from benchmarks.harness.records.run_id import RECORD, WEIGHTS
from benchmarks.harness.report import image_grid, strip_files
from benchmarks.harness.report import strip_maker as strips
from core.paths import ROOT
from tests.helpers import runs

SIDE = strip_files.SIDE


def name(record):
    return Record.from_json(record).name


def scene_of(record):
    return strip_files.scene(Record.from_json(record))


@pytest.fixture
def finished(composed, tmp_path):
    """Folder and record of a run as it is left behind, with weights that moved."""

    def make(method="finetune", data="parafaces_webtoon", source="tiny", **changed):
        small = ["data.reference=2", "data.photos=5", "data.pairs=2", f"machine.cache={tmp_path}"]
        cfg = composed(f"method={method}", f"data={data}", f"source={source}", *small)
        return runs.finished(tmp_path, cfg, method, data, source, **changed)

    return make


def pixels(path):
    with Image.open(path) as picture:
        assert picture.format == "WEBP"
        whole = np.asarray(picture.convert("RGB"))
    return np.stack(np.split(whole, whole.shape[1] // SIDE, axis=1))


def near(a, b):
    """Mean difference in grey levels: a WebP is not exact."""
    return np.abs(a.astype(float) - b.astype(float)).mean()


def test_a_strip_shows_what_the_weights_make_of_the_latents_that_are_judged(finished, tmp_path):
    _, record, adapter = finished()
    assert tiles.main(["--folder", str(tmp_path)]) == 0
    shown = pixels(tmp_path / "tiles" / f"{name(record)}.webp")
    judged = record["config"]["eval"]
    generator = torch.Generator().manual_seed(judged["seed"])
    z = torch.randn(judged["samples"], adapter.source.g.z_dim, generator=generator)
    with torch.no_grad():
        expected = to_uint8(adapter.eval().sample(z[: strip_files.LATENTS]))
    assert near(shown[: strip_files.LATENTS], expected) < 12
    assert near(shown[: strip_files.LATENTS], expected[::-1]) > 1.5 * near(shown, expected)


def test_a_scene_holds_shots_and_truth_and_is_shared(finished, tmp_path):
    _, record, _ = finished()
    other = finished("freezed")[1]
    assert scene_of(record) == scene_of(other)
    tiles.main(["--folder", str(tmp_path)])
    names = {path.name for path in (tmp_path / "tiles").glob("*")}
    scene = scene_of(record)
    # An untrained source shows nothing that anybody was adapted from.
    assert names == {f"{name(r)}.webp" for r in (record, other)} | {f"{scene}--shots.webp"}
    assert len(pixels(tmp_path / "tiles" / f"{scene}--shots.webp")) == 10


def test_of_thousands_of_shots_the_first_are_shown(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(strips, "MOST", 3)
    _, record, _ = finished()
    tiles.main(["--folder", str(tmp_path)])
    shown = pixels(tmp_path / "tiles" / f"{scene_of(record)}--shots.webp")
    cfg = recorded.configuration(Record.from_json(record), "data")
    assert near(shown, to_uint8(build(cfg.data).shots[:3])) < 12


def test_a_trained_source_gives_its_own_strip_the_stylised_people_and_the_truth(finished, tmp_path):
    _, record, _ = finished(source="parafaces64")
    tiles.main(["--folder", str(tmp_path)])
    scene = tmp_path / "tiles" / scene_of(record)
    both = strip_files.LATENTS + strip_files.PHOTOS
    assert len(pixels(tmp_path / "tiles" / f"{name(record)}.webp")) == both
    assert len(pixels(f"{scene}--source.webp")) == both
    assert len(pixels(f"{scene}--truth.webp")) == strip_files.PHOTOS


def test_a_swapped_row_is_shown_with_its_layers_swapped(finished, tmp_path):
    _, whole, adapter = finished()
    config = copy.deepcopy(whole["config"])
    config["swap"]["resolution"] = 16
    row = whole | {"recipe": "0" * 8, "of": name(whole), "config": config}
    row["overrides"] = ["swap.resolution=16"]
    swap = recorded.configuration(Record.from_json(row), "swap").swap
    networks = swaps.apply(build(swap), adapter)
    runs.left(tmp_path, row, networks)
    tiles.main(["--folder", str(tmp_path)])
    shown, before = (pixels(tmp_path / "tiles" / f"{name(r)}.webp") for r in (row, whole))
    judged = config["eval"]
    generator = torch.Generator().manual_seed(judged["seed"])
    z = torch.randn(judged["samples"], adapter.source.g.z_dim, generator=generator)
    with torch.no_grad():
        expected = to_uint8(networks["g_ema"].eval()(z[: strip_files.LATENTS]))
    assert near(shown, expected) < near(before, expected)
    assert image_grid.level(Record.from_json(row)) == "16 px"
    assert Record.from_json(row).data_label == whole["data"]


def test_every_committed_strip_belongs_to_a_committed_record():
    results = ROOT / "results"
    known = [Record.read(path) for path in (results / "runs").glob("*.json")]
    names = {record.name for record in known}
    scenes = tuple(f"{strip_files.scene(record)}--" for record in known)
    for path in (results / "tiles").glob("*"):
        assert path.stem in names or path.stem.startswith(scenes), f"git rm {path}"
        assert path.stat().st_size < 25_000


def test_what_is_there_is_left_alone_until_its_weights_are_newer(finished, tmp_path):
    folder, record, _ = finished()
    tiles.main(["--folder", str(tmp_path)])
    path = tmp_path / "tiles" / f"{name(record)}.webp"
    path.write_bytes(b"mine")
    tiles.main(["--folder", str(tmp_path)])
    assert path.read_bytes() == b"mine"
    later = path.stat().st_mtime + 1
    os.utime(folder / WEIGHTS, (later, later))
    tiles.main(["--folder", str(tmp_path)])
    assert path.read_bytes() != b"mine"


def test_runs_that_failed_lost_their_weights_or_are_not_published_have_no_strip(finished, tmp_path):
    finished(state="failed", reason="nan", metrics={})
    folder, _, _ = finished("freezed")
    (folder / WEIGHTS).unlink()
    folder, _, _ = finished("freezeg")
    (tmp_path / "runs" / f"{folder.name}.json").unlink()
    assert tiles.main(["--folder", str(tmp_path)]) == 0
    assert not (tmp_path / "tiles").exists()


def test_a_run_that_cannot_be_shown_is_said_and_the_others_go_on(finished, tmp_path, capsys):
    folder, _, _ = finished()
    (folder / WEIGHTS).write_bytes(b"torn")
    other = finished("freezed")[1]
    assert tiles.main(["--folder", str(tmp_path)]) == 1
    assert "is left out" in capsys.readouterr().err
    assert (tmp_path / "tiles" / f"{name(other)}.webp").is_file()


@pytest.mark.parametrize("change", [{"no_such_number": 1}, {"lr": {"_target_": "core.ema.No"}}])
def test_a_run_of_another_version_is_left_out_in_one_sentence(finished, tmp_path, capsys, change):
    folder, record, _ = finished()
    old = copy.deepcopy(record)
    old["config"]["method"] |= change
    (folder / RECORD).write_text(json.dumps(old), encoding="utf-8")
    assert tiles.main(["--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"{folder.name} is left out" in said
    assert "Traceback" not in said


def test_a_run_whose_pictures_lie_elsewhere_now_is_left_out_in_one_sentence(
    finished, composed, tmp_path, capsys
):
    _, record, adapter = finished()
    moved = copy.deepcopy(record) | {"data": "metfaces"}
    gone = composed("data=metfaces", f"data.root={tmp_path / 'gone'}", "source=tiny")
    plain = recipe.spell_infinity(OmegaConf.to_container(gone.data, resolve=True))
    moved["config"]["data"] = recipe.unaddressed(plain)
    folder = runs.left(tmp_path, moved, adapter.export())
    assert tiles.main(["--folder", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"{folder.name} is left out" in said
    assert "gone does not exist" in said
    assert "Traceback" not in said


def test_a_record_that_names_a_foreign_target_calls_nothing(finished, tmp_path, capsys):
    folder, record, _ = finished()
    evil = copy.deepcopy(record)
    evil["config"]["method"] |= {"_target_": "os.makedirs", "name": str(tmp_path / "called")}
    (folder / RECORD).write_text(json.dumps(evil), encoding="utf-8")
    assert tiles.main(["--folder", str(tmp_path)]) == 1
    assert (
        "The record's method is os.makedirs, and the one of this version adapters."
        in capsys.readouterr().err
    )
    assert not (tmp_path / "called").exists()


def test_a_strip_is_small_whatever_the_resolution():
    noise = np.random.default_rng(0).integers(0, 255, (12, 256, 256, 3), dtype=np.uint8)
    smooth = np.sort(noise, axis=1)
    data = strips.webp(smooth)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (12 * SIDE, SIDE)
    assert len(data) < 20_000
