"""One picture for a first look: the same held-out people through every method, beside the truth.

Rows are the photographs, the methods (the least mean KID on top) and how the people truly look in
the style; columns are people, grouped by style. Of several seeds the first is shown, not the best.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.harness.records.record import Record
from benchmarks.harness.report.strip_files import LATENTS, PHOTOS, SIDE, SOURCE, TRUTH, Strips
from core import atomic
from core.errors import UserError

PREFIX = "parafaces_"
STYLES = ("webtoon", "sketch", "metfaces")  # flat colours, no colours, dark: far from each other
SOURCE_NAME, METRIC = "parafaces64", "kid@parafaces"
VARIANTS = ("freezeg", "jojogan_colour")  # left out: close to freezesg and jojogan
TILE = 96  # pixels; a page shows them at two thirds, at the 64 px of the strips
GAP, GROUP_GAP, MARGIN = 4, 22, 16
FONT_SIZE, LABEL = 24, 196  # pixels; two thirds on a page
PAPER, INK = (255, 255, 255), (45, 45, 45)
QUALITY = 60  # of the JPEG, which is to stay under 200 kB


@dataclass(frozen=True)
class GalleryRow:
    """A label and one strip of people for each style, uint8 [PHOTOS, SIDE, SIDE, 3]."""

    label: str
    people: Sequence[np.ndarray]


def write(path: Path, folder: Path) -> None:
    """Write the gallery of a folder of results as JPEG.

    Raises:
        UserError: records or strips are missing, or the file cannot be written.
    """
    jpeg = io.BytesIO()
    draw(rows(folder)).save(jpeg, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    try:
        atomic.write(path, jpeg.getvalue())
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error


def rows(folder: Path) -> list[GalleryRow]:
    """Photographs, one row a method, truth.

    Raises:
        UserError: there is no method with records and strips of every style.
    """
    strips = Strips.read(folder, local=False)
    runs = own_runs(folder)
    methods = [m for m in runs if m not in VARIANTS and set(runs[m]) >= set(STYLES)]
    methods.sort(key=lambda m: fmean(run.kid for style in STYLES for run in runs[m][style]))
    if not methods:
        raise UserError(f"{folder} has no method with records of {', '.join(STYLES)}.")
    first = {m: [min(runs[m][s], key=lambda run: run.seed).name for s in STYLES] for m in methods}
    return [
        GalleryRow("photo", [people(strips, scene(strips, style, SOURCE)) for style in STYLES]),
        *(
            GalleryRow(method, [people(strips, name) for name in first[method]])
            for method in methods
        ),
        GalleryRow("truth", [people(strips, scene(strips, style, TRUTH)) for style in STYLES]),
    ]


class GalleryRun(NamedTuple):
    """Of a record: its name, its seed, and what methods are ordered by."""

    name: str
    seed: int
    kid: float


def own_runs(folder: Path) -> dict[str, dict[str, list[GalleryRun]]]:
    """Finished runs of methods as their yamls have them, by method and style."""
    runs: dict[str, dict[str, list[GalleryRun]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted((folder / "runs").glob(f"*--{PREFIX}*--{SOURCE_NAME}--*.json")):
        record = Record.read(path)
        if not record.failed and not record.overrides:
            run = GalleryRun(path.stem, record.seed, record.metrics[METRIC].value)
            runs[record.method][record.data.removeprefix(PREFIX)].append(run)
    return runs


def scene(strips: Strips, style: str, part: str) -> str:
    """Name of the strip that all runs of a style share."""
    names = [
        name
        for name in strips.paths
        if name.startswith(f"{PREFIX}{style}--{SOURCE_NAME}--") and name.endswith(f"--{part}")
    ]
    if len(names) != 1:
        raise UserError(f"There are {len(names)} strips of {style}, {part}, where one is needed.")
    return names[0]


def people(strips: Strips, name: str) -> np.ndarray:
    """The people of a strip, uint8 [PHOTOS, SIDE, SIDE, 3]; the truth's has nothing before them."""
    if name not in strips.paths:
        raise UserError(f"The strip {name} is missing: python -m benchmarks.tiles makes it.")
    with Image.open(strips.paths[name]) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    tiles = np.stack(np.split(pixels, pixels.shape[1] // SIDE, axis=1))
    return tiles[0 if name.endswith(f"--{TRUTH}") else LATENTS :][:PHOTOS]


def draw(content: Sequence[GalleryRow]) -> Image.Image:
    """The picture: methods on the left, styles on top, a wider gap around the methods."""
    width = LABEL + len(STYLES) * (PHOTOS * (TILE + GAP) + GROUP_GAP) - GROUP_GAP + MARGIN
    height = 2 * MARGIN + FONT_SIZE + len(content) * (TILE + GAP) + 2 * GROUP_GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    for column, style in enumerate(STYLES):
        centre = left(column, 0) + (PHOTOS * (TILE + GAP) - GAP) // 2
        pen.text((centre, MARGIN), style, INK, font, anchor="mt")
    for i, row in enumerate(content):
        top = 2 * MARGIN + FONT_SIZE + i * (TILE + GAP)
        top += GROUP_GAP * ((i > 0) + (i == len(content) - 1))
        pen.text((MARGIN, top + TILE // 2), row.label, INK, font, anchor="lm")
        for column, tiles in enumerate(row.people):
            for person, pixels in enumerate(tiles):
                tile = Image.fromarray(pixels).resize((TILE, TILE), Image.Resampling.LANCZOS)
                sheet.paste(tile, (left(column, person), top))
    return sheet


def left(column: int, person: int) -> int:
    """Left edge of a person's tile, in pixels."""
    return LABEL + column * (PHOTOS * (TILE + GAP) + GROUP_GAP) + person * (TILE + GAP)
