"""Whole runs on the tiny source: what is left behind, what is repeated, what is resumed."""

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from benchmarks import run
from benchmarks.harness.records.record import Record


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(70):
        pixels = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:02d}.png")
    return folder


def words(root, results, *more):
    return [
        "source=tiny", "method=finetune", "method.images=64", "method.batch_size=4", "eval=smoke",
        "data=folder", f"data.root={root}", f"folder={results}", *more,
    ]  # fmt: skip


def go(*line):
    assert run.main(line) == 0


def only(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


def test_a_run_leaves_a_sound_record_a_picture_and_weights(root, tmp_path):
    go(*words(root, tmp_path / "r"))
    made = Record.read(only(tmp_path / "r" / "runs", "*.json")).to_json()
    out = only(tmp_path / "r" / "out", "*")
    assert made["cost"]["images"] == 64
    assert made["metrics"]
    assert made["left_out"]
    assert Image.open(out / "sheet.png").width > 500
    assert load_file(out / "generator.safetensors")
    assert (out / "curves" / "metrics.csv").read_text().count("\n") > 5
    assert not list((tmp_path / "r").rglob("*.part"))
    assert not list((tmp_path / "r").rglob("checkpoint*"))


def test_the_same_command_twice_gives_the_same_numbers_and_in_a_sweep_is_skipped(
    root, tmp_path, capsys
):
    line = words(root, tmp_path / "r")
    go(*line)
    published = only(tmp_path / "r" / "runs", "*.json")
    first = published.read_bytes()
    go(*line)
    again = Record.read(only(tmp_path / "r" / "out", "*/record.json"))
    assert published.read_bytes() == first
    assert set(again.disagreement(Record.read(published)).values()) == {0.0}
    assert "largest difference 0.0%" in " ".join(capsys.readouterr().out.split())
    go("-m", *line, "seed=0,1")
    assert capsys.readouterr().out.count("there already") == 1
    assert len(list((tmp_path / "r" / "runs").glob("*.json"))) == 2
