import copy
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from benchmarks.harness.records import recipe as recipes
from benchmarks.harness.records.record import SCHEMA, Record
from core.errors import UserError
from core.paths import ROOT, placed
from tests.helpers.records import PROVENANCE, faults

RUNS = sorted((ROOT / "results" / "runs").glob("*.json"))
SOUND = {
    "schema": SCHEMA,
    "method": "m",
    "data": "d",
    "source": "s",
    "eval": "e",
    "seed": 0,
    "recipe": "01234567",
    "paper": "arXiv:0000.00000",
    "metrics": {"kid@tiny": {"value": 0.5, "better": "lower", "n": 10, "details": {}}},
    "cost": {"images": 10, "seconds": 1.5, "trainable": 3, "peak_bytes": 4},
    "provenance": dict.fromkeys(PROVENANCE, "x"),
    "config": {},
}


def test_a_sound_record_has_nothing_wrong():
    assert faults(SOUND) == ""


@pytest.mark.parametrize("key", sorted(SOUND))
def test_every_missing_part_is_noticed(key):
    broken = {k: v for k, v in SOUND.items() if k != key}
    assert faults(broken)


@pytest.mark.parametrize("value", [math.nan, math.inf, "0.5", None, True])
def test_a_value_that_is_no_finite_number_is_noticed(value):
    broken = copy.deepcopy(SOUND)
    broken["metrics"]["kid@tiny"]["value"] = value
    assert faults(broken)


def test_a_metric_without_its_extractor_is_noticed():
    broken = copy.deepcopy(SOUND)
    broken["metrics"]["kid"] = broken["metrics"].pop("kid@tiny")
    assert faults(broken)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(json_values, st.sampled_from(sorted(SOUND)))
def test_no_json_makes_the_validation_fail(value, key):
    assert isinstance(faults(value), str)
    assert isinstance(faults(SOUND | {key: value}), str)


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "runs" / "a.json"
    Record.from_json(SOUND).write(path)
    assert Record.read(path).to_json() == SOUND
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_an_unsound_record_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="seed: input should be"):
        Record.from_json(SOUND | {"seed": "zero"}).write(tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_a_committed_record_is_written_back_byte_for_byte(path, tmp_path):
    record = Record.read(path)
    record.write(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    assert record.name == path.stem


def test_parts_of_a_record_are_typed_and_what_is_not_known_is_kept():
    more = SOUND | {"mood": "good", "provenance": SOUND["provenance"] | {"ops": "auto"}}
    record = Record.from_json(more)
    assert record.metrics["kid@tiny"].value == 0.5
    assert (record.cost.seconds, record.cost.images) == (1.5, 10)
    assert (record.provenance.commit, record.provenance.dirty) == ("x", False)
    assert (record.state, record.overrides, record.left_out) == ("finished", [], {})
    assert record.to_json() is more
    assert json.dumps(record.to_json()) == json.dumps(more)


@pytest.mark.parametrize(
    ("part", "sentences"),
    [
        ({"schema": 1}, ["schema: input should be 2."]),
        ({"metrics": []}, ["metrics: input should be a valid dictionary."]),
        ({"state": "failed"}, ["record: the run failed, and its reason is missing."]),
        ({"config": {"eval": {"metrics": {"kid@tiny": 1}}}},
         ["config.eval.metrics: metrics are an object of objects."]),
        ({"curves": {"kimg": [1, None], "loss": [1, 2]}},
         ["curves: curves are equally long lists of numbers over a kimg without gaps."]),
        ({"seed": True, "paper": 5}, ["seed: input should be a valid integer.",
                                      "paper: input should be a valid string."]),
    ],
)  # fmt: skip
def test_each_fault_is_one_sentence_with_its_place(part, sentences):
    assert faults(SOUND | part) == " ".join(sentences)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("seed",), -1), (("seed",), 2**63 + 1), (("seed",), 1.5), (("recipe",), "../../x"),
        (("metrics", "kid@tiny", "n"), -10), (("metrics", "kid@tiny", "better"), "up"),
        (("metrics", "precision@tiny", "value"), 1.2), (("metrics", "palette@lab", "n"), 2**63),
        (("metrics", "precision@tiny", "details"), {"source": 7.0}),
        (("metrics", "identity@tiny", "value"), 2.0), (("metrics", "palette@lab", "value"), -1.0),
        (("cost", "images"), 10.5), (("cost", "trainable"), -1),
    ],
)  # fmt: skip
def test_what_no_run_can_have_made_is_noticed(path, value):
    edited = copy.deepcopy(SOUND)
    other = {"value": 0.5, "better": "higher", "n": 10, "details": {}}
    edited["metrics"] |= {"precision@tiny": other, "identity@tiny": dict(other)}
    edited["metrics"]["palette@lab"] = other | {"better": "lower"}
    assert faults(edited) == ""
    node = edited
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    assert faults(edited)


@pytest.mark.parametrize("curves", [{"loss": [1]}, {"kimg": [1], "loss": [1, 2]}, {"kimg": ["a"]},
                                    {"kimg": [1], "loss": [math.nan]}, 5])  # fmt: skip
def test_what_are_no_curves_over_images_is_noticed(curves):
    assert faults(SOUND | {"curves": curves})
    assert not faults(SOUND | {"curves": {"kimg": [1, 2], "loss": [None, 0.5]}})


def test_readers_of_records_load_neither_torch_nor_a_configuration():
    code = "import sys, benchmarks.harness.records.run_id, benchmarks.harness.leaderboard.readme\n"
    code += (
        "print(*({'torch', 'omegaconf', 'hydra', 'numpy', 'scipy', 'matplotlib'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == ([], "")


def test_half_a_file_is_refused_with_its_name(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(SOUND)[:40])
    with pytest.raises(UserError, match=r"a\.json"):
        Record.read(path)


def test_infinity_is_spelt_out_for_json():
    assert recipes.spell_infinity({"a": [math.inf, 1, {2: "x"}]}) == {"a": [".inf", 1, {"2": "x"}]}


def test_the_recipe_ignores_seed_and_folder_and_notices_numbers(composed):
    choices = {"method": "finetune", "data": "folder", "source": "tiny", "eval": "smoke"}
    words = ("method=finetune", "data=folder", "data.root=x")

    def recipe(*more):
        return recipes.recipe(
            OmegaConf.to_container(composed(*words, *more), resolve=False), choices
        )

    assert recipe("seed=3", "machine=gpu") == recipe()
    assert recipe("method.lr=0.1") != recipe()


@pytest.mark.parametrize(
    ("words", "same"),
    [
        (["machine.threads=3"], True), (["machine=gpu"], True), (["machine=ddp"], True),
        (["machine.trainer.precision=32"], True), (["machine.trainer.precision=bf16-mixed"], False),
        (["machine.trainer.precision=64-true"], False), (["machine.ops=triton"], False),
        (["machine.streams=cpu"], False), (["machine.tf32=true"], False),
        (["machine.fp16_resolutions=4"], False), (["++machine.trainer.benchmark=true"], True),
        (["+machine.trainer.max_steps=3"], False),
        (["+machine.trainer.limit_train_batches=0.5"], False),
    ],
)  # fmt: skip
def test_the_recipe_knows_how_a_machine_computes_and_not_where(composed, words, same):
    choices = {"method": "finetune", "data": "folder", "source": "tiny", "eval": "smoke"}

    def recipe(*more):
        cfg = composed("method=finetune", "data=folder", "data.root=x", *more)
        return recipes.recipe(OmegaConf.to_container(cfg, resolve=False), choices)

    assert (recipe(*words) == recipe()) is same
    short, long = "machine.trainer.precision=bf16", "machine.trainer.precision=bf16-mixed"
    assert recipe(short) == recipe(long)


def test_places_at_home_name_no_user_and_are_found_again(monkeypatch):
    monkeypatch.setenv("HOME", "/home/alice")
    node = {"a": "/home/alice/x y", "b": ["data.root=/home/alice/z"], "c": "/home/alicent/z"}
    assert recipes.portable(node) == {"a": "~/x y", "b": ["data.root=~/z"], "c": "/home/alicent/z"}
    assert placed(recipes.portable("/home/alice/w.pt")) == Path("/home/alice/w.pt")
    assert recipes.portable({"a": [1, None, True]}) == {"a": [1, None, True]}


def test_disagreement_is_relative():
    other = copy.deepcopy(SOUND)
    other["metrics"]["kid@tiny"]["value"] = 0.625
    new, old = Record.from_json(other), Record.from_json(SOUND)
    assert new.disagreement(old) == {"kid@tiny": pytest.approx(0.2)}
