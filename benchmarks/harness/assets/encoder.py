"""A source's encoder: trained by ``benchmarks.run``, shipped in half precision, measured."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.harness.assets import codes
from benchmarks.harness.config.build import build
from benchmarks.harness.config.compose import compose, preferring
from benchmarks.harness.config.files import Config
from benchmarks.harness.records import record as records
from benchmarks.harness.records.run_id import WEIGHTS
from core import atomic, hashing, weights
from core.errors import UserError
from core.networks import perception
from core.paths import ROOT
from core.source import Source

USUAL = {"method": "encoder", "data": "parafaces_photo"}
LIMIT = 4 * 2**20  # bytes of a shipped encoder: what a repository can carry for each source
OPTIMISED = (150, 300)  # steps that the encoder is compared with

Invert = Callable[[Tensor], Tensor]


def make(words: Sequence[str]) -> list[str]:
    """Train, ship, invert the test people anew where the source keeps them, measure."""
    meant = compose(preferring(USUAL, words))
    cfg = meant.cfg
    torch.set_num_threads(cfg.machine.threads)
    run = meant.place.folder
    train([*meant.words, "existing=replace"])
    asset = ROOT / cfg.source.invert.invert.encoder
    lines = ship(run / WEIGHTS, asset, LIMIT)
    if cfg.source.invert.codes:
        lines.append(codes.write_codes(cfg))
    report = measure(cfg, run.name, asset)
    path = Path(cfg.folder) / "encoders" / f"{cfg.source.name}.json"
    atomic.write(path, (json.dumps(report, indent=1, allow_nan=False) + "\n").encode())
    return [*lines, json.dumps(report["ways"], indent=2), f"record: {path}"]


def train(words: Sequence[str]) -> None:
    """Run in a process of its own, whose memory and random state end with it."""
    subprocess.run([sys.executable, "-m", "benchmarks.run", *words], check=True)


def ship(trained: Path, asset: Path, limit: int) -> list[str]:
    """Write the encoder of a run in half precision; what to say of its size.

    Raises:
        UserError: a number is beyond half precision.
    """
    networks, _ = weights.read(trained)
    for name, value in networks["encoder"].state_dict().items():
        if value.is_floating_point() and not value.half().isfinite().all():
            raise UserError(f"{trained}: {name} does not fit half precision.")
    weights.write(asset, networks, {"run": trained.parent.name}, torch.float16)
    size = asset.stat().st_size
    return [f"{asset} has {size:,} bytes" + (f", more than {limit:,}." if size > limit else ".")]


def measure(cfg: Config, run: str, asset: Path) -> dict[str, Any]:
    """The record of an encoder as it was shipped."""
    source, domain = build(cfg.source), build(cfg.data)
    photos = torch.cat(list(domain.photos()))[: cfg.eval.photos]
    return {
        "schema": 1,
        "run": run,
        "bytes": asset.stat().st_size,
        "sha256": hashing.of_file(asset),
        "source_sha256": source.sha256,
        "people": len(photos),
        "ways": comparison(source, photos),
        "provenance": records.provenance("cpu"),
    }


def comparison(source: Source, photos: Tensor) -> dict[str, dict[str, float]]:
    """Encoder, refinement and optimisation on photos [N, 3, R, R] of held-out people."""
    inverter: Any = source.inverter
    shipped = inverter.invert
    (encoder,) = shipped.encoders
    projector = shipped.otherwise

    def optimised(steps: int) -> Invert:
        def invert(batch: Tensor) -> Tensor:
            projector.steps = steps
            return projector(source.g, batch)

        return invert

    ways: dict[str, Invert] = {
        "encoder": lambda batch: shipped.encode(encoder, source.g, batch),
        f"encoder and {shipped.refine.steps} steps": lambda batch: shipped(source.g, batch),
        **{f"{steps} steps of optimisation": optimised(steps) for steps in OPTIMISED},
    }
    return {name: inversion_error(source, photos, way) for name, way in ways.items()}


def inversion_error(source: Source, photos: Tensor, invert: Invert) -> dict[str, float]:
    """How near the inversions of photos [N, 3, R, R] are, and processor seconds for each."""
    begun = time.process_time()
    ws = invert(photos)
    seconds = (time.process_time() - begun) / len(photos)
    begun = time.process_time()
    invert(photos[:1])
    alone = time.process_time() - begun
    network, guide = perception.load("measure"), perception.Guide()
    with torch.no_grad():
        pictures = source.g.synthesis(ws, noise_mode="const").clamp(-1, 1)
        cosines = (network.identity(pictures) * network.identity(photos)).sum(1)
        return {
            "distance": network.distance(pictures, photos).mean().item(),
            "guide_distance": guide(pictures, photos).mean().item(),
            "identity": cosines.mean().item(),
            "grey_levels": (pictures - photos).square().mean().sqrt().item() * 127.5,
            "seconds": seconds,
            "seconds_alone": alone,
        }
