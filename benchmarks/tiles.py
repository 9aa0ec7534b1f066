"""Small pictures of finished runs for the report: ``python -m benchmarks.tiles``.

Reads the weights in ``results/out`` and writes one strip a published run, and its scene's, into
``results/tiles``; of real pictures into ``results/local/tiles``, which git does not know.
"""

from __future__ import annotations

import argparse
import io
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.errors import InstantiationException
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from benchmarks.harness.config import targets
from benchmarks.harness.config.build import build
from benchmarks.harness.evaluation import swaps
from benchmarks.harness.evaluation.gallery import Gallery
from benchmarks.harness.evaluation.streams import first_of
from benchmarks.harness.io.contact_sheet import to_uint8
from benchmarks.harness.records.record import Record
from benchmarks.harness.report import thumbnails
from benchmarks.harness.report.thumbnails import LATENTS, PHOTOS, SHOTS, SIDE, SOURCE, TRUTH
from benchmarks.harness.training import seeds
from benchmarks.run import cause
from core import atomic
from core.errors import UserError
from core.progress import console

QUALITY = 85
MOST = 100  # shots that are shown; a source is trained on thousands


def webp(pixels: np.ndarray) -> bytes:
    """Pictures uint8 [N, R, R, 3] side by side as one WebP, each SIDE pixels wide."""
    row = Image.new("RGB", (len(pixels) * SIDE, SIDE))
    for i, picture in enumerate(pixels):
        tile = Image.fromarray(picture)
        if tile.size != (SIDE, SIDE):
            tile = tile.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        row.paste(tile, (i * SIDE, 0))
    out = io.BytesIO()
    row.save(out, "WEBP", quality=QUALITY, method=6)
    return out.getvalue()


def loose(node: Any) -> Any:
    """A configuration as it was before :func:`benchmarks.harness.records.ids.spell_infinity`."""
    if isinstance(node, dict):
        return {key: loose(value) for key, value in node.items()}
    if isinstance(node, list):
        return [loose(value) for value in node]
    return math.inf if node == ".inf" else node


@contextmanager
def understood() -> Iterator[None]:
    """Say in one sentence why a recorded configuration builds nothing here.

    Raises:
        UserError: what it names is not there, or it is of another version.
    """
    try:
        yield
    except (InstantiationException, TypeError, KeyError, RuntimeError) as error:
        first = cause(error)
        if isinstance(first, UserError):
            raise first from error
        said = " ".join(str(first).split())[:200]
        raise UserError(f"this version cannot build it: {said}") from error


@dataclass
class Scene:
    """Source and data that several runs share, and the pictures that belong to no method."""

    cfg: DictConfig

    @cached_property
    def source(self) -> Any:
        """The source of the runs."""
        with understood():
            return build(self.cfg.source)

    @cached_property
    def domain(self) -> Any:
        """Their data."""
        with understood():
            return build(self.cfg.data)

    def gallery(self, adapter: Any) -> Gallery:
        """The pictures that an adapter's numbers were taken from."""
        judged = self.cfg.eval
        return Gallery(
            adapter,
            self.domain,
            samples=judged.samples,
            photos=PHOTOS,
            seed=judged.seed,
            batch_size=LATENTS,
        )

    def strip(self, adapter: Any) -> np.ndarray:
        """What an adapter makes of the latents and the photos, uint8 [N, R, R, 3]."""
        gallery = self.gallery(adapter)
        with torch.no_grad():
            parts = [to_uint8(adapter.sample(gallery.z()[:LATENTS]))]
        if gallery.has("stylised"):
            parts.append(gallery.pictures("stylised"))
        return np.concatenate(parts)

    def own(self, adapter: Any) -> dict[str, np.ndarray]:
        """The first shots, source and truth, uint8 [N, R, R, 3]; what there is of them."""
        found = {SHOTS: self.domain.exemplary()[:MOST]}
        gallery = self.gallery(adapter)
        if gallery.has("sources"):
            with torch.no_grad():
                parts = [to_uint8(self.source.g(gallery.z()[:LATENTS]))]
            found[SOURCE] = np.concatenate([*parts, *self.people("photos")])
        if gallery.has("translated") and gallery.has("stylised"):
            found[TRUTH] = np.concatenate(self.people("translations"))
        return found

    def people(self, name: str) -> list[np.ndarray]:
        """The held-out people of the strips, by what the domain calls them; [] without any."""
        return [to_uint8(batch) for batch in first_of(getattr(self.domain, name)(), PHOTOS)]


@dataclass
class Studio:
    """Makes strips of runs; scenes are built once.

    Args:
        runs: folder with one folder a run, as ``results/out``.
        to: folder of results that the strips are written to.
        again: also those that are there.
    """

    runs: Path
    to: Path
    again: bool
    scenes: dict[str, Scene] = field(default_factory=dict)

    def wanted(self, folder: Path, record: Record) -> bool:
        """Whether the run's strip is missing, or older than its weights."""
        path = self.path(record, record.name)
        if self.again or not path.is_file():
            return True
        return path.stat().st_mtime < (folder / swaps.WEIGHTS).stat().st_mtime

    def path(self, record: Record, name: str) -> Path:
        """Where a strip of a run belongs."""
        return thumbnails.place(self.to, record) / f"{name}.webp"

    def make(self, record: Record) -> int:
        """Write the strip of a run, and its scene's where they are missing; bytes of the strip."""
        cfg = OmegaConf.create(targets.addressed(loose(record.to_json()["config"])))
        key = thumbnails.scene(record)
        scene = self.scenes.setdefault(key, Scene(cfg))
        with understood():
            adapter = self.recalled(cfg, record, scene)
        shown = {
            f"{key}--{part}": pixels
            for part, pixels in scene.own(adapter).items()
            if self.again or not self.path(record, f"{key}--{part}").is_file()
        }
        made = webp(scene.strip(adapter))
        for name, pixels in shown.items():
            put(self.path(record, name), webp(pixels))
        put(self.path(record, record.name), made)
        return len(made)

    def recalled(self, cfg: DictConfig, record: Record, scene: Scene) -> Any:
        """The adapter with the networks of its run."""
        seeds.everything(cfg.seed, deterministic=True)
        adapter = build(cfg.method, scene.source)  # never prepared: the weights say all
        swaps.recall(adapter, self.runs / (record.of or record.name))
        if cfg.swap.resolution:
            swaps.apply(build(cfg.swap), adapter)
        return adapter.eval()


def put(path: Path, data: bytes) -> None:
    """Write a strip at once."""
    try:
        atomic.write(path, data)
    except OSError as error:
        raise UserError(f"The strip cannot be written to {path}: {error.strerror}.") from error


def finished(results: Path) -> list[tuple[Path, Record]]:
    """Folders and records of the published runs that ended well and whose weights are there."""
    found = []
    for path in sorted((results / "out").glob(f"*/{swaps.RECORD}")):
        published = results / "runs" / f"{path.parent.name}.json"
        if published.is_file() and (path.parent / swaps.WEIGHTS).is_file():
            record = Record.read(path)
            if not record.failed:
                found.append((path.parent, record))
    return found


def command(words: list[str]) -> int:
    """One call; how many runs could not be shown."""
    parser = argparse.ArgumentParser("python -m benchmarks.tiles", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("results"), help="of the runs")
    parser.add_argument("--to", type=Path, help="folder of results to write to, if another")
    parser.add_argument("--again", action="store_true", help="also those that are there")
    asked = parser.parse_args(words)
    studio = Studio(asked.folder / "out", asked.to or asked.folder, asked.again)
    torch.set_num_threads(1)
    failed = 0
    for folder, record in finished(asked.folder):
        if not studio.wanted(folder, record):
            continue
        try:
            size = studio.make(record)
            console.print(f"{record.name}: {size / 1024:.1f} KiB", highlight=False)
        except UserError as error:
            failed += 1
            print(f"styleshift: {folder.name} is left out: {error}", file=sys.stderr)
    return failed


def main() -> None:
    """The command line; what the user can mend is said in one sentence."""
    try:
        sys.exit(1 if command(sys.argv[1:]) else 0)
    except UserError as error:
        print(f"styleshift: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
