"""The first thing on the page: one person through every method in every style, beside the truth."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from benchmarks.harness.report.image_grid import ImageGrid, PictureColumn
from benchmarks.harness.report.strip_files import Sprite

SHOT = "a shot"


class Tile(NamedTuple):
    """One picture of a strip."""

    strip: Sprite
    at: int


class Glance(NamedTuple):
    """The pictures of one source and evaluation, named by the title of its table. ``names`` of the
    columns are a shot, the photo that the source knows, the methods, the truth; ``rows`` the number
    of the data set's section on the page, its name, and a tile a column.
    """

    title: str
    names: tuple[str, ...]
    rows: tuple[tuple[int, str, tuple[Tile | None, ...]], ...]


def glances(grids: Sequence[ImageGrid]) -> Iterator[Glance]:
    """One for each table of which there are pictures, of the grids of all sections in order."""
    for title in dict.fromkeys(grid.table.title for grid in grids):
        own = [(i, grid) for i, grid in enumerate(grids) if grid.table.title == title and grid.rows]
        names = dict.fromkeys(column.name for _, grid in own for column in grid.columns)
        ordered = [SHOT, *sorted(names, key="truth".__eq__)]
        rows = [(i, grid.data, tuple(tiles(grid, ordered))) for i, grid in own]
        people = any(grid.rows > grid.people for _, grid in own)
        called = ("photo" if name == "source" and people else name for name in ordered)
        if rows:
            yield Glance(title, tuple(called), tuple(rows))


def tiles(grid: ImageGrid, names: Sequence[str]) -> Iterator[Tile | None]:
    """The first shot, and the first person of each column; the first latent where nobody is."""
    columns = {column.name: column for column in grid.columns}
    row = grid.people if grid.rows > grid.people else 0
    for name in names:
        if name == SHOT:
            yield Tile(grid.shots, 0) if grid.shots else None
        else:
            yield tile(columns[name], row) if name in columns else None


def tile(column: PictureColumn, row: int) -> Tile | None:
    """A row of a column's first seed without swapped layers, where there is such a picture."""
    strips = {seed: strip for (level, seed), strip in column.strips.items() if not level}
    if not strips:
        return None
    strip, at = strips[min(strips)], row - column.first
    return Tile(strip, at) if 0 <= at < strip.tiles else None
