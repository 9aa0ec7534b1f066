"""What the yamls say: which weights train, and the numbers that records and papers rest on."""

import json
from functools import cache

import pytest

from benchmarks.harness.config.build import build
from benchmarks.harness.config.grid import CompositionGrid
from benchmarks.harness.config.purposes import names, purpose
from benchmarks.harness.config.validation import choices_of
from benchmarks.harness.records import recipe
from benchmarks.harness.records.nested import leaves
from benchmarks.harness.records.recipe import portable
from core.freeze import trainable
from core.paths import ROOT


def test_freezesg_freezes_the_first_blocks_and_nothing_else(composed):
    cfg = composed("method=freezesg")
    adapter = build(cfg.method, build(cfg.source))
    frozen = {n for n, p in adapter.g.named_parameters() if not p.requires_grad}
    assert frozen
    assert all(n.startswith(("synthesis.b4.", "synthesis.b8.")) for n in frozen)


def test_the_released_freezeg_counts_trained_blocks(composed):
    cfg = composed("method=freezeg_released")
    adapter = build(cfg.method, build(cfg.source))
    moving = {n for n, p in adapter.g.named_parameters() if p.requires_grad}
    blocks = {n.split(".")[1] for n in moving}
    assert blocks == {"b8", "b16", "b32", "b64"}


def test_freezed_trains_the_three_lowest_blocks_of_the_discriminator(composed):
    cfg = composed("method=freezed")
    adapter = build(cfg.method, build(cfg.source))
    assert len(trainable(adapter.d)) < len(list(adapter.d.parameters()))
    moving = {n.split(".")[0] for n, p in adapter.d.named_parameters() if p.requires_grad}
    assert moving == {"b16", "b8", "b4"}


@pytest.mark.parametrize("name", ["paper", "paper_all"])
def test_papers_compare_with_the_whole_set_and_the_other_evaluations_as_before(composed, name):
    assert composed("data=aahq", f"eval={name}").data.reference == 100_000
    assert composed("data=aahq", f"eval={name}", "data.reference=9").data.reference == 9
    drawn = composed("data=parafaces_webtoon", f"eval={name}").data
    assert drawn.reference == drawn.pairs
    assert composed("data=aahq", "eval=faces").data.reference == 2000


SINCE = {
    "method.ema.half_life_kimg",
    "method.unnamed_strength.preserve",
    "method.images",
    "data.images",
}
"""Numbers of methods that changed since the committed records were made (docs/tuning.md)."""


def test_the_yamls_still_say_what_every_committed_run_was_made_with():
    """But for keys that are new since, and of a source, which stands in no table, how it is judged:
    what is asked since then is a gap in older records.
    """
    groups, differ = ("method", "data", "source", "swap", "eval"), {}
    grid = CompositionGrid()
    composed_once = cache(lambda *words: portable(grid(words).run_id.config))
    paths = sorted((ROOT / "results" / "runs").glob("*.json"))
    for path in paths:
        record = json.loads(path.read_text(encoding="utf-8"))
        # Where a published set lies is no part of a recipe, and without it few need Hydra.
        words = [
            word for word in record["overrides"] if recipe.key_of(word)[1] not in recipe.PLACES
        ]
        made = composed_once(*(f"{group}={record[group]}" for group in recipe.GROUPS), *words)
        of_a_row = not purpose("method", record["method"])
        for group in groups if of_a_row else ("method",):
            then, now = (leaves(config[group]) for config in (record["config"], made))
            for key, value in then.items():
                if key.split(".")[-1] in (*recipe.PLACES, "cache"):
                    continue
                if key.endswith("seed") and (value, now[key]) == (record["seed"], 0):
                    continue  # composed once for all seeds
                if now.get(key) != value and f"{group}.{key}" not in SINCE:
                    differ.setdefault(f"{group}.{key}", path.stem)
    assert len(paths) > 200
    assert differ == {}


PUBLISHED = {
    "KID": {"subsets": 100}, "KIDInterval": {"subsets": 100},  # arXiv:1801.01401
    "FDInfinity": {"points": 15},  # arXiv:1911.07023
    "Precision": {"k": 3}, "Recall": {"k": 3},  # arXiv:1904.06991
    "Density": {"k": 5}, "Coverage": {"k": 5},  # arXiv:2002.09797
    "IntraCluster": {"samples": 1000, "cap": 50},  # arXiv:2104.06820
    "IntraClusterMaps": {"samples": 1000, "cap": 50},
    "NearestShot": {"samples": 1000}, "NearestShotMaps": {"samples": 1000},
    "PerceptualPathLength": {"epsilon": 1e-4, "place": "end"},  # arXiv:1912.04958
    "CMMD": {"sigma": 10},  # arXiv:2401.09603
}  # fmt: skip


@pytest.mark.parametrize("choice", choices_of("eval"))
def test_every_evaluation_takes_the_numbers_that_are_published(composed, choice):
    found = 0
    for name, node in composed(f"eval={choice}").eval.metrics.items():
        expected = PUBLISHED.get(node._target_.rpartition(".")[2], {})
        assert {key: node[key] for key in expected} == expected, name
        found += len(expected)
    assert found


def test_every_method_and_data_set_has_the_name_that_papers_give_it():
    words = {*choices_of("method"), *choices_of("data")} - {"folder"}
    assert names().keys() == words
