"""Invert the held-out test people once for all runs: ``python -m benchmarks.codes``.

Writes what `core.inversion.inverter.CachedInversion` reads, and a
picture of photos over inversions.
"""

from __future__ import annotations

from pathlib import Path

import hydra
import torch
from omegaconf import DictConfig
from torch import Tensor

from benchmarks.harness.io import contact_sheet
from benchmarks.run import build
from core.errors import UserError
from core.inversion.inverter import save_codes
from core.paths import CONF
from core.progress import console

COLUMNS = 10


def remember(cfg: DictConfig) -> None:
    """Photos of the test people to style rows, by what inverts them where they are not known.

    Raises:
        UserError: the source keeps no codes.
    """
    if not cfg.source.invert.codes:
        raise UserError(f"{cfg.source.name} keeps no codes: its source.invert.codes is empty.")
    source, domain = build(cfg.source), build(cfg.data)
    photos = torch.cat(list(domain.photos()))[: cfg.eval.photos]
    ws = source.inverter.invert(source.g, photos)
    path = Path(cfg.source.invert.codes)
    save_codes(path, photos, ws, source.g)
    with torch.no_grad():
        inverted = torch.cat([source.g.synthesis(w) for w in ws.split(64)])
    error = (inverted - photos).square().mean().sqrt() * 127.5
    picture = Path(cfg.folder) / "out" / f"{cfg.source.name}-inversions.png"
    shown(photos, inverted, picture)
    console.print(f"{path}: {len(ws)} people, {error:.1f} grey levels apart; {picture}")


def shown(photos: Tensor, inverted: Tensor, picture: Path) -> None:
    """Save photos [N, 3, R, R] over their inversions."""
    rows = [contact_sheet.to_uint8(x) for x in (photos, inverted)]
    bands = [
        ("photos over inversions" if i == 0 else "", [r[i : i + COLUMNS] for r in rows])
        for i in range(0, len(photos), COLUMNS)
    ]
    contact_sheet.save(picture, contact_sheet.stack(bands, 128))


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def main(cfg: DictConfig) -> None:
    """The test people of the data that is named."""
    remember(cfg)


if __name__ == "__main__":
    main()
