"""A sweep from its plan to its end, on the terminal; it can be ended at any time."""

import signal
import time
from collections.abc import Sequence

from rich.live import Live

from benchmarks.harness.config.cli import complain
from benchmarks.harness.io.terminal import console
from benchmarks.harness.sweep import display
from benchmarks.harness.sweep.plan import Job, Plan
from benchmarks.harness.sweep.runner import TROUBLE, JobStatus, Runner

LOOK_S = 0.2  # between two looks at the processes
CAUGHT = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
TROUBLED = 3  # exit status where a job is in trouble, as that of a failed run


def sweep(planned: Plan, *, slots: int, gpus: Sequence[str], again: bool, dry_run: bool) -> int:
    """Run the jobs of a plan; the exit status. For the arguments see :class:`runner.Runner`."""
    live = console.is_terminal and not dry_run

    def report(job: Job, status: JobStatus) -> None:
        if not live or status.state in TROUBLE:
            left = f"about {display.duration(runner.left())} left"
            console.print(f"{display.sentence(job, status)} ({left})", soft_wrap=True)

    runner = Runner(planned.jobs, slots=slots, gpus=gpus, again=again, report=report)
    stopped = 0
    if live:
        with Live(console=console, auto_refresh=False, transient=True) as screen:
            stopped = loop(planned, runner, screen)
    elif not dry_run:
        stopped = loop(planned, runner, None)
    console.print(display.picture(planned, runner, console))
    if stopped:
        complain(f"Stopped by {signal.Signals(stopped).name}; the same command goes on.")
        return 128 + stopped
    return TROUBLED if any(status.state in TROUBLE for status in runner.status.values()) else 0


def loop(planned: Plan, runner: Runner, screen: Live | None) -> int:
    """Until nothing is left, or a signal asks for an end: its number, else 0."""
    received: list[int] = []  # looked at where something can be done about them
    for number in CAUGHT:
        signal.signal(number, lambda number, frame: received.append(number))
    passed = 0
    while not runner.over():
        for number in received[passed:]:  # a second one ends the runs at once
            runner.stop(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)
            passed += 1
        if passed and runner.stopped():
            return received[0]
        if not passed:
            runner.step()
        if screen:
            screen.update(display.picture(planned, runner, console), refresh=True)
        time.sleep(LOOK_S)
    return 0
