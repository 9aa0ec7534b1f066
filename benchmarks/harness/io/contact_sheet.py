"""The one picture of a run: the shots on top, then source over adapted for the same latents, then
held-out people as photographs, in the style, and as they truly look in it.
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin
from torch import Tensor

from core import output, regular
from core.types import Shots

GAP, MARGIN, LABEL = 2, 14, 22  # pixels; the label's is the height of a line of text
STRIPS = "strips"  # text chunk of the PNG: where each picture stands
LARGEST = 2**26  # pixels; ours have 3 million
PAPER, INK = (255, 255, 255), (60, 60, 60)


def to_uint8(images: Tensor) -> np.ndarray:
    """Images [N, 3, R, R] in [-1, 1] as bytes [N, R, R, 3]."""
    # On their device, from which a quarter of the bytes is then brought.
    scaled = (images.detach().float() * 127.5 + 128).clamp(0, 255).byte()
    return scaled.permute(0, 2, 3, 1).cpu().numpy()


def strip(images: np.ndarray, tile: int) -> Image.Image:
    """Pictures [N, R, R, 3] side by side, each ``tile`` pixels wide."""
    out = Image.new("RGB", (len(images) * (tile + GAP) - GAP, tile), PAPER)
    for i, picture in enumerate(images):
        enlarged = Image.fromarray(picture).resize((tile, tile), Image.Resampling.LANCZOS)
        out.paste(enlarged, (i * (tile + GAP), 0))
    return out


class Band(NamedTuple):
    """Strips of pictures [N, R, R, 3] below one another, and lines of text above and below them."""

    title: str
    rows: list[np.ndarray]
    captions: Sequence[str] = ()  # below the columns
    words: str = ""  # below all


def stack(bands: Sequence[Band], tile: int) -> Image.Image:
    """Bands of pictures on white."""
    strips = [[strip(row, tile) for row in band.rows] for band in bands]
    width = max(row.width for rows in strips for row in rows) + 2 * MARGIN
    lines = sum(bool(text) for title, _, *below in bands for text in (title, *below))
    height = MARGIN + LABEL * lines + sum(len(rows) * (tile + GAP) + MARGIN for rows in strips)
    out = Image.new("RGB", (width, height), PAPER)
    draw, font = ImageDraw.Draw(out), ImageFont.load_default(13)
    y = MARGIN
    places: list[list[tuple[int, int]]] = []
    for band, rows in zip(bands, strips, strict=True):
        if band.title:
            draw.text((MARGIN, y), band.title, fill=INK, font=font)
            y += LABEL
        places.append([])
        for row, pictures in zip(rows, band.rows, strict=True):
            out.paste(row, (MARGIN, y))
            places[-1].append((y, len(pictures)))
            y += tile + GAP
        for i, caption in enumerate(band.captions):
            middle = MARGIN + i * (tile + GAP) + tile // 2
            draw.text((middle, y), caption, fill=INK, font=font, anchor="ma")
        y += LABEL * bool(band.captions)
        if band.words:
            draw.text((MARGIN, y), band.words, fill=INK, font=font)
            y += LABEL
        y += MARGIN
    out.info[STRIPS] = json.dumps({"tile": tile, "bands": places})
    return out


def cut(path: Path) -> list[list[list[Image.Image]]]:
    """The pictures of a sheet's file again: bands of rows; the first band shows the shots."""
    with Image.open(io.BytesIO(regular.read(path)), formats=["PNG"]) as sheet:
        if sheet.width * sheet.height > LARGEST:
            raise ValueError("it has more pixels than any sheet")
        sheet.load()
    tile, bands = layout(sheet)

    def picture(y: int, i: int) -> Image.Image:
        left = MARGIN + i * (tile + GAP)
        return sheet.crop((left, y, left + tile, y + tile))

    return [[[picture(y, i) for i in range(n)] for y, n in rows] for rows in bands]


def layout(sheet: Image.Image) -> tuple[int, list[list[tuple[int, int]]]]:
    """Side of the pictures of a sheet; top and number of those of each row, by band."""
    try:
        says = json.loads(sheet.info[STRIPS])
        tile = int(says["tile"])
        bands = [[(int(y), int(n)) for y, n in rows] for rows in says["bands"]]
    except (LookupError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise ValueError("it does not say where its pictures are") from error
    rows = [row for band in bands for row in band]
    lie = all(0 <= y <= sheet.height - tile and 0 <= n <= sheet.width // tile for y, n in rows)
    if tile < 1 or not lie or sum(n for _, n in rows) * tile**2 > sheet.width * sheet.height:
        raise ValueError("its pictures lie outside of it")
    return tile, bands


def of_run(
    shots: Shots,
    sources: Tensor | None,
    fakes: Tensor,
    title: str,
    columns: int,
    bands: int,
    people: Band | None = None,
) -> Image.Image:
    """The sheet of a run, all images [N, 3, R, R] in [-1, 1].
    At most ``columns`` shots stand in the first row. Below are at most ``bands`` pairs of rows, the
    source's pictures, where there are any, over the fakes of the same latents; then ``people``.
    """
    first = to_uint8(shots[:columns])
    tile = max(96, min(256, 128 * first.shape[1] // 64))  # twice their side, within reason
    rows = [Band(f"{title}: {len(shots)} shots", [first])]
    words = "samples" if sources is None else "source, and adapted from the same latents"
    for start in range(0, min(bands * columns, len(fakes)), columns):
        part = slice(start, start + columns)
        pictures = [to_uint8(images[part]) for images in (sources, fakes) if images is not None]
        rows.append(Band("" if start else words, pictures))
    return stack([*rows, *([people] if people else [])], tile)


def save(path: Path, picture: Image.Image) -> None:
    """Write a PNG, moved into place."""
    png, about = io.BytesIO(), PngImagePlugin.PngInfo()
    about.add_text(STRIPS, str(picture.info.get(STRIPS, "")))
    picture.save(png, format="PNG", pnginfo=about)
    output.write(path, png.getvalue(), "The picture")
