"""Many configurations that differ in method and data, each file of them read once. Hydra takes 0.15
s of CPU for a configuration however little of it is new, 3 s for a sweep of twenty methods. What a
choice of method or data means beside the same words is its file merged with those it names as its
bases; for anything else Hydra is asked. A test holds both against one another.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, NamedTuple

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType

from benchmarks.harness.config import looked_through, rules
from benchmarks.harness.config.compose import Composition, compose, our_hydra
from benchmarks.harness.config.files import plain
from benchmarks.harness.config.purposes import purpose
from benchmarks.harness.io import external_weights
from core.errors import UserError
from core.paths import CONF

EXCHANGED = ("method", "data")
REACHING = (*EXCHANGED, "tuned", "length")
"""How words begin that change what a file of those groups says."""
SELF = "_self_"
FOREIGN = {
    "existing": "a sweep runs what is missing (--again repeats what failed)",
    "hydra": "a launcher or sweeper of Hydra's belongs to python -m benchmarks.run -m",
}
"""Words that a sweep sets itself, or of another command."""


class SweepWord(NamedTuple):
    """A word of a command line that may stand for several values, as Hydra's sweeps write them."""

    text: str  # as it was written
    key: str  # whose values it gives
    values: list[str]  # the words ``key=value`` that it stands for
    glob: bool = False  # whether it names them by a pattern


def parse(words: Sequence[str]) -> list[SweepWord]:
    """What the words of a sweep stand for; those that are none of a sweep's are refused."""
    with our_hydra() as loader:
        overrides = OverridesParser.create(config_loader=loader).parse_overrides(list(words))
        return [sweep_word(override) for override in overrides]


def sweep_word(override: Override) -> SweepWord:
    text, key = str(override.input_line), override.get_key_element()
    first = override.key_or_group.replace("/", ".").split(".")[0]
    if first in FOREIGN:
        raise UserError(f"{text} is refused: {FOREIGN[first]}.")
    if not override.is_sweep_override():
        return SweepWord(text, key, [text])
    if not override.is_discrete_sweep():
        raise UserError(f"{text} names no values; a sweep needs a list of them.")
    values = [f"{key}={value}" for value in override.sweep_string_iterator()]
    return SweepWord(text, key, values, override.value_type == ValueType.GLOB_CHOICE_SWEEP)


class CompositionGrid:
    """Composes configurations as :func:`compose` does."""

    def __init__(self) -> None:
        self.composed: dict[tuple[str, ...], Composition] = {}

    def __call__(self, words: Sequence[str]) -> Composition:
        chosen = dict(word.split("=", 1) for word in words if key_of(word) in EXCHANGED)
        others = tuple(word for word in words if key_of(word) not in EXCHANGED)
        key = (*others, *sorted(chosen))  # a choice that is not named is the usual one
        job = key in self.composed and exchanged(self.composed[key], chosen, others)
        if not job:
            job = compose(words)
            self.composed.setdefault(key, job)
        return replace(job, words=tuple(words))


def key_of(word: str) -> str:
    return word.split("=", 1)[0]


def exchanged(job: Composition, chosen: dict[str, str], rest: Sequence[str]) -> Composition | None:
    """A composition with other choices of method and data; None where only Hydra knows."""
    choices = job.choices | chosen
    files = {(c["method"], c["data"]) for c in (job.choices, choices)}
    tuned = any((CONF / "tuned" / f"{method}_{data}.yaml").is_file() for method, data in files)
    reaching = any(key_of(word).lstrip("+~").startswith(REACHING) for word in rest)
    nodes = {group: node_of(group, name) for group, name in choices.items()}
    large = looked_through.large(job.unresolved["source"].get("resolution"))
    if tuned or reaching or large or None in nodes.values():
        return None
    unresolved = job.unresolved | {group: nodes[group] for group in chosen}
    return Composition(rules.applied(unresolved), choices)


def unfit(group: str, choice: str, words: Sequence[str]) -> str:
    """Why a glob of a sweep leaves a choice out, or nothing; ``words`` are all of its line."""
    if choice.startswith("_"):
        return "it is the abstract base of others"
    node = node_of(group, choice) or {}
    if node.get("root") == "" and f"{group}.root" not in map(key_of, words):
        return f"{group}.root must be given"
    if group == "source" and (missing := not_here(str(node.get("weights", "")))):
        return missing
    return purpose(group, choice)


def not_here(weights: str) -> str:
    """Why a source cannot be built of what is on this machine, or nothing."""
    if weights == "???":
        return "it is named by its path"
    files = external_weights.listed()
    absent = weights in files and files[weights].state != "present"
    return f"its file is not here: {files[weights].command}" if absent else ""


@cache
def node_of(group: str, name: str) -> dict[str, Any] | None:
    """A choice merged with its bases; None where it is none, or reaches beyond its group."""
    path = CONF / group / f"{name}.yaml"
    if not path.is_file():
        return None
    own = plain(path)
    own.pop("lengths", None)  # of which none but the usual is asked for here
    bases = own.pop("defaults", [SELF])
    whole: dict[str, Any] = {}
    for base in bases if SELF in bases else [None]:
        layer = own if base == SELF else layer_of(group, base)
        if layer is None:
            return None
        whole = merged(whole, layer)
    return whole


def layer_of(group: str, base: Any) -> dict[str, Any] | None:
    """What an entry of a list of bases brings; None where it reaches beyond its group."""
    if isinstance(base, dict):  # choices of groups within this one
        (key, name), *others = base.items()
        place, node = key, node_of(f"{group}/{key}", name) if not others else None
    else:
        name, _, place = str(base).partition("@")
        node = node_of(group, name)
    if node is None or not all(part.isidentifier() for part in place.split(".") if place):
        return None
    for part in reversed(place.split(".") if place else ()):
        node = {part: node}
    return node


def merged(below: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Nested values of which ``own`` win; lists are values."""
    both = {key: merged(below[key], value) for key, value in own.items()
            if isinstance(value, dict) and isinstance(below.get(key), dict)}  # fmt: skip
    return below | own | both
