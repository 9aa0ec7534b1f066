"""The page: a pure function of the records and strips of a folder of results."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from benchmarks.harness.leaderboard import csv_json, formats, layout
from benchmarks.harness.leaderboard.facts import state
from benchmarks.harness.leaderboard.selection import Selection, tables
from benchmarks.harness.leaderboard.tables import Table
from benchmarks.harness.report import curves, image_grid, overview, scatter, thumbnails
from benchmarks.harness.report.image_grid import Matrix
from benchmarks.harness.report.sprites import Sprites
from benchmarks.harness.report.thumbnails import Strips
from core import hashing

HERE = Path(__file__).parent
Record = dict[str, Any]
ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})(v\d+)?")


@dataclass(frozen=True)
class Section:
    """All about one data set."""

    matrix: Matrix
    plots: list[scatter.Plot]
    courses: list[curves.Course]


@dataclass(frozen=True)
class Spending:
    """What the methods cost: name, then text and share of the largest for each of ``heads``."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]


def render(folder: Path, *, local: bool) -> str:
    """The whole page as HTML.

    Args:
        folder: of the results.
        local: whether it may show strips of real pictures.

    Raises:
        UserError: there are no records, or one is not sound.
    """
    made, dirty = tables(Selection(folder=folder))
    made.sort(key=lambda table: -sum(len(row.records) for row in table.rows))
    sprites = Sprites(Strips.found(folder, local=local))
    sprites.reserve(important(made))
    sections = [one for table in made for one in sections_of(table, sprites)]
    records = [record for table in made for row in table.rows for record in row.records]
    script = (HERE / "script.js").read_text(encoding="utf-8")
    return environment().get_template("template.html").render(
        facts=facts(records),
        dirty=dirty,
        overviews=[overview.overview(table) for table in made if table.columns],
        sections=sections,
        ambiguous=len({one.matrix.data for one in sections}) < len(sections),
        spendings=[spending(table) for table in made],
        groups=[
            (row.label, [entry(r) for r in row.records])
            for one in made
            for row in sorted(one.rows, key=lambda row: layout.place(row, {}))
        ],
        compare=comparable(sections),
        sprites=sprites,
        local=any(not thumbnails.free(r) and sprites.get(thumbnails.name(r)) for r in records),
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(bytes.fromhex(hashing.of_bytes(script.encode()))).decode(),
    )  # fmt: skip


@cache
def environment() -> Environment:
    """Templates in which everything is escaped and nothing may be missing."""
    made = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["breakable"] = breakable
    return made


def breakable(name: str) -> Markup:
    """A name that may be broken after the signs between its words."""
    parts = re.split(r"(?<=[_=./-])", str(name))
    return Markup("<wbr>").join(parts)


def important(made: Sequence[Table]) -> Iterator[str]:
    """Names of strips, those that the page needs most first: scenes, then runs by their seed."""
    records = [record for table in made for row in table.rows for record in row.records]
    for record in records:
        for part in (thumbnails.SOURCE, thumbnails.SHOTS, thumbnails.TRUTH):
            yield f"{thumbnails.scene(record)}--{part}"
    for record in sorted(records, key=lambda r: (r["seed"], image_grid.level(r))):
        yield thumbnails.name(record)


def sections_of(table: Table, sprites: Sprites) -> Iterator[Section]:
    """What is shown of each data set of a table."""
    order = overview.order(table)
    for one in image_grid.matrices(table, order, sprites):
        rows = {row.label: row for row in table.rows}
        runs = {label: image_grid.on(rows[label], one.data) for label in order if label in rows}
        yield Section(one, scatter.plots(table, one.data), curves.courses(runs))


def facts(records: Sequence[Record]) -> dict[str, Any]:
    """What the page is made of, in numbers."""
    commits = {record["provenance"]["commit"][:10] for record in records}
    return {
        "records": len(records),
        "methods": len({record["method"] for record in records}),
        "data": len({record["data"] for record in records}),
        "seeds": len({record["seed"] for record in records}),
        "failed": sum(state(record) == "failed" for record in records),
        "newest": max((r["provenance"]["started"] for r in records), default="")[:10],
        "commits": len(commits),
    }


def spending(table: Table) -> Spending:
    """What a run of each method cost: the median over its seeds, the mean over the data sets."""
    heads = ("minutes", "images", "trainable")
    found = []
    for label in overview.order(table):
        own = [record for row in table.rows if row.label == label for record in row.records]
        costs = [csv_json.costs(own, data) for data in table.data]
        costs = [cost for cost in costs if cost]
        if costs:
            found.append((label, [sum(c[h] for c in costs) / len(costs) for h in heads]))
    most = [max((v[i] for _, v in found), default=0.0) or 1.0 for i in range(len(heads))]
    rows = tuple(
        (label, tuple((amount(h, v), v / m) for h, v, m in zip(heads, values, most, strict=True)))
        for label, values in found
    )
    return Spending(table.title, heads, rows)


def amount(head: str, value: float) -> str:
    """A cost as text."""
    return f"{value:.1f}" if head == "minutes" else formats.count(value)


def entry(record: Record) -> dict[str, Any]:
    """What is told of one record."""
    paper = ARXIV.fullmatch(record["paper"])
    return {
        "name": thumbnails.name(record),
        "level": image_grid.level(record),
        "record": record,
        "state": state(record),
        "link": f"https://arxiv.org/abs/{paper[1]}" if paper else "",
        "provenance": [(k, shown(v)) for k, v in record["provenance"].items()],
        "details": {
            k: ", ".join(f"{name} {shown(v)}" for name, v in m.get("details", {}).items())
            for k, m in record["metrics"].items()
        },
        "config": "\n".join(outline(record["config"])),
    }


def shown(value: Any) -> str:
    """A JSON value as a short text."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def outline(node: Any, indent: str = "") -> Iterator[str]:
    """A nested value, one indented line an entry, as YAML has it."""
    items = node.items() if isinstance(node, dict) else (("-", value) for value in node)
    for key, value in items:
        mark = key if key == "-" else f"{key}:"
        if isinstance(value, dict | list) and value:
            yield f"{indent}{mark}"
            yield from outline(value, f"{indent}  ")
        else:
            yield f"{indent}{mark} {shown(value)}"


def comparable(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """What the view of two methods needs, as JSON: strips and numbers of each method."""
    found = []
    for section in sections:
        one = section.matrix
        columns = [
            {
                "name": column.name,
                "first": column.first,
                "strips": {f"{at}/{seed}": s.index for (at, seed), s in column.shown.items()},
                "numbers": {
                    at: [f"{e.mean} ± {e.std}" if e.std else e.mean or e.sign for e in entries]
                    for at, entries in column.numbers.items()
                },
            }
            for column in one.columns
        ]
        found.append(
            {
                "data": one.data,
                "source": one.table.source,
                "seeds": one.seeds,
                "levels": list(one.levels),
                "rows": [one.describe(i) for i in range(one.rows)],
                "metrics": [title for title, _ in one.metrics],
                "columns": columns,
            }
        )
    return found
