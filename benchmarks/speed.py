"""How fast the core is beside what a user would otherwise run: ``python -m benchmarks.speed``.

The twins are the formulations of both official codes, NVIDIA's reference operators and
rosinality's, and the textbook's, in plain torch and float32. Each has a process of its own, with
the same weights, data and number of threads. Ours keeps freed memory (``core.allocator``), they run
as torch is. Steps take turns; a ratio is the median, over turns, of CPU seconds. Nothing here
asserts seconds.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.harness.config.cli import command
from benchmarks.harness.io import machine
from benchmarks.harness.speed import CASES, PRECISIONS, SIZES, USUAL
from core import atomic
from core.errors import UserError
from core.paths import ROOT


@command()
def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks.speed", description=__doc__)
    add = parser.add_argument
    add("--cases", nargs="+", choices=CASES, default=list(USUAL))
    add("--all-cases", action="store_true", help="penalties and ADA too")
    add("--sizes", nargs="+", choices=SIZES, default=["64"], help="pixels")
    usual = PRECISIONS if machine.of_cpu("").bf16 else PRECISIONS[:1]  # others emulate it
    about = "ours in these; default: bf16 too where the processor multiplies it"
    add("--precisions", nargs="+", choices=PRECISIONS, default=list(usual), help=about)
    add("--repeats", type=int, default=5)
    add("--threads", type=int, default=1, help="default: one, as in a run")
    add("--device", choices=("cpu", "cuda"), default="cpu")
    add("--rehearse", action="store_true", help="all that --device cuda measures, small and here")
    add("--json", type=Path, help="where to write the record; of a GPU, usually results/speed")
    options = parser.parse_args(words)
    if options.repeats < 1 or options.threads < 1:
        raise UserError("--repeats and --threads must be at least 1.")
    from core.progress import ShownConsole

    console = ShownConsole(width=None if sys.stdout.isatty() else 100)
    if options.device == "cuda" or options.rehearse:
        return on_gpu(options, console)
    record = on_cpu(options, console)
    if options.json:
        write(options.json, record)
    return 0


def write(path: Path, record: dict[str, Any]) -> None:
    atomic.write(path, (json.dumps(record, indent=2) + "\n").encode())


def on_gpu(options: argparse.Namespace, console: Any) -> int:
    if options.rehearse:
        os.environ.setdefault("TRITON_INTERPRET", "1")  # before a kernel is defined
    import torch

    if not options.rehearse and not torch.cuda.is_available():
        raise UserError("--device cuda: torch sees no CUDA device here.")
    from benchmarks.harness.speed import gpu

    plan = gpu.REHEARSAL if options.rehearse else gpu.REAL
    device = torch.device("cpu" if options.rehearse else "cuda")
    path = options.json
    if not path and not options.rehearse:
        name = torch.cuda.get_device_name(device).lower().replace(" ", "-")
        path = ROOT / "results" / "speed" / f"{name}.json"

    def save(record: dict[str, Any]) -> None:
        if path:
            write(path, record)

    record = gpu.measured(plan, device, save)
    console.print(*gpu.tables(record))
    return 0


def on_cpu(options: argparse.Namespace, console: Any) -> dict[str, Any]:
    from benchmarks.harness.speed import cpu

    cases = CASES if options.all_cases else options.cases
    measurement = cpu.SpeedComparison(options.threads, options.repeats)
    for size in options.sizes:
        for case in cases:
            with console.status(f"{case} at {size} px"):
                measurement.add(case, size, options.precisions)
    console.print(measurement.table())
    return measurement.record()


if __name__ == "__main__":
    main()
