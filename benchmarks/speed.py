"""How fast the core is beside the textbook formulation: ``python -m benchmarks.speed``.

Ours and the twin run in turns in one process, on the same weights, data and number of threads. The
ratio is the twin's median time in float32 over ours. Nothing here asserts seconds.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import resource
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks.steps import STEPS, pair
from core.allocator import keep_freed_memory

SIZES = {"64": (64, 16), "256": (256, 2)}  # pixels, images in a batch
USUAL = ("G forward", "D forward", "training step")
FULL_PRECISION_ONLY = ("R1", "path length")
COLUMNS = ("ours, best", "median", "textbook, best", "median", "ratio")

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
    }


def weighed(queue: Any, threads: int, *case: Any) -> None:
    """Peak resident bytes of a process that runs one case twice."""
    keep_freed_memory()
    torch.set_num_threads(threads)
    timing(*case, 1)
    queue.put(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def peak_bytes(threads: int, *case: Any) -> int:
    """Peak resident bytes of one case, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=weighed, args=(queue, threads, *case))
    process.start()
    size = queue.get()
    process.join()
    return int(size)


def rows(options: argparse.Namespace, console: Console) -> list[tuple[str, Timing, Timing]]:
    """(title, ours, the twin in float32) of every case that was asked for."""
    found = []
    for size in options.sizes:
        for case in options.cases:
            with console.status(f"{case} at {size} px: the textbook"):
                twin = _timing(case, size, "fp32", False, options)
            for precision in options.precisions:
                if precision != "fp32" and case in FULL_PRECISION_ONLY:
                    continue
                with console.status(f"{case} at {size} px: ours in {precision}"):
                    ours = _timing(case, size, precision, True, options)
                ours["ratio"] = ours["median_images_per_second"] / twin["median_images_per_second"]
                found.append((f"{case}, {size} px, {precision}", ours, twin))
    return found


def _timing(
    case: str, size: str, precision: str, ours: bool, options: argparse.Namespace
) -> Timing:
    repeats = options.repeats if ours else max(options.repeats // 2, 2)
    found = timing(case, size, precision, ours, repeats)
    if options.memory:
        found["peak_bytes"] = peak_bytes(options.threads, case, size, precision, ours)
    return found


def table(found: list[tuple[str, Timing, Timing]], threads: int) -> Table:
    """Images per second side by side."""
    shown = Table(title=f"images per second, CPU, {threads} threads, torch {torch.__version__}")
    shown.add_column("case")
    for column in COLUMNS:
        shown.add_column(column, justify="right")
    weighed = "peak_bytes" in found[0][1]
    if weighed:
        shown.add_column("peak MiB, ours", justify="right")
        shown.add_column("textbook", justify="right")
    for title, ours, twin in found:
        keys = ("best_images_per_second", "median_images_per_second")
        numbers = [f"{t[key]:.1f}" for t in (ours, twin) for key in keys]
        memory = [f"{t['peak_bytes'] / 2**20:.0f}" for t in (ours, twin)] if weighed else []
        shown.add_row(title, *numbers, f"{ours['ratio']:.1f} x", *memory)
    shown.caption = "ratio: medians, against the textbook formulation in fp32"
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
    parser.add_argument("--memory", action="store_true", help="peak memory, a process a case")
    parser.add_argument("--json", type=Path, help="where to write the record")
    options = parser.parse_args()
    if options.repeats < 1 or options.threads < 1:
        parser.error("--repeats and --threads must be at least 1")
    options.cases = list(STEPS) if options.all_cases else options.cases
    keep_freed_memory()
    torch.set_num_threads(options.threads)
    console = Console()
    found = rows(options, console)
    console.print(table(found, options.threads))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(record(found, options.threads), indent=2) + "\n")


if __name__ == "__main__":
    main()
