"""Words of a command line to a configuration: Hydra's composition, and the choices behind it."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePath
from typing import Any, Self

import hydra
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import OverrideParseException
from omegaconf import DictConfig, OmegaConf

from benchmarks.harness.config import environment, framing, looked_through, rules, targets
from benchmarks.harness.config.validation import GROUPS, check
from benchmarks.harness.records import nested
from benchmarks.harness.records.run_id import Place, RunId
from core.conversion import FRESH, resolution
from core.errors import UserError
from core.paths import CONF, placed

SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
PRECISION = re.compile(r"^\+*machine\.trainer\.precision=")  # the same word, in Lightning's place
DISCRIMINATOR = "source.discriminator="
FILE = "file"  # the choice of a source that is a file
PLACE = re.compile(r"~|\S*\$\{|.*[/\\]|.*\.(safetensors|pt|pth|pkl|ckpt)$")
"""How a file is told from the name of a source."""
TARGET = "_target_"
OWN = ("method.", "data.", "source.", "eval.", "swap.", "swap=", "length=")
"""How the words begin that change an experiment beyond its choices."""


@dataclass(frozen=True)
class Composition:
    """A composed configuration."""

    unresolved: dict[str, Any]  # with its interpolations, without Hydra's own node
    choices: dict[str, str]  # name of the yaml of each group
    words: tuple[str, ...] = ()  # of the command line, without Hydra's own

    @cached_property
    def cfg(self) -> DictConfig:
        """What is built from."""
        return OmegaConf.create(self.unresolved)

    def checked(self) -> Self:
        """The same, where nothing in it is what cannot be meant."""
        check(self.cfg)
        self.check_framing()
        return self

    def check_framing(self) -> None:
        framing.check(self.unresolved["source"], self.unresolved["data"], self.words)

    @property
    def overrides(self) -> list[str]:
        """The words that change the experiment beyond its choices, as a record keeps them."""
        return [word for word in self.words if word.lstrip("+~").startswith(OWN)]

    @property
    def source(self) -> str:
        """What the source is called: other weights than those of its yaml are another source."""
        name = str(self.unresolved["source"].get("name", self.choices["source"]))
        if not SOURCE.fullmatch(name) or "--" in name:
            raise UserError(
                f"source.name={name} cannot be in the name of a file: source.name=NAME, of "
                "letters, digits, dots and single dashes."
            )
        return name

    @property
    def place(self) -> Place:
        folder = self.unresolved["folder"]
        if "${" in str(folder):  # else there is no need to resolve everything
            folder = self.cfg.folder
        return Place.of(self.unresolved, self.choices, str(folder), self.source)

    @cached_property
    def run_id(self) -> RunId:
        named = environment.named(self.unresolved)  # no record holds what a variable says
        resolved: Any = OmegaConf.to_container(OmegaConf.create(named.node), resolve=True)
        choices, words = self.choices | {"source": self.source}, self.overrides
        if choices != self.choices:  # nobody could tell then of which yaml the other words are
            words = [*(word for word in self.words if word.startswith("source=")), *words]
        return RunId.of(self.place, named.restored(resolved), choices, words)

    def with_value(self, key: str, value: Any) -> Self:
        """The same but for one option that is there."""
        first, _, rest = key.partition(".")
        inner = {**self.unresolved[first], rest: value} if rest else value
        return replace(self, unresolved={**self.unresolved, first: inner})

    def without_swap(self) -> Self:
        return self.with_value("swap.resolution", 0)


@contextmanager
def our_hydra() -> Iterator[ConfigLoader]:
    """Hydra on ``conf/``, whatever it was set to; its loader."""
    state = GlobalHydra.instance()
    before = state.hydra
    state.clear()
    try:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            yield GlobalHydra.instance().config_loader()
    finally:
        GlobalHydra.instance().hydra = before


def compose(words: Sequence[str] = (), name: str = "config") -> Composition:
    """What the words of a command line mean; nothing is built. For its errors see `complaints`."""
    with our_hydra():
        cfg = hydra.compose(name, replacing(words), return_hydra_config=True)
    return composition(cfg, cfg.hydra)


def composition(cfg: DictConfig, job: Any) -> Composition:
    """A configuration and Hydra's node of it, which is checked and left out."""
    targets.check_hydra(job)
    chosen = job.runtime.choices
    choices = {group: str(chosen[group]) for group in GROUPS if group in chosen}
    unresolved: Any = OmegaConf.to_container(cfg, resolve=False)
    unresolved.pop("hydra", None)
    task: Any = job.overrides.task
    for key, given in replaced(task).items():
        leave_out_foreign(unresolved, key, given)
    said: Any = OmegaConf.to_container(task, resolve=False)  # as they were typed
    words = [w.lstrip("+") if w.lstrip("+").startswith(DISCRIMINATOR) else w for w in said]
    if "method" in unresolved:  # of which a preparation has none
        typed = {word.lstrip("+").split("=")[0] for word in words}
        unresolved["source"] |= of_file(unresolved, typed)
        looked_through.suit(unresolved, replaced(task).keys())  # of a source whose size is known
        words = [looked_through.typed(word) for word in words]
        rules.lengthen(unresolved, choices["method"], words)
    return Composition(rules.applied(environment.with_numbers(unresolved)), choices, tuple(words))


def of_file(unresolved: dict[str, Any], typed: set[str]) -> dict[str, Any]:
    """What the options ``typed`` leave open of a source whose weights are among them."""
    source = unresolved["source"]
    if source.get("weights") == "???":
        raise UserError(f"source={FILE} is named by its path: source=/path/to/checkpoint.")
    places = {key: located(str(source[key])) for key in ("weights", "discriminator")
              if f"source.{key}" in typed and source[key] != FRESH}  # fmt: skip
    if "weights" not in places:
        return places
    stem = PurePath(places["weights"]).stem
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", stem).strip("-.")
    own: dict[str, Any] = {"name": plain if plain and "${" not in stem else stem, "sha256": ""}
    if "source.resolution" not in typed:
        given: Any = OmegaConf.create(unresolved | {"source": source | places})
        path = placed(given.source.weights)
        if path.is_file() or source["resolution"] == "???":  # else it is said by whom it is read
            own["resolution"] = resolution(path)
    return places | {key: value for key, value in own.items() if f"source.{key}" not in typed}


def located(place: str) -> str:
    """Where a file lies that was typed: as in a yaml, or else here."""
    here = os.path.abspath(os.path.expanduser(place))
    there = "${" in place or (not os.path.exists(here) and os.path.exists(placed(place)))
    return place if there else here


def replacing(words: Sequence[str]) -> list[str]:
    """The words as Hydra takes those that make another object of an option, with options of it."""
    words = [looked_through.translated(PRECISION.sub("machine.precision=", w)) for w in words]
    objects = tuple(f"{key}{end}" for key in replaced(words) for end in (".", "={"))
    added = (*objects, DISCRIMINATOR)  # which yamls of sources with one do not name
    words = [f"++{word}" if word.startswith(added) else word for word in words]
    return [other for word in words for other in of_source(word)]


def of_source(word: str) -> list[str]:
    """The words of one that may choose a file, or several, as the source."""
    key, _, value = word.partition("=")
    bare = value[1:-1] if value[:1] in ("'", '"') else value
    files = [bool(PLACE.match(part)) for part in ([bare] if bare != value else value.split(","))]
    if key.lstrip("+") != "source" or not any(files) or value.startswith(("glob(", "choice(")):
        return [word]
    if not all(files):
        raise UserError(
            f"{word} mixes names and files, which benchmarks.sweep takes and -m does not."
        )
    return [f"source={FILE}", f"source.weights={value}"]


def replaced(words: Sequence[str]) -> dict[str, set[str]]:
    """The objects to which words give a target, and of each the names of options that they give."""
    if not any(TARGET in word for word in words):
        return {}
    given: dict[str, Any] = {}
    for word in words:
        with suppress(OverrideParseException):  # which Hydra will say
            override = OverridesParser.create().parse_override(word)
            given |= nested.leaves({override.key_or_group: override.value()}, branches=(dict,))
    objects = [key.removesuffix(f".{TARGET}") for key in given if key.endswith(f".{TARGET}")]
    return {
        key: {other[len(key) + 1 :].split(".")[0] for other in given if other.startswith(f"{key}.")}
        for key in objects
    }


def leave_out_foreign(config: dict[str, Any], key: str, typed: set[str]) -> None:
    """Keep of what an object was made of before what the new one takes too, and what was typed."""
    node: Any = config
    for name in key.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        return
    from benchmarks.harness.config import signatures  # pydantic, which few words need

    with suppress(UserError):  # of a target that is none, which is for the check to say
        taken = signatures.parameters(str(node.get(TARGET)))
        foreign = {name for name in node if not name.startswith("_")} - taken.keys() - typed
        for name in foreign if signatures.ANYTHING not in taken else ():
            del node[name]


def preferring(usual: dict[str, str], words: Sequence[str]) -> list[str]:
    """The words, behind the usual choice of every group that they do not name."""
    named = {word.split("=")[0] for word in words}
    return [*(f"{group}={name}" for group, name in usual.items() if group not in named), *words]
