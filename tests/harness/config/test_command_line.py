"""Bad input gets one clear sentence on stderr and exit status 2, and nothing is left behind."""

import os
import subprocess
import sys

import pytest
from PIL import Image

from benchmarks import assets, exemplars, run
from benchmarks.harness.config import validation
from core.paths import ROOT


@pytest.fixture
def styleshift(capsys, tmp_path):
    """Runs the command line in this process: exit status, stderr; results go to tmp_path/out."""

    def call(*words):
        line = ["source=tiny", "eval=smoke", f"folder={tmp_path / 'results'}", *words]
        status = run.main(line)
        return status, capsys.readouterr().err.strip()

    return call


def refused(call, tmp_path, *words):
    status, said = call(*words)
    assert status == 2
    assert said.startswith("styleshift: ")
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said
    assert not list((tmp_path / "results").rglob("*.json"))
    assert not list((tmp_path / "results").rglob("*.part"))
    return said


@pytest.mark.parametrize("group", ["method", "data", "source", "eval"])
def test_an_unknown_choice_lists_the_choices(styleshift, tmp_path, group):
    said = refused(styleshift, tmp_path, f"{group}=nosuch")
    assert "nosuch" in said
    for name in validation.choices_of(group):
        assert name in said


def test_a_misspelt_option_is_named_with_the_likely_one(styleshift, tmp_path):
    said = refused(styleshift, tmp_path, "method.mixing_prb=1")
    assert "method.mixing_prb" in said
    assert "method.mixing_prob" in said


@pytest.mark.parametrize("key", ["kid@parafaces", '"kid@parafaces"', "'kid@parafaces'"])
def test_how_a_number_of_one_metric_is_written_is_said(styleshift, tmp_path, key):
    said = refused(styleshift, tmp_path, f"eval.metrics.{key}.subsets=10")
    word = "eval.metrics={kid@parafaces: {subsets: 10}}"
    assert f"'{word}'" in said
    assert "method.images=0" in refused(styleshift, tmp_path, word, "method.images=0")


def test_a_misspelt_number_of_a_metric_is_named(styleshift, tmp_path):
    said = refused(styleshift, tmp_path, "eval.metrics={kid@parafaces: {subset: 9}}")
    assert "'eval.metrics.kid@parafaces.subset'" in said
    assert "did you mean eval.metrics.kid@parafaces.subset" in said


@pytest.mark.parametrize(
    "word",
    [
        "method.lr=-0.1",
        *(f"{key}=99999999999999999999" for key in ("seed", "method.seed", "data.seed")),
        *("eval.seed=-1", "source.seed=18446744073709551616", "seed=1.5"),
        "method.lr=.nan",
        "method.lr=nan",
        "method.r1.gamma=-1",
        "method.images=0",
        "method.images=-5",
        "method.batch_size=0",
        "method.batch_size=2.5",
        "method.lr=fast",
        "eval.samples=0",
        "data.shots=0",
        "existing=maybe",
        "existing=[auto]",
        "resume=sometimes",
        "method.lr=[0.1]",
        "method.ema=3",
        "method.frozen_g=[1]",
        "method.g_optimizer.betas=0.9",
        "method.g_optimizer.betas=[0.9]",
        "method.d_optimizer.betas=[1,0.9]",
        "seed=1e30",
        "seed=99999999999",
        "checkpoint.every_kimg=soon",
    ],
)
def test_a_value_that_cannot_be_meant_is_named(styleshift, tmp_path, word):
    assert word.split("=")[0] in refused(styleshift, tmp_path, word)


@pytest.mark.parametrize("size", [48, 63, 8, 2048])
def test_a_resolution_that_is_no_power_of_two_is_refused(styleshift, tmp_path, size):
    assert str(size) in refused(styleshift, tmp_path, f"data.resolution={size}")


def test_a_resolution_that_is_not_the_sources_is_refused(styleshift, tmp_path):
    said = refused(styleshift, tmp_path, "data.resolution=128")
    assert "128" in said
    assert "64" in said


def pictures(folder, n):
    folder.mkdir()
    for i in range(n):
        Image.new("RGB", (80, 80), (20 * i, 90, 120)).save(folder / f"{i}.png")
    return folder


def test_a_folder_that_is_not_given_is_asked_for(styleshift, tmp_path):
    assert "data.root" in refused(styleshift, tmp_path, "data=folder")


def test_a_missing_folder_is_named(styleshift, tmp_path):
    missing = tmp_path / "nowhere"
    assert str(missing) in refused(styleshift, tmp_path, "data=folder", f"data.root={missing}")


def test_an_empty_folder_is_named(styleshift, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert str(empty) in refused(styleshift, tmp_path, "data=folder", f"data.root={empty}")


def test_too_few_pictures_are_counted(styleshift, tmp_path):
    root = pictures(tmp_path / "few", 4)
    said = refused(styleshift, tmp_path, "data=folder", f"data.root={root}", "data.shots=10")
    assert "4" in said
    assert "10" in said


@pytest.mark.parametrize("fault", ["truncated", "text", "empty"])
def test_a_broken_picture_is_named(styleshift, tmp_path, fault):
    root = pictures(tmp_path / "broken", 6)
    victim = root / "3.png"
    whole = victim.read_bytes()
    victim.write_bytes(
        {"truncated": whole[: len(whole) // 2], "text": b"hello", "empty": b""}[fault]
    )
    said = refused(styleshift, tmp_path, "data=folder", f"data.root={root}", "data.shots=5")
    assert "3.png" in said


def test_results_that_cannot_be_written_are_refused_before_the_run(styleshift, tmp_path):
    (tmp_path / "results").write_text("a file where a folder should be")
    status, said = styleshift("data=folder", f"data.root={pictures(tmp_path / 'ten', 10)}")
    assert status == 2
    assert "cannot be written" in said


def test_an_option_of_no_group_leads_to_all_options(styleshift, tmp_path):
    assert refused(styleshift, tmp_path, "zzz=1").endswith("'zzz'; see --cfg job for all.")


@pytest.mark.parametrize(
    ("command", "words"),
    [(exemplars, []), (assets, ["encoder"]), (assets, ["codes"]), (assets, ["stage2"])],
)
def test_every_command_of_hydras_words_refuses_in_one_sentence(capsys, command, words):
    assert command.main([*words, "source=nosuch"]) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith("styleshift: There is no source 'nosuch'; the choices are blank")
    assert "\n" not in said


def test_a_real_process_exits_with_two_and_one_sentence():
    words = [sys.executable, "-m", "benchmarks.run", "method=nosuch"]
    env = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("word", ["--help", "--cfg=job"])
def test_hydras_own_pages_are_shown(word):
    words = [sys.executable, "-m", "benchmarks.run", *word.split("=")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "freezesg" in done.stdout
