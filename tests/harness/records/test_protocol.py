"""A record's protocol id changes with what its numbers rest on, and with nothing else."""

import copy

import pytest
from omegaconf import OmegaConf

from benchmarks.harness.records import protocol
from benchmarks.harness.records import recipe as recipes
from benchmarks.harness.records.record import Record
from tests.helpers.records import PROVENANCE, record

RECORD = {
    **record("freezesg", "mine", 0, 1.0),
    "metrics": {"kid@a": {"value": 1.0, "better": "lower", "n": 64, "details": {"reference": 50}}},
    "provenance": {
        **dict.fromkeys(PROVENANCE, "x"),
        "weights_sha256": "w", "shots_sha256": "s", "data_sha256": "d", "reference_sha256": "r",
        "split": "list mine-10-0", "reals": "50", "resizer": "pillow lanczos",
        "networks": {"kid@a": {"file": "f"}},
    },
    "config": {
        "method": {"lr": 1},
        "data": {
            "_target_": "x", "root": "/here", "reference_root": "", "photos_root": "",
            "splits": "mine", "shots": 10, "draw": 0, "box": [0, 0, 1, 1], "filter": "lanczos",
            "about": {"title": "Mine"}, "seed": 0, "images": 80, "batch_size": 4, "xflip": True,
        },
        "eval": {
            "samples": 64, "photos": 8, "seed": 2026, "batch_size": 64,
            "metrics": {"kid@a": {"_target_": "KID", "subsets": 100,
                                  "extractor": {"_target_": "A", "weights": "measure"}}},
        },
    },
}  # fmt: skip


def changed(*path, to):
    record = copy.deepcopy(RECORD)
    node = record
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = to
    return record


def summary(record):
    return protocol.summary(record["config"], record["provenance"])


def facts(record):
    return protocol.facts(Record.from_json(record))["kid@a"]


@pytest.mark.parametrize(
    "path",
    [
        ("provenance", "data_sha256"), ("provenance", "reference_sha256"),
        ("provenance", "shots_sha256"), ("provenance", "split"), ("provenance", "resizer"),
        ("provenance", "networks", "kid@a", "file"),
        ("config", "eval", "metrics", "kid@a", "extractor", "weights"),
        ("config", "eval", "metrics", "kid@a", "subsets"), ("config", "data", "box"),
    ],
)  # fmt: skip
def test_what_numbers_rest_on_changes_the_id(path):
    assert summary(changed(*path, to="other"))["id"] != summary(RECORD)["id"]


@pytest.mark.parametrize(("path", "to"), [(("provenance", "reals"), "49"),
                                          (("config", "eval", "samples"), 65),
                                          (("config", "eval", "seed"), 1)])  # fmt: skip
def test_counts_and_the_seed_of_the_evaluation_change_the_id(path, to):
    assert summary(changed(*path, to=to))["id"] != summary(RECORD)["id"]


@pytest.mark.parametrize(
    "path",
    [
        ("method",), ("config", "method", "lr"), ("config", "data", "root"),
        ("config", "data", "about"), ("config", "data", "images"), ("provenance", "weights_sha256"),
        ("config", "eval", "batch_size"),
    ],
)  # fmt: skip
def test_method_source_and_places_do_not(path):
    assert summary(changed(*path, to="other"))["id"] == summary(RECORD)["id"]


def test_a_reader_finds_every_part_in_the_record():
    shown = summary(RECORD)
    assert shown["fakes"] == 64
    assert shown["reals"] == 50
    assert shown["resizer"] == "pillow lanczos"
    assert shown["lists"]["split"] == "list mine-10-0"
    assert shown["extractors"] == {"kid@a": {"weights": "measure"}}
    assert "last weights" in shown["selection"]
    assert len(shown["id"]) == 8


PRECISION = ("config", "machine"), {"trainer": {"precision": "bf16-mixed"}}
OPERATORS = ("provenance", "ops"), "triton"
PIXELS = ("provenance", "reference_pixels_sha256"), "p"


@pytest.mark.parametrize(("path", "to"), [PRECISION, OPERATORS, PIXELS])
def test_how_a_machine_computes_and_what_a_prepared_set_shows_are_told_apart(path, to):
    other = changed(*path, to=to)
    assert summary(other)["id"] != summary(RECORD)["id"]
    assert protocol.differences(facts(RECORD), facts(other))
    usual = changed("config", "machine", to={"threads": 8, "trainer": {"precision": "32-true"}})
    usual["provenance"]["ops"] = "torch"
    assert (summary(usual), facts(usual)) == (summary(RECORD), facts(RECORD))


def test_two_copies_of_a_set_cannot_share_a_column():
    other = changed("provenance", "data_sha256", to="e")
    a, b = facts(RECORD), facts(other)
    assert protocol.differences(a, b) == ["lists.data_sha256 (d and e)"]
    moved = facts(changed("config", "data", "root", to="/there"))
    assert moved == a


@pytest.mark.parametrize(
    ("path", "fact"),
    [
        (("provenance", "shots_sha256"), "shots"),
        (("provenance", "weights_sha256"), "source"),
        (("provenance", "data_sha256"), "lists.data_sha256"),
        (("provenance", "reference_sha256"), "lists.reference_sha256"),
        (("provenance", "split"), "lists.split"),
        (("provenance", "networks", "kid@a", "file"), "networks.file"),
        (("config", "data", "box"), "data.box"),
        (("config", "data", "filter"), "data.filter"),
        (("config", "data", "draw"), "data.draw"),
        (("config", "eval", "samples"), "eval.samples"),
        (("config", "eval", "photos"), "eval.photos"),
        (("config", "eval", "seed"), "eval.seed"),
        (("config", "eval", "metrics", "kid@a", "subsets"), "metric.subsets"),
        (("config", "eval", "metrics", "kid@a", "extractor", "weights"),
         "metric.extractor.weights"),
        (("metrics", "kid@a", "n"), "pictures.fakes"),
        (("metrics", "kid@a", "details", "reference"), "pictures.reals"),
    ],
)  # fmt: skip
def test_records_that_differ_in_a_fact_cannot_share_a_column(path, fact):
    node = RECORD
    for key in path:
        node = node[key]
    other = changed(*path, to=node + 1 if isinstance(node, int) else "e")
    found = protocol.differences(facts(RECORD), facts(other))
    assert [words.partition(" (")[0] for words in found] == [fact]


def test_what_another_metric_looks_through_is_nothing_to_this_one():
    other = changed("provenance", "networks", to={"kid@a": {"file": "f"}, "fd@b": {"file": "g"}})
    assert facts(RECORD) == facts(other)


def test_a_published_set_is_one_column_wherever_it_lies_and_a_folder_is_not():
    here = {**RECORD, "data": "metfaces", "overrides": ["data.root=/here", "data.shots=5"]}
    assert Record.from_json(here).data_label == "metfaces data.shots=5"
    mine = changed("config", "data", "splits", to="")
    mine |= {"data": "folder", "overrides": ["data.root=/here"]}
    assert Record.from_json(mine).data_label == "folder data.root=/here"


def test_the_recipe_of_a_published_set_knows_no_places(composed):
    def recipe(name, *words):
        choices = {"method": "finetune", "data": name, "source": "tiny", "eval": "smoke"}
        config = OmegaConf.to_container(composed(f"data={name}", *words), resolve=False)
        return recipes.recipe(config, choices)

    plain = recipe("metfaces", "data.root=/here")
    assert recipe("metfaces", "data.root=/there", "data.about.pictures=3") == plain
    assert recipe("metfaces", "data.root=/here", "data.box=[0,0,1,0.5]") != plain
    assert recipe("folder", "data.root=/here") != recipe("folder", "data.root=/there")


def test_drawn_people_have_no_lists_and_keep_the_facts_they_had():
    record = changed("provenance", to=dict.fromkeys(PROVENANCE, "x"))
    assert not [key for key in facts(record) if key.startswith("lists")]
