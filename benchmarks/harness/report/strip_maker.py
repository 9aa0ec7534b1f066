"""The strips of finished runs, made from their weights: same latents and people for all."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.harness.config.build import build
from benchmarks.harness.config.files import Config
from benchmarks.harness.config.recorded import configuration, rebuilding
from benchmarks.harness.evaluation import swaps
from benchmarks.harness.evaluation.gallery import Gallery
from benchmarks.harness.evaluation.streams import first_of
from benchmarks.harness.io.contact_sheet import to_uint8
from benchmarks.harness.records.record import Record
from benchmarks.harness.records.run_id import RECORD, WEIGHTS
from benchmarks.harness.report import strip_files
from benchmarks.harness.report.strip_files import LATENTS, PHOTOS, SHOTS, SIDE, SOURCE, TRUTH
from benchmarks.harness.training import seeds
from core import output
from core.errors import UserError

GROUPS = ("source", "method", "swap", "data", "eval")
QUALITY = 85  # of a WebP: a strip stays under 25 kB, as git has to carry it
MOST = 100  # shots that are shown; a source is trained on thousands


@dataclass
class StripMaker:
    """Strips of the runs in ``runs``, written to the folder ``to``, if need be ``again``."""

    runs: Path
    to: Path
    again: bool
    scenes: dict[str, tuple[Any, Any]] = field(default_factory=dict)  # source, domain: built once

    def needs(self, folder: Path, record: Record) -> bool:
        """Whether the run's strip is missing, or older than its weights."""
        path = self.path(record, record.name)
        if self.again or not path.is_file():
            return True
        return path.stat().st_mtime < (folder / WEIGHTS).stat().st_mtime

    def path(self, record: Record, name: str) -> Path:
        return strip_files.place(self.to, record) / f"{name}.webp"

    def make(self, folder: Path, record: Record) -> int:
        """Write the strip of a run, and its scene's that are missing; its bytes, or a UserError."""
        if record.name != folder.name:  # a name of a record is no path
            raise UserError(f"its record is of another run, {record.name}.")
        cfg, key = configuration(record, *GROUPS), strip_files.scene(record)
        with rebuilding("it"):
            if key not in self.scenes:
                self.scenes[key] = build(cfg.source), build(cfg.data)
            source, domain = self.scenes[key]
            adapter = self.load_adapter(cfg, record, source)
            sizes = {"samples": cfg.eval.samples, "seed": cfg.eval.seed, "batch_size": LATENTS}
            gallery = Gallery(adapter, domain, photos=PHOTOS, **sizes)
            shared = shared_strips(gallery)
        own = {self.path(record, f"{key}--{part}"): pixels for part, pixels in shared.items()}
        missing = {path: own[path] for path in own if self.again or not path.is_file()}
        missing[self.path(record, record.name)] = own_strip(gallery)
        for path, data in {path: webp(pixels) for path, pixels in missing.items()}.items():
            output.write(path, data, "The strip")
        return len(data)

    def load_adapter(self, cfg: Config, record: Record, source: Any) -> Any:
        seeds.everything(cfg.seed, deterministic=True)
        adapter = build(cfg.method, source)  # never prepared: the weights say all
        swaps.recall(adapter, self.runs / (record.of or record.name))
        if cfg.swap.resolution:
            swaps.apply(build(cfg.swap), adapter)
        return adapter.eval()


@torch.no_grad()
def own_strip(gallery: Gallery) -> np.ndarray:
    """What an adapter makes of the latents and the photos, uint8 [N, R, R, 3]."""
    parts = [to_uint8(gallery.adapter.sample(gallery.z()[:LATENTS]))]
    if gallery.has("stylised"):
        parts.append(gallery.pictures("stylised"))
    return np.concatenate(parts)


@torch.no_grad()
def shared_strips(gallery: Gallery) -> dict[str, np.ndarray]:
    """The first shots, source and truth, uint8 [N, R, R, 3]; what there is of them."""
    domain = gallery.domain
    strips = {SHOTS: domain.exemplary()[:MOST]}
    if gallery.has("sources"):
        latents = to_uint8(gallery.adapter.source.g(gallery.z()[:LATENTS]))
        people = map(to_uint8, first_of(domain.photos(), PHOTOS))  # [] without any
        strips[SOURCE] = np.concatenate([latents, *people])
    if gallery.has("translated") and gallery.has("stylised"):
        people = map(to_uint8, first_of(domain.translations(), PHOTOS))
        strips[TRUTH] = np.concatenate([*people])
    return strips


def webp(pixels: np.ndarray) -> bytes:
    """Pictures uint8 [N, R, R, 3] side by side as one WebP, each SIDE pixels wide."""
    row = Image.new("RGB", (len(pixels) * SIDE, SIDE))
    for i, picture in enumerate(pixels):
        tile = Image.fromarray(picture)
        if tile.size != (SIDE, SIDE):
            tile = tile.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        row.paste(tile, (i * SIDE, 0))
    out = io.BytesIO()
    row.save(out, "WEBP", quality=QUALITY, method=6)  # the slowest method, the smallest file
    return out.getvalue()


def finished(results: Path) -> list[tuple[Path, Record]]:
    """Folders and records of the published runs that ended well and whose weights are there."""
    runs = []
    for path in sorted((results / "out").glob(f"*/{RECORD}")):
        published = results / "runs" / f"{path.parent.name}.json"
        if published.is_file() and (path.parent / WEIGHTS).is_file():
            record = Record.read(path)
            if not record.failed:
                runs.append((path.parent, record))
    return runs
