"""The pictures of one data set beside each other: rows are latents and people, columns methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.harness.leaderboard import layout
from benchmarks.harness.leaderboard.tables import MethodRow, Table
from benchmarks.harness.records.recipe import is_swap
from benchmarks.harness.records.record import Record
from benchmarks.harness.report import strip_files
from benchmarks.harness.report.strip_data import Sprite, Sprites

Key = tuple[str, int]
"""A level of layer swap ("" for none) and a seed."""

WHOLE: Key = ("", -1)
"""Of what has neither: the source and the truth."""


@dataclass(frozen=True)
class PictureColumn:
    """What one method shows.

    Attributes:
        strips: by level and seed.
        failed: why runs failed, by level and seed.
        numbers: by level, in the order of the grid's metrics.
        first: tile of the strip that stands in row 0 (the truth begins with the people).
    """

    name: str
    strips: Mapping[Key, Sprite] = field(default_factory=dict)
    failed: Mapping[Key, str] = field(default_factory=dict)
    numbers: Mapping[str, Sequence[layout.Entry]] = field(default_factory=dict)
    first: int = 0


@dataclass(frozen=True)
class ImageGrid:
    """The pictures of one data set, or nothing but the names where there are none.

    Attributes:
        data: its name.
        levels: of layer swap, "" for none first.
        shots: their strip, or None.
        metrics: title of each of the columns' numbers, and whether it leads.
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
        """Row of the first person; rows before are latents."""
        return min(strip_files.LATENTS, self.rows)

    @property
    def rows(self) -> int:
        """Of the longest column."""
        ends = [strip.tiles + c.first for c in self.columns for strip in c.strips.values()]
        return max(ends, default=0)

    def describe(self, row: int) -> str:
        """What a row is of."""
        return f"latent {row + 1}" if row < self.people else f"person {row - self.people + 1}"


def level(record: Record) -> str:
    """Up to which resolution layers are the source's, and how, in words; "" for none."""
    return layout.layers([word for word in record.changes if is_swap(word)])


def image_grids(table: Table, order: Sequence[str], sprites: Sprites) -> list[ImageGrid]:
    """One for every data set of a table.

    Args:
        table: whose records are shown.
        order: labels of its methods, the best first; swapped layers stand with their method.
        sprites: where strips are taken from.
    """
    names = sorted({record.data_label for record in table.records})
    return [image_grid(table, order, name, sprites) for name in names]


def image_grid(table: Table, order: Sequence[str], data: str, sprites: Sprites) -> ImageGrid:
    """The pictures of one data set."""
    methods: dict[str, list[MethodRow]] = {label: [] for label in order}
    for row in table.rows:
        if data in row.by_data:
            methods[row.whole].append(row)
    rows = [own for own in methods.values() if own]
    records = [record for own in rows for row in own for record in row.by_data[data]]
    levels = tuple(sorted({"", *map(level, records)}, key=layout.natural))
    scene = strip_files.scene(max(records, key=lambda record: record.provenance.started))
    metrics = [(c.heading, layout.named(c.metric, layout.LEADING)) for c in table.of(data)]
    return ImageGrid(
        data=data,
        table=table,
        levels=levels,
        seeds=tuple(sorted({record.seed for record in records})),
        shots=sprites.get(f"{scene}--{strip_files.SHOTS}"),
        metrics=tuple(metrics),
        columns=(
            *source(table, scene, data, levels, sprites),
            *(method(table, own, data, levels, sprites) for own in rows),
            *truth(scene, sprites),
        ),
    )


def source(
    table: Table, scene: str, data: str, levels: Sequence[str], sprites: Sprites
) -> Iterator[PictureColumn]:
    """The source, where there is a strip of it; it is the same at every level."""
    if strip := sprites.get(f"{scene}--{strip_files.SOURCE}"):
        numbers = [layout.untouched_entry(table, column) for column in table.of(data)]
        yield PictureColumn("source", {WHOLE: strip}, numbers=dict.fromkeys(levels, numbers))


def truth(scene: str, sprites: Sprites) -> Iterator[PictureColumn]:
    """How the held-out people truly look, where there is a strip of it: nobody knows of latents."""
    if strip := sprites.get(f"{scene}--{strip_files.TRUTH}"):
        yield PictureColumn("truth", {WHOLE: strip}, first=strip_files.LATENTS)


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
    numbers = {at: entries(table, by_level.get(at), data) for at in levels}
    return PictureColumn(rows[0].whole, strips, failed, numbers)


def entries(table: Table, row: MethodRow | None, data: str) -> list[layout.Entry]:
    """A row's cells on a data set, one for every metric; empty ones where there is no such row."""
    return [layout.entry(table, row, c) if row else layout.Entry() for c in table.of(data)]
