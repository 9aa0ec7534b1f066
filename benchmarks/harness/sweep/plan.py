"""What a sweep is made of: Hydra's sweep words to cells, each with its name, place and order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from benchmarks.harness.config import targets, validation
from benchmarks.harness.evaluation import swaps
from benchmarks.harness.records.run_id import RunId
from core.errors import UserError
from core.paths import CONF

Axis = tuple[str, list[str]]
FOREIGN = {
    "existing": "a sweep runs what is missing (--again repeats what failed)",
    "hydra": "a launcher or sweeper of Hydra's belongs to python -m benchmarks.run -m",
}


@dataclass(frozen=True)
class Job:
    """One cell of a sweep.

    Attributes:
        words: of the command line that runs it.
        point: the words that tell it from the others, by key.
        method: whose cells are expected to last equally long.
        name: of its record and its folder.
        folder: where its pictures and weights go.
        published: its record.
        whole: name of the training that it is of: its own, unless its layers are swapped.
        training: folder of that.
    """

    words: tuple[str, ...]
    point: dict[str, str]
    method: str
    name: str
    folder: Path
    published: Path
    whole: str
    training: Path

    @property
    def swapped(self) -> bool:
        """Whether it judges another cell's training."""
        return self.name != self.whole


@dataclass
class Plan:
    """The cells in the order in which they are run, and what is not run, with the reason.

    Attributes:
        jobs: each training before what is swapped from it.
        axes: what is varied: key and values.
        left_out: a choice or a cell, and why it is none of the jobs.
        checked: methods and data of which a cell is known to be sound.
    """

    jobs: list[Job] = field(default_factory=list)
    axes: list[Axis] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    checked: set[str] = field(default_factory=set)


def plan(words: Sequence[str]) -> Plan:
    """The cells that ``words`` mean, as ``benchmarks.run -m`` would understand them.

    ``glob(...)`` leaves out what makes no table: abstract choices, methods and data with a purpose
    of their own, data whose place is not given. Naming a choice brings it in.

    Raises:
        UserError: where nothing is left, or a word is not for a sweep.
    """
    made = Plan()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(words))
        lists: list[Axis] = []
        for override in parsed:
            refuse_foreign(override)
            values = values_of(override, words, made)
            lists.append((override.get_key_element(), values))
        made.axes = [(key, values) for key, values in lists if len(values) > 1]
        for combination in itertools.product(*(v for key, v in lists if key != "seed")):
            cells(made, combination, next((v for key, v in lists if key == "seed"), []))
    if not made.jobs:
        raise UserError(next(iter(made.left_out.values()), "There is no cell to run."))
    names = {job.name: job for job in reversed(made.jobs)}  # words that mean the same cell
    made.jobs = sorted(names.values(), key=lambda job: made.jobs.index(job))
    return made


def refuse_foreign(override: Override) -> None:
    """Refuse words that a sweep sets itself, or that belong to another command."""
    first = override.key_or_group.replace("/", ".").split(".")[0]
    if first in FOREIGN:
        raise UserError(f"{override.input_line} is refused: {FOREIGN[first]}.")


def values_of(override: Override, words: Sequence[str], made: Plan) -> list[str]:
    """The words ``key=value`` of one override; of a glob, those that make sense."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    if not override.is_discrete_sweep():
        raise UserError(f"{override.input_line} names no values; a sweep needs a list of them.")
    key, values = override.get_key_element(), list(override.sweep_string_iterator())
    if override.value_type == ValueType.GLOB_CHOICE_SWEEP:
        others = [word for word in words if word.split("=")[0].startswith(f"{key}.")]
        reasons = {value: unfit(key, value, others) for value in values}
        made.left_out |= {f"{key}={v}": why for v, why in reasons.items() if why}
        values = [value for value in values if not reasons[value]]
        if not values:
            raise UserError(f"{override.input_line} matches nothing that can be swept.")
    return [f"{key}={value}" for value in values]


def unfit(group: str, choice: str, others: Sequence[str]) -> str:
    """Why a glob leaves a choice out, or nothing; ``others`` are words about its group."""
    if choice.startswith("_"):
        return "it is the abstract base of others"
    node = compose("config", [f"{group}={choice}"])[group]
    if node.get("root") == "" and not any(word.startswith(f"{group}.root=") for word in others):
        return f"{group}.root must be given"
    if "_target_" not in node:
        return ""
    targets.allowed(f"{group}._target_", node["_target_"])
    return str(getattr(get_class(node["_target_"]), "purpose", ""))


def cells(made: Plan, combination: Sequence[str], seeds: Sequence[str]) -> None:
    """Add the cells of one combination, one for each seed; or say why there are none."""
    first = [*combination, *seeds[:1]]
    try:
        cfg, choices = composed(first)
        if not {choices["method"], choices["data"]} <= made.checked:  # each run checks all of it
            validation.check(cfg, choices)
            made.checked |= {choices["method"], choices["data"]}
    except UserError as error:
        made.left_out[" ".join(first)] = str(error)
        return
    except (HydraException, OmegaConfBaseException) as error:
        made.left_out[" ".join(first)] = validation.sentence(error)
        return
    varied = [key for key, _ in made.axes]
    for seed in seeds or [f"seed={cfg.seed}"]:
        word = seed.split("=", 1)[1]
        if not word.isdecimal():
            raise UserError(f"{seed} must be a whole number of at least 0.")
        OmegaConf.update(cfg, "seed", int(word))
        words = (*combination, *([seed] if seeds else []))
        point = {key: value for key, value in map(split, words) if key in varied}
        cell = RunId.of(cfg, choices, [])
        whole = RunId.of(swaps.without(cfg), choices, []) if cfg.swap.resolution else cell
        job = Job(
            words=words,
            point=point,
            method=choices["method"],
            name=cell.folder.name,
            folder=cell.folder,
            published=cell.published,
            whole=whole.folder.name,
            training=whole.folder,
        )
        # A training goes before what is swapped from it, whatever the order of the values.
        at = len(made.jobs)
        if not job.swapped:
            at = next((i for i, j in enumerate(made.jobs) if j.whole == job.whole), at)
        made.jobs.insert(at, job)


def split(word: str) -> tuple[str, str]:
    """Key and value of a word of the command line."""
    key, _, value = word.partition("=")
    return key, value


def composed(words: Sequence[str]) -> tuple[DictConfig, dict[str, str]]:
    """The configuration of one cell, and the choice of each group."""
    cfg = compose("config", list(words), return_hydra_config=True)
    chosen: Any = cfg.hydra.runtime.choices
    choices = {group: str(chosen[group]) for group in validation.GROUPS}
    with open_dict(cfg):
        cfg.pop("hydra")
    return cfg, choices
