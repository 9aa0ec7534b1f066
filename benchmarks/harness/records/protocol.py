"""What must be equal before two numbers may stand in one column."""

from __future__ import annotations

import json
from typing import Any

from core import hashing

NEUTRAL = (
    *("_target_", "cache", "root", "reference_root", "photos_root"),
    *("images", "batch_size", "seed", "xflip", "about"),
)
"""Of the data: names in the code, places on a machine, the schedule of the training, prose."""

LISTS = ("data_sha256", "reference_sha256", "photos_sha256", "split", "prepared")
"""Of the provenance: which pictures a folder's numbers rest on; drawn people have no such list."""

SELECTION = "the last weights; no checkpoint is chosen by a metric"

Facts = dict[str, str]


def facts(record: dict[str, Any], metric: str) -> Facts:
    """Everything that a metric's value rests on beside the method, by dotted name.

    The record holds the metric. Two records with equal facts were judged by the same protocol.
    """
    config, found = record["config"], record["metrics"][metric]
    judged = config.get("eval", {})
    own = {k: v for k, v in judged.get("metrics", {}).get(metric, {}).items() if k != "_target_"}
    reals = found.get("details", {}).get("reference", 0)
    counted = {"fakes": found["n"], "reals": reals if isinstance(reals, int) else 0}
    where = record["provenance"]
    return flat(
        {
            "metric": own,
            "pictures": counted,
            "eval": {key: judged[key] for key in ("samples", "photos", "seed") if key in judged},
            "data": {k: v for k, v in config.get("data", {}).items() if k not in NEUTRAL},
            "shots": where.get("shots_sha256", ""),
            "lists": {key: where[key] for key in LISTS if key in where},
            "networks": where.get("networks", {}).get(metric, {}),
            "source": where["weights_sha256"],
        }
    )


def summary(record: dict[str, Any]) -> dict[str, Any]:
    """How a whole run was judged, for its record: an id, and what the id is the hash of.

    Two records with one id were judged alike in everything but the source and the method, whether
    or not they hold the same metrics. :func:`facts` says the same of a single metric.
    """
    config, where = record["config"], record["provenance"]
    judged, data = config["eval"], config["data"]
    known = {
        "data": {k: v for k, v in data.items() if k not in NEUTRAL},
        "lists": {key: where[key] for key in LISTS if key in where},
        "split": where.get("shots_sha256", ""),
        "fakes": judged["samples"],
        "photos": judged["photos"],
        "reals": int(where.get("reals", data.get("reference", 0))),
        "resizer": where.get("resizer", "none: drawn at this size"),
        "metrics": judged["metrics"],
        "networks": where.get("networks", {}),
        "seed": judged["seed"],
        "selection": SELECTION,
    }
    extractors = {key: _extractor(node) for key, node in judged["metrics"].items()}
    shown = {k: v for k, v in known.items() if k not in ("data", "metrics", "networks", "seed")}
    return {"id": identify(flat(known)), **shown, "extractors": extractors}


def _extractor(metric: dict[str, Any]) -> dict[str, Any]:
    """What a metric looks through, less its name in the code."""
    node = metric.get("extractor", {})
    return {k: v for k, v in node.items() if k != "_target_"} if isinstance(node, dict) else {}


def identify(known: Facts) -> str:
    """Eight hex digits of :func:`facts`."""
    return hashing.of_json(known)[:8]


def differences(a: Facts, b: Facts) -> list[str]:
    """In which facts two protocols differ, in words."""
    keys = sorted(key for key in a.keys() | b.keys() if a.get(key) != b.get(key))
    return [f"{key} ({shorten(a.get(key))} and {shorten(b.get(key))})" for key in keys]


def shorten(value: str | None) -> str:
    """At most twelve signs of a fact: a checksum needs no more."""
    if value is None:
        return "absent"
    return value if len(value) <= 12 else f"{value[:12]}…"


def flat(node: Any, prefix: str = "") -> Facts:
    """A nested mapping as one of dotted names and JSON texts."""
    if not isinstance(node, dict):
        return {prefix: node if isinstance(node, str) else json.dumps(node, sort_keys=True)}
    found: Facts = {}
    for key, value in node.items():
        found |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return found
