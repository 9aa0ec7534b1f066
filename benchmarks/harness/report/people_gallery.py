"""One picture for a first look: the same held-out people through several methods, and the truth.
Rows are the photographs, the methods and how the people truly look in the style; columns are
people, a block for each style. Methods and styles stand in the order in which runs were named.
"""

import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from benchmarks import parafaces
from benchmarks.harness.config import files, recorded
from benchmarks.harness.config.build import build
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.io.contact_sheet import GAP, INK, PAPER, strip, to_uint8
from benchmarks.harness.leaderboard.tables import MethodRow
from benchmarks.harness.records.record import Record
from benchmarks.harness.stylize.find_run import FinishedRun, find_run
from benchmarks.harness.stylize.generator import judged
from core import output
from core.errors import UserError
from core.paths import CONF

PEOPLE = CONF / "gallery.yaml"
PREFIX = "parafaces_"
ENDINGS = (".jpg", ".jpeg")
TILE = 128  # pixels; twelve of them beside each other are shown at half by a page
GROUP_GAP, MARGIN = 28, 20  # pixels: between styles and around the methods, at the edge
FONT_SIZE = 32  # pixels; half on a page
QUALITY = 80  # of the JPEG

Block = Mapping[str, np.ndarray]
"""The rows of a style, by label: pictures of the people, uint8 [N, R, R, 3]."""


class Member(NamedTuple):
    """A run with its record."""

    run: FinishedRun
    record: Record


class PeopleGallery(NamedTuple):
    """The blocks by style, who is in them, and which runs made them."""

    blocks: Mapping[str, Block]
    people: Mapping[str, int]  # by trait: their numbers among the held-out people
    runs: Sequence[str]


def write(path: Path, names: Sequence[str], results: Path) -> PeopleGallery:
    """Write the gallery of the named runs as a JPEG whose comment names them; what it shows."""
    if path.suffix.lower() not in ENDINGS:
        raise UserError(f"{path}: the gallery is a JPEG, whose name ends in {ENDINGS[0]}.")
    made, jpeg = gallery(names, results), io.BytesIO()
    options = {"quality": QUALITY, "optimize": True, "progressive": True}
    draw(made.blocks).save(jpeg, "JPEG", comment="\n".join(made.runs), **options)
    output.write(path, jpeg.getvalue(), "The gallery")
    return made


def gallery(names: Sequence[str], results: Path) -> PeopleGallery:
    """What the named runs of ``results`` make of the same people; a UserError where they make no
    whole picture: one is missing, two are alike, or they are of different sources or shots.
    """
    members = [member(find_run(name, results, whole=False)) for name in names]
    agree(members, origin)
    blocks: dict[str, Block] = {}
    people: dict[str, int] = {}
    for data, row in arranged(members).items():
        agree(row.values(), shots)
        people, blocks[data.removeprefix(PREFIX)] = block(row)
    return PeopleGallery(blocks, people, [one.run.name for one in members])


def member(run: FinishedRun) -> Member:
    """The run, if it ended well and is of people whose truth can be drawn."""
    if run.record is None:
        raise UserError(f"{run.name} has no record that says of which method and style it is.")
    if run.record.failed:
        raise UserError(f"{run.name} failed: {run.record.reason}.")
    if run.record.config.data.get("style") not in parafaces.DOMAINS:
        raise UserError(
            f"{run.name} is of {run.record.data}: the gallery shows the people of ParaFaces, of "
            "whom it is known how they look in a style."
        )
    return Member(run, run.record)


def origin(record: Record) -> str:
    side = record.config.source.get("resolution")
    return f"the source {record.source} ({record.provenance.weights_sha256[:8]}) of {side} px"


def shots(record: Record) -> str:
    return f"the shots {record.provenance.shots_sha256[:8]} of {record.data}"


def agree(members: Iterable[Member], about: Callable[[Record], str]) -> None:
    """A UserError where two runs differ in what is said about them."""
    first, *others = members
    for one in others:
        if about(one.record) != about(first.record):
            raise UserError(
                f"{one.run.name} is of {about(one.record)}, and {first.run.name} of "
                f"{about(first.record)}: a gallery compares what began alike."
            )


def arranged(members: Iterable[Member]) -> dict[str, dict[str, Member]]:
    """Runs by data and by label of their method, every method on all data."""
    grid: dict[str, dict[str, Member]] = {}
    labels: dict[str, None] = {}
    for one in members:
        row = grid.setdefault(one.record.data, {})
        label = MethodRow(one.record.method, one.record.changes, "", (one.record,)).label
        if label in row:
            both = f"{row[label].run.name} and {one.run.name}"
            raise UserError(f"{both} are both {label} on {one.record.data}: one can be shown.")
        row[label] = one
        labels[label] = None
    for data, row in grid.items():
        if lacking := [label for label in labels if label not in row]:
            raise UserError(f"No run of {lacking[0]} on {data} is named, where other methods are.")
    return {data: {label: row[label] for label in labels} for data, row in grid.items()}


def block(row: Mapping[str, Member]) -> tuple[dict[str, int], Block]:
    """Who is shown of those whom the runs of one style were measured with, and the rows."""
    record = next(iter(row.values())).record
    domain = build(recorded.configuration(record, "data").data)
    held_out = domain.photographed()
    people = chosen(held_out)
    who = held_out[[*people.values()]]
    photos = parafaces.render(who, "photo", domain.resolution).images
    made = {label: stylised(one.run, photos) for label, one in row.items()}
    truth = parafaces.render(who, domain.style, domain.resolution).images
    return people, {"photo": photos, **made, "truth": truth}


def chosen(held_out: np.ndarray) -> dict[str, int]:
    """Who is shown of held-out people, parameters [n, P], by trait: the first who has it and none
    of the other traits of `conf/gallery.yaml`; a UserError where nobody does.
    """
    has = {}
    for trait, (name, least, most) in files.plain(PEOPLE)["people"].items():
        size = np.abs(held_out[:, parafaces.INDEX[name]])
        has[trait] = (least <= size) & (size <= most)
    alone = np.sum([*has.values()], axis=0) == 1
    people = {trait: np.flatnonzero(own & alone) for trait, own in has.items()}
    if lacking := [trait for trait, found in people.items() if not len(found)]:
        raise UserError(f"None of the {len(held_out)} held-out people shows {lacking[0]} alone.")
    return {trait: int(found[0]) for trait, found in people.items()}


@torch.no_grad()
def stylised(run: FinishedRun, photos: np.ndarray) -> np.ndarray:
    """Photos uint8 [N, R, R, 3] as a run shows them, inverted as they were when it was measured."""
    adapter = judged(run)
    if not adapter.source.trained:
        raise UserError(f"{run.name} has no trained source that could invert a photo.")
    return to_uint8(adapter.stylise(as_images(photos)))


def draw(blocks: Mapping[str, Block]) -> Image.Image:
    """The picture: labels on the left, styles on top, a wider gap around the methods."""
    font = ImageFont.load_default(FONT_SIZE)
    labels = [*next(iter(blocks.values()))]
    left = 2 * MARGIN + ceil(max(map(font.getlength, labels)))
    top, step = 2 * MARGIN + FONT_SIZE, TILE + GAP
    tops = [top + i * step + GROUP_GAP * ((i > 0) + (i == len(labels) - 1))
            for i in range(len(labels))]  # fmt: skip
    groups = {
        style: [strip(pixels, TILE) for pixels in rows.values()] for style, rows in blocks.items()
    }
    widths = [rows[0].width for rows in groups.values()]
    width = left + sum(widths) + GROUP_GAP * (len(widths) - 1) + MARGIN
    sheet = Image.new("RGB", (width, tops[-1] + TILE + MARGIN), PAPER)
    pen = ImageDraw.Draw(sheet)
    for label, y in zip(labels, tops, strict=True):
        pen.text((MARGIN, y + TILE // 2), label, INK, font, anchor="lm")
    for style, rows in groups.items():
        pen.text((left + rows[0].width // 2, MARGIN), style, INK, font, anchor="mt")
        for row, y in zip(rows, tops, strict=True):
            sheet.paste(row, (left, y))
        left += rows[0].width + GROUP_GAP
    return sheet
