"""What a sweep is made of: Hydra's sweep words to jobs, each with its name, place and order."""

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.harness.config import validation
from benchmarks.harness.config.cli import mendable
from benchmarks.harness.config.compose import Composition
from benchmarks.harness.config.files import resolved
from benchmarks.harness.config.grid import CompositionGrid, SweepWord, parse, unfit
from benchmarks.harness.io import external_weights
from benchmarks.harness.records.provenance import method_code
from benchmarks.harness.records.recipe import arithmetic
from core.bounds import LARGEST_SEED
from core.conversion import identity
from core.errors import UserError
from core.paths import placed


class Job(NamedTuple):
    """One run of a sweep."""

    words: tuple[str, ...]  # of the command line that runs it
    point: dict[str, str]  # the words that tell it from the others, by key
    method: str  # whose runs are expected to last equally long
    folder: Path  # where its pictures and weights go
    published: Path  # its record
    training: Path  # folder of the training that it is of: its own, unless layers are swapped
    content: Callable[[], dict[str, Any]] = dict  # checksums of what it is made of, if it is asked

    @property
    def name(self) -> str:
        """Of its record and its folder."""
        return self.folder.name

    @property
    def whole(self) -> str:
        """Name of the training that it is of."""
        return self.training.name

    @property
    def swapped(self) -> bool:
        """Whether it evaluates another run's training."""
        return self.folder != self.training


@dataclass
class Plan:
    """The jobs in the order in which they are run, and what is not run, with the reason."""

    jobs: list[Job] = field(default_factory=list)  # each training before what is swapped from it
    axes: list[tuple[str, list[str]]] = field(default_factory=list)  # what varies: key, values
    left_out: dict[str, str] = field(default_factory=dict)  # a choice or a job, and why


def plan(words: Sequence[str]) -> Plan:
    """The jobs that ``words`` mean, as ``benchmarks.run -m`` would understand them.
    ``glob(...)`` leaves out what makes no table: abstract choices, methods and data with a purpose
    of their own, data whose place is not given. Naming a choice brings it in.
    """
    planned, grid = Plan(), CompositionGrid()
    lists = [(word.key, values_of(word, words, planned)) for word in parse(words)]
    planned.axes = [(key, values) for key, values in lists if len(values) > 1]
    seeds = next((values for key, values in lists if key == "seed"), [])
    for combination in itertools.product(*(values for key, values in lists if key != "seed")):
        first = [*combination, *seeds[:1]]
        try:
            job = grid(first)
            # Files are held by tests, and each run checks all of it.
            if not {word.split("=")[0] for word in first} <= {*validation.GROUPS, "seed", "folder"}:
                validation.check(job.cfg)
            job.check_framing()
        except Exception as error:
            if not (reason := mendable(error)):
                raise
            planned.left_out[" ".join(first)] = reason
            continue
        add(planned, job, combination, seeds)
    if not planned.jobs:
        raise UserError(next(iter(planned.left_out.values()), "There is nothing to run."))
    names = {job.name: job for job in reversed(planned.jobs)}  # words that mean the same run
    planned.jobs = sorted(names.values(), key=lambda job: planned.jobs.index(job))
    return planned


def values_of(word: SweepWord, words: Sequence[str], planned: Plan) -> list[str]:
    """The words ``key=value`` of one word of the line; of a glob, those that make sense."""
    if not word.glob:
        return word.values
    reasons = {value: unfit(word.key, value.split("=", 1)[1], words) for value in word.values}
    planned.left_out |= {value: why for value, why in reasons.items() if why}
    values = [value for value, why in reasons.items() if not why]
    if not values:
        raise UserError(f"{word.text} matches nothing that can be swept.")
    return values


def add(planned: Plan, job: Composition, words: Sequence[str], seeds: Sequence[str]) -> None:
    varied = {key for key, _ in planned.axes}
    for seed in seeds or [f"seed={job.unresolved['seed']}"]:
        number = seed.split("=", 1)[1]
        if not number.isdecimal() or len(number) > 10 or int(number) > LARGEST_SEED:
            most = LARGEST_SEED
            raise UserError(f"{seed} must be a whole number of at least 0 and at most {most}.")
        seeded = job.with_value("seed", int(number))
        line = (*words, *([seed] if seeds else []))
        pairs = [word.split("=", 1) for word in line]
        point = {key: value for key, value in pairs if key in varied}
        place = seeded.place
        whole = seeded.without_swap().place if job.unresolved["swap"]["resolution"] else place
        method, made_of = job.choices["method"], partial(content, seeded)
        one = Job(line, point, method, place.folder, place.published, whole.folder, made_of)
        # A training goes before what is swapped from it, whatever the order of the values.
        at = len(planned.jobs)
        if not one.swapped:
            at = next((i for i, other in enumerate(planned.jobs) if other.whole == one.whole), at)
        planned.jobs.insert(at, one)


def content(job: Composition) -> dict[str, Any]:
    """Checksums of what a run is made of, as far as they can be had without building it. Folders
    of pictures are read; what ParaFaces are rendered of is code.
    """
    own: dict[str, Any] = {"arithmetic": arithmetic(job.unresolved["machine"])}
    own |= method_code(job.unresolved["method"])
    if weights := str(job.unresolved["source"].get("weights", "")):
        source = job.cfg.source if "${" in weights else job.unresolved["source"]
        own["weights_sha256"] = of_weights(
            source["weights"], source.get("discriminator", ""), source.get("seed", 0)
        )
    if "root" in job.unresolved["data"]:
        schedule = {"images": 0, "batch_size": 1, "seed": 0}
        own |= of_pictures(json.dumps(resolved(job.cfg.data) | schedule))
    return own


@cache
def of_weights(weights: str, discriminator: str, seed: int) -> str:
    path = placed(weights)
    if not path.is_file() and weights in external_weights.listed():
        path = external_weights.entry(weights).path
    try:
        return identity(path, discriminator, seed)
    except OSError:
        return ""


@cache  # a set is read once for all methods and seeds
def of_pictures(data: str) -> dict[str, str]:
    from benchmarks.harness.config.build import build  # torch comes with a set of pictures

    try:
        domain = build(json.loads(data))
    except Exception as error:
        if not mendable(error):
            raise
        return {}  # what is not here contradicts no record
    return {"shots_sha256": domain.shots_sha256, **domain.facts}
