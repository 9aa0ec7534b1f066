"""The page: a pure function of the records and strips of a folder of results."""

import base64
import json
import re
import statistics
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from benchmarks.harness.leaderboard import csv_json, layout, markup, metric_formats
from benchmarks.harness.leaderboard.selection import Selection, read_tables
from benchmarks.harness.leaderboard.tables import Table
from benchmarks.harness.records.record import Record
from benchmarks.harness.report import curves, image_grid, overview, scatter, strip_files
from benchmarks.harness.report.image_grid import ImageGrid
from benchmarks.harness.report.strip_files import Sprites
from core import hashing

HERE = Path(__file__).parent
ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})(v\d+)?")


def render(folder: Path, *, local: bool) -> str:
    """The whole page; with ``local``, strips of real pictures too. UserError without records."""
    tables, dirty = read_tables(Selection(folder=folder))
    tables.sort(key=lambda table: (table.makes_source, -len(list(table.records))))
    records = [record for table in tables for record in table.records]
    sprites = Sprites(strip_files.paths(folder, local=local))
    shared = (strip_files.SOURCE, strip_files.SHOTS, strip_files.TRUTH)
    scenes = [f"{strip_files.scene(record)}--{part}" for record in records for part in shared]
    by_seed = sorted(records, key=lambda record: (record.seed, image_grid.level(record)))
    for name in (*scenes, *(record.name for record in by_seed)):  # the last may find no room
        sprites.get(name)
    sections = [one for table in tables for one in sections_of(table, sprites)]
    sections.sort(key=lambda section: not section["grid"].rows)  # those with pictures first
    grids = [section["grid"] for section in sections]
    script = (HERE / "script.js").read_text(encoding="utf-8")
    return environment().get_template("template.html").render(
        facts=facts(records),
        dirty=dirty,
        overviews=[overview.overview(table) for table in tables if table.columns],
        glances=list(image_grid.glances(grids)),
        sections=sections,
        ambiguous=len({grid.data for grid in grids}) < len(grids),
        spendings=[spending(table) for table in tables],
        groups=[
            (row.label, ", ".join((one.source, one.eval)), [entry(r) for r in row.records])
            for one in tables
            for row in sorted(one.rows, key=lambda row: layout.place(row, {}))
        ],
        compare=[comparable(grid) for grid in grids],
        sprites=sprites,
        local=any(not strip_files.is_public(r) and sprites.get(r.name) for r in records),
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=base64.b64encode(bytes.fromhex(hashing.of_bytes(script.encode()))).decode(),
    )  # fmt: skip


@cache
def environment() -> Environment:
    env = markup.environment("html", HERE)
    env.filters["breakable"] = breakable
    return env


def breakable(name: str) -> Markup:
    """A name that may be broken after the signs between its words."""
    return Markup("<wbr>").join(re.split(r"(?<=[_=./-])", str(name)))


def sections_of(table: Table, sprites: Sprites) -> Iterator[dict[str, Any]]:
    order = overview.order(table)
    rows = {row.label: row for row in table.rows}
    for one in image_grid.image_grids(table, order, sprites):
        runs = {label: rows[label].by_data.get(one.data, []) for label in order if label in rows}
        plots, readings = scatter.plots(table, one.data), curves.readings(runs)
        yield {"grid": one, "plots": list(plots), "readings": list(readings)}


def facts(records: Sequence[Record]) -> dict[str, Any]:
    return {
        "records": len(records),
        "methods": len({record.method for record in records}),
        "data": len({record.data for record in records}),
        "seeds": len({record.seed for record in records}),
        "failed": sum(record.failed for record in records),
        "newest": max((record.provenance.started for record in records), default="")[:10],
        "commits": len({record.provenance.commit[:10] for record in records}),
    }


def spending(table: Table) -> dict[str, Any]:
    """Cost of a run of each method, the median over its seeds and mean over data sets: its name,
    then text and share of the largest for each of ``heads``.
    """
    heads = ("minutes", "images", "trainable")
    rows = {row.label: row for row in table.rows}
    means = {}
    for label in overview.order(table):
        costs = [csv_json.costs(rows[label], data) for data in table.data] if label in rows else []
        if costs := [cost for cost in costs if cost]:
            means[label] = [statistics.fmean(cost[head] for cost in costs) for head in heads]
    most = [max((own[i] for own in means.values()), default=0.0) or 1.0 for i in range(len(heads))]
    lines = []
    for label, own in means.items():
        texts = (f"{own[0]:.1f}", *map(metric_formats.count, own[1:]))
        shares = (value / largest for value, largest in zip(own, most, strict=True))
        lines.append((label, tuple(zip(texts, shares, strict=True))))
    return {"title": table.title, "heads": heads, "rows": lines}


def entry(record: Record) -> dict[str, Any]:
    paper = ARXIV.fullmatch(record.paper)
    node = record.to_json()
    details = {}
    for key, metric in node["metrics"].items():
        beside = metric.get("details", {}).items()
        details[key] = ", ".join(f"{name} {short_text(value)}" for name, value in beside)
    return {
        "level": image_grid.level(record),
        "record": record,
        "cost": node["cost"],
        "link": f"https://arxiv.org/abs/{paper[1]}" if paper else "",
        "provenance": [(key, short_text(value)) for key, value in node["provenance"].items()],
        "details": details,
        "config": "\n".join(outline(node["config"])),
    }


def short_text(value: Any) -> str:
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
            yield f"{indent}{mark} {short_text(value)}"


def comparable(one: ImageGrid) -> dict[str, Any]:
    """What the view of two methods needs, as JSON: strips and numbers of each method."""
    columns = [
        {
            "name": column.name,
            "first": column.first,
            "strips": {f"{at}/{seed}": s.index for (at, seed), s in column.strips.items()},
            "numbers": {
                at: [f"{e.mean} ± {e.std}" if e.std else e.mean or e.sign for e in entries]
                for at, entries in column.numbers.items()
            },
        }
        for column in one.columns
    ]
    return {
        "data": one.data,
        "source": one.table.source,
        "seeds": one.seeds,
        "levels": list(one.levels),
        "rows": [one.describe(i) for i in range(one.rows)],
        "metrics": [title for title, _ in one.metrics],
        "columns": columns,
    }
