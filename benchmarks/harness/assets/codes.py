"""The held-out test people, inverted once for all runs of a source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.harness.config.build import build
from benchmarks.harness.config.compose import compose
from benchmarks.harness.config.files import Config
from benchmarks.harness.io import contact_sheet
from core.errors import UserError
from core.inversion.inverter import save_codes

COLUMNS = 10  # of the picture


def make(words: Sequence[str]) -> list[str]:
    """Write what `core.inversion.inverter.CachedInversion` reads; where, and how near it is."""
    return [write_codes(compose(words).cfg)]


def write_codes(cfg: Config) -> str:
    """Invert the test people of the data; a sentence on the file and its error.

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
        inverted = torch.cat([source.g.synthesis(w) for w in ws.split(64)])  # bounds the memory
    rmse = (inverted - photos).square().mean().sqrt() * 127.5  # of [-1, 1] to grey levels
    picture = Path(cfg.folder) / "out" / f"{cfg.source.name}-inversions.png"
    save_picture(picture, photos, inverted)
    return f"{path}: {len(ws)} people, {rmse:.1f} grey levels apart; {picture}"


def save_picture(path: Path, photos: Tensor, inverted: Tensor) -> None:
    """Save photos [N, 3, R, R] over their inversions."""
    rows = [contact_sheet.to_uint8(x) for x in (photos, inverted)]
    bands = [
        ("photos over inversions" if i == 0 else "", [r[i : i + COLUMNS] for r in rows])
        for i in range(0, len(photos), COLUMNS)
    ]
    contact_sheet.save(path, contact_sheet.stack(bands, 128))
