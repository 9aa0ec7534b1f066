"""What a run leaves in its folder and among the results, and what is said of it."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from PIL import Image
from rich.table import Table
from torch import nn

from benchmarks.harness.io import contact_sheet
from benchmarks.harness.io.terminal import console
from benchmarks.harness.records.provenance import SAME_RUN, changes
from benchmarks.harness.records.record import Record
from benchmarks.harness.records.run_id import RECORD, SHEET, WEIGHTS, RunId
from core import weights
from core.errors import UserError


class Ending(Enum):
    """How a run ended: its exit status."""

    FINISHED = 0
    FAILED = 3  # it diverged
    DIFFERS = 4  # it repeats a record beyond its tolerance


def to_repeat(run_id: RunId, content: Mapping[str, Any]) -> Record | None:
    """The record of this run that is among the results already, unless it failed; a UserError where
    it is of other files than ``content``, checksums as in a provenance: the words alone are the
    same.
    """
    path = run_id.published
    record = Record.read(path) if path.is_file() else None
    if record is None or record.failed:
        return None
    if other := changes(record.content, content, SAME_RUN):
        raise UserError(
            f"{path} is of another run, for {other}; existing=replace writes over it, "
            "folder=FOLDER keeps both."
        )
    return record


def write_results(
    run_id: RunId,
    record: Record,
    sheet: Image.Image,
    networks: dict[str, nn.Module],
    repeated: Record | None,
) -> Ending:
    """Write what a run leaves, its record among the results last: who finds that finds all. Of a
    run that repeats a record nothing is written over, and what is missing beside it only where it
    is what the record is of.
    """
    ending = Ending.FAILED if record.failed else Ending.FINISHED
    if repeated:
        ending = compare(run_id.published, record, repeated)
    there = run_id.folder / (WEIGHTS if networks else SHEET)
    if repeated and (ending is not Ending.FINISHED or there.is_file()):
        return ending
    if not repeated:
        run_id.published.unlink(missing_ok=True)  # until it is of what lies in the folder
    record.write(run_id.folder / RECORD)
    if networks:
        weights.write(run_id.folder / WEIGHTS, networks, {"run": run_id.name})
    contact_sheet.save(run_id.folder / SHEET, sheet)
    if not repeated:
        record.write(run_id.published)
    return ending


def compare(path: Path, record: Record, earlier: Record) -> Ending:
    """Say how well a record repeats the one at a path."""
    if record.failed:
        console.print(f"{path} holds this run already, and there it did not fail.")
        return Ending.FAILED
    differences = record.disagreement(earlier)
    worst = max(differences, key=lambda key: differences[key], default="")
    largest = differences.get(worst, 0.0)
    inside = largest <= record.tolerance and record.metrics.keys() == earlier.metrics.keys()
    console.print(
        f"{path} holds this run already; it is repeated {'within' if inside else 'beyond'} its "
        f"tolerance of {record.tolerance:.0%} (largest difference {largest:.1%}, {worst}). "
        "existing=replace writes over it."
    )
    return Ending.FINISHED if inside else Ending.DIFFERS


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


def print_summary(run_id: RunId, record: Record, seconds: float, *, repeats: bool) -> None:
    """The small table at the end, and where things lie, but for a record that it only ``repeats``;
    or what a failed run failed of.
    """
    if record.failed:
        console.print(f"{run_id.name} failed: {record.reason}")
    else:
        console.print(f"{run_id.name}  ({seconds:.0f} s)", soft_wrap=True)
        sources = {key: metric.details.source for key, metric in record.metrics.items()}
        print_metrics(record.metrics, sources)
    for key, why in record.left_out.items():
        console.print(f"left out: {key}: {why}")
    sheet = run_id.folder / SHEET
    places = {"picture": sheet} if sheet.is_file() else {}
    places |= {} if repeats else {"record": run_id.published}
    for what, path in places.items():
        console.print(f"{what}: {path}", soft_wrap=True)
