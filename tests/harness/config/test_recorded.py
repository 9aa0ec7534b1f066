"""Configurations out of records: our objects with their numbers and texts."""

import copy
import json
import operator
from functools import cache, reduce

import pytest
from omegaconf import OmegaConf

from benchmarks.harness.config.compose import compose
from benchmarks.harness.config.files import resolved
from benchmarks.harness.config.recorded import TRAINED_BY, configuration, rebuilding, with_infinity
from benchmarks.harness.records import nested, recipe
from benchmarks.harness.records.record import Record
from core.errors import UserError
from core.paths import ROOT


def test_infinity_comes_back_from_a_record():
    plain = {"a": [float("inf"), {"every": float("inf")}], "b": "text", "c": 1}
    assert with_infinity(recipe.spell_infinity(plain)) == plain


GROUPS = ("source", "method", "swap", "data", "eval")


@cache
def committed():
    """The first record of each method and source, by both."""
    paths = sorted((ROOT / "results/runs").glob("*s0.json"))
    records = (json.loads(path.read_text(encoding="utf-8")) for path in paths)
    return {(record["method"], record["source"]): record for record in records}


def changed(place, value, method="freezesg"):
    """A committed record with another value at a place."""
    node = copy.deepcopy(committed()[method, "parafaces64"])
    *branches, last = place.split(".")
    reduce(operator.getitem, branches, node)[last] = value
    return Record.from_json(node)


def test_objects_are_ours_and_numbers_are_the_records():
    cfg = configuration(changed("config.method.ema.half_life_kimg", 0.125), *GROUPS)
    assert cfg.method.ema._target_ == "core.ema.EMA"
    assert cfg.method.ema.half_life_kimg == 0.125
    assert cfg.method.path_length.every == float("inf")


def test_only_the_groups_that_are_used_must_be_known():
    record = changed("eval", "mine")
    assert set(configuration(record, "source", "method")) == {"seed", "source", "method"}
    with pytest.raises(UserError, match="eval is mine, which is no choice of this version"):
        configuration(record, *GROUPS)


@pytest.mark.parametrize("place", ["method.lr", "source.invert.codes", "data.style", "eval.keep"])
def test_a_text_of_a_record_stands_for_nothing_else(place):
    with pytest.raises(UserError, match=r"holds \$\{"):
        configuration(changed(f"config.{place}", "x${oc.env:HOME}"), *GROUPS)


def objects():
    """Place of every object in the configurations of two methods, and of a text beside it."""
    for method in ("cdc", "dualstylegan"):
        config = committed()[method, "parafaces64"]["config"]
        for key, name, _ in nested.entries({group: config[group] for group in GROUPS}):
            if name == "_target_" and not key.startswith("swap."):  # where no layer is swapped
                yield method, f"config.{key}"


FOREIGN = ("core.atomic.write", "adapters.finetune.FineTune", "load", "Off", "AdamW", "Trainer",
           "os.system", "reduce_graph_module", 5, None, ["load"])  # fmt: skip


@pytest.mark.parametrize(("method", "place"), list(objects()))
def test_no_object_of_a_record_is_another_than_ours(method, place):
    ours = resolved(configuration(changed("seed", 0, method), *GROUPS))
    replaced = [changed(place, target, method) for target in FOREIGN]
    for record in replaced:
        if place.split(".")[2] in TRAINED_BY:  # of no use any more: whatever this version has
            *_, kind, _ = branches = place.split(".")[1:]
            found = resolved(configuration(record, *GROUPS))
            own = {kind: {"_target_": reduce(operator.getitem, branches, ours)}}
            assert reduce(operator.getitem, branches, found) == own[kind]["_target_"]
            assert found["method"] | own == ours["method"] | own
        elif record.to_json() != committed()[method, "parafaces64"]:
            with pytest.raises(UserError, match=r"is .*, and the one of this version"):
                configuration(record, *GROUPS)


@pytest.mark.parametrize(
    ("words", "key", "target"),
    [
        (["source=/x/mine.pt", "source.resolution=256"],
         "source.invert.perceptual", "PublishedGuide"),
        (["source.invert=optimise"], "source.invert", "Projector"),
        (["source=/x/mine.pt", "source.resolution=256", "source.invert=restyle_e4e"],
         "source.invert", "ReStyle"),
        (["source.invert=optimise", "source.invert.perceptual=lpips"],
         "source.invert.perceptual", "PublishedGuide"),
        (["method=jojogan", "method.identity.network=arcface", "length=smoke"],
         "method.identity.network", "PublishedGuide"),
        (["source=ffhq256"], "source", "published_source"),
    ],
)  # fmt: skip
def test_what_words_choose_by_a_name_of_ours_is_built_again(words, key, target):
    job = compose(["method=finetune", "data=folder", "data.root=x", *words])
    node = copy.deepcopy(committed()["freezesg", "parafaces64"])
    record = Record.from_json(node | job.run_id.head | {"config": job.run_id.config})
    again = configuration(record, "source", "method", "swap")
    assert OmegaConf.select(again, key)._target_.rpartition(".")[2] == target
    assert again.source.weights == job.cfg.source.weights
    ours, theirs = resolved(again), resolved(job.cfg)
    assert ours["method"] == theirs["method"]
    assert ours["source"] == theirs["source"]


@pytest.mark.parametrize("group", ["source", "method", "data", "eval"])
@pytest.mark.parametrize("name", ["../method/cdc", "_invert", "", "x,y", "a=b", "gone"])
def test_a_choice_of_a_record_is_one_of_ours(group, name):
    # A path is a source of a file, and then the rest of the record is none of such a source.
    said = (
        r"(\.invert)? is" if (group, name[:2]) == ("source", "..") else " is .*, which is no choice"
    )
    with pytest.raises(UserError, match=f"The record's {group}{said}"):
        configuration(changed(group, name), *GROUPS)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("method.weights", "/etc/passwd", "There is no option 'method.weights'"),
        ("method.lr", {"_target_": "Guide"}, "The record's method.lr is Guide, and the one of"),
        ("method.frozen_g", [{"_target_": "Guide"}], "The record's method.frozen_g holds an obj"),
        ("method.images", 10**12, "method.images=1000000000000 must be at most"),
        ("method.lr", -1.0, "method.lr=-1.0 must be"),
        ("source.weights", None, "source.weights=None must be a text"),
        ("source.invert", None, "source.invert=None is refused"),
        ("eval.samples", "many", "eval.samples=many must be a whole number"),
    ],
)
def test_values_of_a_record_are_held_against_their_constructors(place, value, said):
    with pytest.raises(UserError) as refused:
        configuration(changed(f"config.{place}", value), *GROUPS)
    assert str(refused.value).startswith(said)


def test_a_record_does_not_say_where_files_are_written_nor_how_objects_are_made():
    record = changed("config.data", {**changed("seed", 0).config.data, "cache": "/tmp/evil",
                                     "_recursive_": False, "_args_": [1]})  # fmt: skip
    cfg = configuration(record, "data")
    assert "evil" not in cfg.data.cache
    assert not {"_recursive_", "_args_"} & set(cfg.data)


def test_what_only_a_training_uses_may_have_been_another_object():
    other = {"_target_": "Fixed", "pipeline": "bgc", "p": 0.3, "seed": 0}
    cfg = configuration(changed("config.method.augment", other), "method")
    assert cfg.method.augment._target_ == "core.augment.Off"


def test_a_record_of_each_method_is_still_one_that_can_be_built():
    assert len(committed()) > 15
    for node in committed().values():
        cfg = resolved(configuration(Record.from_json(node), *GROUPS))
        for group in set(GROUPS) & node["config"].keys() - {"swap"}:
            ours = nested.leaves(recipe.unaddressed(recipe.spell_infinity(cfg[group])))
            theirs = nested.leaves(node["config"][group])
            assert {k for k in ours | theirs if ours[k] != theirs[k] and "cache" not in k} == set()


def test_what_another_version_cannot_build_is_one_sentence():
    sentence = r"^it cannot be built by this version: no such option\.$"
    with pytest.raises(UserError, match=sentence), rebuilding("it"):
        raise TypeError("no such\n option")
    with pytest.raises(UserError, match=r"^the file is gone$"), rebuilding("it"):
        raise RuntimeError("around it") from UserError("the file is gone")
