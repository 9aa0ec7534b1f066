"""Invert the held-out test people once for all runs: ``python -m benchmarks.codes``.

Writes what :class:`core.inversion.Remembering` reads, and a picture of photos over inversions.
"""

from __future__ import annotations

from pathlib import Path

import hydra
import torch
from omegaconf import DictConfig

from benchmarks import settings, sheet
from benchmarks.progress import console
from benchmarks.run import build
from core.inversion import save_codes

COLUMNS = 10


@hydra.main(version_base="1.3", config_path=str(settings.CONF), config_name="config")
def main(cfg: DictConfig) -> None:
    """Photos of the test people to style rows by the source's own projector."""
    source = build(cfg.source)
    domain = build(cfg.data)
    photos = torch.cat(list(domain.photos()))[: cfg.eval.photos]
    ws = source.inverter.invert(source.g, photos)
    path = Path(cfg.source.invert.codes)
    save_codes(path, photos, ws)
    with torch.no_grad():
        inverted = torch.cat([source.g.synthesis(w) for w in ws.split(64)])
    error = (inverted - photos).square().mean().sqrt() * 127.5
    rows = [sheet.to_uint8(x) for x in (photos, inverted)]
    bands = [
        ("photos over inversions" if i == 0 else "", [r[i : i + COLUMNS] for r in rows])
        for i in range(0, len(photos), COLUMNS)
    ]
    picture = Path(cfg.folder) / "out" / f"{cfg.source.name}-inversions.png"
    sheet.save(picture, sheet.stack(bands, 128))
    console.print(f"{path}: {len(ws)} people, {error:.1f} grey levels apart; {picture}")


if __name__ == "__main__":
    main()
