"""Photos one batch after the other: a picture each, or one of all; what became of each is said."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.harness.alignment.framing import SHOWN, Framing, Photo
from benchmarks.harness.alignment.framing import photo as read_photo
from benchmarks.harness.config.cli import complain, printable
from benchmarks.harness.data.inputs import Places, strip_of
from benchmarks.harness.data.pictures import File, as_images
from benchmarks.harness.io.contact_sheet import Band, save, stack, to_uint8
from benchmarks.harness.stylize import exemplars
from benchmarks.harness.stylize.generator import StylisedGenerator
from core.errors import UserError
from core.progress import ShownConsole

BATCH = 16  # photos inverted side by side
Named = list[tuple[File, str]]  # photos and the names of their results
MATRIX, STRENGTHS = "matrix.png", "strengths.png"

console = ShownConsole(markup=False)  # file names may look like markup


class StylizePipeline:
    """Stylises photos one batch after the other, and says what became of each."""

    def __init__(
        self, generator: StylisedGenerator, framing: Framing, size: int, *, strips: bool
    ) -> None:
        self.generator, self.framing, self.size = generator, framing, size
        self.strips = strips
        self.made, self.failed = 0, 0

    def fail(self, sentence: str) -> None:
        """Say of one photo why it did not go."""
        self.failed += 1
        complain(sentence)

    def run(self, photos: Named, places: Places) -> None:
        """All photos; what is wrong with one does not keep the others."""
        for batch, images in self.batches(photos):
            inversions, results = self.generator(images)
            for index, (photo, name) in enumerate(batch):
                one = slice(index, index + 1)
                self.save(photo, places.of(name), inversions[one], results[one])

    def batches(self, photos: Named) -> Iterator[tuple[Any, Tensor]]:
        """Those that can be read and have a face, with the names of their results; as images."""
        readable = self.readable(photos)
        while batch := list(islice(readable, BATCH)):
            yield batch, as_images(np.stack([photo.pixels for photo, _ in batch]))

    def readable(self, photos: Named) -> Iterator[tuple[Photo, str]]:
        for file, name in photos:
            try:
                yield read_photo(file, self.framing, self.generator.resolution), name
            except UserError as error:
                self.fail(str(error))

    def save(self, photo: Photo, path: Path, inversion: Tensor, result: Tensor) -> None:
        """One photo's files; pictures [1, 3, R, R]."""
        if not result.isfinite().all():
            self.fail(f"{photo.file}: its picture is not finite.")
            return
        picture = resized(to_uint8(result)[0], self.size)
        try:
            if self.strips:
                parts = [photo.shown, to_uint8(inversion)[0], np.asarray(picture)]
                save(strip_of(path), strip(parts, self.generator.name))
            save(path, picture)
        except UserError as error:
            self.fail(str(error))
            return
        self.made += 1
        notes = f" ({'; '.join(photo.notes)})" if photo.notes else ""
        announce(f"{photo.file} -> {path}{notes}")


class StyleMatrix(StylizePipeline):
    """Shows all photos in several styles, and in one in growing strengths, in a picture each."""

    def __init__(
        self,
        generator: StylisedGenerator,
        framing: Framing,
        tile: int,
        styles: list[exemplars.NamedStyle],
        changes: dict[str, float],
    ) -> None:
        super().__init__(generator, framing, tile, strips=False)
        adapter = exemplars.exemplar_adapter(generator)
        self.styles, self.columns = adapter.styles, styles
        self.strength = adapter.strength._replace(**changes)

    @torch.no_grad()
    def run(self, photos: Named, places: Places) -> None:
        parts: list[tuple[Tensor, ...]] = []
        rows = [style.rows for style in self.columns]
        for batch, images in self.batches(photos):
            ws = self.generator.source.invert(images)
            by_style = exemplars.in_styles(self.styles, ws, rows, self.strength)
            by_strength = exemplars.in_strengths(self.styles, ws, rows[0], self.strength)
            shown = (images, by_style, by_strength)
            finite = torch.stack([part.isfinite().flatten(1).all(1) for part in shown]).all(0)
            for (photo, _), fine in zip(batch, finite.tolist(), strict=True):
                if not fine:
                    self.fail(f"{photo.file}: its pictures are not finite.")
            parts.append(tuple(part[finite] for part in shown))
            self.made += int(finite.sum())
        if not self.made:
            return
        images, by_style, by_strength = (torch.cat(part) for part in zip(*parts, strict=True))
        heads = torch.cat([style.picture for style in self.columns])
        name, names = self.generator.name, [style.name for style in self.columns]
        tables = {
            MATRIX: (f"photos, then in the styles {', '.join(names)}", heads, by_style),
            STRENGTHS: (f"photos, then structure 0 to 1 of {names[0]}", heads[:1], by_strength),
        }
        for file, (title, above, results) in tables.items():
            path = places.of(file)
            save(path, exemplars.table(f"{name}: {title}", above, images, results, self.size))
            announce(str(path))


def resized(pixels: np.ndarray, side: int) -> Image.Image:
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS)


def strip(parts: list[np.ndarray], name: str) -> Image.Image:
    """Photo, inversion and result side by side, uint8 [., ., 3] each, under the run's name."""
    tile = max(SHOWN, *(len(part) for part in parts[1:]))
    row = [np.asarray(resized(part, tile)) for part in parts]
    return stack([Band(f"photo, its inversion, {name}", [np.stack(row)])], tile)


def announce(line: str) -> None:
    """A line for the person at the terminal."""
    console.print(printable(line), highlight=False, soft_wrap=True)
