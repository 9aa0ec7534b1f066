"""How fast the core is beside the textbook formulation: ``python -m benchmarks.speed``.

Every measurement has a process of its own, with the same weights, data and number of threads. Ours
keeps freed memory (``core.allocator``), the twin runs as torch is. The ratio is the twin's shortest
time in float32 over ours, since other load only adds. Nothing here asserts seconds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.harness.speed import gpu
from benchmarks.harness.speed.cases import STEPS, pair
from core import atomic
from core.allocator import keep_freed_memory

SIZES = {"64": (64, 16), "256": (256, 2)}  # pixels, images in a batch
USUAL = ("G forward", "D forward", "training step")
FULL_PRECISION_ONLY = ("R1", "path length")

Timing = dict[str, Any]


def clocked(step: Any, repeats: int) -> list[float]:
    """Seconds of each repeat after one that warms up."""
    step()
    seconds = []
    for _ in range(repeats):
        begun = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - begun)
    return seconds


def timing(case: str, size: str, precision: str, ours: bool, repeats: int) -> Timing:
    """Images per second of one case: of the fastest repeat and of the median."""
    _, batch = SIZES[size]
    seconds = clocked(STEPS[case](pair(SIZES[size], ours, precision)), repeats)
    return {
        "case": case,
        "pixels": int(size),
        "precision": precision,
        "formulation": "ours" if ours else "textbook",
        "repeats": repeats,
        "best_images_per_second": batch / min(seconds),
        "median_images_per_second": batch / statistics.median(seconds),
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def alone(threads: int, case: str, size: str, precision: str, ours: bool, repeats: int) -> Timing:
    """``timing`` in a process of its own, where peak memory is the case's."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, initializer=_begin, initargs=(threads, ours)) as pool:
        return pool.apply(timing, (case, size, precision, ours, repeats))


def _begin(threads: int, ours: bool) -> None:
    torch.set_num_threads(threads)
    if ours:
        keep_freed_memory()


def rows(options: argparse.Namespace, console: Console) -> list[tuple[str, Timing, Timing]]:
    """(title, ours, the twin in float32) of every case that was asked for."""
    found = []
    for size in options.sizes:
        for case in options.cases:
            few = max(options.repeats // 2, 2)
            with console.status(f"{case} at {size} px: the textbook"):
                twin = alone(options.threads, case, size, "fp32", False, few)
            for precision in options.precisions:
                if precision != "fp32" and case in FULL_PRECISION_ONLY:
                    continue
                with console.status(f"{case} at {size} px: ours in {precision}"):
                    ours = alone(options.threads, case, size, precision, True, options.repeats)
                ours["ratio"] = ours["best_images_per_second"] / twin["best_images_per_second"]
                found.append((f"{case}, {size} px, {precision}", ours, twin))
    return found


def table(found: list[tuple[str, Timing, Timing]], threads: int) -> Table:
    """Images per second side by side."""
    shown = Table(
        title=f"images per second, best (median): {threads} threads, torch {torch.__version__}",
        caption="ratio and peak memory against the textbook formulation in fp32",
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
    )
    shown.add_column("case", no_wrap=True)
    for column in ("ours", "textbook", "ratio", "MiB"):
        shown.add_column(column, justify="right", no_wrap=True)
    for title, ours, twin in found:
        rates = [
            f"{t['best_images_per_second']:.3g} ({t['median_images_per_second']:.3g})"
            for t in (ours, twin)
        ]
        memory = " : ".join(f"{t['peak_bytes'] / 2**20:.0f}" for t in (ours, twin))
        shown.add_row(title, *rates, f"{ours['ratio']:.1f} x", memory)
    return shown


def record(found: list[tuple[str, Timing, Timing]], threads: int) -> dict[str, Any]:
    """The table as data, with what it was measured on."""
    timings = {id(t): t for _, *both in found for t in both}
    return {
        "schema": 1,
        "machine": platform.processor() or platform.machine(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "threads": threads,
        "torch": torch.__version__,
        "timings": list(timings.values()),
    }


def main() -> None:
    """Measure, print, and write a record if a path was given."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=STEPS, default=list(USUAL))
    parser.add_argument("--all-cases", action="store_true", help="penalties and ADA too")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=["64"], help="pixels")
    parser.add_argument(
        "--precisions", nargs="+", choices=("fp32", "bf16"), default=["fp32", "bf16"]
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--json", type=Path, help="where to write the record")
    options = parser.parse_args()
    if options.repeats < 1 or options.threads < 1:
        parser.error("--repeats and --threads must be at least 1")
    options.cases = list(STEPS) if options.all_cases else options.cases
    console = Console(width=None if sys.stdout.isatty() else 100)
    if options.device == "cuda":
        if not torch.cuda.is_available():
            parser.error("--device cuda: torch sees no CUDA device here")
        made = gpu.measured(torch.device("cuda"), options.repeats)
        console.print(*gpu.tables(made))
    else:
        found = rows(options, console)
        console.print(table(found, options.threads))
        made = record(found, options.threads)
    if options.json:
        atomic.write(options.json, (json.dumps(made, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
