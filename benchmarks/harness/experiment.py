"""One experiment, from its configuration to its record: configure, train, evaluate, record."""

from __future__ import annotations

import time
from typing import Any

import torch
from omegaconf import DictConfig

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
from benchmarks.harness.io.signals import Signals
from benchmarks.harness.records import record as records
from benchmarks.harness.records.run_id import Cell
from benchmarks.harness.training import processes, seeds
from benchmarks.harness.training.loop import Training, device_of, ready
from benchmarks.harness.training.monitor import Diverged, Watch
from benchmarks.harness.training.setup import World, world
from core import ops


def run(
    cfg: DictConfig, choices: dict[str, str], overrides: list[str], many: bool, signals: Signals
) -> bool:
    """One run from its resolved configuration to its record; whether it has not failed."""
    validation.check(cfg, choices)
    cell = Cell.of(cfg, choices, overrides)
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
            whole = Cell.of(swaps.without(cfg), choices, overrides)
            with alone(whole.folder):
                return swapped(cell, whole, existing, signals)
    except Busy as busy:
        if not many:
            raise
        console.print(str(busy), highlight=False)
        return True


def there(cell: Cell) -> bool:
    """Whether a cell has its record, which is then said."""
    if not cell.published.is_file():
        return False
    console.print(f"{cell.published} is there already.", highlight=False)
    return True


def adapt(cell: Cell, given: World, existing: str, signals: Signals) -> bool:
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
        **records.provenance(str(device)),
        **given.hashes,
        "left_to_chance": seeds.left_to_chance(device, deterministic=deterministic),
        "ops": operators.name,
    }


def swapped(cell: Cell, whole: Cell, existing: str, signals: Signals) -> bool:
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
        "provenance": records.provenance(str(device)) | given.hashes,
    }
    deliver(cell, outcome, made, networks, existing)
    logger.finish(made, cell.folder / PICTURE)
    show(cell, outcome, time.monotonic() - given.begun)
    return outcome.finished
