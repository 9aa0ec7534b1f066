"""What a run leaves in its folder and among the results, and what is said of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image
from rich.table import Table
from torch import nn

from benchmarks.harness.io import contact_sheet
from benchmarks.harness.io.terminal import console
from benchmarks.harness.records import protocol
from benchmarks.harness.records import record as records
from benchmarks.harness.records.run_id import RECORD, SHEET, WEIGHTS, RunId
from core import weights


def write_results(
    run_id: RunId,
    record: dict[str, Any],
    sheet: Image.Image,
    networks: dict[str, nn.Module],
    existing: str,
) -> None:
    """Write what a run leaves, its record among the results last: who finds that finds all.

    Args:
        run_id: whose folder and record they are.
        record: complete but for its protocol, which is added.
        sheet: the picture of the run.
        networks: the weights by name; none for a failed run.
        existing: what becomes of a record that is there, as :func:`publish_record` takes it.
    """
    record["protocol"] = protocol.summary(record["config"], record["provenance"])
    records.write(run_id.folder / RECORD, record)
    if networks:
        weights.write(run_id.folder / WEIGHTS, networks, {"run": run_id.name})
    contact_sheet.save(run_id.folder / SHEET, sheet)
    publish_record(record, run_id.published, existing)


def publish_record(record: dict[str, Any], path: Path, existing: str) -> None:
    """Put the record among the results, or say how well it repeats the one that is there.

    With ``existing=compare`` a finished record stays; otherwise it is replaced.
    """
    earlier = records.read(path) if existing == "compare" and path.is_file() else {}
    if not earlier or earlier.get("state") == "failed":
        records.write(path, record)
        return
    differences = records.disagreement(record, earlier)
    worst = max(differences, key=lambda key: differences[key], default="")
    if worst:
        inside = "within" if differences[worst] <= record["tolerance"] else "beyond"
        console.print(
            f"{path} holds this run already; it is repeated {inside} its tolerance of "
            f"{record['tolerance']:.0%} (largest difference {differences[worst]:.1%}, {worst}). "
            "existing=replace writes over it."
        )


def print_summary(run_id: RunId, record: dict[str, Any], seconds: float) -> None:
    """The small table at the end, and where things lie; or what a failed run failed of."""
    table = Table()
    for heading in ("metric", "value", "source", "better", "n"):
        numeric = heading in ("value", "source", "n")
        table.add_column(heading, justify="right" if numeric else "left")
    for key, metric in record["metrics"].items():
        before = metric["details"].get("source")
        source = "" if before is None else f"{before:.4f}"
        table.add_row(key, f"{metric['value']:.4f}", source, metric["better"], str(metric["n"]))
    if record["state"] == "finished":
        console.print(f"{run_id.name}  ({seconds:.0f} s)", soft_wrap=True)
        console.print(table)
    else:
        console.print(f"{run_id.name} failed: {record['reason']}")
    for key, why in record["left_out"].items():
        console.print(f"left out: {key}: {why}")
    for what, path in (("picture", run_id.folder / SHEET), ("record", run_id.published)):
        console.print(f"{what}: {path}", soft_wrap=True)
