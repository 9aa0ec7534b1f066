"""The core beside its textbook twin on the CPU, each measurement in a process of its own."""

import multiprocessing
import platform
import statistics
from collections.abc import Sequence
from typing import Any

import torch
from rich import box
from rich.table import Table

from benchmarks.harness.speed import SIZES
from benchmarks.harness.speed.cases import CPU, STEPS, clocked, reference_workload
from benchmarks.harness.training.memory import peak_bytes
from core.allocator import keep_freed_memory

FULL_PRECISION_ONLY = ("R1", "path length")  # second derivatives, which training takes in fp32

Timing = dict[str, Any]


class SpeedComparison:
    """Ours and the twin's speed in several cases."""

    def __init__(self, threads: int | None, repeats: int) -> None:
        # Repeats of ours: the twin, which is slow, runs half as often.
        self.threads, self.repeats = threads or torch.get_num_threads(), repeats
        self.pairs: list[tuple[str, Timing, Timing]] = []  # title, ours, the twin in float32

    def add(self, case: str, size: str, precisions: Sequence[str]) -> None:
        """Measure one case at one size in each precision, and the twin once."""
        twin = alone(self.threads, case, size, "fp32", False, max(self.repeats // 2, 2))
        for precision in precisions:
            if precision != "fp32" and case in FULL_PRECISION_ONLY:
                continue
            ours = alone(self.threads, case, size, precision, True, self.repeats)
            ours["ratio"] = ours["best_images_per_second"] / twin["best_images_per_second"]
            self.pairs.append((f"{case}, {size} px, {precision}", ours, twin))

    def table(self) -> Table:
        title = f"images per second, best (median): {self.threads} threads"
        shown = Table(
            title=f"{title}, torch {torch.__version__}",
            caption="ratio and peak memory against the textbook formulation in fp32",
            box=box.SIMPLE,
            padding=(0, 1, 0, 0),
        )
        shown.add_column("case", no_wrap=True)
        for column in ("ours", "textbook", "ratio", "MiB"):
            shown.add_column(column, justify="right", no_wrap=True)
        for title, *both in self.pairs:
            rates = [
                f"{t['best_images_per_second']:.3g} ({t['median_images_per_second']:.3g})"
                for t in both
            ]
            peaks = [t["peak_bytes"] for t in both]
            memory = " : ".join("?" if size is None else f"{size / 2**20:.0f}" for size in peaks)
            shown.add_row(title, *rates, f"{both[0]['ratio']:.1f} x", memory)
        return shown

    def record(self) -> dict[str, Any]:
        """The table as data, with what it was measured on."""
        timings = {id(t): t for _, *both in self.pairs for t in both}  # a twin stands in several
        return {
            "schema": 1,
            "machine": platform.processor() or platform.machine(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "threads": self.threads,
            "torch": torch.__version__,
            "timings": list(timings.values()),
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


def timing(case: str, size: str, precision: str, ours: bool, repeats: int) -> Timing:
    """Images per second of one case: of the fastest repeat and of the median."""
    _, batch = SIZES[size]
    step = STEPS[case](reference_workload(SIZES[size], ours, precision))
    seconds = clocked(step, repeats, warm_up=1)
    return {
        "case": case,
        "pixels": int(size),
        "precision": precision,
        "formulation": "ours" if ours else "textbook",
        "repeats": repeats,
        "best_images_per_second": batch / min(seconds),
        "median_images_per_second": batch / statistics.median(seconds),
        "peak_bytes": peak_bytes(CPU) or None,
    }
