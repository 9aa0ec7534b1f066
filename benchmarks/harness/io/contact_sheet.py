"""The one picture of a run: the shots on top, then source over adapted for the same latents."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin
from torch import Tensor

from core import atomic
from core.errors import UserError
from core.types import Shots

GAP, MARGIN, LABEL = 2, 14, 22  # pixels; the label's is the height of a line of text
STRIPS = "strips"  # text chunk of the PNG: where each picture stands
PAPER, INK = (255, 255, 255), (60, 60, 60)


def to_uint8(images: Tensor) -> np.ndarray:
    """Images [N, 3, R, R] in [-1, 1] as bytes [N, R, R, 3]."""
    scaled = (images.detach().float().cpu() * 127.5 + 128).clamp(0, 255).byte()
    return scaled.permute(0, 2, 3, 1).numpy()


def strip(images: np.ndarray, tile: int) -> Image.Image:
    """Pictures [N, R, R, 3] side by side, each ``tile`` pixels wide."""
    width = len(images) * (tile + GAP) - GAP
    out = Image.new("RGB", (width, tile), PAPER)
    for i, picture in enumerate(images):
        enlarged = Image.fromarray(picture).resize((tile, tile), Image.Resampling.LANCZOS)
        out.paste(enlarged, (i * (tile + GAP), 0))
    return out


def stack(bands: list[tuple[str, list[np.ndarray]]], tile: int) -> Image.Image:
    """Titled bands, each of one or more strips, on white."""
    strips = [(title, [strip(row, tile) for row in rows]) for title, rows in bands]
    width = max(s.width for _, rows in strips for s in rows) + 2 * MARGIN
    height = MARGIN + sum(LABEL + len(rows) * (tile + GAP) + MARGIN for _, rows in strips)
    out = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(out)
    y = MARGIN
    places: list[list[tuple[int, int]]] = []
    for (title, rows), (_, pictures) in zip(strips, bands, strict=True):
        draw.text((MARGIN, y), title, fill=INK, font=ImageFont.load_default(13))
        y += LABEL
        places.append([])
        for row, images in zip(rows, pictures, strict=True):
            out.paste(row, (MARGIN, y))
            places[-1].append((y, len(images)))
            y += tile + GAP
        y += MARGIN
    out.info[STRIPS] = json.dumps({"tile": tile, "bands": places})
    return out


def cut(path: Path) -> list[list[list[Image.Image]]]:
    """The pictures of a sheet's file again: bands of rows; the first band shows the shots."""
    with Image.open(path) as sheet:
        sheet.load()
    layout = json.loads(sheet.info[STRIPS])
    tile = int(layout["tile"])

    def picture(y: int, i: int) -> Image.Image:
        left = MARGIN + i * (tile + GAP)
        return sheet.crop((left, y, left + tile, y + tile))

    return [[[picture(y, i) for i in range(n)] for y, n in rows] for rows in layout["bands"]]


def of_run(
    shots: Shots, sources: Tensor | None, fakes: Tensor, title: str, columns: int, bands: int
) -> Image.Image:
    """The sheet of a run from images in [-1, 1].

    Args:
        shots: [K, 3, R, R]; at most ``columns`` are shown.
        sources: the source's pictures [N, 3, R, R] of the latents of ``fakes``; None without them.
        fakes: [N, 3, R, R].
        title: what was run.
        columns: pictures side by side.
        bands: pairs of rows.
    """
    rows: list[tuple[str, list[np.ndarray]]] = []
    first = to_uint8(shots[:columns])
    tile = max(96, min(256, 128 * first.shape[1] // 64))  # twice their side, within reason
    rows.append((f"{title}: {len(shots)} shots", [first]))
    for band in range(bands):
        part = slice(band * columns, (band + 1) * columns)
        if not len(fakes[part]):
            break
        pictures = [to_uint8(fakes[part])]
        if sources is not None:
            pictures.insert(0, to_uint8(sources[part]))
        words = "source, and adapted from the same latents" if sources is not None else "samples"
        rows.append((words if band == 0 else "", pictures))
    return stack(rows, tile)


def save(path: Path, picture: Image.Image) -> None:
    """Write a PNG, moved into place."""
    png, about = io.BytesIO(), PngImagePlugin.PngInfo()
    about.add_text(STRIPS, str(picture.info.get(STRIPS, "")))
    picture.save(png, format="PNG", pnginfo=about)
    try:
        atomic.write(path, png.getvalue())
    except OSError as error:
        raise UserError(f"The picture cannot be written to {path}: {error.strerror}.") from error
