"""Adapt, measure, write: ``python -m benchmarks.run method=freezesg data=parafaces_webtoon``."""

from __future__ import annotations

import logging
import os
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any, NoReturn

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, InstantiationException
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.table import Table

from benchmarks import record as records
from benchmarks import seeds, settings, sheet, targets
from benchmarks.checkpoint import Checkpoints
from benchmarks.disk import Busy, alone, writable
from benchmarks.gallery import Gallery, Result, measure
from benchmarks.measure import NotFinite
from benchmarks.progress import bar
from benchmarks.signals import Signals, Stopped
from benchmarks.watch import Diverged, Watch, flat
from core import ops, weights
from core.allocator import keep_freed_memory
from core.errors import UserError

CURVE_POINTS = 200
COLUMNS, BANDS = 10, 3
FAILED = 3  # exit status of a run that diverged

console = Console(markup=False)  # file names may look like markup


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
    recipe = records.recipe(cfg, choices)
    name = records.name(choices, recipe, cfg.seed)
    published = Path(cfg.folder) / "runs" / f"{name}.json"
    folder = Path(cfg.folder) / "out" / name
    existing = cfg.existing if cfg.existing != "auto" else ("skip" if many else "compare")
    if existing == "skip" and published.is_file():
        console.print(f"{published} is there already.", highlight=False)
        return True
    writable(published.parent)
    head = {
        "schema": records.SCHEMA,
        **{group: choices[group] for group in ("method", "data", "source", "eval")},
        "seed": cfg.seed,
        "recipe": recipe,
        "overrides": overrides,
    }
    try:
        with alone(folder):
            return adapt(cfg, head, folder, published, existing, signals)
    except Busy as busy:
        if not many:
            raise
        console.print(str(busy), highlight=False)
        return True


def adapt(
    cfg: DictConfig,
    head: dict[str, Any],
    folder: Path,
    published: Path,
    existing: str,
    signals: Signals,
) -> bool:
    """Train and judge one cell in its folder, from its last checkpoint if there is one."""
    begun = time.monotonic()
    torch.set_num_threads(cfg.machine.threads)
    ops.choose(cfg.machine.ops)
    seeds.everything(cfg.seed, deterministic=cfg.machine.deterministic)
    source = build(cfg.source)
    domain = build(cfg.data)
    prepared(domain)
    for note in domain.notes:
        console.print(settings.printable(note), highlight=False)
    metrics = build(cfg.eval.metrics)
    adapter = build(cfg.method, source)
    watch = Watch(images=cfg.method.images, every=max(cfg.method.images // CURVE_POINTS, 1))
    hashes = {"weights_sha256": source.sha256, "shots_sha256": domain.shots_sha256}
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
    trainer = build(cfg.machine.trainer, callbacks=[watch, keep], logger=loggers)
    started = records.provenance(str(adapter.device))
    chance = seeds.left_to_chance(adapter.device, deterministic=cfg.machine.deterministic)
    operators = ops.active(trainer.strategy.root_device)
    console.print(f"Operators: {operators.name} ({operators.reason}).", highlight=False)
    started |= hashes | {"left_to_chance": chance, "ops": operators.name}
    started["started"] = keep.memory.setdefault("started", started["started"])

    training = time.monotonic()
    adapter.prepare(domain.shots)
    prepared_in = time.monotonic() - training
    state: dict[str, Any] = {"state": "finished"}
    try:
        with signals.held():
            trainer.fit(adapter, datamodule=domain)
        result, picture = judge(cfg, adapter, domain, metrics, watch, folder.name)
    except (Diverged, NotFinite) as trouble:
        state = {"state": "failed", "reason": str(trouble)}
        adapter, picture = last_good(cfg, keep, source, domain, folder.name)
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
        "provenance": started,
        "config": plain,
    }
    records.write(folder / "record.json", made)
    weights.write(folder / "generator.safetensors", adapter.export(), {"run": folder.name})
    sheet.save(folder / "sheet.png", picture)
    publish(made, published, existing)
    keep.clear()
    logger.finish(made, folder / "sheet.png")
    show(made, result, folder, published, time.monotonic() - begun)
    return state["state"] == "finished"


def last_good(
    cfg: DictConfig, keep: Checkpoints, source: Any, domain: Any, name: str
) -> tuple[Any, Any]:
    """The adapter of a failed run's last checkpoint, or at its beginning, and its picture."""
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
    title = f"{' / '.join(name.split('--')[:2])}, failed; at {adapter.images_seen:,} images"
    return adapter, sheet.of_run(domain.shots, sources, fakes, title, COLUMNS, BANDS)


def prepared(domain: Any) -> None:
    """Render or read what the run needs, with a bar of its own."""
    with bar("preparing", 1, "pictures") as shown:

        def progress(done: int, total: int) -> None:
            shown.total = total
            shown.progress.update(shown.task, total=total)
            shown.update(done)

        domain.progress = progress
        domain.prepare_data()


def judge(
    cfg: DictConfig, adapter: Any, domain: Any, metrics: Any, watch: Watch, name: str
) -> tuple[Result, Any]:
    """The numbers and the picture of a finished adapter."""
    adapter.eval()
    with bar("measuring", 1, "pictures") as shown, torch.no_grad():

        def progress(done: int, total: int, what: str) -> None:
            shown.total = total
            shown.progress.update(shown.task, total=total, description=f"measuring {what}")
            shown.update(done)

        gallery = Gallery(
            adapter,
            domain,
            samples=cfg.eval.samples,
            photos=cfg.eval.photos,
            seed=cfg.eval.seed,
            batch_size=cfg.eval.batch_size,
            progress=progress,
        )
        result = measure(gallery, metrics)
        z = gallery.z()[: COLUMNS * BANDS].to(adapter.device)
        fakes = adapter.sample(z)
        sources = adapter.source.g(z) if gallery.has("sources") else None
    if not fakes.isfinite().all():
        raise Diverged(adapter.images_seen, "the pictures of the finished run are not finite.")
    for sentence in (*gallery.notes, *flat(gallery.pictures("fakes"))):
        watch.warn(sentence)
    title = " / ".join(name.split("--")[:2])
    return result, sheet.of_run(domain.shots, sources, fakes, title, COLUMNS, BANDS)


def publish(made: dict[str, Any], path: Path, existing: str) -> None:
    """Put the record among the results, or say how well it repeats the one that is there."""
    earlier = records.read(path) if existing == "compare" and path.is_file() else {}
    if not earlier or earlier.get("state") == "failed":
        records.write(path, made)
        return
    apart = records.disagreement(made, earlier)
    worst = max(apart, key=lambda key: apart[key], default="")
    if worst:
        inside = "within" if apart[worst] <= made["tolerance"] else "beyond"
        console.print(
            f"{path} holds this run already; it is repeated {inside} its tolerance of "
            f"{made['tolerance']:.0%} (largest difference {apart[worst]:.1%}, {worst}). "
            "existing=replace writes over it.",
            highlight=False,
        )


def peak_bytes(device: torch.device) -> int:
    """Most memory held so far: of the GPU where there is one, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def show(
    made: dict[str, Any], result: Result, folder: Path, published: Path, seconds: float
) -> None:
    """The small table at the end, and where things lie; or what a failed run failed of."""
    table = Table(title=f"{folder.name}  ({seconds:.0f} s)")
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column("source", justify="right")
    table.add_column("better")
    table.add_column("n", justify="right")
    for key, m in result.measures.items():
        before = f"{m.details['source']:.4f}" if "source" in m.details else ""
        table.add_row(key, f"{m.value:.4f}", before, m.better, str(m.n))
    if made["state"] == "failed":
        console.print(f"{folder.name} failed: {made['reason']}", highlight=False)
    else:
        console.print(table)
    for key, why in result.left_out.items():
        console.print(f"left out: {key}: {why}", highlight=False)
    for what, path in (("picture", folder / "sheet.png"), ("record", published)):
        console.print(f"{what}: {path}", highlight=False, soft_wrap=True)


@hydra.main(version_base="1.3", config_path=str(settings.CONF), config_name="config")
def command(cfg: DictConfig) -> None:
    """One job of the command line."""
    job = HydraConfig.get()
    choices = {group: str(job.runtime.choices[group]) for group in settings.GROUPS}
    changed = tuple(f"{group}." for group in ("method", "data", "source", "eval"))
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
