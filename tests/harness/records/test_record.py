import copy
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.harness.records import record as records
from core.errors import UserError

SOUND = {
    "schema": records.SCHEMA,
    "method": "m",
    "data": "d",
    "source": "s",
    "eval": "e",
    "seed": 0,
    "recipe": "01234567",
    "paper": "arXiv:0000.00000",
    "metrics": {"kid@tiny": {"value": 0.5, "better": "lower", "n": 10, "details": {}}},
    "cost": {"images": 10, "seconds": 1.5, "trainable": 3, "peak_bytes": 4},
    "provenance": dict.fromkeys(records.PROVENANCE, "x"),
    "config": {},
}


def test_a_sound_record_has_nothing_wrong():
    assert records.validate(SOUND) == []


@pytest.mark.parametrize("key", sorted(SOUND))
def test_every_missing_part_is_noticed(key):
    broken = {k: v for k, v in SOUND.items() if k != key}
    assert records.validate(broken)


@pytest.mark.parametrize("value", [math.nan, math.inf, "0.5", None, True])
def test_a_value_that_is_no_finite_number_is_noticed(value):
    broken = copy.deepcopy(SOUND)
    broken["metrics"]["kid@tiny"]["value"] = value
    assert records.validate(broken)


def test_a_metric_without_its_extractor_is_noticed():
    broken = copy.deepcopy(SOUND)
    broken["metrics"]["kid"] = broken["metrics"].pop("kid@tiny")
    assert records.validate(broken)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(json_values, st.sampled_from(sorted(SOUND)))
def test_no_json_makes_the_validation_fail(value, key):
    assert isinstance(records.validate(value), list)
    assert isinstance(records.validate(SOUND | {key: value}), list)


def test_what_is_written_is_read_back(tmp_path):
    path = tmp_path / "runs" / "a.json"
    records.write(path, SOUND)
    assert records.read(path) == SOUND
    assert [p.name for p in path.parent.iterdir()] == ["a.json"]


def test_an_unsound_record_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="seed"):
        records.write(tmp_path / "a.json", SOUND | {"seed": "zero"})
    assert not list(tmp_path.iterdir())


def test_half_a_file_is_refused_with_its_name(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(SOUND)[:40])
    with pytest.raises(UserError, match=r"a\.json"):
        records.read(path)


def test_infinity_is_spelt_out_for_json():
    assert records.strict({"a": [math.inf, 1, {2: "x"}]}) == {"a": [".inf", 1, {"2": "x"}]}


def test_the_recipe_ignores_seed_and_folder_and_notices_numbers(composed):
    choices = {"method": "finetune", "data": "folder", "source": "tiny", "eval": "smoke"}
    words = ("method=finetune", "data=folder", "data.root=x")
    plain = records.recipe(composed(*words), choices)
    assert records.recipe(composed(*words, "seed=3", "machine=gpu"), choices) == plain
    assert records.recipe(composed(*words, "method.lr=0.1"), choices) != plain


def test_disagreement_is_relative():
    other = copy.deepcopy(SOUND)
    other["metrics"]["kid@tiny"]["value"] = 0.625
    assert records.disagreement(other, SOUND) == {"kid@tiny": pytest.approx(0.2)}
