"""Run what is missing: ``python -m benchmarks.sweep 'method=glob(*)' data=folder seed=0,1``.

Every run is a process of its own. A sweep can be ended in any way and started again at any time;
several of them on one folder, also from several machines that share it, divide the runner.
"""

from __future__ import annotations

import argparse
import signal
import time
from collections.abc import Sequence
from types import FrameType

from rich.console import Console
from rich.live import Live

from benchmarks.harness.config.cli import command, complain, printable
from benchmarks.harness.sweep import display
from benchmarks.harness.sweep.plan import Job, Plan, plan
from benchmarks.harness.sweep.runner import Runner
from benchmarks.harness.sweep.status import TROUBLE, JobStatus
from core.errors import UserError

LOOK_S = 0.2  # between two looks at the processes
CAUGHT = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
TROUBLED = 3  # exit status where a job is in trouble, as that of a failed run

console = Console(markup=False, highlight=False)


class ReceivedSignals:
    """The signals that came, in order; the loop looks at them when it can act on them."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        for number in CAUGHT:
            signal.signal(number, self.note)

    def note(self, number: int, frame: FrameType | None) -> None:
        """Remember it."""
        self.numbers.append(number)


def arguments(line: Sequence[str]) -> argparse.Namespace:
    """The command line: Hydra's words and a few options of our own."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.sweep", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("words", nargs="+", help="as of benchmarks.run -m: method=glob(*) seed=0,1")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once (default 1)")
    parser.add_argument("--gpus", default="", help="0,1,...: the slots take them in turn")
    parser.add_argument("--again", action="store_true", help="repeat runs that failed")
    parser.add_argument("--dry-run", action="store_true", help="show the grid and run nothing")
    made = parser.parse_intermixed_args(line)
    if made.jobs < 1:
        raise UserError(f"--jobs {made.jobs} must be at least 1.")
    return made


def sweep(planned: Plan, options: argparse.Namespace) -> int:
    """Run the jobs; the exit status."""
    live = console.is_terminal and not options.dry_run

    def report(job: Job, status: JobStatus) -> None:
        if not live or status.state in TROUBLE:
            left = f"about {display.duration(runner.left())} left"
            console.print(f"{display.sentence(job, status)} ({left})", soft_wrap=True)

    runner = Runner(
        planned.jobs,
        slots=options.jobs,
        gpus=[gpu for gpu in options.gpus.split(",") if gpu],
        again=options.again,
        report=report,
    )
    if not options.dry_run:
        if live:
            with Live(console=console, auto_refresh=False, transient=True) as screen:
                stopped = loop(planned, runner, screen)
        else:
            stopped = loop(planned, runner, None)
        if stopped:
            console.print(display.picture(planned, runner, console))
            name = signal.Signals(stopped).name
            complain(f"Stopped by {name}; the same command goes on.")
            return 128 + stopped
    console.print(display.picture(planned, runner, console))
    trouble = any(status.state in TROUBLE for status in runner.status.values())
    return TROUBLED if trouble else 0


def loop(planned: Plan, runner: Runner, screen: Live | None) -> int:
    """Until nothing is left, or a signal asks for an end: its number, else 0."""
    received = ReceivedSignals()
    passed = 0
    while not runner.over():
        for number in received.numbers[passed:]:  # a second one ends the runs at once
            runner.stop(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)
        passed = len(received.numbers)
        if passed and runner.stopped():
            return received.numbers[0]
        if not passed:
            runner.step()
        if screen:
            screen.update(display.picture(planned, runner, console), refresh=True)
        time.sleep(LOOK_S)
    return 0


@command()
def main(words: list[str]) -> int:
    """Plan, say what is left out, and sweep."""
    options = arguments(words)
    planned = plan(options.words)
    for what, why in planned.left_out.items():
        console.print(printable(f"left out: {what}: {why}"), soft_wrap=True)
    return sweep(planned, options)


if __name__ == "__main__":
    main()
