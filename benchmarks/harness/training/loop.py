"""The training of one run: the process prepared for it, its parts, and its course."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import lightning as L
import torch

from benchmarks.harness.io.signals import Signals
from benchmarks.harness.records.run_id import RunId
from benchmarks.harness.training import seeds
from benchmarks.harness.training.checkpoint import Checkpoints
from benchmarks.harness.training.memory import peak_bytes
from benchmarks.harness.training.monitor import TrainingMonitor
from core import draws, ops
from core.allocator import keep_freed_memory
from core.networks.half_precision import run_in_half
from core.progress import bar


@dataclass(frozen=True)
class RunInputs:
    """Source and data of a run."""

    source: Any
    domain: Any
    begun: float = field(default_factory=time.monotonic)  # when the run began
    fp16_resolutions: int = 0  # see `core.networks.half_precision`

    @property
    def hashes(self) -> dict[str, str]:
        """Of what they hold, as a record's provenance names them."""
        source, shots = self.source.sha256, self.domain.shots_sha256
        hashes = {"weights_sha256": source, "shots_sha256": shots, **self.domain.facts}
        encoder = getattr(self.source.inverter, "sha256", "")  # of one that was published
        return hashes | ({"encoder_sha256": encoder} if encoder else {})

    def prepare(self, adapter: Any, device: torch.device) -> None:
        """Let an adapter look at the shots, on the device it will be trained and evaluated on."""
        adapter.to(device)
        run_in_half(adapter, self.fp16_resolutions)
        adapter.prepare(self.domain.streamed(device))


def prepare_process(
    *, seed: int, threads: int, implementation: str, deterministic: bool, streams: str, tf32: bool
) -> None:
    """Threads, operators (see `core.ops`), random numbers (`core.draws`), whether float32 products
    on a GPU are rounded to TF32, seeds of the process, and quiet libraries.
    """
    keep_freed_memory()  # before torch takes any
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")
    torch.set_num_threads(threads)
    ops.choose(implementation)
    draws.choose(streams)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
    seeds.everything(seed, deterministic=deterministic)


def prepare_data(domain: Any) -> None:
    """Render or read what the run needs, with a bar of its own."""
    with bar("preparing", 1, "pictures") as shown:
        domain.progress = shown.grow
        domain.prepare_data()


def device_of(trainer: L.Trainer) -> torch.device:
    """Where a trainer trains; of several devices, this process's."""
    strategy: Any = trainer.strategy
    return strategy.root_device


@dataclass
class Training:
    """One run's adapter, and what monitors it, keeps it and shows it."""

    run_id: RunId  # what is trained, and where its files lie
    inputs: RunInputs
    new_adapter: Callable[[], Any]  # builds the method, untrained
    monitor: TrainingMonitor
    checkpoints: Checkpoints
    logger: Any  # opens Lightning's loggers, see `loggers`
    trainer: L.Trainer
    signals: Signals  # of the process
    in_process: Callable[[Signals], Training]  # makes the same again in another process
    adapter: Any = field(init=False)  # trained after :meth:`fit` or :meth:`load`
    prepared_in: float = 0.0  # seconds that the method took before its first step
    peak_bytes: int = 0  # most memory that training held, of the device or else of the process

    def __post_init__(self) -> None:
        self.adapter = self.new_adapter()

    @property
    def device(self) -> torch.device:
        """Where all of the adapter happens, preparing and evaluating as well."""
        return device_of(self.trainer)

    def open_loggers(self) -> list[Any]:
        """Lightning's loggers of the run, which goes on where they stopped."""
        run_id, kept = self.run_id, self.checkpoints
        return self.logger.open(run_id.folder, run_id.name, run_id.config, kept.memory, kept.seen)

    def fit(self, loggers: list[Any]) -> None:
        """Prepare and train in this process, from the last checkpoint if there is one."""
        self.trainer.loggers = loggers
        begun = time.monotonic()
        self.inputs.prepare(self.adapter, self.device)
        self.prepared_in = time.monotonic() - begun
        with self.signals.held():
            self.trainer.fit(self.adapter, datamodule=self.inputs.domain)
        self.adapter.to(self.device)  # some strategies leave it on the CPU
        self.peak_bytes = peak_bytes(self.device)

    def load(self, state: dict[str, Any]) -> None:
        """Take over what other processes trained: adapter, curves and warnings, clock."""
        self.load_adapter(state)
        self.monitor.restore(state["watch"])
        self.checkpoints.memory = state["memory"]
        self.checkpoints.seconds = state["memory"]["seconds"]

    def load_adapter(self, state: dict[str, Any]) -> None:
        """Have the adapter of a checkpoint's state, or of no state as it begins."""
        self.adapter = self.new_adapter()
        self.inputs.prepare(self.adapter, self.device)
        if state:
            self.adapter.load_networks(state["adapter"])
