"""What came out of a finished run: its numbers, its picture, and where they are put."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table
from torch import nn

from benchmarks.harness.evaluation import feature_store
from benchmarks.harness.evaluation.gallery import Gallery, Result, measure
from benchmarks.harness.io import contact_sheet
from benchmarks.harness.records import protocol
from benchmarks.harness.records import record as records
from benchmarks.harness.records.run_id import RunId
from benchmarks.harness.training.monitor import Diverged, Watch, flat
from core import weights
from core.progress import bar

COLUMNS, BANDS = 10, 3
WEIGHTS, RECORD, PICTURE = "generator.safetensors", "record.json", "sheet.png"
LOOKED_AT = 1000  # pictures, to see whether they differ at all

console = Console(markup=False)  # file names may look like markup


@dataclass(frozen=True)
class Outcome:
    """What a run came to: its numbers and its picture, or what it failed of.

    Attributes:
        reason: of the failure; empty for a finished run.
    """

    result: Result
    picture: Any
    reason: str = ""

    @property
    def finished(self) -> bool:
        """Whether the run has not failed."""
        return not self.reason

    def described(self, cell: RunId) -> dict[str, Any]:
        """Its part of the record."""
        state = {"state": "finished"}
        if self.reason:
            state = {"state": "failed", "reason": self.reason}
        return {
            **cell.head,
            **state,
            "metrics": {key: m.as_dict() for key, m in self.result.measures.items()},
            "left_out": self.result.left_out,
            "tolerance": cell.cfg.eval.tolerance,
            "config": cell.plain,
        }


def judge(
    cfg: DictConfig, adapter: Any, domain: Any, metrics: Any, watch: Watch, title: str
) -> Outcome:
    """The numbers and the picture of a finished adapter, on the device that it is on.

    Raises:
        Diverged: the pictures are not finite.
        NotFinite: a number is not.
    """
    adapter.eval()
    with bar("measuring", 1, "pictures") as shown, torch.no_grad():

        def progress(done: int, total: int, what: str) -> None:
            shown.total = total
            shown.progress.update(shown.task, total=total, description=f"measuring {what}")
            shown.update(done)

        gallery = Gallery(
            adapter,
            domain,
            samples=cfg.eval.samples,
            photos=cfg.eval.photos,
            seed=cfg.eval.seed,
            batch_size=cfg.eval.batch_size,
            progress=progress,
            store=feature_store.of(cfg.eval.get("keep", "memory")),
        )
        result = measure(gallery, metrics)
        z = gallery.z()[: COLUMNS * BANDS].to(adapter.device)
        fakes = adapter.sample(z)
        sources = adapter.source.g(z) if gallery.has("sources") else None
    if not fakes.isfinite().all():
        raise Diverged(adapter.images_seen, "the pictures of the finished run are not finite.")
    for sentence in (*gallery.notes, *flat(gallery.pictures("fakes")[:LOOKED_AT])):
        watch.warn(sentence)
    return Outcome(
        result, contact_sheet.of_run(gallery.shots, sources, fakes, title, COLUMNS, BANDS)
    )


def failed(cell: RunId, adapter: Any, domain: Any, reason: str) -> Outcome:
    """No numbers, and the picture of the adapter as it was when it was last sound."""
    adapter.eval()
    source = adapter.source
    generator = torch.Generator().manual_seed(cell.cfg.eval.seed)
    z = torch.randn(COLUMNS * BANDS, source.g.z_dim, generator=generator).to(adapter.device)
    with torch.no_grad():
        fakes, sources = adapter.sample(z), source.g(z) if source.trained else None
    title = f"{cell.title}, failed; at {adapter.images_seen:,} images"
    shots = domain.streamed(torch.device("cpu"))
    picture = contact_sheet.of_run(shots, sources, fakes, title, COLUMNS, BANDS)
    return Outcome(Result(), picture, reason)


def deliver(
    cell: RunId,
    outcome: Outcome,
    made: dict[str, Any],
    networks: dict[str, nn.Module],
    existing: str,
) -> None:
    """Write what a run leaves, its record among the results last: who finds that finds all."""
    made["protocol"] = protocol.summary(made["config"], made["provenance"])
    records.write(cell.folder / RECORD, made)
    if networks:
        weights.write(cell.folder / WEIGHTS, networks, {"run": cell.folder.name})
    contact_sheet.save(cell.folder / PICTURE, outcome.picture)
    publish(made, cell.published, existing)


def publish(made: dict[str, Any], path: Path, existing: str) -> None:
    """Put the record among the results, or say how well it repeats the one that is there."""
    earlier = records.read(path) if existing == "compare" and path.is_file() else {}
    if not earlier or earlier.get("state") == "failed":
        records.write(path, made)
        return
    apart = records.disagreement(made, earlier)
    worst = max(apart, key=lambda key: apart[key], default="")
    if worst:
        inside = "within" if apart[worst] <= made["tolerance"] else "beyond"
        console.print(
            f"{path} holds this run already; it is repeated {inside} its tolerance of "
            f"{made['tolerance']:.0%} (largest difference {apart[worst]:.1%}, {worst}). "
            "existing=replace writes over it.",
            highlight=False,
        )


def peak_bytes(device: torch.device) -> int:
    """Most memory held so far: of the GPU where there is one, else of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def show(cell: RunId, outcome: Outcome, seconds: float) -> None:
    """The small table at the end, and where things lie; or what a failed run failed of."""
    table = Table()
    table.add_column("metric")
    table.add_column("value", justify="right")
    table.add_column("source", justify="right")
    table.add_column("better")
    table.add_column("n", justify="right")
    for key, m in outcome.result.measures.items():
        before = f"{m.details['source']:.4f}" if "source" in m.details else ""
        table.add_row(key, f"{m.value:.4f}", before, m.better, str(m.n))
    if outcome.finished:
        console.print(f"{cell.folder.name}  ({seconds:.0f} s)", highlight=False, soft_wrap=True)
        console.print(table)
    else:
        console.print(f"{cell.folder.name} failed: {outcome.reason}", highlight=False)
    for key, why in outcome.result.left_out.items():
        console.print(f"left out: {key}: {why}", highlight=False)
    for what, path in (("picture", cell.folder / PICTURE), ("record", cell.published)):
        console.print(f"{what}: {path}", highlight=False, soft_wrap=True)
