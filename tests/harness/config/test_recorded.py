"""Configurations out of records: infinity comes back, and nothing but texts and known classes."""

import json

import pytest

from benchmarks.harness.config.recorded import configuration, rebuilding, with_infinity
from benchmarks.harness.records import recipe
from core.errors import UserError
from core.paths import ROOT


def test_infinity_comes_back_from_a_record():
    plain = {"a": [float("inf"), {"every": float("inf")}], "b": "text", "c": 1}
    assert with_infinity(recipe.spell_infinity(plain)) == plain


def test_classes_of_a_record_get_the_addresses_that_the_yamls_name():
    cfg = configuration({"config": {"ema": {"_target_": "EMA", "half_life_kimg": ".inf"}}})
    assert cfg.ema._target_ == "core.ema.EMA"
    assert cfg.ema.half_life_kimg == float("inf")


@pytest.mark.parametrize(
    "config",
    [{"a": "${oc.env:HOME}"}, {"a": [{"b": "x${a}"}]}, {"${a}": 1}],
    ids=["text", "nested", "key"],
)
def test_a_text_of_a_record_stands_for_nothing_else(config):
    with pytest.raises(UserError, match=r"holds \$\{"):
        configuration({"config": config})


SOURCE = {"_target_": "random_source", "name": "x", "resolution": 64, "seed": 0, "z_dim": 4,
          "w_dim": 4, "mapping_layers": 2, "channels": {4: 4}, "mbstd_group": 4, "invert": {
              "_target_": "Projector", "steps": 1, "lr": 1, "pixel": 1, "prior_weight": 0,
              "candidates": 2, "batch_size": 1, "seed": 0, "perceptual": {"_target_": "Guide"},
              "space": {"_target_": "W"}, "noise": {"_target_": "ConstantNoise"}}}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"_target_": "Wandb"}, "The record's source is none: "),
        ({"_target_": "AdamW"}, "The record's source is none: torch.optim.AdamW"),
        ({"_target_": "Trainer"}, "The record's source is none: lightning.Trainer"),
        ({"_target_": "reduce_graph_module"}, "The record names reduce_graph_module, which no"),
        ({"_target_": "core.source.load"}, "The record names core.source.load, which no"),
        ({"weights": "/etc/passwd"}, "There is no option 'source.weights'"),
        ({"z_dim": 10**12}, "source.z_dim=1000000000000 must be at most"),
        ({"name": {"_target_": "Guide"}}, "source.name=core.networks.perception.Guide is no str"),
    ],
)
def test_a_record_builds_only_what_a_choice_of_its_group_can_be(change, said):
    configuration({"config": {"source": SOURCE}})
    with pytest.raises(UserError) as refused:
        configuration({"config": {"source": SOURCE | change}})
    assert str(refused.value).startswith(said)


def test_a_record_of_each_method_is_still_one_that_can_be_built():
    records = (json.loads(p.read_text()) for p in sorted((ROOT / "results/runs").glob("*s0.json")))
    each = {(record["method"], record["source"]): record for record in records}
    assert len(each) > 15
    for record in each.values():
        assert configuration(record).method["_target_"].startswith("adapters.")


def test_what_another_version_cannot_build_is_one_sentence():
    sentence = r"^it cannot be built by this version: no such option\.$"
    with pytest.raises(UserError, match=sentence), rebuilding("it"):
        raise TypeError("no such\n option")
    with pytest.raises(UserError, match=r"^the file is gone$"), rebuilding("it"):
        raise RuntimeError("around it") from UserError("the file is gone")
