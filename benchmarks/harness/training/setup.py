"""What a run works on, and the process prepared for it."""

from __future__ import annotations

import logging
import time
import warnings
from dataclasses import dataclass, field
from typing import Any

import lightning as L
import torch

from benchmarks.harness.training import seeds
from core import ops
from core.allocator import keep_freed_memory
from core.progress import bar


@dataclass(frozen=True)
class RunInputs:
    """Source and data of a run."""

    source: Any
    domain: Any
    begun: float = field(default_factory=time.monotonic)  # when the run began

    @property
    def hashes(self) -> dict[str, str]:
        """Of what they hold, as a record's provenance names them."""
        source, shots = self.source.sha256, self.domain.shots_sha256
        return {"weights_sha256": source, "shots_sha256": shots, **self.domain.facts}

    def prepare(self, adapter: Any, device: torch.device) -> None:
        """Let an adapter look at the shots, on the device it will be trained and evaluated on."""
        adapter.to(device)
        adapter.prepare(self.domain.streamed(device))


def prepare_process(*, seed: int, threads: int, implementation: str, deterministic: bool) -> None:
    """Threads, operators (see `core.ops`) and seeds of the process; libraries are quiet.

    With ``deterministic`` the same command has to give the same bits.
    """
    keep_freed_memory()  # before torch takes any
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    torch.set_num_threads(threads)
    ops.choose(implementation)
    seeds.everything(seed, deterministic=deterministic)


def prepare_data(domain: Any) -> None:
    """Render or read what the run needs, with a bar of its own."""
    with bar("preparing", 1, "pictures") as shown:

        def progress(done: int, total: int) -> None:
            shown.total = total
            shown.progress.update(shown.task, total=total)
            shown.update(done)

        domain.progress = progress
        domain.prepare_data()


def device_of(trainer: L.Trainer) -> torch.device:
    """Where a trainer trains; of several devices, this process's."""
    strategy: Any = trainer.strategy
    return strategy.root_device
