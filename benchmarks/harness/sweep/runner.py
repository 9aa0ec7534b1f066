"""The loop of a sweep: start what can be started, look after what runs, until nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.harness.io.locks import Busy
from benchmarks.harness.sweep.claims import Claim, busy
from benchmarks.harness.sweep.plan import Job
from benchmarks.harness.sweep.status import OVER, TROUBLE, Clock, Standing, State, look, stamp

LOG = "log.txt"
TAIL_BYTES = 4096
RETRY_S = 1.0  # between two looks at what somebody else is at
RUN = (sys.executable, "-m", "benchmarks.run")


@dataclass
class Process:
    """A cell under way in a slot."""

    job: Job
    slot: int
    process: subprocess.Popen[bytes]


class Work:
    """The cells of a plan, and the processes that run some of them.

    Args:
        jobs: in order; a training stands before what is swapped from it.
        slots: cells that run at once.
        gpus: one of them for each slot in turn (``CUDA_VISIBLE_DEVICES``); empty for what is set.
        again: whether cells whose record says that they failed are run once more.
        tell: called with a cell and its standing whenever that changed.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        slots: int,
        gpus: Sequence[str],
        again: bool,
        tell: Callable[[Job, Standing], None],
    ) -> None:
        self.jobs, self.slots, self.gpus = list(jobs), slots, list(gpus)
        self.again, self.tell, self.clock = again, tell, Clock(slots)
        self.standings = {job.name: Standing(stamp=stamp(job.published)) for job in jobs}
        self.processes: list[Process] = []
        for job in self.jobs:
            state, reason, seconds = look(job)
            self.clock.record(job, seconds)
            if state is State.FINISHED or (state is State.FAILED and not again):
                here = self.standings[job.name]
                here.state, here.reason = state, reason

    def over(self) -> bool:
        """Whether every cell has an end."""
        return all(standing.state in OVER for standing in self.standings.values())

    def left(self) -> float:
        """Seconds until that, NaN where nothing is known."""
        return self.clock.left((job, self.standings[job.name]) for job in self.jobs)

    def step(self) -> None:
        """Take notice of what ended, then fill the free slots."""
        for running in [p for p in self.processes if p.process.poll() is not None]:
            self.processes.remove(running)
            self.ended(running)
        for job in self.jobs:
            if len(self.processes) >= self.slots:
                break
            standing = self.standings[job.name]
            if standing.state in (State.WAITING, State.ELSEWHERE) and self.turn(job):
                self.begin(job)

    def turn(self, job: Job) -> bool:
        """Whether a cell's training is out of the way; without a future it is blocked."""
        if time.monotonic() < self.standings[job.name].retry:
            return False
        if any(running.job.whole == job.whole for running in self.processes):
            return False
        training = self.standings.get(job.whole) if job.swapped else None
        if training is None:
            return True
        if training.state in TROUBLE:
            self.set(job, State.BLOCKED, f"{job.whole}: {training.reason}")
        return training.state is State.FINISHED

    def begin(self, job: Job) -> None:
        """Start a cell that is still missing and that nobody is at."""
        try:
            claim = Claim(job.training)
        except Busy:
            self.elsewhere(job)
            return
        try:
            if self.known(job):
                return
            if busy(*{job.folder, job.training}):
                self.elsewhere(job)
                return
            self.start(job, claim)
        finally:
            claim.release()

    def known(self, job: Job) -> bool:
        """Whether a record has come meanwhile, or nothing is to be done about the one there."""
        state, reason, _ = look(job)
        if state is State.WAITING:
            return False
        new = stamp(job.published) != self.standings[job.name].stamp
        if state is State.FAILED and self.again and not new:
            return False
        self.set(job, state, reason)
        return True

    def start(self, job: Job, claim: Claim) -> None:
        """One process for one cell; it inherits the claim and writes to a log in its folder."""
        slot = min(set(range(self.slots)) - {running.slot for running in self.processes})
        env = dict(os.environ)
        if self.gpus:
            env["CUDA_VISIBLE_DEVICES"] = self.gpus[slot % len(self.gpus)]
        existing = "replace" if job.published.is_file() else "skip"
        job.folder.mkdir(parents=True, exist_ok=True)
        with (job.folder / LOG).open("ab") as log:
            process = subprocess.Popen(
                [*RUN, *job.words, f"existing={existing}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=env,
                pass_fds=[claim.descriptor],
                start_new_session=True,  # a Ctrl-C of the terminal reaches it through us alone
            )
        self.processes.append(Process(job, slot, process))
        self.standings[job.name].begun = time.monotonic()
        self.set(job, State.RUNNING)

    def ended(self, running: Process) -> None:
        """Note what became of a process."""
        job, status = running.job, running.process.returncode
        if self.known(job):
            self.clock.observe(job, time.monotonic() - self.standings[job.name].begun)
        elif busy(job.folder, job.training):  # somebody was faster by a moment
            self.elsewhere(job)
        else:
            self.set(job, State.BROKEN, why(job, status))

    def elsewhere(self, job: Job) -> None:
        """Somebody else is at it: look again later."""
        self.standings[job.name].retry = time.monotonic() + RETRY_S
        self.set(job, State.ELSEWHERE)

    def set(self, job: Job, state: State, reason: str = "") -> None:
        """Change a cell's standing, and say so."""
        standing = self.standings[job.name]
        changed = standing.state is not state
        standing.state, standing.reason = state, reason
        if changed:
            self.tell(job, standing)

    def stop(self, number: int) -> None:
        """Send a signal to all cells under way; a run writes its state at the first one."""
        for running in self.processes:
            running.process.send_signal(number)

    def stopped(self) -> bool:
        """Whether none of them is left; those that ended by the signal are to be run again."""
        for running in [p for p in self.processes if p.process.poll() is not None]:
            self.processes.remove(running)
            if not self.known(running.job):
                self.set(running.job, State.WAITING)
        return not self.processes


def why(job: Job, status: int) -> str:
    """What a process said last before it ended without a record."""
    try:
        with (job.folder / LOG).open("rb") as log:
            log.seek(max(log.seek(0, os.SEEK_END) - TAIL_BYTES, 0))
            said = log.read().decode(errors="replace").split("\n")
    except OSError:
        said = []
    last = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
    if status < 0:
        return f"killed by {signal.Signals(-status).name}; {last.removeprefix('styleshift: ')}"
    return last.removeprefix("styleshift: ")
