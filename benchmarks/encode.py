"""Train, ship and measure a source's encoder: ``python -m benchmarks.encode source=parafaces64``.

It runs ``method=encoder data=parafaces_photo`` (other words change what ``benchmarks.run`` would
change), writes the encoder in half precision where the source looks for it, inverts the test people
anew, if the source keeps their codes, and compares the encoder with optimisation on held-out
people, in a record of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from benchmarks import codes
from benchmarks.harness.config import validation
from benchmarks.harness.records import ids
from benchmarks.harness.records.provenance import environment
from benchmarks.run import begin, build
from core import atomic, hashing, weights
from core.errors import UserError
from core.inversion import inverter as inversion
from core.networks import perception
from core.paths import CONF
from core.progress import console
from core.source import Source

USUAL = {"method": "encoder", "data": "parafaces_photo"}
LIMIT = 4 * 2**20  # bytes of a shipped encoder
OPTIMISED = (150, 300)  # steps


def ship(trained: Path, asset: Path, notes: dict[str, str]) -> None:
    """Write a trained encoder in half precision; one that does not survive it is refused."""
    networks, _ = weights.read(trained)
    for name, value in networks["encoder"].state_dict().items():
        if value.is_floating_point() and not value.half().isfinite().all():
            raise UserError(f"{trained}: {name} does not fit half precision.")
    weights.write(asset, networks, notes, torch.float16)
    if asset.stat().st_size > LIMIT:
        console.print(f"{asset} has {asset.stat().st_size:,} bytes, more than {LIMIT:,}.")


def comparison(source: Source, photos: Tensor) -> dict[str, dict[str, float]]:
    """Encoder, refinement and optimisation on photos [N, 3, R, R] of held-out people."""
    inverter: Any = source.inverter
    shipped = inverter.invert
    (encoder,) = shipped.encoders
    projector = shipped.otherwise

    def optimised(steps: int) -> Callable[[Tensor], Tensor]:
        def invert(batch: Tensor) -> Tensor:
            projector.steps = steps
            return projector(source.g, batch)

        return invert

    ways: dict[str, Callable[[Tensor], Tensor]] = {
        "encoder": lambda batch: shipped.encode(encoder, source.g, batch),
        f"encoder and {shipped.refine.steps} steps": lambda batch: shipped(source.g, batch),
        **{f"{steps} steps of optimisation": optimised(steps) for steps in OPTIMISED},
    }
    return {name: judged(source, photos, way) for name, way in ways.items()}


def judged(source: Source, photos: Tensor, invert: Callable[[Tensor], Tensor]) -> dict[str, float]:
    """How near the inversions are, and processor seconds for each picture."""
    begun = time.process_time()
    ws = invert(photos)
    seconds = (time.process_time() - begun) / len(photos)
    begun = time.process_time()
    invert(photos[:1])
    alone = time.process_time() - begun
    measure, guide = perception.load("measure"), perception.Guide()
    with torch.no_grad():
        pictures = source.g.synthesis(ws, noise_mode="const").clamp(-1, 1)
        return {
            "distance": measure.distance(pictures, photos).mean().item(),
            "guide_distance": guide(pictures, photos).mean().item(),
            "identity": (measure.identity(pictures) * measure.identity(photos))
            .sum(1)
            .mean()
            .item(),
            "grey_levels": (pictures - photos).square().mean().sqrt().item() * 127.5,
            "seconds": seconds,
            "seconds_alone": alone,
        }


def report(cfg: DictConfig, name: str, asset: Path) -> dict[str, Any]:
    """What is true of an encoder as it was shipped."""
    source, domain = build(cfg.source), build(cfg.data)
    photos = torch.cat(list(domain.photos()))[: cfg.eval.photos]
    return {
        "schema": 1,
        "run": name,
        "bytes": asset.stat().st_size,
        "sha256": hashing.of_file(asset),
        "source_sha256": source.sha256,
        "people": len(photos),
        "ways": comparison(source, photos),
        "provenance": environment("cpu"),
    }


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def command(cfg: DictConfig) -> None:
    """Train as ``benchmarks.run`` does, then ship and measure."""
    job = HydraConfig.get()
    torch.set_num_threads(cfg.machine.threads)
    choices = {group: str(job.runtime.choices[group]) for group in validation.GROUPS}
    config: Any = OmegaConf.to_container(cfg, resolve=False)
    name = ids.name(choices, ids.recipe(config, choices), cfg.seed)
    words = [*job.overrides.task, "existing=replace"]
    subprocess.run([sys.executable, "-m", "benchmarks.run", *words], check=True)
    asset = inversion.ROOT / cfg.source.invert.invert.encoder
    ship(Path(cfg.folder) / "out" / name / "generator.safetensors", asset, {"run": name})
    if cfg.source.invert.codes:
        codes.remember(cfg)
    found = report(cfg, name, asset)
    path = Path(cfg.folder) / "encoders" / f"{cfg.source.name}.json"
    atomic.write(path, (json.dumps(found, indent=1, allow_nan=False) + "\n").encode())
    console.print_json(json.dumps(found["ways"]))
    console.print(f"{asset} ({found['bytes']:,} bytes); record: {path}")


def main() -> None:
    """Run with the usual method and data where the words name no others."""
    given = {word.split("=")[0] for word in sys.argv[1:]}
    sys.argv[1:1] = [f"{group}={name}" for group, name in USUAL.items() if group not in given]
    begin(command, __doc__)


if __name__ == "__main__":
    main()
