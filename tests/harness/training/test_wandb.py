"""W&B without an account: what an agent would run, what is left on the disk, what never leaves."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from wandb.sdk.launch.sweeps import utils as sweeps
from wandb.sdk.lib import config_util

from benchmarks.harness.config.build import build
from benchmarks.harness.io import contact_sheet
from benchmarks.harness.records import nested
from benchmarks.harness.records.record import Record
from benchmarks.harness.training.loggers import Wandb
from core.errors import UserError
from core.paths import ROOT
from tests.helpers import journal
from tests.helpers.records import record as synthetic

SWEEPS = sorted((ROOT / "conf" / "sweep").glob("*.yaml"))
TINY = ("source=tiny", "eval=smoke", "eval.samples=16", "method.images=48", "method.batch_size=4")


def first(parameter):
    """A value of a parameter."""
    if "value" in parameter:
        return parameter["value"]
    return parameter["values"][0] if "values" in parameter else parameter["min"]


def line_of(config, chosen):
    """The command that wandb's agent makes of a sweep, by wandb's own functions."""
    words = sweeps.create_sweep_command(list(config["command"]))
    macros = sweeps.create_sweep_command_args(
        {"args": {k: {"value": v} for k, v in chosen.items()}}
    )
    macros |= {"env": ["/usr/bin/env"], "interpreter": ["python"], "program": [config["program"]]}
    line = []
    for word in words:
        line += macros[word[2:-1]] if word.startswith("${") else [word]
    return line


def environment(**more):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("WANDB")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"
    return kept | {"PATH": path, "OMP_NUM_THREADS": "1"} | more


def only(folder, pattern):
    (found,) = folder.glob(pattern)
    return found


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_sweep_is_sound_for_wandb_and_every_parameter_is_an_option(path, composed):
    config = sweeps.load_sweep_config(str(path))
    chosen = {key: first(parameter) for key, parameter in config["parameters"].items()}
    line = line_of(config, chosen)
    assert line[:4] == ["/usr/bin/env", "python", "-m", "benchmarks.run"]
    assert (ROOT / config["program"]).is_file()
    cfg = composed(*line[4:])
    assert cfg.folder == "tuning"
    logger = build(cfg.logger)
    metrics = {f"metrics/{name}" for name in cfg.eval.metrics} | {p.name for p in logger.callbacks}
    assert config["metric"]["name"] in metrics
    assert config["metric"]["goal"] == "minimize"
    for name in config["parameters"].get("data", {}).get("values", []):
        composed(f"data={name}")
    for name in config["parameters"].get("method", {}).get("values", []):
        composed(f"method={name}")


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.stem)
def test_every_sweep_keeps_to_the_schema_that_wandb_publishes(path):
    published = pytest.importorskip("sweeps.config.schema")  # pip install --no-deps sweeps
    config = yaml.safe_load(path.read_text())
    assert [error.message for error in published.validator.iter_errors(config)] == []
    config["early_terminate"] = {"type": "hyperband"}  # neither min_iter nor max_iter
    assert list(published.validator.iter_errors(config))


def killed_at_a_checkpoint(line, folder, **how):
    """Starts a command and kills it with SIGKILL as soon as it has written a checkpoint."""
    process = subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, **how)
    while not list(folder.glob("out/*/checkpoint-*.pt")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.kill()
    process.communicate()


@pytest.mark.exhaustive
def test_an_agents_command_line_that_is_killed_and_repeated_is_one_whole_run_of_wandb(tmp_path):
    config = sweeps.load_sweep_config(str(ROOT / "conf" / "sweep" / "bayes.yaml"))
    chosen = {key: first(parameter) for key, parameter in config["parameters"].items()}
    parameters = tmp_path / "wandb" / "sweep-s1" / "config-r1.yaml"
    parameters.parent.mkdir(parents=True)
    values = {key: {"value": value} for key, value in chosen.items()}
    config_util.save_config_file_from_dict(str(parameters), values)
    line = [*line_of(config, chosen), *TINY, "checkpoint.every_kimg=0.012", f"folder={tmp_path}"]
    ids = {"WANDB_SWEEP_ID": "s1", "WANDB_RUN_ID": "r1", "WANDB_SWEEP_PARAM_PATH": str(parameters)}
    how = {"env": environment(**ids), "cwd": ROOT}
    killed_at_a_checkpoint(line, tmp_path, **how)
    assert not list(tmp_path.glob("runs/*.json"))
    done = subprocess.run(line, capture_output=True, text=True, check=False, **how)
    assert done.returncode == 0, done.stderr
    out = only(tmp_path / "out", "*")
    _, left = sorted(out.glob("wandb/offline-run-*-r1"))
    read = journal.read(only(left, "*.wandb"))
    assert (read["run"].run_id, read["run"].sweep_id) == ("r1", "s1")
    assert read["run"].run_group == "freezed--parafaces_clay"
    assert {"freezed", "parafaces_clay"} <= set(read["run"].tags)
    assert read["config"]["method"] == "freezed"
    assert read["config"]["method.lr"] == chosen["method.lr"]
    assert str(tmp_path) not in str(read["config"])
    assert read["config"]["method.batch_size"] == 4
    assert read["history"][0]["kimg"] > 0.012  # it goes on behind the checkpoint
    curve = [row["kimg"] for row in read["history"] if "loss_g" in row]
    assert curve == sorted(curve)
    assert curve[-1] == 0.048
    probed = [row for row in read["history"] if "probe/kid" in row]
    assert 2 <= len(probed) < 8  # of the eight of a whole run, those behind the checkpoint
    assert all(np.isfinite(row["probe/kid"]) for row in probed)
    assert read["summary"]["probe/kid"] == probed[-1]["probe/kid"]
    assert read["summary"]["state"] == "finished"
    assert read["summary"]["metrics/kid@parafaces"] > 0
    assert read["summary"]["cost/images"] == 48
    assert read["summary"]["pictures._type"] == "table-file"
    assert read["exit"] == 0
    assert list(left.glob("files/media/images/sheet*.png"))
    assert list(left.glob("files/media/table/pictures*.table.json"))


@pytest.mark.exhaustive  # the same without an agent, whose sweep names the run
def test_a_run_that_is_killed_and_resumed_is_one_run_of_wandb(tmp_path):
    words = [*TINY, "data=parafaces_clay", "logger=wandb", f"folder={tmp_path}"]
    words += ["method.images=3000", "checkpoint.every_kimg=0.02"]
    line = [sys.executable, "-m", "benchmarks.run", *words]
    how = {"env": environment(), "cwd": ROOT, "stdout": subprocess.DEVNULL}
    for stop in (signal.SIGKILL, signal.SIGTERM):
        there = set(tmp_path.glob("out/*/checkpoint-*.pt"))
        process = subprocess.Popen(line, stderr=subprocess.PIPE, **how)
        while not set(tmp_path.glob("out/*/checkpoint-*.pt")) - there:
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        process.send_signal(stop)
        process.communicate()
    folders = sorted(tmp_path.glob("out/*/wandb/offline-run-*"))
    assert len(folders) == 2
    first, second = (folder.name.rsplit("-", 1)[1] for folder in folders)
    resumed = journal.read(only(folders[1], "*.wandb"))
    assert first == second == resumed["run"].run_id
    assert resumed["history"][0]["kimg"] > 0.02  # it goes on behind the first checkpoint


def finished(tmp_path, data, state="finished"):
    shots, fakes = torch.zeros(3, 3, 16, 16), torch.ones(20, 3, 16, 16)
    path = tmp_path / "sheet.png"
    contact_sheet.save(path, contact_sheet.of_run(shots, fakes * 0, fakes, "title", 10, 2))
    node = synthetic("m", "d", 0, 0.1, config={"data": data}, state=state, reason="")
    return Record.from_json(node), path


@pytest.mark.parametrize(
    ("pictures", "data", "state", "expected"),
    [
        ("made", {"style": "clay"}, "finished", {"sheet", "pictures"}),
        ("made", {"root": "/faces"}, "finished", {"pictures"}),
        ("made", {"root": "/faces"}, "failed", set()),
        ("all", {"root": "/faces"}, "finished", {"sheet", "pictures"}),
        ("none", {"style": "clay"}, "finished", set()),
    ],
)
def test_no_real_picture_leaves_unless_asked(tmp_path, pictures, data, state, expected):
    logger = Wandb(project="p", mode="offline", pictures=pictures, early_metrics=[])
    shown = logger.publishable_pictures(*finished(tmp_path, data, state))
    assert set(shown) == expected
    if "pictures" in shown:  # sources are grey, fakes white; the shots' row is not among them
        rows = shown["pictures"].data
        assert shown["pictures"].columns == ["latent", "source", "adapted"]
        assert [len(rows), rows[0][0]] == [10, 0]
        assert np.asarray(rows[0][2].image.convert("L")).min() == 255


def test_a_word_for_pictures_that_means_nothing_is_refused():
    with pytest.raises(UserError, match=r"logger\.pictures=true"):
        Wandb(project="p", mode="offline", pictures="true", early_metrics=[])


def test_a_configuration_has_the_names_of_the_command_line():
    node = {"seed": 0, "method": {"lr": 0.1, "r1": {"gamma": 1}, "frozen_g": []}}
    names = {"seed": 0, "method.lr": 0.1, "method.r1.gamma": 1, "method.frozen_g": []}
    assert nested.leaves(node, branches=(dict,)) == names


def test_a_sheet_gives_its_pictures_back(tmp_path):
    _, path = finished(tmp_path, {})
    shots, first_band, second_band = contact_sheet.cut(path)
    assert [len(row) for row in shots] == [3]
    assert [len(row) for row in (*first_band, *second_band)] == [10] * 4
    assert isinstance(shots[0][0], Image.Image)
    assert {np.asarray(p).max() for p in first_band[0]} == {128}
    assert {np.asarray(p).min() for p in second_band[1]} == {255}


def test_wandb_has_nothing_to_warn_of(tmp_path, monkeypatch, capfd):
    for name in [name for name in os.environ if name.startswith("WANDB")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("WANDB_SILENT", "false")
    logger = Wandb(project="p", mode="offline", pictures="none", early_metrics=[])
    logger.open(tmp_path, "cdc--d--s--00000000--s0", {"method": {"lr": 0.1}}, {}, 0)
    logger.leave()
    said = capfd.readouterr()
    assert "wandb" in said.err + said.out
    assert not [line for line in (said.err + said.out).splitlines() if "WARNING" in line]
