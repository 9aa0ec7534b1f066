"""The pictures of one data set beside each other: rows are latents and people, columns methods."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.harness.leaderboard import formats, layout
from benchmarks.harness.leaderboard.facts import changes, data_label, is_swap, state
from benchmarks.harness.leaderboard.tables import Row, Table
from benchmarks.harness.report import thumbnails
from benchmarks.harness.report.scatter import titled
from benchmarks.harness.report.sprites import Sprite, Sprites

Record = dict[str, Any]
Key = tuple[str, int]
"""A level of layer swap ("" for none) and a seed."""

WHOLE: Key = ("", -1)
"""Of what has neither: the source and the truth."""


@dataclass(frozen=True)
class Column:
    """What one method shows.

    Attributes:
        shown: strips by level and seed.
        failed: why runs failed, by level and seed.
        numbers: by level, in the order of the matrix's metrics.
        first: tile of the strip that stands in row 0 (the truth begins with the people).
    """

    name: str
    shown: Mapping[Key, Sprite] = field(default_factory=dict)
    failed: Mapping[Key, str] = field(default_factory=dict)
    numbers: Mapping[str, Sequence[layout.Entry]] = field(default_factory=dict)
    first: int = 0


@dataclass(frozen=True)
class Matrix:
    """The pictures of one data set, or nothing but the names where there are none.

    Attributes:
        data: its name.
        levels: of layer swap, "" for none first.
        shots: their strip, or None.
        metrics: title of each of the columns' numbers, and whether it leads.
        people: row of the first person; rows before are latents.
    """

    data: str
    table: Table
    levels: tuple[str, ...]
    seeds: tuple[int, ...]
    shots: Sprite | None
    metrics: tuple[tuple[str, bool], ...]
    columns: tuple[Column, ...]

    @property
    def people(self) -> int:
        """Row of the first person."""
        return min(thumbnails.LATENTS, self.rows)

    @property
    def rows(self) -> int:
        """Of the longest column."""
        return max((s.tiles + c.first for c in self.columns for s in c.shown.values()), default=0)

    def describe(self, row: int) -> str:
        """What a row is of."""
        return f"latent {row + 1}" if row < self.people else f"person {row - self.people + 1}"


def level(record: Record) -> str:
    """Up to which resolution layers are the source's, and how, in words; "" for none."""
    return layout.layers([word for word in changes(record)[0] if is_swap(word)])


def matrices(table: Table, order: Sequence[str], sprites: Sprites) -> list[Matrix]:
    """One for every data set of a table.

    Args:
        table: whose records are shown.
        order: labels of its methods, the best first; swapped layers stand with their method.
        sprites: where strips are taken from.
    """
    names = sorted({data_label(record) for row in table.rows for record in row.records})
    return [matrix(table, order, name, sprites) for name in names]


def matrix(table: Table, order: Sequence[str], data: str, sprites: Sprites) -> Matrix:
    """The pictures of one data set."""
    own: dict[str, list[Row]] = {label: [] for label in order}
    for row in table.rows:
        if any(data_label(record) == data for record in row.records):
            own[row.whole].append(row)
    own = {label: rows for label, rows in own.items() if rows}
    every = [r for rows in own.values() for row in rows for r in on(row, data)]
    levels = tuple(sorted({"", *map(level, every)}, key=layout.natural))
    columns = [method(table, rows, data, levels, sprites) for rows in own.values()]
    scene = thumbnails.scene(max(every, key=lambda r: r["provenance"]["started"]))
    return Matrix(
        data=data,
        table=table,
        levels=levels,
        seeds=tuple(sorted({record["seed"] for record in every})),
        shots=sprites.get(f"{scene}--{thumbnails.SHOTS}"),
        metrics=tuple(
            (titled(column), layout.named(column.metric, layout.LEADING))
            for column in table.of(data)
        ),
        columns=(
            *source(table, scene, data, levels, sprites),
            *columns,
            *truth(scene, sprites),
        ),
    )


def on(row: Row, data: str) -> list[Record]:
    """The runs of a row on a data set."""
    return [record for record in row.records if data_label(record) == data]


def source(
    table: Table, scene: str, data: str, levels: Sequence[str], sprites: Sprites
) -> Iterator[Column]:
    """The source, where there is a strip of it; it is the same at every level."""
    if strip := sprites.get(f"{scene}--{thumbnails.SOURCE}"):
        own = untouched(table, data)
        yield Column("source", {WHOLE: strip}, numbers=dict.fromkeys(levels, own))


def truth(scene: str, sprites: Sprites) -> Iterator[Column]:
    """How the held-out people truly look, where there is a strip of it: nobody knows of latents."""
    if strip := sprites.get(f"{scene}--{thumbnails.TRUTH}"):
        yield Column("truth", {WHOLE: strip}, first=thumbnails.LATENTS)


def untouched(table: Table, data: str) -> list[layout.Entry]:
    """The source's own numbers."""
    found = [(column, table.untouched.get(column)) for column in table.of(data)]
    return [
        layout.Entry(state="left out")
        if value is None
        else layout.Entry(formats.style(column.metric).text(value), state="sound")
        for column, value in found
    ]


def method(
    table: Table, rows: Sequence[Row], data: str, levels: Sequence[str], sprites: Sprites
) -> Column:
    """The column of a method: its own row, and those of its swapped layers."""
    shown: dict[Key, Sprite] = {}
    failed: dict[Key, str] = {}
    for record in (record for row in rows for record in on(row, data)):
        key = level(record), record["seed"]
        if state(record) == "failed":
            failed[key] = record.get("reason", "")
        elif sprite := sprites.get(thumbnails.name(record)):
            shown[key] = sprite
    found = {layout.layers(row.swapped): row for row in rows}
    numbers = {at: entries(table, found.get(at), data) for at in levels}
    return Column(rows[0].whole, shown, failed, numbers)


def entries(table: Table, row: Row | None, data: str) -> list[layout.Entry]:
    """A row's cells on a data set, one for every metric; empty ones where there is no such row."""
    return [layout.entry(table, row, c) if row else layout.Entry() for c in table.of(data)]
