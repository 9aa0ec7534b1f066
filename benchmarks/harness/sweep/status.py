"""Where each job of a sweep stands, and how long the rest will take."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from statistics import mean

from benchmarks.harness.records.record import Record
from benchmarks.harness.sweep.plan import Job
from core.errors import UserError


class State(Enum):
    """Of a job: its mark on a terminal, its mark elsewhere, and what it means."""

    WAITING = ("·", ".", "to be run")
    RUNNING = ("▶", ">", "running")
    ELSEWHERE = ("◦", "o", "being run by somebody else")
    FINISHED = ("✓", "+", "has its record")
    FAILED = ("✗", "x", "failed, says its record (--again repeats it)")
    BROKEN = ("!", "!", "ended without a record")
    BLOCKED = ("–", "-", "its training failed")


TROUBLE = (State.FAILED, State.BROKEN, State.BLOCKED)
OVER = (State.FINISHED, *TROUBLE)


@dataclass
class JobStatus:
    """What is known of one job."""

    state: State = State.WAITING
    reason: str = ""  # why it is in trouble
    begun: float = 0.0  # when it was started here, of the monotonic clock
    retry: float = 0.0  # when it is worth another look
    stamp: int = 0  # of the record that was there at the beginning, so that a new one is noticed


def stamp(path: Path) -> int:
    """When a file was last put there, in ns; 0 where it is not."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def recorded(job: Job) -> tuple[State, str, float]:
    """What the record of a job says: state, reason, seconds that its training took."""
    if not job.published.is_file():
        return State.WAITING, "", 0.0
    try:
        record = Record.read(job.published)
    except UserError as error:
        return State.FAILED, str(error), 0.0
    if record.failed:
        return State.FAILED, record.reason, 0.0
    return State.FINISHED, "", 0.0 if job.swapped else record.cost.seconds


class Clock:
    """How long jobs take, ``slots`` at once: as the same method took here, else as records say."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.here: dict[tuple[str, bool], list[float]] = defaultdict(list)
        self.records: dict[tuple[str, bool], list[float]] = defaultdict(list)

    def record(self, job: Job, seconds: float) -> None:
        """Take the seconds of a training that somebody did some time."""
        if seconds:
            self.records[job.method, job.swapped].append(seconds)

    def observe(self, job: Job, seconds: float) -> None:
        """Take the seconds that a job took here, evaluation and all."""
        self.here[job.method, job.swapped].append(seconds)

    def expected(self, job: Job) -> float:
        """Seconds that a job will take; NaN where nothing is known."""
        key, every = (job.method, job.swapped), [*self.here.values(), *self.records.values()]
        known = self.here.get(key) or self.records.get(key) or [s for v in every for s in v]
        return mean(known) if known else float("nan")

    def left(self, jobs: Iterable[tuple[Job, JobStatus]]) -> float:
        """Seconds until all of them are over, if nobody helps; NaN where nothing is known."""
        now, total = time.monotonic(), 0.0
        for job, status in jobs:
            if status.state not in OVER:
                done = now - status.begun if status.state is State.RUNNING else 0.0
                total += max(self.expected(job) - done, 0.0)
        return total / self.slots
