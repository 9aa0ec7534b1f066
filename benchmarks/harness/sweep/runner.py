"""The loop of a sweep: start what can be started, look after what runs, until nothing is left. A
run locks its folder for as long as it lives, whoever started it. That is all the claim there is:
sweeps that share a folder divide the work because a run whose folder is locked ends at once with a
status of its own, and a sweep that is killed leaves nothing to be cleared.
"""

import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from statistics import mean
from typing import NamedTuple

from benchmarks.harness.io.locks import Busy, alone
from benchmarks.harness.records.provenance import SAME_RUN, changes
from benchmarks.harness.records.record import Record
from benchmarks.harness.sweep.plan import Job
from core.errors import UserError

LOG = "log.txt"
TAIL_BYTES = 4096  # of a log: its last lines, however long it is
RETRY_S = 1.0  # between two looks at what somebody else is at
RUN = (sys.executable, "-m", "benchmarks.run")


class State(Enum):
    """Of a job: its mark on a terminal, its mark elsewhere, what it means, and its colour."""

    WAITING = ("·", ".", "to be run", "")
    RUNNING = ("▶", ">", "running", "cyan")
    ELSEWHERE = ("◦", "o", "being run by somebody else", "blue")
    FINISHED = ("✓", "+", "has its record", "green")
    FAILED = ("✗", "x", "failed, says its record (--again repeats it)", "red")
    OTHER = ("≠", "#", "has a record of other files (--again replaces it)", "red")
    BROKEN = ("!", "!", "ended without a record", "red")
    BLOCKED = ("–", "-", "its training failed", "yellow")


REPEATED = (State.FAILED, State.OTHER)
"""What ``--again`` runs once more."""
TROUBLE = (*REPEATED, State.BROKEN, State.BLOCKED)
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
    if other := changes(record.content, job.content(), SAME_RUN):
        return State.OTHER, other, 0.0
    return State.FINISHED, "", 0.0 if job.swapped else record.cost.seconds


class Clock:
    """How long jobs take, ``slots`` at once: as the same method took here, else as records say."""

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.here: dict[tuple[str, bool], list[float]] = defaultdict(list)
        self.records: dict[tuple[str, bool], list[float]] = defaultdict(list)

    def record(self, job: Job, seconds: float) -> None:
        if seconds:
            self.records[job.method, job.swapped].append(seconds)

    def observe(self, job: Job, seconds: float) -> None:
        self.here[job.method, job.swapped].append(seconds)

    def left(self, jobs: Iterable[tuple[Job, JobStatus]]) -> float:
        """Seconds until all of them are over, if nobody helps; NaN where nothing is known."""
        now, total = time.monotonic(), 0.0
        every = [s for known in (self.here, self.records) for v in known.values() for s in v]
        for job, status in jobs:
            if status.state not in OVER:
                key = (job.method, job.swapped)
                known = self.here.get(key) or self.records.get(key) or every or [float("nan")]
                done = now - status.begun if status.state is State.RUNNING else 0.0
                total += max(mean(known) - done, 0.0)
        return total / self.slots


class Process(NamedTuple):
    """A job under way in a slot."""

    job: Job
    slot: int
    process: subprocess.Popen[bytes]


class Runner:
    """The jobs of a plan, and the processes that run some of them."""

    def __init__(
        self,
        jobs: Sequence[Job],  # in order; a training stands before what is swapped from it
        *,
        slots: int,  # jobs that run at once
        gpus: Sequence[str],  # CUDA_VISIBLE_DEVICES of the slots in turn; empty for what is set
        again: bool,  # whether jobs whose record says that they failed are run once more
        report: Callable[[Job, JobStatus], None],  # called whenever the state of a job changed
    ) -> None:
        self.jobs, self.slots, self.gpus = list(jobs), slots, list(gpus)
        self.again, self.report, self.clock = again, report, Clock(slots)
        self.status = {job.name: JobStatus(stamp=stamp(job.published)) for job in jobs}
        self.processes: list[Process] = []
        for job in self.jobs:
            state, reason, seconds = recorded(job)
            self.clock.record(job, seconds)
            if state is State.FINISHED or (state in REPEATED and not again):
                status = self.status[job.name]
                status.state, status.reason = state, reason

    def over(self) -> bool:
        return all(status.state in OVER for status in self.status.values())

    def left(self) -> float:
        """Seconds until that, NaN where nothing is known."""
        return self.clock.left((job, self.status[job.name]) for job in self.jobs)

    def step(self) -> None:
        """Take notice of what ended, then fill the free slots."""
        for job, _, process in self.ended():
            if self.settled(job):
                self.clock.observe(job, time.monotonic() - self.status[job.name].begun)
            elif process.returncode == Busy.status:  # somebody was faster by a moment
                self.elsewhere(job)
            else:
                self.set(job, State.BROKEN, last_words(job, process.returncode))
        for job in self.jobs:
            if len(self.processes) >= self.slots:
                break
            if self.status[job.name].state in (State.WAITING, State.ELSEWHERE) and self.due(job):
                self.begin(job)

    def ended(self) -> list[Process]:
        """The processes that have ended, which are looked after no longer."""
        ended = [running for running in self.processes if running.process.poll() is not None]
        self.processes = [running for running in self.processes if running not in ended]
        return ended

    def due(self, job: Job) -> bool:
        """Whether a job's training is out of the way; without a future it is blocked."""
        if time.monotonic() < self.status[job.name].retry:
            return False
        if any(running.job.whole == job.whole for running in self.processes):
            return False
        training = self.status.get(job.whole) if job.swapped else None
        if training is None:
            return True
        if training.state in TROUBLE:
            self.set(job, State.BLOCKED, f"{job.whole}: {training.reason}")
        return training.state is State.FINISHED

    def begin(self, job: Job) -> None:
        """Start a job that is still missing and that nobody is at."""
        if self.settled(job):
            return
        if busy(job.folder) or busy(job.training):
            self.elsewhere(job)
            return
        slot = min(set(range(self.slots)) - {running.slot for running in self.processes})
        self.processes.append(Process(job, slot, self.start(job, slot)))
        self.status[job.name].begun = time.monotonic()
        self.set(job, State.RUNNING)

    def settled(self, job: Job) -> bool:
        """Whether a record has come meanwhile, or nothing is to be done about the one there."""
        state, reason, _ = recorded(job)
        new = stamp(job.published) != self.status[job.name].stamp
        if state is State.WAITING or (state in REPEATED and self.again and not new):
            return False
        self.set(job, state, reason)
        return True

    def start(self, job: Job, slot: int) -> subprocess.Popen[bytes]:
        """One process for one job, which writes to a log in its folder."""
        gpu = {"CUDA_VISIBLE_DEVICES": self.gpus[slot % len(self.gpus)]} if self.gpus else {}
        existing = "replace" if job.published.is_file() else "skip"
        job.folder.mkdir(parents=True, exist_ok=True)
        with (job.folder / LOG).open("ab") as log:
            return subprocess.Popen(
                [*RUN, *job.words, f"existing={existing}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | gpu,
                start_new_session=True,  # a Ctrl-C of the terminal reaches it through us alone
            )

    def elsewhere(self, job: Job) -> None:
        """Somebody else is at it: look again later."""
        self.status[job.name].retry = time.monotonic() + RETRY_S
        self.set(job, State.ELSEWHERE)

    def set(self, job: Job, state: State, reason: str = "") -> None:
        status = self.status[job.name]
        changed = status.state is not state
        status.state, status.reason = state, reason
        if changed:
            self.report(job, status)

    def stop(self, number: int) -> None:
        """Send a signal to all jobs under way; a run writes its state at the first one."""
        for running in self.processes:
            with suppress(ValueError):  # Windows sends a Ctrl-C to them itself, and no SIGINT
                running.process.send_signal(number)

    def stopped(self) -> bool:
        """Whether none of them is left; those that ended by the signal are to be run again."""
        for running in self.ended():
            if not self.settled(running.job):
                self.set(running.job, State.WAITING)
        return not self.processes


def busy(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    try:
        with alone(folder):
            return False
    except Busy:
        return True


def last_words(job: Job, status: int) -> str:
    """What a process said last before it ended without a record."""
    try:
        with (job.folder / LOG).open("rb") as log:
            log.seek(max(log.seek(0, os.SEEK_END) - TAIL_BYTES, 0))
            lines = log.read().decode(errors="replace").split("\n")
    except OSError:
        lines = []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
    last = last.removeprefix("styleshift: ")
    return f"killed by {signal.Signals(-status).name}; {last}" if status < 0 else last
