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
import lightning as L
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
from benchmarks import settings, sheet
from benchmarks.checkpoint import Checkpoints
from benchmarks.gallery import Gallery, Result, measure
from benchmarks.progress import Watch, bar
from core import weights
from core.allocator import keep_freed_memory
from core.errors import UserError

CURVE_POINTS = 200
COLUMNS, BANDS = 10, 3

console = Console()


def build(node: DictConfig, *args: Any, **late: Any) -> Any:
    """The object that a yaml node describes; late parts are given to its partial."""
    made = instantiate(node, _convert_="object")
    return made(*args, **late) if args or late else made


def run(cfg: DictConfig, choices: dict[str, str], overrides: list[str], many: bool) -> None:
    """One run from its resolved configuration to its record."""
    settings.check(cfg, choices)
    recipe = records.recipe(cfg, choices)
    name = records.name(choices, recipe, cfg.seed)
    published = Path(cfg.folder) / "runs" / f"{name}.json"
    folder = Path(cfg.folder) / "out" / name
    existing = cfg.existing if cfg.existing != "auto" else ("skip" if many else "compare")
    if existing == "skip" and published.is_file():
        console.print(f"{published} is there already.", highlight=False)
        return
    writable(published.parent)
    writable(folder.parent)

    begun = time.monotonic()
    torch.set_num_threads(cfg.machine.threads)
    L.seed_everything(cfg.seed, workers=True, verbose=False)
    source = build(cfg.source)
    domain = build(cfg.data)
    prepared(domain)
    for note in domain.notes:
        console.print(note, highlight=False)
    metrics = build(cfg.eval.metrics)
    adapter = build(cfg.method, source)
    logger = build(cfg.logger)
    watch = Watch(images=cfg.method.images, every=max(cfg.method.images // CURVE_POINTS, 1))
    keep = Checkpoints(folder=folder, every_kimg=cfg.checkpoint.every_kimg, recipe=recipe)
    plain = records.strict(OmegaConf.to_container(cfg, resolve=True))
    trainer = build(
        cfg.machine.trainer, callbacks=[watch, keep], logger=logger.open(folder, name, plain)
    )
    started = records.provenance(str(adapter.device))
    training = time.monotonic()
    adapter.prepare(domain.shots)
    trainer.fit(adapter, datamodule=domain)
    trained = time.monotonic() - training

    result, picture = judge(cfg, adapter, domain, metrics, name)
    made: dict[str, Any] = {
        "schema": records.SCHEMA,
        **{group: choices[group] for group in ("method", "data", "source", "eval")},
        "seed": cfg.seed,
        "recipe": recipe,
        "overrides": overrides,
        "paper": adapter.paper,
        "metrics": {key: m.as_dict() for key, m in result.measures.items()},
        "left_out": result.left_out,
        "tolerance": cfg.eval.tolerance,
        "cost": {
            "images": int(adapter.images_seen),
            "seconds": round(trained, 1),
            "trainable": adapter.trainable_count(),
            "peak_bytes": peak_bytes(adapter.device),
        },
        "provenance": started
        | {"weights_sha256": source.sha256, "shots_sha256": domain.shots_sha256},
        "config": plain,
    }
    records.write(folder / "record.json", made)
    weights.write(folder / "generator.safetensors", adapter.export(), {"run": name})
    sheet.save(folder / "sheet.png", picture)
    keep.clear()
    publish(made, published, existing)
    logger.finish(made, folder / "sheet.png")
    show(result, folder, published, time.monotonic() - begun)


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
    cfg: DictConfig, adapter: Any, domain: Any, metrics: Any, name: str
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
    title = " / ".join(name.split("--")[:2])
    return result, sheet.of_run(domain.shots, sources, fakes, title, COLUMNS, BANDS)


def publish(made: dict[str, Any], path: Path, existing: str) -> None:
    """Put the record among the results, or say how well it repeats the one that is there."""
    if existing != "compare" or not path.is_file():
        records.write(path, made)
        return
    apart = records.disagreement(made, records.read(path))
    worst = max(apart, key=lambda key: apart[key], default="")
    if worst:
        inside = "within" if apart[worst] <= made["tolerance"] else "beyond"
        console.print(
            f"{path} holds this run already; it is repeated {inside} its tolerance of "
            f"{made['tolerance']:.0%} (largest difference {apart[worst]:.1%}, {worst}). "
            "existing=replace writes over it.",
            highlight=False,
        )


def writable(folder: Path) -> None:
    """Refuse early where results cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"Results cannot be written to {folder}: {error.strerror}.") from error


def peak_bytes(device: torch.device) -> int:
    """Most memory held so far: of the GPU where there is one, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def show(result: Result, folder: Path, published: Path, seconds: float) -> None:
    """The small table at the end, and where things lie."""
    table = Table(title=f"{folder.name}  ({seconds:.0f} s)")
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column("source", justify="right")
    table.add_column("better")
    table.add_column("n", justify="right")
    for key, m in result.measures.items():
        before = f"{m.details['source']:.4f}" if "source" in m.details else ""
        table.add_row(key, f"{m.value:.4f}", before, m.better, str(m.n))
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
    try:
        run(cfg, choices, own, many=job.mode == RunMode.MULTIRUN)
    except UserError as error:
        refuse(str(error))
    except InstantiationException as error:
        first = cause(error)
        if not isinstance(first, UserError | TypeError):
            raise
        refuse(str(first))


def refuse(sentence: str) -> NoReturn:
    """Say what the user can mend, and leave."""
    print(f"styleshift: {sentence}", file=sys.stderr)
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
