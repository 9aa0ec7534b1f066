"""Tables for programs: a long CSV with one line a cell, and JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.harness.leaderboard import facts
from benchmarks.harness.leaderboard.comparison import Contest
from benchmarks.harness.leaderboard.layout import Grid
from benchmarks.harness.leaderboard.published import Figure

COLUMNS = (
    "kind",
    "method",
    "changes",
    "recipe",
    "data",
    "source",
    "eval",
    "metric",
    "better",
    "state",
    "n",
    "mean",
    "std",
    "seeds",
    "failed_seeds",
    "left_out",
    "protocol",
    "images",
    "minutes",
    "trainable",
    "paper",
    "seen",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First signs of what a spreadsheet would run."""


def lines(grids: Sequence[Grid], figures: Sequence[Figure]) -> Iterator[dict[str, Any]]:
    """Every cell as a flat mapping; what is not known is not in it."""
    for grid in grids:
        table = grid.table
        shared = {"source": table.source, "eval": table.judged}
        for row in table.rows:
            for column in grid.columns:
                cell = table.cell(row, column)
                found = {
                    "kind": "measured",
                    "method": row.method,
                    "changes": " ".join(row.changes),
                    "recipe": row.recipe,
                    "data": column.data,
                    **shared,
                    "metric": column.metric,
                    "better": column.better,
                    "protocol": column.protocol,
                    "state": cell.state,
                    "n": len(cell.values),
                    "seeds": " ".join(map(str, sorted(cell.values))),
                    "failed_seeds": " ".join(map(str, cell.failed)),
                    "left_out": cell.left_out if cell.state == "left out" else "",
                    "paper": row.records[0]["paper"],
                }
                found |= {"mean": cell.mean} if cell.values else {}
                found |= {"std": cell.std} if len(cell.values) > 1 else {}
                yield found | costs(row.records, column.data)
        for column, value in table.untouched.items():
            if column in grid.columns:
                own = {"kind": "source", "data": column.data, "metric": column.metric}
                more = {"better": column.better, "mean": value, "protocol": column.protocol}
                yield {**own, **shared, **more}
    for f in figures:
        yield {
            "kind": "reported",
            "method": f.method,
            "data": f.target,
            "metric": f.metric,
            "better": f.better,
            "mean": float(f.value),
            **({"std": float(f.std)} if f.std else {}),
            "protocol": f.protocol,
            "paper": f"{f.paper}, {f.table}",
            "seen": f.provenance,
        }


def costs(records: Sequence[dict[str, Any]], data: str) -> dict[str, float]:
    """Median costs of the finished runs on one data set, the time in minutes; or nothing."""
    found = facts.costs(records, data)
    if not found:
        return {}
    minutes = round(found.pop("seconds") / 60, 3)
    return found | {"minutes": minutes}


def as_csv(grids: Sequence[Grid], figures: Sequence[Figure]) -> str:
    """One line a cell; a text that a spreadsheet would run gets a quote before it."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for line in lines(grids, figures):
        writer.writerow({k: harmless(v) for k, v in line.items()})
    return text.getvalue()


def harmless(value: Any) -> Any:
    """A text that no spreadsheet runs."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def as_json(grids: Sequence[Grid], contests: Sequence[Contest], figures: Sequence[Figure]) -> str:
    """Cells, and every comparison with its interval."""
    whole = {
        "cells": list(lines(grids, figures)),
        "comparisons": [compared(contest) for contest in contests],
    }
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def compared(contest: Contest) -> dict[str, Any]:
    """A contest's numbers; an infinite end of an interval is absent."""
    found: list[dict[str, Any]] = []
    for rival in contest.rivals:
        for data, d in zip(contest.data, rival.differences, strict=True):
            ends = {"low": d.low, "high": d.high} if math.isfinite(d.low) else {}
            mean = {"mean": d.mean} if d.n else {}
            found.append(
                {
                    "method": rival.label,
                    "data": data,
                    "n": d.n,
                    **mean,
                    **ends,
                    "verdict": d.verdict,
                }
            )
    critical = {"critical_difference": contest.critical} if contest.comparable else {}
    return {
        "metric": contest.metric,
        "against": contest.against,
        "differences": found,
        "mean_ranks": dict(contest.ranks),
        "ranked_over": list(contest.ranking.data),
        "without_rank": dict(contest.ranking.left_out),
        **critical,
        "cliques": [list(group) for group in contest.cliques] if contest.comparable else [],
    }
