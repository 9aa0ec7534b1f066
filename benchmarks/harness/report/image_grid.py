"""The pictures of one data set beside each other: rows are latents and people, columns methods."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from benchmarks.harness.leaderboard import layout
from benchmarks.harness.leaderboard.tables import MethodRow, Table
from benchmarks.harness.records.recipe import is_swap
from benchmarks.harness.records.record import Record
from benchmarks.harness.report import strip_files
from benchmarks.harness.report.strip_files import Sprite, Sprites

Key = tuple[str, int]  # a level of layer swap ("" for none) and a seed
SHOT = "a shot"
WHOLE: Key = ("", -1)  # of what has neither: the source and the truth


@dataclass(frozen=True)
class PictureColumn:
    """One method by level and seed; row 0 is tile ``first``: the truth begins with people."""

    name: str
    strips: Mapping[Key, Sprite] = field(default_factory=dict)
    failed: Mapping[Key, str] = field(default_factory=dict)
    numbers: Mapping[str, Sequence[layout.Entry]] = field(default_factory=dict)
    first: int = 0


@dataclass(frozen=True)
class ImageGrid:
    """The pictures of one data set, or nothing but the names without any: levels of layer swap, ""
    for none first, titles of the numbers and whether they lead.
    """

    data: str
    table: Table
    levels: tuple[str, ...]
    seeds: tuple[int, ...]
    shots: Sprite | None
    metrics: tuple[tuple[str, bool], ...]
    columns: tuple[PictureColumn, ...]

    @property
    def people(self) -> int:
        return min(strip_files.LATENTS, self.rows)

    @property
    def rows(self) -> int:
        ends = [strip.tiles + c.first for c in self.columns for strip in c.strips.values()]
        return max(ends, default=0)

    def describe(self, row: int) -> str:
        return f"latent {row + 1}" if row < self.people else f"person {row - self.people + 1}"


def level(record: Record) -> str:
    """Up to which resolution layers are the source's, and how, in words; "" for none."""
    return layout.layers([word for word in record.changes if is_swap(word)])


def image_grids(table: Table, order: Sequence[str], sprites: Sprites) -> list[ImageGrid]:
    """One for every data set of a table; ``order`` are labels of its methods, the best first."""
    names = sorted({record.data_label for record in table.records})
    return [image_grid(table, order, name, sprites) for name in names]


def image_grid(table: Table, order: Sequence[str], data: str, sprites: Sprites) -> ImageGrid:
    """The pictures of one data set; swapped layers stand with their method."""
    methods: dict[str, list[MethodRow]] = {label: [] for label in order}
    for row in table.rows:
        if data in row.by_data:
            methods[row.whole].append(row)
    rows = [own for own in methods.values() if own]
    records = [record for own in rows for row in own for record in row.by_data[data]]
    levels = tuple(sorted({"", *map(level, records)}, key=layout.natural))
    scene = strip_files.scene(max(records, key=lambda record: record.provenance.started))
    shots, source, truth = (
        sprites.get(f"{scene}--{part}")
        for part in (strip_files.SHOTS, strip_files.SOURCE, strip_files.TRUTH)
    )
    columns = []
    if source:
        untouched = [layout.untouched_entry(table, column) for column in table.of(data)]
        numbers = dict.fromkeys(levels, untouched)
        columns.append(PictureColumn("source", {WHOLE: source}, numbers=numbers))
    columns += [method(table, own, data, levels, sprites) for own in rows]
    if truth:
        columns.append(PictureColumn("truth", {WHOLE: truth}, first=strip_files.LATENTS))
    metrics = ((c.heading, layout.named(c.metric, layout.LEADING)) for c in table.of(data))
    seeds = tuple(sorted({record.seed for record in records}))
    return ImageGrid(data, table, levels, seeds, shots, tuple(metrics), tuple(columns))


def method(
    table: Table, rows: Sequence[MethodRow], data: str, levels: Sequence[str], sprites: Sprites
) -> PictureColumn:
    """The column of a method: its own row, and those of its swapped layers."""
    strips: dict[Key, Sprite] = {}
    failed: dict[Key, str] = {}
    for record in (record for row in rows for record in row.by_data[data]):
        key = level(record), record.seed
        if record.failed:
            failed[key] = record.reason
        elif sprite := sprites.get(record.name):
            strips[key] = sprite
    by_level = {layout.layers(row.swapped): row for row in rows}
    numbers = {
        at: [
            layout.entry(table, by_level[at], column) if at in by_level else layout.Entry()
            for column in table.of(data)
        ]
        for at in levels
    }
    return PictureColumn(rows[0].whole, strips, failed, numbers)


class Tile(NamedTuple):
    """One picture of a strip."""

    strip: Sprite
    at: int


def glances(grids: Sequence[ImageGrid]) -> Iterator[dict[str, Any]]:
    """For each table of which there are pictures, its title, names of columns (a shot, the photo
    that the source knows, methods, truth), and of each data set section, name and a tile a column.
    """
    for title in dict.fromkeys(grid.table.title for grid in grids):
        own = [(i, grid) for i, grid in enumerate(grids) if grid.table.title == title and grid.rows]
        names = dict.fromkeys(column.name for _, grid in own for column in grid.columns)
        ordered = [SHOT, *sorted(names, key="truth".__eq__)]
        rows = [(i, grid.data, tuple(tiles(grid, ordered))) for i, grid in own]
        people = any(grid.rows > grid.people for _, grid in own)
        called = ("photo" if name == "source" and people else name for name in ordered)
        if rows:
            yield {"title": title, "names": list(called), "rows": rows}


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
