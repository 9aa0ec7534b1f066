"""Run what is missing: ``python -m benchmarks.sweep 'method=glob(*)' data=folder seed=0,1``.

Every run is a process of its own. A sweep can be ended in any way and started again at any time;
several of them on one folder, also from several machines that share it, divide the work.
"""

import argparse

from benchmarks.harness.config.cli import command, printable
from benchmarks.harness.io import machine
from benchmarks.harness.sweep.loop import console, sweep
from benchmarks.harness.sweep.plan import plan
from core.errors import UserError


@command()
def main(words: list[str]) -> int:
    name = "python -m benchmarks.sweep"
    parser = argparse.ArgumentParser(name, description=__doc__, allow_abbrev=False)
    parser.add_argument("words", nargs="+", help="as of benchmarks.run -m: method=glob(*) seed=0,1")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once (default 1)")
    parser.add_argument("--gpus", default="", help="0,1,...: the slots take them in turn")
    parser.add_argument(
        "--again", action="store_true", help="repeat runs that failed or were of other files"
    )
    parser.add_argument("--dry-run", action="store_true", help="show the grid and run nothing")
    options = parser.parse_intermixed_args(words)
    if options.jobs < 1:
        raise UserError(f"--jobs {options.jobs} must be at least 1.")
    gpus = [gpu for gpu in options.gpus.split(",") if gpu]
    if gpus and not options.dry_run:
        machine.require_gpus(gpus)
    planned = plan(options.words)
    for what, why in planned.left_out.items():
        console.print(printable(f"left out: {what}: {why}"), soft_wrap=True)
    how = {"slots": options.jobs, "again": options.again, "dry_run": options.dry_run}
    return sweep(planned, gpus=gpus, **how)


if __name__ == "__main__":
    main()
