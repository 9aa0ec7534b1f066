"""A sweep on a terminal: a mark for every job, what is in trouble, time left."""

import math
from collections import Counter

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from benchmarks.harness.config.cli import printable
from benchmarks.harness.sweep.plan import Job, Plan
from benchmarks.harness.sweep.runner import TROUBLE, JobStatus, Runner, State

SHOWN = 12  # jobs in trouble of which the reason is given


def mark(state: State, console: Console) -> Text:
    fancy, plain, _, colour = state.value
    shown = fancy if (console.encoding or "").lower().startswith("utf") else plain
    return Text(shown, style=colour)


def table(plan: Plan, runner: Runner, console: Console) -> Table:
    """One mark for every job; the seeds of a cell stand side by side."""
    keys = [key for key, _ in plan.axes if key != "seed"]
    # Where only one thing varies there is one column: names need more room than a column has.
    column = "" if len(keys) < 2 else "data" if "data" in keys else keys[-1]
    heads = list(dict.fromkeys(job.point.get(column, "") for job in plan.jobs))
    rows: dict[str, dict[str, Text]] = {}
    for job in plan.jobs:
        named = {key: value for key, value in job.point.items() if key not in (column, "seed")}
        row = printable(" ".join(v if "." not in k else f"{k}={v}" for k, v in named.items()))
        cells = rows.setdefault(row or "all", {head: Text() for head in heads})
        cells[job.point.get(column, "")].append(mark(runner.status[job.name].state, console))
    # What all names begin with, up to an underscore, stands once.
    first = heads[0].partition("_")[0] + "_"
    shared = first if len(heads) > 1 and all(head.startswith(first) for head in heads) else ""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    shown.add_column(printable(shared.rstrip("_")), no_wrap=True)
    for head in heads:
        shown.add_column(printable(head.removeprefix(shared)) or "cells")
    for name, cells in rows.items():
        shown.add_row(Text(name), *cells.values())
    return shown


def counts(runner: Runner, console: Console) -> Text:
    counted = Counter(status.state for status in runner.status.values())
    line = Text()
    for state in State:
        if counted[state]:
            line.append_text(mark(state, console)).append(f" {counted[state]} {state.value[2]}   ")
    if not runner.over():
        line.append(f"about {duration(runner.left())} left")
    return line


def troubles(plan: Plan, runner: Runner) -> list[Text]:
    jobs = [(job, runner.status[job.name]) for job in plan.jobs]
    lines = [Text(sentence(job, status), style=status.state.value[3])
             for job, status in jobs if status.state in TROUBLE]  # fmt: skip
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], Text(f"and {more} more")] if more > 0 else lines


def sentence(job: Job, status: JobStatus) -> str:
    why = f": {printable(status.reason)}" if status.reason else ""
    return f"{printable(job.name)} {status.state.value[2]}{why}"


def picture(plan: Plan, runner: Runner, console: Console) -> Group:
    return Group(table(plan, runner, console), counts(runner, console), *troubles(plan, runner))


def duration(seconds: float) -> str:
    if math.isnan(seconds):
        return "?"
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
