"""The folder for the Hub: whole, loadable, escaped, with the right licence and no private path."""

import copy
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml
from omegaconf import OmegaConf
from PIL import Image

import core
from benchmarks.export import main
from benchmarks.harness.config import files
from benchmarks.harness.config.build import build
from benchmarks.harness.config.cli import printable
from benchmarks.harness.config.compose import compose
from benchmarks.harness.export import model_card
from benchmarks.harness.export.export import describe
from benchmarks.harness.io import contact_sheet
from benchmarks.harness.records.record import Record
from benchmarks.harness.stylize.find_run import find_run
from core import weights
from core.errors import UserError
from core.paths import ROOT
from tests.harness.stylize.test_stylize import recorded

CFG = compose(["method=finetune", "source=tiny"]).cfg
files.put(CFG, "source.resolution", 16)
files.put(CFG, "source.channels", {4: 8, 8: 8, 16: 4})
OmegaConf.resolve(CFG)
PUBLISHED = Record.read(next((ROOT / "results" / "runs").glob("*.json"))).to_json()
RECORD = PUBLISHED | {
    **{"method": "finetune", "source": "tiny", "overrides": []},
    "config": PUBLISHED["config"]
    | {k: v for k, v in recorded(CFG)["config"].items() if k != "data"},
}


@pytest.fixture
def folder(tmp_path):
    """What a run leaves, with networks of a few numbers."""
    place = tmp_path / "results" / "out" / "adapted--pictures--tiny--00000000--s0"
    adapter = build(CFG.method, build(CFG.source))
    torch.manual_seed(0)
    adapter.eval_generator().mapping.w_avg.normal_()
    weights.write(place / "generator.safetensors", adapter.export(), {"run": place.name})
    shots, fakes = torch.full((3, 3, 16, 16), -1.0), torch.full((20, 3, 16, 16), 1.0)
    contact_sheet.save(
        place / "sheet.png", contact_sheet.of_run(shots, fakes * 0, fakes, "title", 10, 2)
    )
    Record.from_json(RECORD).write(place / "record.json")
    return place


def changed(folder, **parts):
    record = copy.deepcopy(RECORD) | parts
    (folder / "record.json").write_text(json.dumps(record))
    return record


def described(folder, to, licence=""):
    """The folder without its networks, which not every record here could build."""
    run = find_run(str(folder), folder.parent.parent, whole=False)
    networks, _ = weights.read(run.weights)
    describe(run, to, networks, model_card.licence_of(run.record.to_json(), licence))


def front(to):
    return yaml.safe_load((to / "README.md").read_text().split("---\n")[1])


def test_the_folder_is_whole_and_its_snippet_makes_the_very_pictures(folder, tmp_path):
    to = tmp_path / "hub"
    assert main([str(folder), "--to", str(to)]) == 0
    names = {"README.md", "config.json", "record.json", "samples.png"}
    names |= {"model.safetensors", "generator.pt2"}
    assert {path.name for path in to.iterdir()} == names
    read, notes = weights.read(to / "model.safetensors")
    trained, _ = weights.read(folder / "generator.safetensors")
    assert set(read) == {"g_ema", "d"}
    assert notes["licence"] == "mit"
    assert read["g_ema"].mapping.w_avg.equal(trained["g_ema"].mapping.w_avg)
    assert read["g_ema"].mapping.w_avg.abs().max() > 0
    loaded = core.load(to)
    assert set(loaded) == {"g_ema", "d"}
    assert loaded["g_ema"].mapping.w_avg.equal(trained["g_ema"].mapping.w_avg)
    for count, place in ((0, tmp_path), (2, folder)):
        (folder / "other.safetensors").touch()
        with pytest.raises(core.convert.CheckpointError, match=f"holds {count} files"):
            core.load(place)
    code = re.search(r"```python\n(.*?)```", (to / "README.md").read_text(), re.DOTALL)[1]
    line = "import numpy, sys; numpy.save(sys.argv[1], pixels.numpy())"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{line}", str(tmp_path / "pixels.npy")],
        cwd=to, env={"OMP_NUM_THREADS": "1", "PATH": ""},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    z = torch.randn(4, CFG.source.z_dim, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = contact_sheet.to_uint8(trained["g_ema"].eval()(z))
    np.testing.assert_array_equal(np.load(tmp_path / "pixels.npy"), expected)


def test_the_metrics_are_the_model_index(folder, tmp_path):
    described(folder, tmp_path / "hub")
    about = front(tmp_path / "hub")
    (result,) = about["model-index"][0]["results"]
    assert about["license"] == "mit"
    assert result["dataset"]["name"] == RECORD["data"]
    given = {metric["name"]: metric["value"] for metric in result["metrics"]}
    assert given == {key: metric["value"] for key, metric in RECORD["metrics"].items()}


def test_the_shots_are_in_no_picture_of_the_folder(folder, tmp_path):
    described(folder, tmp_path / "hub")
    shown = np.asarray(Image.open(tmp_path / "hub" / "samples.png"))
    assert set(np.unique(shown)) == {128, 255}  # sources and fakes; the shots are black
    assert shown.shape[1] == 5 * shown.shape[0]


def test_what_a_record_says_neither_acts_in_the_page_nor_in_its_front_matter(folder, tmp_path):
    nasty = (
        "x\n---\nlicense: apache-2.0\n<script>alert(1)</script> ![p](http://e/x.png) | `{{7*7}}`"
    )
    record = changed(folder, method=nasty, paper=nasty, warnings=[nasty])
    described(folder, tmp_path / "hub")
    page = (tmp_path / "hub" / "README.md").read_text()
    assert front(tmp_path / "hub")["tags"][-1] == printable(record["method"])
    assert front(tmp_path / "hub")["license"] == "mit"
    body = page.split("\n---\n", 1)[1]
    assert "\n---\n" not in body
    assert "<script" not in body
    assert "](http" not in body
    assert "49" not in body.split("Warning")[1].split("## Licence")[0]
    assert body.count("\\`") >= 2


def test_paths_of_this_machine_stay_here(folder, tmp_path):
    config = copy.deepcopy(RECORD["config"]) | {"folder": "/home/me/results"}
    config["data"] |= {"root": "/home/me/faces", "cache": "/home/me/.cache"}
    changed(folder, config=config, overrides=["data.root=/home/me/faces", "method.lr=0.1"])
    described(folder, tmp_path / "hub")
    for path in (tmp_path / "hub").iterdir():
        assert b"/home/me" not in path.read_bytes(), path
    kept = json.loads((tmp_path / "hub" / "record.json").read_text())
    assert kept["overrides"] == ["method.lr=0.1"]


def test_a_licence_is_that_of_the_source_unless_the_pictures_allow_less():
    ours = {"source": "parafaces64", "config": {"data": {"style": "clay"}}}
    assert model_card.licence_of(ours, "").identifier == "mit"
    theirs = copy.deepcopy(ours)
    theirs["config"]["source"] = {"weights": "ffhq256.safetensors"}
    with pytest.raises(UserError, match="--licence"):
        model_card.licence_of(theirs, "")
    assert model_card.licence_of(theirs, "NVIDIA, non-commercial").identifier == "other"
    terms = "non-commercial research only"
    trained = {"source": "photo64", "config": {"source": {"licence": terms}, "data": {"style": 1}}}
    assert model_card.licence_of(trained, "").identifier == "other"
    assert model_card.licence_of(trained, "").name == terms
    real = {"source": "parafaces64", "config": {"data": {"about": {"licence": "CC BY-NC 2.0"}}}}
    assert model_card.licence_of(real, "").identifier == "other"
    assert "CC BY-NC 2.0" in model_card.licence_of(real, "").name


def test_what_cannot_be_exported_is_said_in_one_sentence(folder, tmp_path, capsys):
    assert main(["nowhere", "--to", str(tmp_path / "hub")]) == 2
    assert "is neither a folder, a file nor a run" in capsys.readouterr().err
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert main([str(folder), "--to", str(tmp_path / "full")]) == 2
    assert "not empty" in capsys.readouterr().err
    changed(folder, state="failed", reason="loss_g is nan.", metrics={})
    assert main([str(folder), "--to", str(tmp_path / "hub")]) == 2
    assert "failed: loss_g is nan." in capsys.readouterr().err
    assert not (tmp_path / "hub").exists()


def test_a_run_is_found_by_its_record_too(folder, tmp_path):
    published = tmp_path / "results" / "runs" / f"{folder.name}.json"
    Record.from_json(RECORD).write(published)
    assert main([str(published), "--to", str(tmp_path / "hub"), "--format", "torchscript"]) == 0


PLACES = {
    "config": ("source", "weights"),
    "inverter": ("source", "invert", "codes"),
    "logger": ("logger", "project"),
    "method": ("method", "grown_from"),
}


@pytest.mark.parametrize("place", ["/home/alice/x/my.pt", "~/x/my.pt", "C:\\Users\\alice\\my.pt"])
def test_no_path_of_the_machine_is_in_any_file_of_the_folder(folder, tmp_path, place):
    record = copy.deepcopy(RECORD)
    for *parts, last in PLACES.values():
        node = record["config"]
        for part in parts:
            node = node.setdefault(part, {})
        node[last] = place
    words = [f"source.weights={place}", f"+data.root={place}", "method.a={b: [x, " + place + "]}"]
    changed(folder, config=record["config"], overrides=words, warnings=[f"seen in {place}, once"])
    to = tmp_path / "hub"
    described(folder, to, "mine")
    for path in to.iterdir():
        data = path.read_bytes()
        assert b"alice" not in data
        assert b"~/x" not in data
    exported = json.loads((to / "record.json").read_text())
    assert exported["config"]["source"]["weights"] == "my.pt"
    assert exported["overrides"] == ["source.weights=my.pt", "method.a={b: [x, my.pt]}"]
    assert exported["warnings"] == ["seen in my.pt, once"]
