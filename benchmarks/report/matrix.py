"""The pictures of one data set beside each other: rows are latents and people, columns methods."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.leaderboard import grid, numbering
from benchmarks.leaderboard.board import Row, Table, changes, state
from benchmarks.report import strips
from benchmarks.report.scatter import titled
from benchmarks.report.sprites import Sprite, Sprites

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
    numbers: Mapping[str, Sequence[grid.Entry]] = field(default_factory=dict)
    first: int = 0


@dataclass(frozen=True)
class Matrix:
    """The pictures of one data set, or nothing but the names where there are none.

    Attributes:
        data: its name.
        levels: names of the data set in the table by level of layer swap.
        shots: their strip, or None.
        metrics: title of each of the columns' numbers, and whether it leads.
        people: row of the first person; rows before are latents.
    """

    data: str
    table: Table
    levels: Mapping[str, str]
    seeds: tuple[int, ...]
    shots: Sprite | None
    metrics: tuple[tuple[str, bool], ...]
    columns: tuple[Column, ...]

    @property
    def people(self) -> int:
        """Row of the first person."""
        return min(strips.LATENTS, self.rows)

    @property
    def rows(self) -> int:
        """Of the longest column."""
        return max((s.tiles + c.first for c in self.columns for s in c.shown.values()), default=0)

    def describe(self, row: int) -> str:
        """What a row is of."""
        return f"latent {row + 1}" if row < self.people else f"person {row - self.people + 1}"


def base(record: Record) -> str:
    """The data set with what was changed in it, whatever layers are swapped."""
    return " ".join((record["data"], *(w for w in changes(record)[1] if not is_swap(w))))


def is_swap(word: str) -> bool:
    """Whether an override is about layer swap."""
    return word.lstrip("+~").partition("=")[0].partition(".")[0] == "swap"


def level(record: Record) -> str:
    """Up to which resolution layers are the source's, and how, in words; "" for none."""
    words = [word.partition("=")[2] for word in changes(record)[1] if is_swap(word)]
    return " ".join(f"{w} px" if w.isdigit() else w for w in sorted(words, key=natural))


def natural(text: str) -> tuple[int, str]:
    """Sorts numbers by their size and before words."""
    found = re.match(r"\d{1,9}", text)
    return (int(found[0]) if found else 10**9, text) if text else (-1, text)


def matrices(table: Table, order: Sequence[str], sprites: Sprites) -> list[Matrix]:
    """One for every data set of a table.

    Args:
        table: whose records are shown.
        order: labels of its rows, the best first.
        sprites: where strips are taken from.
    """
    places = {label: i for i, label in enumerate(order)}
    rows = sorted(table.rows, key=lambda row: places.get(row.label, len(places)))
    names = sorted({base(record) for row in rows for record in row.records})
    return [matrix(table, rows, name, sprites) for name in names]


def matrix(table: Table, rows: Sequence[Row], data: str, sprites: Sprites) -> Matrix:
    """The pictures of one data set."""
    own = [(row, [r for r in row.records if base(r) == data]) for row in rows]
    own = [(row, records) for row, records in own if records]
    every = [record for _, records in own for record in records]
    labels = {level(r): " ".join((r["data"], *changes(r)[1])) for r in every}
    labels = {"": data} | dict(sorted(labels.items(), key=lambda item: natural(item[0])))
    columns = [method(table, row, records, labels, sprites) for row, records in own]
    scene = strips.scene(max(every, key=lambda r: r["provenance"]["started"]))
    return Matrix(
        data=data,
        table=table,
        levels=labels,
        seeds=tuple(sorted({record["seed"] for record in every})),
        shots=sprites.get(f"{scene}--{strips.SHOTS}"),
        metrics=tuple(
            (titled(column), grid.named(column.metric, grid.LEADING)) for column in table.of(data)
        ),
        columns=(*source(table, scene, labels, sprites), *columns, *truth(scene, sprites)),
    )


def source(
    table: Table, scene: str, labels: Mapping[str, str], sprites: Sprites
) -> Iterator[Column]:
    """The source, where there is a strip of it; it is the same at every level."""
    if strip := sprites.get(f"{scene}--{strips.SOURCE}"):
        own = untouched(table, labels[""])
        yield Column("source", {WHOLE: strip}, numbers=dict.fromkeys(labels, own))


def truth(scene: str, sprites: Sprites) -> Iterator[Column]:
    """How the held-out people truly look, where there is a strip of it: nobody knows of latents."""
    if strip := sprites.get(f"{scene}--{strips.TRUTH}"):
        yield Column("truth", {WHOLE: strip}, first=strips.LATENTS)


def untouched(table: Table, data: str) -> list[grid.Entry]:
    """The source's own numbers."""
    found = [(column, table.untouched.get(column)) for column in table.of(data)]
    return [
        grid.Entry(state="left out")
        if value is None
        else grid.Entry(numbering.style(column.metric).text(value), state="sound")
        for column, value in found
    ]


def method(
    table: Table,
    row: Row,
    records: Sequence[Record],
    labels: Mapping[str, str],
    sprites: Sprites,
) -> Column:
    """The column of a method."""
    shown: dict[Key, Sprite] = {}
    failed: dict[Key, str] = {}
    for record in records:
        key = level(record), record["seed"]
        if state(record) == "failed":
            failed[key] = record.get("reason", "")
        elif sprite := sprites.get(strips.name(record)):
            shown[key] = sprite
    numbers = {at: entries(table, row, labels[""], label) for at, label in labels.items()}
    return Column(row.label, shown, failed, numbers)


def entries(table: Table, row: Row, data: str, label: str) -> list[grid.Entry]:
    """A row's cells on a data set with swapped layers, one for every metric of the data set."""
    own = {column.metric: column for column in table.of(label)}
    wanted = [own.get(column.metric) for column in table.of(data)]
    return [grid.entry(table, row, column) if column else grid.Entry() for column in wanted]
