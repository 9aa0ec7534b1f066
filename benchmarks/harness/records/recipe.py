"""What a run is called, and what the words of its command line changed: its method or its task."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from benchmarks.harness.records import nested
from core import hashing

GROUPS = ("method", "data", "source", "eval")
NOT_RECIPE = ("seed", "machine", "logger", "folder", "existing", "checkpoint", "resume")
"""What does not define the experiment: two runs that differ in these are repetitions."""
PLACES = ("root", "reference_root", "photos_root")
"""Of the data: where a published set lies on a machine; checksums say whether it is the same."""
SCHEDULE = ("images", "batch_size", "seed", "xflip")  # of the data: what belongs to the training
IDLE = {("data", "cache"), ("eval", "batch_size"), ("eval", "keep"), ("eval", "tolerance")}
"""What changes no number."""


def recipe(config: Mapping[str, Any], choices: Mapping[str, str]) -> str:
    """Eight hex digits of an unresolved configuration: equal across seeds, machines, folders."""
    kept = {key: value for key, value in config.items() if key not in NOT_RECIPE}
    if not config.get("swap", {}).get("resolution"):  # no layer is swapped, in whichever way
        kept.pop("swap", None)
    idle = ("about", *(PLACES if config["data"].get("splits") else ()))
    kept["data"] = {key: value for key, value in config["data"].items() if key not in idle}
    return hashing.of_json([unaddressed(kept), {group: choices[group] for group in GROUPS}])[:8]


def name(choices: Mapping[str, str], recipe: str, seed: int) -> str:
    """File name of a run without its ending."""
    return f"{choices['method']}--{choices['data']}--{choices['source']}--{recipe}--s{seed}"


def unaddressed(node: Any) -> Any:
    """A configuration without addresses of classes: ids are hashes of what is meant."""
    return nested.changed(node, lambda k, v: v.rpartition(".")[2] if k == "_target_" else v)


def spell_infinity(node: Any) -> Any:
    """A configuration as JSON has it: JSON knows no infinity, which becomes its YAML name."""
    spelling = {"Infinity": ".inf"}
    return json.loads(json.dumps(node), parse_constant=lambda n: spelling.get(n, float(n)))


def key_of(word: str) -> tuple[str, str]:
    """Group and name of what an override sets."""
    group, _, name = word.lstrip("+~").partition("=")[0].partition(".")
    return group, name


def of_task(words: Iterable[str], *, published: bool) -> tuple[str, ...]:
    """The overrides of data, source or evaluation that change a number."""
    # Where a published set lies says nothing: its checksums are in the protocol.
    idle = IDLE | ({("data", place) for place in PLACES} if published else set())
    return tuple(w for w in sorted(words) if not is_of_method(w) and key_of(w) not in idle)


def is_of_method(word: str) -> bool:
    group, name = key_of(word)
    return group in ("method", "swap") or (group == "data" and name in SCHEDULE)


def is_swap(word: str) -> bool:
    """Whether an override is about layer swap."""
    return key_of(word)[0] == "swap"
