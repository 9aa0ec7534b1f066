"""What a run leaves in its folder and among the results, and what is said of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from rich.table import Table
from torch import nn

from benchmarks.harness.io import contact_sheet
from benchmarks.harness.io.terminal import console
from benchmarks.harness.records.record import Record
from benchmarks.harness.records.run_id import RECORD, SHEET, WEIGHTS, RunId
from core import weights


def write_results(
    run_id: RunId, record: Record, sheet: Image.Image, networks: dict[str, nn.Module], existing: str
) -> None:
    """Write what a run leaves, its record among the results last: who finds that finds all."""
    record.write(run_id.folder / RECORD)
    if networks:
        weights.write(run_id.folder / WEIGHTS, networks, {"run": run_id.name})
    contact_sheet.save(run_id.folder / SHEET, sheet)
    publish_record(record, run_id.published, existing)


def publish_record(record: Record, path: Path, existing: str) -> None:
    """Put the record among the results, or with ``compare`` say how well it repeats one there."""
    earlier = Record.read(path) if existing == "compare" and path.is_file() else None
    if earlier is None or earlier.failed:
        record.write(path)
        return
    differences = record.disagreement(earlier)
    if not differences:
        return
    worst = max(differences, key=lambda key: differences[key])
    inside = "within" if differences[worst] <= record.tolerance else "beyond"
    console.print(
        f"{path} holds this run already; it is repeated {inside} its tolerance of "
        f"{record.tolerance:.0%} (largest difference {differences[worst]:.1%}, {worst}). "
        "existing=replace writes over it."
    )


def print_metrics(metrics: Mapping[str, Any], sources: Mapping[str, float | None]) -> None:
    """A row for each, beside what the ``sources`` without any training have."""
    table = Table()
    for heading in ("metric", "value", "source", "better", "n"):
        numeric = heading in ("value", "source", "n")
        table.add_column(heading, justify="right" if numeric else "left")
    for key, metric in metrics.items():
        before = sources[key]
        source = "" if before is None else f"{before:.4f}"
        table.add_row(key, f"{metric.value:.4f}", source, metric.better, str(metric.n))
    console.print(table)


def print_summary(run_id: RunId, record: Record, seconds: float) -> None:
    """The small table at the end, and where things lie; or what a failed run failed of."""
    if record.failed:
        console.print(f"{run_id.name} failed: {record.reason}")
    else:
        console.print(f"{run_id.name}  ({seconds:.0f} s)", soft_wrap=True)
        sources = {key: metric.details.source for key, metric in record.metrics.items()}
        print_metrics(record.metrics, sources)
    for key, why in record.left_out.items():
        console.print(f"left out: {key}: {why}")
    for what, path in (("picture", run_id.folder / SHEET), ("record", run_id.published)):
        console.print(f"{what}: {path}", soft_wrap=True)
