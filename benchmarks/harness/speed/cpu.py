"""The core beside its twins on the CPU, each in a process of its own, a step of each in turn."""

import multiprocessing
import platform
import statistics
from collections.abc import Callable, Sequence
from typing import Any

import torch
from rich import box
from rich.table import Table

from benchmarks.harness.speed import FORMULATIONS, OURS, SIZES
from benchmarks.harness.speed.cases import CPU, STEPS, clocked, reference_workload
from benchmarks.harness.training.memory import peak_bytes
from core.allocator import keep_freed_memory

FULL_PRECISION_ONLY = ("R1", "path length")  # second derivatives, which training takes in fp32

Timing = dict[str, Any]


class SpeedComparison:
    """Ours and the twins' speed in several cases."""

    def __init__(self, threads: int, repeats: int) -> None:
        self.threads, self.repeats = threads, repeats
        self.timings: list[Timing] = []

    def add(self, case: str, size: str, precisions: Sequence[str]) -> None:
        """Measure one case at one size, ours in each precision, beside one twin after another."""
        precisions = [p for p in precisions if p == "fp32" or case not in FULL_PRECISION_ONLY]

        def begun(precision: str, formulation: str) -> Measured:
            return Measured(self.threads, case, size, precision, formulation)

        ours = [begun(precision, OURS) for precision in precisions]
        for formulation in FORMULATIONS:
            twin = begun("fp32", formulation)
            for _ in range(self.repeats):  # in turn, so that other load slows all of them
                for each in (*ours, twin):
                    each.repeat()
            for each in ours:
                each.compare(twin)
            self.timings.append(twin.end())
        self.timings += [each.end() for each in ours]

    def table(self) -> Table:
        title = f"images per CPU second, best (median): {self.threads} threads"
        shown = Table(
            title=f"{title}, torch {torch.__version__}",
            caption="how many times as fast as the other formulations in fp32; peak memory",
            box=box.SIMPLE,
            padding=(0, 1, 0, 0),
        )
        shown.add_column("case", no_wrap=True)
        for column in (OURS, *FORMULATIONS, "MiB"):
            shown.add_column(column, justify="right", no_wrap=True)
        for t in self.timings:
            if t["formulation"] == OURS:
                rate = f"{t['best_images_per_second']:.3g} ({t['median_images_per_second']:.3g})"
                ratios = [f"{t['ratios'][name]:.1f} x" for name in FORMULATIONS]
                peak = "?" if t["peak_bytes"] is None else f"{t['peak_bytes'] / 2**20:.0f}"
                case = f"{t['case']}, {t['pixels']} px, {t['precision']}"
                shown.add_row(case, rate, *ratios, peak)
        return shown

    def record(self) -> dict[str, Any]:
        """The table as data, with what it was measured on."""
        return {
            "schema": 3,
            "machine": platform.processor() or platform.machine(),
            "capability": torch.backends.cpu.get_cpu_capability(),
            "threads": self.threads,
            "torch": torch.__version__,
            "timings": self.timings,
        }


class Measured:
    """One formulation of a case in a process of its own, where peak memory is the case's."""

    def __init__(self, threads: int, case: str, size: str, precision: str, formulation: str):
        self.timing: Timing = {"case": case, "pixels": int(size), "precision": precision}
        self.timing["formulation"] = formulation
        self.batch = SIZES[size][1]
        self.seconds: list[float] = []
        self.ratios: dict[str, float] = {}
        context = multiprocessing.get_context("spawn")
        what = (threads, case, size, precision, formulation)
        self.process = context.Pool(1, initializer=_begin, initargs=what)

    def repeat(self) -> None:
        self.seconds += self.process.apply(_seconds)

    def compare(self, twin: "Measured") -> None:
        """Note how much longer a twin took, in the rounds that both ran."""
        rounds = zip(twin.seconds, self.seconds[-len(twin.seconds) :], strict=True)
        name = twin.timing["formulation"]
        self.ratios[name] = statistics.median(theirs / ours for theirs, ours in rounds)

    def end(self) -> Timing:
        """Images per CPU second, of the fastest repeat and of the median; the process ends."""
        peak = self.process.apply(peak_bytes, (CPU,))
        self.process.close()
        self.process.join()
        return {
            **self.timing,
            "repeats": len(self.seconds),
            "best_images_per_second": self.batch / min(self.seconds),
            "median_images_per_second": self.batch / statistics.median(self.seconds),
            "peak_bytes": peak or None,
            **({"ratios": self.ratios} if self.ratios else {}),
        }


STEP: list[Callable[[], object]] = []  # the one step of this process


def _begin(threads: int, case: str, size: str, precision: str, formulation: str) -> None:
    torch.set_num_threads(threads)
    if formulation == OURS:
        keep_freed_memory()
    STEP[:] = [STEPS[case](reference_workload(SIZES[size], formulation, precision))]
    clocked(STEP[0], 0, warm_up=1)


def _seconds() -> list[float]:
    return clocked(STEP[0], 1, warm_up=0)
