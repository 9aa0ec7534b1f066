"""What must be equal before two numbers may stand in one column."""

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.harness.records import nested, recipe
from benchmarks.harness.records.record import Record
from core import hashing

NEUTRAL = (
    *("_target_", "cache", "root", "reference_root", "photos_root"),
    *("images", "batch_size", "seed", "xflip", "about"),
)
"""Of the data: names in the code, places on a machine, the schedule of the training, prose."""
LISTS = (
    *("data_sha256", "reference_sha256", "photos_sha256", "split", "prepared"),
    *("reference_pixels_sha256", "photos_pixels_sha256"),
)
"""Of the provenance: which pictures a folder's numbers rest on; drawn people have no such list.
Pixels stand for a set that was prepared, whose files are called by the checksums of others.
"""
SELECTION = "the last weights; no checkpoint is chosen by a metric"

Facts = dict[str, str]


def facts(record: Record) -> dict[str, Facts]:
    """What each metric's value rests on beside the method: equal facts mean the same protocol."""
    where = record.to_json()["provenance"]
    shared = {
        "eval": only(("samples", "photos", "seed"), record.to_json()["config"].get("eval", {})),
        "data": without(NEUTRAL, record.config.data),
        "shots": where.get("shots_sha256", ""),
        "lists": only(LISTS, where),
        "source": where["weights_sha256"],
        "arithmetic": arithmetic(record.to_json()["config"], where),
    }
    by_metric = {}
    for name, metric in record.metrics.items():
        reals = metric.details.reference
        own = {
            "metric": without(("_target_",), record.config.eval.metrics.get(name, {})),
            "pictures": {"fakes": metric.n, "reals": reals if isinstance(reals, int) else 0},
            "networks": where.get("networks", {}).get(name, {}),
        }
        by_metric[name] = flat(own | shared)
    return by_metric


def summary(config: Mapping[str, Any], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """How a run is measured whatever its source and method: an id, and what it is the hash of."""
    evaluation, data = config["eval"], config["data"]
    hashed = {
        "data": without(NEUTRAL, data),
        "lists": only(LISTS, provenance),
        "split": provenance.get("shots_sha256", ""),
        "fakes": evaluation["samples"],
        "photos": evaluation["photos"],
        "reals": int(provenance.get("reals", data.get("reference", 0))),
        "resizer": provenance.get("resizer", "none: drawn at this size"),
        "metrics": evaluation["metrics"],
        "networks": provenance.get("networks", {}),
        "seed": evaluation["seed"],
        "selection": SELECTION,
    }
    nodes = {key: metric.get("extractor", {}) for key, metric in evaluation["metrics"].items()}
    extractors = {
        key: without(("_target_",), node) if isinstance(node, dict) else {}
        for key, node in nodes.items()
    }
    hashed |= {"arithmetic": own} if (own := arithmetic(config, provenance)) else {}
    readable = without(("data", "metrics", "networks", "seed"), hashed)
    return {"id": identify(flat(hashed)), **readable, "extractors": extractors}


def arithmetic(config: Mapping[str, Any], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What of the machine changes numbers, where it is not the usual: operators as they were."""
    own = recipe.arithmetic(config.get("machine", {})) | {"ops": provenance.get("ops", "torch")}
    return {key: value for key, value in own.items() if (key, value) != ("ops", "torch")}


def only(keys: tuple[str, ...], node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: node[key] for key in keys if key in node}


def without(keys: tuple[str, ...], node: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key not in keys}


def identify(facts: Facts) -> str:
    """Eight hex digits of facts."""
    return hashing.of_json(facts)[:8]


def differences(a: Facts, b: Facts) -> list[str]:
    """In which facts two protocols differ, in words."""
    keys = sorted(key for key in a.keys() | b.keys() if a.get(key) != b.get(key))
    return [f"{key} ({shorten(a.get(key))} and {shorten(b.get(key))})" for key in keys]


def shorten(value: str | None) -> str:
    """At most twelve signs of a fact: a checksum needs no more."""
    if value is None:
        return "absent"
    return value if len(value) <= 12 else f"{value[:12]}…"


def flat(node: dict[str, Any]) -> Facts:
    """A nested mapping as one of dotted names and JSON texts."""

    def text(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value, sort_keys=True)

    return {key: text(value) for key, value in nested.leaves(node, branches=(dict,)).items()}
