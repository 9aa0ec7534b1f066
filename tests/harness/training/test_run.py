"""Whole runs on the tiny source: what is left behind, what is repeated, what is resumed."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file

from benchmarks import run, sweep
from benchmarks.harness import experiment
from benchmarks.harness.config.compose import compose
from benchmarks.harness.config.recorded import configuration
from benchmarks.harness.data.preparation import archive
from benchmarks.harness.io.signals import Signals
from benchmarks.harness.records.provenance import code
from benchmarks.harness.records.record import Record
from benchmarks.harness.records.results import Ending
from benchmarks.harness.sweep import plan
from core import weights
from core.source import random_source


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
        "eval.samples=16", "data=folder", f"data.root={root}", f"folder={results}", *more,
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


def left(results):
    """The files of a folder of results, but for locks and what Hydra keeps of a multirun: bytes."""
    idle = (".lock", "multirun.yaml")
    paths = (path for path in results.rglob("*") if path.is_file() and path.name not in idle)
    return {path.relative_to(results): path.read_bytes() for path in paths}


def test_the_same_command_twice_gives_the_same_numbers_and_in_a_sweep_is_skipped(
    root, tmp_path, capsys
):
    line = words(root, tmp_path / "r")
    go(*line)
    before = left(tmp_path / "r")
    capsys.readouterr()
    go(*line)
    assert left(tmp_path / "r") == before
    said = " ".join(capsys.readouterr().out.split())
    assert "within its tolerance of 25% (largest difference 0.0%" in said
    assert "record: " not in said
    assert "picture: " in said
    go("-m", *line, "seed=0")
    assert capsys.readouterr().out.count("there already") == 1


@pytest.mark.exhaustive
def test_a_repetition_beyond_the_tolerance_has_a_status_of_its_own_and_leaves_all_as_it_is(
    root, tmp_path, capsys
):
    line = words(root, tmp_path / "r")
    go(*line)
    published = only(tmp_path / "r" / "runs", "*.json")
    node = json.loads(published.read_text())
    node["metrics"]["palette@lab"]["value"] *= 2
    Record.from_json(node).write(published)
    before = left(tmp_path / "r")
    assert run.main(line) == Ending.DIFFERS.value == 4
    assert "beyond its tolerance" in " ".join(capsys.readouterr().out.split())
    assert left(tmp_path / "r") == before


@pytest.mark.exhaustive
def test_a_repetition_puts_weights_beside_a_record_that_came_without(root, tmp_path):
    line = words(root, tmp_path / "r")
    go(*line)
    out = only(tmp_path / "r" / "out", "*")
    before, trained = left(tmp_path / "r"), load_file(out / "generator.safetensors")
    shutil.rmtree(out)
    go(*line)
    after = left(tmp_path / "r")
    assert after.keys() == before.keys()
    # A record holds times, and the header of weights has no order.
    same = [path for path in before if path.suffix == ".png" or path.parts[0] == "runs"]
    assert [after[path] for path in same] == [before[path] for path in same]
    again = load_file(out / "generator.safetensors")
    assert all(again[key].equal(value) for key, value in trained.items())


def fill(folder, numbers, zipped=None):
    """Pictures of noise; also as a prepared zip, which says the same of them whatever they are."""
    folder.mkdir(exist_ok=True, parents=True)
    pixels = [np.random.default_rng(i).integers(0, 255, (64, 64, 3), np.uint8) for i in numbers]
    if zipped:
        with archive.writing(zipped, {"resolution": 64}) as made:
            for i, picture in enumerate(pixels):
                made.add(picture, f"{i:064x}", f"{i}.png")
    for i, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / f"{i}.png")


def replaced_shots(tmp_path, numbers):
    fill(tmp_path / "set", numbers)
    return [f"data.root={tmp_path / 'set'}"]


def replaced_zip(tmp_path, numbers):
    fill(tmp_path / "set", numbers, tmp_path / "set.zip")
    return [f"data.root={tmp_path / 'set.zip'}", "data.reference_minimum=1"]


def replaced_reference(tmp_path, numbers):
    fill(tmp_path / "set", range(6))
    fill(tmp_path / "other", [*numbers][:3], tmp_path / "other.zip")
    more = [f"data.reference_root={tmp_path / 'other.zip'}", "data.reference_minimum=1"]
    return [f"data.root={tmp_path / 'set'}", *more]


def replaced_weights(tmp_path, numbers):
    fill(tmp_path / "set", range(6))
    tiny = random_source(
        **{"name": "x", "resolution": 64, "seed": numbers.start, "invert": None, "z_dim": 16},
        **{"w_dim": 16, "mapping_layers": 2, "channels": dict.fromkeys((4, 8, 16, 32, 64), 8)},
        mbstd_group=4,
    )
    networks = {"g_ema": tiny.g, "g": tiny.raw, "d": tiny.d}
    weights.write(tmp_path / "w.safetensors", networks, {})
    more = ["source=parafaces64", f"source.weights={tmp_path / 'w.safetensors'}"]
    return [f"data.root={tmp_path / 'set'}", *more, "source.sha256=''", "source.name=mine"]


REPLACED = {
    "the shots were others": replaced_shots,
    "the shots were others and the reference was another": replaced_zip,
    "the reference was another": replaced_reference,
    "the source was another": replaced_weights,
}


@pytest.mark.parametrize(
    "sentence",
    [
        pytest.param(sentence, marks=[] if "and" in sentence else pytest.mark.exhaustive)
        for sentence in REPLACED
    ],
)
def test_the_same_words_are_not_the_same_run(tmp_path, capsys, sentence):
    line = [
        "source=tiny", "method=finetune", "method.images=8", "method.batch_size=4", "eval=smoke",
        "eval.samples=8", "eval.photos=0", "data=folder", "data.shots=4",
        f"folder={tmp_path / 'r'}", *REPLACED[sentence](tmp_path, range(6)),
    ]  # fmt: skip
    line = line[1:] if any(word == "source=parafaces64" for word in line) else line
    go(*line)
    before = left(tmp_path / "r")
    capsys.readouterr()
    assert sweep.main([*line, "seed=0", "--dry-run"]) == 0
    REPLACED[sentence](tmp_path, range(10, 16))
    plan.of_pictures.cache_clear()
    plan.of_weights.cache_clear()
    for words in (line, ["-m", *line], [*line, "existing=skip"]):
        assert run.main(words) == 2
        said = capsys.readouterr().err.replace(" and the pictures of the set were others", "")
        assert f"is of another run, for {sentence}; existing=replace" in said
        assert left(tmp_path / "r") == before
    assert sweep.main([*line, "seed=0", "--dry-run"]) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "has a record of other files" in said
    assert sentence.split(" and ")[0] in said
    go(*line, "existing=replace")
    assert (
        Record.read(only(tmp_path / "r", "runs/*.json")).to_json()
        == Record.read(only(tmp_path / "r", "out/*/record.json")).to_json()
    )
    assert left(tmp_path / "r") != before
    plan.of_pictures.cache_clear()
    plan.of_weights.cache_clear()
    assert sweep.main([*line, "seed=0", "--dry-run"]) == 0


@pytest.mark.exhaustive
def test_other_precisions_are_other_runs(root, tmp_path):
    line = words(root, tmp_path / "r", "method.images=8", "eval.samples=8")
    go(*line)
    go(*line, "machine.trainer.precision=bf16-mixed")
    exact, mixed = sorted(
        (Record.read(path) for path in (tmp_path / "r" / "runs").iterdir()),
        key=lambda record: len(record.to_json()["protocol"]),
    )
    assert exact.recipe != mixed.recipe
    assert mixed.to_json()["protocol"]["arithmetic"] == {"precision": "bf16-mixed"}
    assert exact.to_json()["protocol"]["id"] != mixed.to_json()["protocol"]["id"]


def test_what_a_variable_says_is_used_and_never_written(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STYLESHIFT_SECRET", str(root.parent))
    monkeypatch.setenv("STYLESHIFT_SEED", "3")
    line = words(root, tmp_path / "r", "method.images=8", "eval.samples=8")
    line = [word for word in line if not word.startswith("data.root=")]
    taken = "${oc.env:STYLESHIFT_SECRET}/pictures"
    go(*line, f"data.root={taken}", 'seed="${oc.decode:${oc.env:STYLESHIFT_SEED}}"')
    path = only(tmp_path / "r" / "runs", "*--s3.json")
    record = Record.read(path).to_json()
    assert record["config"]["data"]["root"] == taken
    assert record["seed"] == record["config"]["seed"] == 3
    assert record["provenance"]["data_sha256"]
    assert str(root.parent) not in path.read_text().replace(str(tmp_path / "r"), "")
    assert configuration(Record.from_json(record), "data").data.root == ""


def test_a_source_is_called_by_its_own_name(root, tmp_path):
    line = words(root, tmp_path / "r", "method.images=8", "eval.samples=8", "source.name=mine")
    go(*line)
    path = only(tmp_path / "r" / "runs", "*.json")
    record = Record.read(path)
    assert path.stem.startswith("finetune--folder--mine--")
    assert (record.source, record.name) == ("mine", path.stem)
    assert record.overrides[0] == "source=tiny"
    assert not [word for word in record.task if word.startswith("source")]


def test_a_checkpoint_names_all_that_its_training_goes_on_from(root, tmp_path):
    job = compose(words(root, tmp_path / "r"))
    inputs = experiment.inputs_of(job)
    identity = experiment.training_of(job, inputs, Signals()).checkpoints.identity
    sums = {"weights_sha256": "untrained-seed0", "shots_sha256": inputs.domain.shots_sha256}
    where = {"ops": "torch", "streams": "cpu"}
    assert identity == {"recipe": job.place.recipe, "code": code(), **where, **sums}
