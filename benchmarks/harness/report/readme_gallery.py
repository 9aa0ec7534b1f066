"""One picture for a first look: the same held-out people through every method, beside the truth.
Rows are the photographs, the methods (the least mean KID on top) and how the people truly look in
the style; columns are people, grouped by style. Of several seeds the first is shown, not the best.
"""

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.harness.records.record import Record
from benchmarks.harness.report import strip_files
from benchmarks.harness.report.strip_files import LATENTS, PHOTOS, SIDE, SOURCE, TRUTH
from core import output, regular
from core.errors import UserError

PREFIX = "parafaces_"
STYLES = ("webtoon", "sketch", "metfaces")  # flat colours, no colours, dark: far from each other
SOURCE_NAME, METRIC = "parafaces64", "kid@parafaces"
VARIANTS = ("freezeg", "jojogan_colour")  # left out: close to freezesg and jojogan
TILE = 96  # pixels; a page shows them at two thirds, at the 64 px of the strips
GAP, GROUP_GAP, MARGIN = 4, 22, 16  # pixels: between people, between styles, around
FONT_SIZE, LABEL = 24, 196  # pixels; two thirds on a page
PAPER, INK = (255, 255, 255), (45, 45, 45)
QUALITY = 60  # of the JPEG, which is to stay under 200 kB


def write(path: Path, folder: Path) -> None:
    """Write the gallery as JPEG; UserError where records or strips are missing or it cannot be."""
    jpeg = io.BytesIO()
    draw(rows(folder)).save(jpeg, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    output.write(path, jpeg.getvalue())


def rows(folder: Path) -> dict[str, list[np.ndarray]]:
    """Photographs, a row a method as its yaml has it, truth: a strip of people for each style,
    uint8 [PHOTOS, SIDE, SIDE, 3], by its label; UserError without such a method.
    """
    paths = strip_files.paths(folder, local=False)
    runs: dict[str, dict[str, list[tuple[int, str, float]]]] = {}
    for path in sorted((folder / "runs").glob(f"*--{PREFIX}*--{SOURCE_NAME}--*.json")):
        record = Record.read(path)
        if not record.failed and not record.overrides:
            run = record.seed, path.stem, record.metrics[METRIC].value
            own = runs.setdefault(record.method, defaultdict(list))
            own[record.data.removeprefix(PREFIX)].append(run)
    methods = [m for m in runs if m not in VARIANTS and set(runs[m]) >= set(STYLES)]
    methods.sort(key=lambda m: fmean(kid for style in STYLES for *_, kid in runs[m][style]))
    if not methods:
        raise UserError(f"{folder} has no method with records of {', '.join(STYLES)}.")
    names = {"photo": [scene(paths, style, SOURCE) for style in STYLES]}
    names |= {m: [min(runs[m][style])[1] for style in STYLES] for m in methods}
    names |= {"truth": [scene(paths, style, TRUTH) for style in STYLES]}
    return {label: [people(paths, one) for one in each] for label, each in names.items()}


def scene(paths: dict[str, Path], style: str, part: str) -> str:
    start, end = f"{PREFIX}{style}--{SOURCE_NAME}--", f"--{part}"
    names = [name for name in paths if name.startswith(start) and name.endswith(end)]
    if len(names) != 1:
        raise UserError(f"There are {len(names)} strips of {style}, {part}, where one is needed.")
    return names[0]


def people(paths: dict[str, Path], name: str) -> np.ndarray:
    """The people of a strip, uint8 [PHOTOS, SIDE, SIDE, 3]; the truth's has nothing before them."""
    if name not in paths:
        raise UserError(f"The strip {name} is missing: python -m benchmarks.tiles makes it.")
    try:
        data = regular.read(paths[name], strip_files.LARGEST)
        if not strip_files.count(data):
            raise ValueError("it is no strip")
        with Image.open(io.BytesIO(data)) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, ValueError) as error:
        raise UserError(f"{paths[name]} cannot be read: {error}.") from error
    tiles = np.stack(np.split(pixels, pixels.shape[1] // SIDE, axis=1))
    return tiles[0 if name.endswith(f"--{TRUTH}") else LATENTS :][:PHOTOS]


def draw(content: Mapping[str, Sequence[np.ndarray]]) -> Image.Image:
    """The picture: methods on the left, styles on top, a wider gap around the methods."""
    step = TILE + GAP
    group = PHOTOS * step + GROUP_GAP
    width = LABEL + len(STYLES) * group - GROUP_GAP + MARGIN
    height = 2 * MARGIN + FONT_SIZE + len(content) * step + 2 * GROUP_GAP
    sheet = Image.new("RGB", (width, height), PAPER)
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(FONT_SIZE)
    for column, style in enumerate(STYLES):
        centre = LABEL + column * group + (PHOTOS * step - GAP) // 2
        pen.text((centre, MARGIN), style, INK, font, anchor="mt")
    for i, (label, strips) in enumerate(content.items()):
        top = 2 * MARGIN + FONT_SIZE + i * step
        top += GROUP_GAP * ((i > 0) + (i == len(content) - 1))
        pen.text((MARGIN, top + TILE // 2), label, INK, font, anchor="lm")
        for column, tiles in enumerate(strips):
            for person, pixels in enumerate(tiles):
                tile = Image.fromarray(pixels).resize((TILE, TILE), Image.Resampling.LANCZOS)
                sheet.paste(tile, (LABEL + column * group + person * step, top))
    return sheet
