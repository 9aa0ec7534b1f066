"""What a run is called: its recipe, its file name, and classes without addresses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from benchmarks.harness.records import nested
from core import hashing

GROUPS = ("method", "data", "source", "eval")
NOT_RECIPE = ("seed", "machine", "logger", "folder", "existing", "checkpoint", "resume")
"""What does not define the experiment: two runs that differ in these are repetitions."""
PLACES = ("root", "reference_root", "photos_root")
"""Of the data: where a published set lies on a machine; checksums say whether it is the same."""


def recipe(config: Mapping[str, Any], choices: Mapping[str, str]) -> str:
    """Eight hex digits of the unresolved configuration: equal across seeds, machines, folders.

    ``config`` are plain containers, ``choices`` the name of each of GROUPS.
    """
    kept = {key: value for key, value in config.items() if key not in NOT_RECIPE}
    if not config.get("swap", {}).get("resolution"):  # no layer is swapped, in whichever way
        kept.pop("swap", None)
    idle = ("about", *(PLACES if config["data"].get("splits") else ()))
    kept["data"] = {key: value for key, value in config["data"].items() if key not in idle}
    chosen = {group: choices[group] for group in GROUPS}
    return hashing.of_json([unaddressed(kept), chosen])[:8]


def name(choices: Mapping[str, str], recipe: str, seed: int) -> str:
    """File name of a run without its ending."""
    return f"{choices['method']}--{choices['data']}--{choices['source']}--{recipe}--s{seed}"


def unaddressed(node: Any) -> Any:
    """A configuration whose classes stand under their own names, in whichever file they lie.

    Ids are hashes of what is meant, so that code can move without renaming its results.
    """
    return nested.changed(node, lambda k, v: v.rpartition(".")[2] if k == "_target_" else v)


def spell_infinity(node: Any) -> Any:
    """A configuration as JSON has it: JSON knows no infinity, which becomes its YAML name."""
    spelling = {"Infinity": ".inf"}
    return json.loads(json.dumps(node), parse_constant=lambda n: spelling.get(n, float(n)))
