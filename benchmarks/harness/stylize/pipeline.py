"""Photos one batch after the other: a picture each, or one of all; what became of each is said."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor

from benchmarks.harness.alignment.framing import SHOWN, Framing, Photo, photo
from benchmarks.harness.config.cli import printable
from benchmarks.harness.data.inputs import Places, strip_of
from benchmarks.harness.data.pictures import File, as_images
from benchmarks.harness.io.contact_sheet import save, stack, to_uint8
from benchmarks.harness.stylize.exemplars import Lent, exemplary
from benchmarks.harness.stylize.generator import Stylist
from benchmarks.harness.stylize.style_grid import in_strengths, in_styles, table
from core.errors import UserError

BATCH = 16  # photos inverted side by side
MATRIX, STRUCTURE = "matrix.png", "strengths.png"

console = Console(markup=False)  # file names may look like markup


class Studio:
    """Stylises photos one batch after the other, and says what became of each.

    Args:
        artist: the run.
        framed: how photos are framed.
        size: of the pictures that are saved.
        strips: whether a strip is saved with each.
    """

    def __init__(self, artist: Stylist, framed: Framing, size: int, *, strips: bool) -> None:
        self.artist, self.framed, self.size, self.strips = artist, framed, size, strips
        self.made, self.failed = 0, 0

    def fail(self, sentence: str) -> None:
        """One photo that did not go."""
        self.failed += 1
        print(f"styleshift: {printable(sentence)}", file=sys.stderr, flush=True)

    def run(self, photos: list[tuple[File, str]], places: Places) -> None:
        """All photos; what is wrong with one does not keep the others."""
        ready = self.ready(photos, places)
        while batch := list(islice(ready, BATCH)):
            shown = self.artist(as_images(np.stack([seen.pixels for seen, _ in batch])))
            for index, (seen, path) in enumerate(batch):
                one = slice(index, index + 1)
                self.save(seen, path, shown.inversions[one], shown.results[one])

    def ready(self, photos: list[tuple[File, str]], places: Places) -> Iterator[tuple[Photo, Path]]:
        """Those that can be read and have a face, and where their results go."""
        for file, name in photos:
            try:
                seen = photo(file, self.framed, self.artist.resolution)
            except UserError as fault:
                self.fail(str(fault))
            else:
                yield seen, places.of(name)

    def save(self, seen: Photo, path: Path, inversion: Tensor, result: Tensor) -> None:
        """One photo's files; pictures [1, 3, R, R]."""
        if not result.isfinite().all():
            self.fail(f"{seen.file}: its picture is not finite.")
            return
        picture = sized(to_uint8(result)[0], self.size)
        try:
            if self.strips:
                parts = [seen.shown, to_uint8(inversion)[0], np.asarray(picture)]
                save(strip_of(path), strip(parts, self.artist.name))
            save(path, picture)
        except UserError as fault:
            self.fail(str(fault))
            return
        self.made += 1
        notes = f" ({'; '.join(seen.notes)})" if seen.notes else ""
        said(f"{seen.file} -> {path}{notes}")


def sized(pixels: np.ndarray, side: int) -> Image.Image:
    """A picture uint8 [R, R, 3] of ``side`` pixels."""
    picture = Image.fromarray(pixels)
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def strip(parts: list[np.ndarray], name: str) -> Image.Image:
    """Photo, inversion and result side by side, uint8 [., ., 3] each, under the run's name."""
    tile = max(SHOWN, *(len(part) for part in parts[1:]))
    row = [np.asarray(sized(part, tile)) for part in parts]
    return stack([(f"photo, its inversion, {name}", [np.stack(row)])], tile)


class Comparison(Studio):
    """Shows all photos in several styles, and in one in growing strengths, in a picture each.

    Args:
        artist: the run.
        framed: how photos are framed.
        tile: pixels of each photo in the picture.
        styles: the columns.
        changes: of the strength that the method's configuration says.
    """

    def __init__(
        self,
        artist: Stylist,
        framed: Framing,
        tile: int,
        styles: list[Lent],
        changes: dict[str, float],
    ) -> None:
        super().__init__(artist, framed, tile, strips=False)
        self.lender, self.columns = exemplary(artist), styles
        self.strength = self.lender.strength._replace(**changes)

    @torch.no_grad()
    def run(self, photos: list[tuple[File, str]], places: Places) -> None:
        """All photos; nothing is written if none can be read."""
        ready = self.ready(photos, places)
        parts: list[tuple[Tensor, ...]] = []
        while batch := list(islice(ready, BATCH)):
            found = self.shown(as_images(np.stack([seen.pixels for seen, _ in batch])))
            whole = torch.stack([part.isfinite().flatten(1).all(1) for part in found]).all(0)
            for (seen, _), fine in zip(batch, whole.tolist(), strict=True):
                if not fine:
                    self.fail(f"{seen.file}: its pictures are not finite.")
            parts.append(tuple(part[whole] for part in found))
            self.made += int(whole.sum())
        if self.made:
            shown, by_style, by_dose = (torch.cat(part) for part in zip(*parts, strict=True))
            heads = torch.cat([each.picture for each in self.columns])
            names = ", ".join(each.name for each in self.columns)
            title = f"{self.artist.name}: photos, then in the styles {names}"
            self.keep(MATRIX, title, heads, shown, by_style, places)
            title = f"{self.artist.name}: photos, then structure 0 to 1 of {self.columns[0].name}"
            self.keep(STRUCTURE, title, heads[:1], shown, by_dose, places)

    def shown(self, photos: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Photos [N, 3, R, R], in each style [N, K, 3, R, R], and in the first one's strengths."""
        ws, styles = self.artist.source.invert(photos), self.lender.styles
        rows = [each.rows for each in self.columns]
        by_style = in_styles(styles, ws, rows, self.strength)
        return photos, by_style, in_strengths(styles, ws, rows[0], self.strength)

    def keep(
        self, name: str, title: str, heads: Tensor, shown: Tensor, results: Tensor, places: Places
    ) -> None:
        """Write one of the two."""
        path = places.of(name)
        save(path, table(title, heads, shown, results, self.size))
        said(str(path))


def said(line: str) -> None:
    """A line for the person at the terminal."""
    console.print(printable(line), highlight=False, soft_wrap=True)
