"""A sweep on a terminal: a mark for every job, what is in trouble, time left."""

from __future__ import annotations

import math
from collections import Counter

from rich import box
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from benchmarks.harness.config.cli import printable
from benchmarks.harness.sweep.plan import Axis, Job, Plan
from benchmarks.harness.sweep.runner import Runner
from benchmarks.harness.sweep.status import TROUBLE, JobStatus, State

SHOWN = 12  # jobs in trouble of which the reason is given
COLOURS = {
    State.RUNNING: "cyan",
    State.ELSEWHERE: "blue",
    State.FINISHED: "green",
    State.FAILED: "red",
    State.BROKEN: "red",
    State.BLOCKED: "yellow",
}
MINUTE, HOUR = 60, 3600


def mark(state: State, console: Console) -> Text:
    """One character for a state."""
    fancy, plain, _ = state.value
    shown = fancy if (console.encoding or "").lower().startswith("utf") else plain
    return Text(shown, style=COLOURS.get(state, ""))


def across(axes: list[Axis]) -> str:
    """The key that gives the columns: data where it varies with others, else the last of them."""
    keys = [key for key, _ in axes if key != "seed"]
    if len(keys) < 2:
        return ""  # names need more room than a column has
    return "data" if "data" in keys else keys[-1]


def row_of(job: Job, column: str) -> str:
    """What the cells of a row have in common."""
    named = {key: value for key, value in job.point.items() if key not in (column, "seed")}
    short = [v if "." not in k else f"{k}={v}" for k, v in named.items()]
    return printable(" ".join(short)) or "all"


def table(plan: Plan, runner: Runner, console: Console) -> Table:
    """One mark for every job; the seeds of a cell stand side by side."""
    column = across(plan.axes)
    heads = list(dict.fromkeys(job.point.get(column, "") for job in plan.jobs))
    rows: dict[str, dict[str, Text]] = {}
    for job in plan.jobs:
        line = rows.setdefault(row_of(job, column), {head: Text() for head in heads})
        line[job.point.get(column, "")].append(mark(runner.status[job.name].state, console))
    shared = beginning(heads)
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    made.add_column(printable(shared.rstrip("_")), no_wrap=True)
    for head in heads:
        made.add_column(printable(head.removeprefix(shared)) or "cells")
    for name, line in rows.items():
        made.add_row(Text(name), *line.values())
    return made


def beginning(heads: list[str]) -> str:
    """What all names begin with, up to an underscore, or nothing."""
    first = heads[0].partition("_")[0] + "_"
    return first if len(heads) > 1 and all(head.startswith(first) for head in heads) else ""


def counts(runner: Runner, console: Console) -> Text:
    """How many jobs stand where, and the time left."""
    counted = Counter(status.state for status in runner.status.values())
    line = Text()
    for state in State:
        if counted[state]:
            line.append_text(mark(state, console)).append(f" {counted[state]} {state.value[2]}   ")
    if not runner.over():
        line.append(f"about {duration(runner.left())} left")
    return line


def troubles(plan: Plan, runner: Runner) -> list[Text]:
    """A line for each job in trouble, with its reason."""
    lines = []
    for job in plan.jobs:
        status = runner.status[job.name]
        if status.state in TROUBLE:
            lines.append(Text(sentence(job, status), style=COLOURS[status.state]))
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], Text(f"and {more} more")] if more > 0 else lines


def sentence(job: Job, status: JobStatus) -> str:
    """A job, its state and why."""
    why = f": {printable(status.reason)}" if status.reason else ""
    return f"{printable(job.name)} {status.state.value[2]}{why}"


def picture(plan: Plan, runner: Runner, console: Console) -> Group:
    parts = [counts(runner, console), *troubles(plan, runner)]
    return Group(table(plan, runner, console), *parts)


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if math.isnan(seconds):
        return "?"
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    return f"{seconds / HOUR:.1f} h"
