"""One picture for a first look: the same held-out people through every method, beside the truth.

Rows are the photographs, the methods (the least mean KID on top) and how the people truly look in
the style; columns are people, grouped by style.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.harness.leaderboard.facts import changes, state
from benchmarks.harness.records import record as records
from benchmarks.harness.report import thumbnails
from benchmarks.harness.report.thumbnails import LATENTS, PHOTOS, SIDE, SOURCE, TRUTH, Strips
from core import atomic
from core.errors import UserError

Record = dict[str, Any]

PREFIX = "parafaces_"
STYLES = ("webtoon", "sketch", "metfaces")  # flat colours, no colours, dark: far from each other
SOURCE_NAME, SEED, METRIC = "parafaces64", 0, "kid@parafaces"
VARIANTS = ("freezeg", "jojogan_colour")  # left out: close to freezesg and jojogan
TILE = 96  # pixels; a page shows them at two thirds, at the 64 px of the strips
GAP, GROUP_GAP, MARGIN = 4, 22, 16
FONT_SIZE, LABEL = 24, 196  # pixels; two thirds on a page
PAPER, INK = (255, 255, 255), (45, 45, 45)
QUALITY = 60  # of the JPEG, which is to stay under 200 kB


@dataclass(frozen=True)
class Row:
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


def rows(folder: Path) -> list[Row]:
    """Photographs, one row a method, truth.

    Raises:
        UserError: there is no method with records and strips of every style.
    """
    strips = Strips.found(folder, local=False)
    runs = own_runs(folder)
    methods = [m for m in runs if m not in VARIANTS and set(runs[m]) >= set(STYLES)]
    methods.sort(key=lambda m: fmean(kid(run) for style in STYLES for run in runs[m][style]))
    if not methods:
        raise UserError(f"{folder} has no method with records of {', '.join(STYLES)}.")
    records_of = {m: [first(runs[m][style]) for style in STYLES] for m in methods}
    scenes = [thumbnails.scene(record) for record in records_of[methods[0]]]
    return [
        Row("photo", [people(strips, f"{scene}--{SOURCE}") for scene in scenes]),
        *(
            Row(method, [people(strips, thumbnails.name(record)) for record in records_of[method]])
            for method in methods
        ),
        Row("truth", [people(strips, f"{scene}--{TRUTH}") for scene in scenes]),
    ]


def own_runs(folder: Path) -> dict[str, dict[str, list[Record]]]:
    """Finished runs of methods as their yamls have them, by method and style."""
    runs: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for path in sorted((folder / "runs").glob("*.json")):
        record = records.read(path)
        own = record["data"].startswith(PREFIX) and record["source"] == SOURCE_NAME
        if own and state(record) == "finished" and not any(changes(record)):
            runs[record["method"]][record["data"].removeprefix(PREFIX)].append(record)
    return runs


def kid(record: Record) -> float:
    """What the methods are ordered by."""
    return float(record["metrics"][METRIC]["value"])


def first(runs: Sequence[Record]) -> Record:
    """The run that is shown: that of seed 0, never the best of several."""
    return min(runs, key=lambda record: abs(record["seed"] - SEED))


def people(strips: Strips, name: str) -> np.ndarray:
    """The people of a strip, uint8 [PHOTOS, SIDE, SIDE, 3]; the truth's has nothing before them."""
    path = strips.paths.get(name)
    if path is None:
        raise UserError(f"The strip {name} is missing: python -m benchmarks.tiles makes it.")
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    tiles = np.stack(np.split(pixels, pixels.shape[1] // SIDE, axis=1))
    return tiles[0 if name.endswith(f"--{TRUTH}") else LATENTS :][:PHOTOS]


def draw(content: Sequence[Row]) -> Image.Image:
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
