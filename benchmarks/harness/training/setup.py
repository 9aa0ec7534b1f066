"""What a run is given, and the process made ready for it."""

from __future__ import annotations

import logging
import time
import warnings
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import DictConfig

from benchmarks.harness.config import validation
from benchmarks.harness.config.build import build
from benchmarks.harness.evaluation.outcome import console
from benchmarks.harness.training import seeds
from core import ops
from core.allocator import keep_freed_memory
from core.progress import bar


@dataclass(frozen=True)
class World:
    """Source and data of a run, and when they began to be made ready."""

    source: Any
    domain: Any
    begun: float

    @property
    def hashes(self) -> dict[str, str]:
        """Of what they hold."""
        return {
            "weights_sha256": self.source.sha256,
            "shots_sha256": self.domain.shots_sha256,
            **self.domain.facts,
        }


def quieten() -> None:
    """Libraries say nothing that is not for the user; freed memory is used again."""
    keep_freed_memory()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")


def world(cfg: DictConfig) -> World:
    """Source and data of a configuration; the process is set up for it."""
    begun = time.monotonic()
    quieten()
    torch.set_num_threads(cfg.machine.threads)
    ops.choose(cfg.machine.ops)
    seeds.everything(cfg.seed, deterministic=cfg.machine.deterministic)
    source = build(cfg.source)
    domain = build(cfg.data)
    prepared(domain)
    for note in domain.notes:
        console.print(validation.printable(note), highlight=False)
    return World(source, domain, begun)


def prepared(domain: Any) -> None:
    """Render or read what the run needs, with a bar of its own."""
    with bar("preparing", 1, "pictures") as shown:

        def progress(done: int, total: int) -> None:
            shown.total = total
            shown.progress.update(shown.task, total=total)
            shown.update(done)

        domain.progress = progress
        domain.prepare_data()
