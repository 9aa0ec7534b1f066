"""Tables for programs: a long CSV with one line a cell, and JSON."""

import csv
import io
import json
import math
from collections.abc import Iterator
from typing import Any

from benchmarks.harness.leaderboard.comparison import MethodComparison
from benchmarks.harness.leaderboard.selection import Content
from benchmarks.harness.leaderboard.tables import MethodRow, MetricColumn, Table

COLUMNS = (
    *("kind", "method", "changes", "recipe", "data", "source", "eval", "metric", "better"),
    *("state", "n", "mean", "std", "seeds", "failed_seeds", "left_out", "protocol"),
    *("images", "minutes", "trainable", "paper", "seen"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # first signs of what a spreadsheet would run


def lines(content: Content) -> Iterator[dict[str, Any]]:
    """Every cell as a flat mapping; what is not known is not in it."""
    for grid in content.grids:
        table = grid.table
        for row in table.rows:
            yield from (measured(table, row, column) for column in grid.columns)
        for column, value in table.untouched.items():
            if column in grid.columns:
                yield {"kind": "source", **shared(table, column), "mean": value}
    for n in content.published:
        line: dict[str, Any] = {"kind": "reported", "method": n.method, "data": n.target}
        line |= {"metric": n.metric, "better": n.better, "mean": float(n.value)}
        line |= {"std": float(n.std)} if n.std else {}
        paper = f"{n.paper}, {n.table}"
        yield line | {"protocol": n.protocol, "paper": paper, "seen": n.provenance}


def shared(table: Table, column: MetricColumn) -> dict[str, Any]:
    where = {"data": column.data, "source": table.source, "eval": table.eval}
    return where | {key: getattr(column, key) for key in ("metric", "better", "protocol")}


def measured(table: Table, row: MethodRow, column: MetricColumn) -> dict[str, Any]:
    cell = table.cell(row, column)
    return {
        "kind": "measured",
        "method": row.method,
        "changes": " ".join(row.changes),
        "recipe": row.recipe,
        **shared(table, column),
        "state": cell.state,
        "n": len(cell.values),
        "seeds": " ".join(map(str, sorted(cell.values))),
        "failed_seeds": " ".join(map(str, cell.failed)),
        "left_out": cell.left_out if cell.state == "left out" else "",
        "paper": row.records[0].paper,
        **({"mean": cell.mean} if cell.values else {}),
        **({} if cell.std is None else {"std": cell.std}),
        **costs(row, column.data),
    }


def costs(row: MethodRow, data: str) -> dict[str, float]:
    """Median costs of the finished runs on one data set, the time in minutes; or nothing."""
    medians = row.costs(data)
    if medians:
        medians["minutes"] = round(medians.pop("seconds") / 60, 3)
    return medians


def as_csv(content: Content) -> str:
    def harmless(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value

    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for line in lines(content):
        writer.writerow({key: harmless(value) for key, value in line.items()})
    return text.getvalue()


def as_json(content: Content) -> str:
    whole = {"cells": [*lines(content)], "comparisons": [*map(compared, content.comparisons)]}
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def compared(comparison: MethodComparison) -> dict[str, Any]:
    differences = [
        {
            "method": method,
            "data": data,
            "n": d.n,
            **({"mean": d.mean} if d.n else {}),
            **({"low": d.low, "high": d.high} if math.isfinite(d.low) else {}),
            "verdict": d.outcome,
        }
        for method, own in comparison.opponents.items()
        for data, d in zip(comparison.data, own, strict=True)
    ]
    drawn = comparison.comparable
    return {
        "metric": comparison.metric,
        "against": comparison.against,
        "differences": differences,
        "mean_ranks": dict(comparison.ranking.ranks),
        "ranked_over": list(comparison.ranking.data),
        "without_rank": dict(comparison.ranking.left_out),
        **({"critical_difference": comparison.critical} if drawn else {}),
        "cliques": [list(group) for group in comparison.cliques] if drawn else [],
    }
