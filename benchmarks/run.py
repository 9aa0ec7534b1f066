"""Adapt, measure, write: ``python -m benchmarks.run method=freezesg data=parafaces_webtoon``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from benchmarks.harness.config import validation
from benchmarks.harness.config.build import build
from benchmarks.harness.evaluation import swaps
from benchmarks.harness.evaluation.gallery import Result, networks
from benchmarks.harness.evaluation.measure import NotFinite
from benchmarks.harness.evaluation.outcome import (
    COLUMNS,
    PICTURE,
    Outcome,
    console,
    deliver,
    failed,
    judge,
    peak_bytes,
    show,
)
from benchmarks.harness.io import contact_sheet
from benchmarks.harness.io.locks import Busy, alone, writable
from benchmarks.harness.records.provenance import environment
from benchmarks.harness.records.run_id import RunId
from benchmarks.harness.training import processes, seeds
from benchmarks.harness.training.loop import Training, device_of, ready
from benchmarks.harness.training.monitor import Diverged, Watch
from benchmarks.harness.training.setup import World, world
from benchmarks.harness.training.signals import Signals, Stopped
from core import ops
from core.errors import UserError
from core.paths import CONF

FAILED = 3  # exit status of a run that diverged


def run(
    cfg: DictConfig, choices: dict[str, str], overrides: list[str], many: bool, signals: Signals
) -> bool:
    """One run from its resolved configuration to its record; whether it has not failed."""
    validation.check(cfg, choices)
    cell = RunId.of(cfg, choices, overrides)
    existing = cfg.existing if cfg.existing != "auto" else ("skip" if many else "compare")
    if existing == "skip" and there(cell):
        return True
    writable(cell.published.parent)
    try:
        with alone(cell.folder):
            if existing == "skip" and there(cell):  # somebody ended it in between
                return True
            if not cfg.swap.resolution:
                return adapt(cell, world(cfg), existing, signals)
            whole = RunId.of(swaps.without(cfg), choices, overrides)
            with alone(whole.folder):
                return swapped(cell, whole, existing, signals)
    except Busy as busy:
        if not many:
            raise
        console.print(str(busy), highlight=False)
        return True


def there(cell: RunId) -> bool:
    """Whether a cell has its record, which is then said."""
    if not cell.published.is_file():
        return False
    console.print(f"{cell.published} is there already.", highlight=False)
    return True


def adapt(cell: RunId, given: World, existing: str, signals: Signals) -> bool:
    """Train and judge one cell in its folder, from its last checkpoint if there is one."""
    cfg, domain = cell.cfg, given.domain
    metrics = build(cfg.eval.metrics)  # before the training: what is missing is said at once
    training = Training(cell, given, signals)
    where = provenance(given, training.device, cfg.machine.deterministic) | networks(metrics)
    where["started"] = training.keep.memory.setdefault("started", where["started"])
    try:
        processes.train(training)
        outcome = judge(cfg, training.adapter, domain, metrics, training.watch, cell.title)
    except (Diverged, NotFinite) as trouble:
        training.adapter = training.recalled(training.keep.found())
        outcome = failed(cell, training.adapter, domain, str(trouble))
    adapter = training.adapter
    made: dict[str, Any] = {
        **outcome.described(cell),
        "warnings": training.watch.warnings,
        "paper": adapter.paper,
        "cost": {
            "images": adapter.images_seen,
            "seconds": round(training.seconds, 1),
            "trainable": adapter.trainable_count(),
            "peak_bytes": max(training.peak_bytes, peak_bytes(training.device)),
        },
        "curves": training.watch.curves.points(),
        "provenance": where,
    }
    deliver(cell, outcome, made, adapter.export(), existing)
    training.keep.clear()
    training.logger.finish(made, cell.folder / PICTURE)
    show(cell, outcome, time.monotonic() - given.begun)
    return outcome.finished


def provenance(given: World, device: torch.device, deterministic: bool) -> dict[str, Any]:
    """Where and with what a run happens; says which operators it will use."""
    operators = ops.active(device)
    console.print(f"Operators: {operators.name} ({operators.reason}).", highlight=False)
    return {
        **environment(str(device)),
        **given.hashes,
        "left_to_chance": seeds.left_to_chance(device, deterministic=deterministic),
        "ops": operators.name,
    }


def swapped(cell: RunId, whole: RunId, existing: str, signals: Signals) -> bool:
    """Judge a run with swapped layers; the whole run is trained first where it is not there."""
    cfg = cell.cfg
    given = world(cfg)
    domain = given.domain
    if not swaps.finished(whole.folder, given.hashes):
        if not adapt(whole, given, "compare", signals):
            return False
        seeds.everything(cfg.seed, deterministic=cfg.machine.deterministic)
    device = device_of(build(cfg.machine.trainer, logger=False))
    logger = build(cfg.logger)
    logger.open(cell.folder, cell.folder.name, cell.plain, {}, 0)
    adapter = build(cfg.method, given.source)
    ready(adapter, given, device)
    earlier = swaps.recall(adapter, whole.folder)
    networks = swaps.apply(build(cfg.swap), adapter)
    watch = Watch(images=adapter.images_seen, every=1)
    try:
        outcome = judge(cfg, adapter, domain, build(cfg.eval.metrics), watch, cell.title)
    except (Diverged, NotFinite) as trouble:
        title = f"{cell.title}, failed"
        picture = contact_sheet.of_run(domain.shots, None, domain.shots, title, COLUMNS, 1)
        outcome = Outcome(Result(), picture, str(trouble))
    made: dict[str, Any] = {
        **outcome.described(cell),
        "of": whole.folder.name,
        "warnings": [*earlier.get("warnings", []), *watch.warnings],
        "paper": adapter.paper,
        "cost": earlier["cost"],
        "provenance": environment(str(device)) | given.hashes,
    }
    deliver(cell, outcome, made, networks, existing)
    logger.finish(made, cell.folder / PICTURE)
    show(cell, outcome, time.monotonic() - given.begun)
    return outcome.finished


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def command(cfg: DictConfig) -> None:
    """One job of the command line."""
    job = HydraConfig.get()
    choices = {group: str(job.runtime.choices[group]) for group in validation.GROUPS}
    changed = (*(f"{group}." for group in ("method", "data", "source", "eval", "swap")), "swap=")
    own = [word for word in job.overrides.task if word.lstrip("+~").startswith(changed)]
    many = job.mode == RunMode.MULTIRUN
    try:
        with Signals() as signals:
            finished = run(cfg, choices, own, many=many, signals=signals)
        if not (finished or many):  # a sweep goes on; the record says it
            sys.exit(FAILED)
    except Stopped as stop:
        print(f"styleshift: {stop}", file=sys.stderr)
        sys.exit(stop.status)
    except UserError as error:
        refuse(str(error))
    except InstantiationException as error:
        first = cause(error)
        if not isinstance(first, UserError | TypeError):
            raise
        refuse(str(first))


def refuse(sentence: str) -> NoReturn:
    """Say what the user can mend, and leave."""
    print(f"styleshift: {validation.printable(sentence)}", file=sys.stderr)
    sys.exit(2)


def cause(error: BaseException) -> BaseException:
    """What went wrong first, up to the sentence that a user is meant to read."""
    while error.__cause__ is not None and not isinstance(error, UserError):
        error = error.__cause__
    return error


def begin(command: Callable[[], None], about: str | None) -> None:
    """Begin a command of Hydra's; what the user can mend is refused in one sentence.

    Args:
        command: reads the command line.
        about: what it is for, said before Hydra's help where that is asked for.
    """
    if about and {"-h", "--help"} & set(sys.argv[1:]):
        print(about)
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        command()
    except Exception as error:
        if isinstance(first := cause(error), UserError):
            refuse(str(first))
        if not isinstance(error, HydraException | OmegaConfBaseException):
            raise
        refuse(validation.sentence(error))


def main() -> None:
    """Run the words of the command line."""
    begin(command, None)


if __name__ == "__main__":
    from benchmarks import run as module  # launchers send the task to other processes by its name

    module.main()
