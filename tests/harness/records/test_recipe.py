"""What a run and its protocol are called does not depend on where the code lies."""

import hashlib
import json
import math

import pytest
from omegaconf import OmegaConf

from benchmarks.harness.config import targets
from benchmarks.harness.records import protocol, recipe
from benchmarks.harness.records.record import SCHEMA, Record
from benchmarks.harness.records.run_id import Place, RunId
from core.paths import ROOT
from tests.helpers import conf

RUNS = sorted((ROOT / "results" / "runs").glob("*.json"))
DIGESTS = ROOT / "tests" / "golden" / "metric_digests.json"


def moved(node, to):
    """A configuration whose classes lie in another file."""
    if isinstance(node, list):
        return [moved(value, to) for value in node]
    if not isinstance(node, dict):
        return node
    return {
        k: f"{to}.{v.rpartition('.')[2]}" if k == "_target_" else moved(v, to)
        for k, v in node.items()
    }


@pytest.mark.parametrize("method", ["freezesg", "cdc", "dualstylegan", "jojogan"])
def test_a_class_that_moves_renames_no_run_and_one_that_changes_does(composed, method):
    cfg = composed(f"method={method}", "data=parafaces_clay")
    choices = {"method": method, "data": "parafaces_clay", "source": "tiny", "eval": "smoke"}
    config = OmegaConf.to_container(cfg, resolve=False)
    before = recipe.recipe(config, choices)
    assert recipe.recipe(moved(config, "some.other.place"), choices) == before
    config["method"]["_target_"] += "Released"
    assert recipe.recipe(config, choices) != before
    config = OmegaConf.to_container(cfg, resolve=False)
    config["method"]["images"] += 1
    assert recipe.recipe(config, choices) != before


def test_what_a_record_holds_is_the_same_wherever_its_classes_lie(composed):
    cfg = composed("method=cdc", "data=parafaces_clay")
    plain = OmegaConf.to_container(cfg, resolve=True)
    assert recipe.unaddressed(plain) == recipe.unaddressed(moved(plain, "a.b"))


def test_every_name_in_the_yamls_means_one_class():
    named = conf.targets()
    assert len(named) > 50
    assert len({target.rpartition(".")[2] for target in named}) == len(named)
    for target in named:
        targets.allowed("_target_", target)


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_a_committed_record_holds_no_address_and_its_own_protocol(path):
    record = Record.read(path).to_json()
    assert record["config"] == recipe.unaddressed(record["config"])
    assert record["protocol"] == protocol.summary(record["config"], record["provenance"])


def digest(record):
    """Of everything that was measured."""
    text = json.dumps([record["metrics"], record["cost"]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def test_no_number_changed_when_ids_were_issued_anew():
    """Digests by what a run was and when, taken before; a run that is gone is no longer asked."""
    known = json.loads(DIGESTS.read_text(encoding="utf-8"))
    found = {}
    for record in (Record.read(path).to_json() for path in RUNS):
        what = " ".join(str(record[key]) for key in ("method", "data", "source", "seed"))
        level = record.get("of", "") and record["config"]["swap"]["resolution"]
        found[f"{what} {record['provenance']['started']} {level}"] = digest(record)
    shared = known.keys() & found.keys()
    assert shared
    assert {key: found[key] for key in shared} == {key: known[key] for key in shared}


def test_a_run_is_named_by_what_it_is_and_remembers_its_words(tmp_path):
    place = Place("0123abcd", tmp_path / "out" / "name", tmp_path / "runs" / "name.json")
    choices = dict(zip(recipe.GROUPS, ("cdc", "folder", "tiny", "smoke"), strict=True))
    resolved = {
        "seed": 7,
        "swap": {"resolution": 0},
        "method": {"_target_": "a.b.C", "every": math.inf},
    }
    run = RunId.of(place, resolved, choices | {"swap": "weights"}, ["method.lr=1", "swap=features"])
    own = {"seed": 7, "recipe": "0123abcd", "overrides": ["method.lr=1"]}
    assert run.head == {"schema": SCHEMA, **choices, **own}
    assert run.config["method"] == {"_target_": "C", "every": ".inf"}
    assert (run.name, run.published, run.title) == ("name", place.published, "cdc / folder")
    resolved["swap"]["resolution"] = 16
    swapped = RunId.of(place, resolved, choices, ["swap=features"])
    assert swapped.head["overrides"] == ["swap=features"]
    assert swapped.title == "cdc / folder / up to 16 px the source's layers"
