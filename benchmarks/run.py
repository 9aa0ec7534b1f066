"""Adapt, measure, write: ``python -m benchmarks.run method=freezesg data=parafaces_webtoon``."""

from __future__ import annotations

import logging
import os
import sys
import time
import warnings
from dataclasses import dataclass
from typing import Any, NoReturn

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from benchmarks import ddp, seeds, settings, sheet, swaps, targets
from benchmarks import record as records
from benchmarks.cell import Cell
from benchmarks.checkpoint import Checkpoints
from benchmarks.disk import Busy, alone, writable
from benchmarks.gallery import Result, networks
from benchmarks.leaderboard import protocol
from benchmarks.measure import NotFinite
from benchmarks.outcome import BANDS, COLUMNS, console, judge, peak_bytes, publish, show
from benchmarks.progress import bar
from benchmarks.signals import Signals, Stopped
from benchmarks.watch import Diverged, Watch
from core import ops, weights
from core.allocator import keep_freed_memory
from core.errors import UserError

CURVE_POINTS = 200
FAILED = 3  # exit status of a run that diverged


def build(node: DictConfig, *args: Any, **late: Any) -> Any:
    """The object that a yaml node describes; late parts are given to its partial."""
    targets.check(node)
    made = instantiate(node, _convert_="object")
    return made(*args, **late) if args or late else made


def run(
    cfg: DictConfig, choices: dict[str, str], overrides: list[str], many: bool, signals: Signals
) -> bool:
    """One run from its resolved configuration to its record; whether it has not failed."""
    settings.check(cfg, choices)
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


@dataclass(frozen=True)
class World:
    """What a run is given: source and data, and when they began to be made ready."""

    source: Any
    domain: Any
    begun: float

    @property
    def hashes(self) -> dict[str, str]:
        """Of what they hold."""
        return {
            "weights_sha256": self.source.sha256,
            "shots_sha256": self.domain.shots_sha256,
            **self.domain.facts,
        }


def world(cfg: DictConfig) -> World:
    """Source and data of a configuration; the process is set up for it."""
    begun = time.monotonic()
    torch.set_num_threads(cfg.machine.threads)
    ops.choose(cfg.machine.ops)
    seeds.everything(cfg.seed, deterministic=cfg.machine.deterministic)
    source = build(cfg.source)
    domain = build(cfg.data)
    prepared(domain)
    for note in domain.notes:
        console.print(settings.printable(note), highlight=False)
    return World(source, domain, begun)


def adapt(cell: Cell, given: World, existing: str, signals: Signals) -> bool:
    """Train and judge one cell in its folder, from its last checkpoint if there is one."""
    cfg, head, folder = cell.cfg, cell.head, cell.folder
    source, domain = given.source, given.domain
    metrics = build(cfg.eval.metrics)
    adapter = build(cfg.method, source)
    watch = Watch(images=cfg.method.images, every=max(cfg.method.images // CURVE_POINTS, 1))
    keep = Checkpoints(
        folder=folder,
        every_kimg=cfg.checkpoint.every_kimg,
        resume=cfg.resume,
        identity={"recipe": head["recipe"], "source": source.sha256, "shots": domain.shots_sha256},
        signals=signals,
        watch=watch,
    )
    plain = records.strict(OmegaConf.to_container(cfg, resolve=True))
    logger = build(cfg.logger)
    loggers = logger.open(folder, folder.name, plain, keep.memory, keep.seen)
    callbacks = [watch, keep, *logger.callbacks]
    trainer = build(cfg.machine.trainer, callbacks=callbacks, logger=loggers)
    device = trainer.strategy.root_device  # the adapter goes there when training begins
    started = records.provenance(str(device))
    chance = seeds.left_to_chance(device, deterministic=cfg.machine.deterministic)
    operators = ops.active(device)
    console.print(f"Operators: {operators.name} ({operators.reason}).", highlight=False)
    started |= given.hashes | {"left_to_chance": chance, "ops": operators.name} | networks(metrics)
    started["started"] = keep.memory.setdefault("started", started["started"])

    training = time.monotonic()
    adapter.prepare(domain.shots)
    prepared_in = time.monotonic() - training
    state: dict[str, Any] = {"state": "finished"}
    try:
        ddp.fit(trainer, adapter, domain, signals, keep)
        result, picture = judge(cfg, adapter, domain, metrics, watch, cell.title)
    except (Diverged, NotFinite) as trouble:
        state = {"state": "failed", "reason": str(trouble)}
        adapter, picture = last_good(cell, keep, source, domain)
        result = Result()
    made: dict[str, Any] = {
        **head,
        **state,
        "warnings": watch.warnings,
        "paper": adapter.paper,
        "metrics": {key: m.as_dict() for key, m in result.measures.items()},
        "left_out": result.left_out,
        "tolerance": cfg.eval.tolerance,
        "cost": {
            "images": int(adapter.images_seen),
            "seconds": round(prepared_in + keep.seconds, 1),
            "trainable": adapter.trainable_count(),
            "peak_bytes": peak_bytes(adapter.device),
        },
        "curves": watch.curves.points(),
        "provenance": started,
        "config": plain,
    }
    made["protocol"] = protocol.summary(made)
    records.write(folder / swaps.RECORD, made)
    weights.write(folder / swaps.WEIGHTS, adapter.export(), {"run": folder.name})
    sheet.save(folder / "sheet.png", picture)
    publish(made, cell.published, existing)
    keep.clear()
    logger.finish(made, folder / "sheet.png")
    show(made, result, folder, cell.published, time.monotonic() - given.begun)
    return state["state"] == "finished"


def last_good(cell: Cell, keep: Checkpoints, source: Any, domain: Any) -> tuple[Any, Any]:
    """The adapter of a failed run's last checkpoint, or at its beginning, and its picture."""
    cfg = cell.cfg
    adapter = build(cfg.method, source)
    adapter.prepare(domain.shots)
    state = keep.found()
    if state:
        adapter.recall(state["adapter"])
    adapter.eval()
    generator = torch.Generator().manual_seed(cfg.eval.seed)
    z = torch.randn(COLUMNS * BANDS, source.g.z_dim, generator=generator)
    with torch.no_grad():
        fakes, sources = adapter.sample(z), source.g(z) if source.trained else None
    title = f"{cell.title}, failed; at {adapter.images_seen:,} images"
    return adapter, sheet.of_run(domain.shots, sources, fakes, title, COLUMNS, BANDS)


def swapped(cell: Cell, whole: Cell, existing: str, signals: Signals) -> bool:
    """Judge a run with swapped layers; the whole run is trained first where it is not there."""
    cfg, folder = cell.cfg, cell.folder
    given = world(cfg)
    source, domain = given.source, given.domain
    if not swaps.finished(whole.folder, given.hashes):
        if not adapt(whole, given, "compare", signals):
            return False
        seeds.everything(cfg.seed, deterministic=cfg.machine.deterministic)
    adapter = build(cfg.method, source)
    adapter.prepare(domain.shots)
    earlier = swaps.recall(adapter, whole.folder)
    networks = swaps.apply(build(cfg.swap), adapter)
    plain = records.strict(OmegaConf.to_container(cfg, resolve=True))
    logger = build(cfg.logger)
    logger.open(folder, folder.name, plain, {}, 0)
    watch = Watch(images=adapter.images_seen, every=1)
    state: dict[str, Any] = {"state": "finished"}
    try:
        result, picture = judge(cfg, adapter, domain, build(cfg.eval.metrics), watch, cell.title)
    except (Diverged, NotFinite) as trouble:
        state, result = {"state": "failed", "reason": str(trouble)}, Result()
        picture = sheet.of_run(
            domain.shots, None, domain.shots, f"{cell.title}, failed", COLUMNS, 1
        )
    made: dict[str, Any] = {
        **cell.head,
        **state,
        "of": whole.folder.name,
        "warnings": [*earlier.get("warnings", []), *watch.warnings],
        "paper": adapter.paper,
        "metrics": {key: m.as_dict() for key, m in result.measures.items()},
        "left_out": result.left_out,
        "tolerance": cfg.eval.tolerance,
        "cost": earlier["cost"],
        "provenance": records.provenance(str(adapter.device)) | given.hashes,
        "config": plain,
    }
    made["protocol"] = protocol.summary(made)
    records.write(folder / swaps.RECORD, made)
    if networks:
        weights.write(folder / swaps.WEIGHTS, networks, {"run": folder.name})
    sheet.save(folder / "sheet.png", picture)
    publish(made, cell.published, existing)
    logger.finish(made, folder / "sheet.png")
    show(made, result, folder, cell.published, time.monotonic() - given.begun)
    return state["state"] == "finished"


def prepared(domain: Any) -> None:
    """Render or read what the run needs, with a bar of its own."""
    with bar("preparing", 1, "pictures") as shown:

        def progress(done: int, total: int) -> None:
            shown.total = total
            shown.progress.update(shown.task, total=total)
            shown.update(done)

        domain.progress = progress
        domain.prepare_data()


@hydra.main(version_base="1.3", config_path=str(settings.CONF), config_name="config")
def command(cfg: DictConfig) -> None:
    """One job of the command line."""
    job = HydraConfig.get()
    choices = {group: str(job.runtime.choices[group]) for group in settings.GROUPS}
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
    print(f"styleshift: {settings.printable(sentence)}", file=sys.stderr)
    sys.exit(2)


def cause(error: BaseException) -> BaseException:
    """What went wrong first, up to the sentence that a user is meant to read."""
    while error.__cause__ is not None and not isinstance(error, UserError):
        error = error.__cause__
    return error


def main() -> None:
    """Run; a command line that Hydra does not understand is refused in one sentence."""
    os.environ["HYDRA_FULL_ERROR"] = "1"
    keep_freed_memory()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    try:
        command()
    except (HydraException, OmegaConfBaseException) as error:
        refuse(settings.sentence(error))


if __name__ == "__main__":
    main()
