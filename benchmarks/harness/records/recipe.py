"""What a run is called, and what the words of its command line changed: its method or its task."""

import copy
import json
import os
import re
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
IDLE = {
    *(("data", "cache"), ("eval", "batch_size"), ("eval", "keep"), ("eval", "tolerance")),
    # Tables are of a source by its name, and protocols of its checksum.
    *(("source", name) for name in ("", "name", "weights", "sha256")),
}
"""What changes no number."""
ARITHMETIC = {
    **{"ops": "auto", "precision": "32-true", "max_epochs": 1},
    **{"streams": "device", "tf32": False, "fp16_resolutions": 0},
}
"""Of the machine: what all records were made with until one says otherwise, so that ids stay."""
PRECISIONS = {"16": "16-mixed", "bf16": "bf16-mixed", "32": "32-true", "64": "64-true"}
WHERE = (
    *("_target_", "_partial_", "cache", "threads", "deterministic", "accelerator", "devices"),
    *("num_nodes", "strategy", "enable_progress_bar", "enable_checkpointing", "profiler"),
    *("enable_model_summary", "num_sanity_val_steps", "use_distributed_sampler", "benchmark"),
)
"""Of the machine: where a run happens; repetitions elsewhere are compared by their numbers."""
PLACE = re.compile(r"(?<![\w.~/\\:}<-])(?:~|[A-Za-z]:)?[/\\][^\s,;'\"\[\](){}]+")
"""An absolute path, or one that begins at home, somewhere in a text."""


def recipe(config: Mapping[str, Any], choices: Mapping[str, str]) -> str:
    """Eight hex digits of an unresolved configuration: equal across seeds, machines, folders."""
    kept = {key: value for key, value in config.items() if key not in NOT_RECIPE}
    if not config.get("swap", {}).get("resolution"):  # no layer is swapped, in whichever way
        kept.pop("swap", None)
    idle = ("about", *(PLACES if config["data"].get("splits") else ()))
    kept["data"] = {key: value for key, value in config["data"].items() if key not in idle}
    if own := arithmetic(config.get("machine", {})):
        kept["machine"] = own
    return hashing.of_json([unaddressed(kept), {group: choices[group] for group in GROUPS}])[:8]


def name(choices: Mapping[str, str], recipe: str, seed: int) -> str:
    """File name of a run without its ending."""
    return f"{choices['method']}--{choices['data']}--{choices['source']}--{recipe}--s{seed}"


def arithmetic(machine: Mapping[str, Any]) -> dict[str, Any]:
    """What of a machine changes numbers by intent, where it is not what is usual. What ``auto``
    makes of the precision is where a run happens: the record says it, an id is a command's.
    """
    own = {**machine, **machine.get("trainer", {})}
    asked = machine.get("precision", own.pop("precision", "auto"))
    own |= {} if asked == "auto" else {"precision": PRECISIONS.get(str(asked), asked)}
    return {key: value for key, value in own.items()
            if key not in (*WHERE, "trainer") and value != ARITHMETIC.get(key)}  # fmt: skip


def portable(node: Any) -> Any:
    """A part of a record in which places at home begin with ``~``: found again, no user named."""
    home = os.path.expanduser("~").rstrip("/\\")
    at_home = re.compile(rf"(?<![\w.~/\\-]){re.escape(home)}(?=[/\\])")

    def short(_: str, value: Any) -> Any:
        return at_home.sub("~", value) if isinstance(value, str) and home else value

    return nested.changed(node, short)


def public(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record, or what it will hold, without where things lie on this machine."""
    node = copy.deepcopy(dict(record))
    for part, places in {"data": (*PLACES, "cache"), "machine": ("cache",)}.items():
        for place in places:
            node["config"].get(part, {}).pop(place, None)
    node["config"].pop("folder", None)
    local = {("data", place) for place in PLACES}
    words = [word for word in node.get("overrides", []) if key_of(word) not in local]
    return nested.changed(node | {"overrides": words}, lambda _, value: unplaced(value))


def unplaced(value: Any) -> Any:
    """A value in which paths of this machine are the names at their ends."""
    if not isinstance(value, str):
        return value
    key, equals, path = value.partition("=")
    if not equals:
        key, path = "", value
    if PLACE.match(path):  # which may hold spaces
        return f"{key}{equals}{name_of(path)}"
    return PLACE.sub(lambda found: name_of(found[0]), value)


def name_of(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1]


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
    return group in ("method", "length", "swap") or (group == "data" and name in SCHEDULE)


def is_swap(word: str) -> bool:
    """Whether an override is about layer swap."""
    return key_of(word)[0] == "swap"
