"""The training of one cell: its parts, made from the configuration, and its course."""

from __future__ import annotations

import time
from typing import Any

import lightning as L
import torch

from benchmarks.harness.config.build import build
from benchmarks.harness.evaluation.outcome import peak_bytes
from benchmarks.harness.records.run_id import RunId
from benchmarks.harness.training.checkpoint import Checkpoints
from benchmarks.harness.training.monitor import Watch
from benchmarks.harness.training.setup import World
from benchmarks.harness.training.signals import Signals

CURVE_POINTS = 200


class Training:
    """One cell's adapter, and what watches over it, keeps it and shows it.

    Everything of the adapter happens on :attr:`device`, preparing and judging as well.

    Args:
        cell: what is trained, and where its files lie.
        given: source and data.
        signals: of the process.

    Attributes:
        adapter: the method, fresh; trained after :meth:`fit` or :meth:`take`.
        device: the one that the trainer uses.
        prepared_in: seconds that the method took before its first step.
        peak_bytes: most memory that training held, of the device or else of the process.
    """

    def __init__(self, cell: RunId, given: World, signals: Signals) -> None:
        cfg, source, domain = cell.cfg, given.source, given.domain
        self.cell, self.given, self.signals = cell, given, signals
        self.adapter = build(cfg.method, source)
        every = max(cfg.method.images // CURVE_POINTS, 1)
        self.watch = Watch(images=cfg.method.images, every=every)
        self.keep = Checkpoints(
            folder=cell.folder,
            every_kimg=cfg.checkpoint.every_kimg,
            resume=cfg.resume,
            identity={
                "recipe": cell.head["recipe"],
                "source": source.sha256,
                "shots": domain.shots_sha256,
            },
            signals=signals,
            watch=self.watch,
        )
        self.logger = build(cfg.logger)
        callbacks = [self.watch, self.keep, *self.logger.callbacks]
        self.trainer = build(cfg.machine.trainer, callbacks=callbacks, logger=False)
        self.device = device_of(self.trainer)
        self.prepared_in, self.peak_bytes = 0.0, 0

    @property
    def seconds(self) -> float:
        """Of preparing and training, breaks not counted."""
        return self.prepared_in + self.keep.seconds

    def open(self) -> list[Any]:
        """Lightning's loggers of the run, which goes on where they stopped."""
        folder, keep = self.cell.folder, self.keep
        return self.logger.open(folder, folder.name, self.cell.plain, keep.memory, keep.seen)

    def fit(self, loggers: list[Any]) -> None:
        """Prepare and train in this process, from the last checkpoint if there is one.

        Raises:
            Stopped: a signal came; a checkpoint is written.
            Diverged: the run is no run any more.
        """
        self.trainer.loggers = loggers
        begun = time.monotonic()
        ready(self.adapter, self.given, self.device)
        self.prepared_in = time.monotonic() - begun
        with self.signals.held():
            self.trainer.fit(self.adapter, datamodule=self.given.domain)
        self.adapter.to(self.device)  # some strategies leave it on the CPU
        self.peak_bytes = peak_bytes(self.device)

    def take(self, state: dict[str, Any]) -> None:
        """Have what other processes trained: the adapter, its curves and warnings, the clock."""
        self.adapter = self.recalled(state)
        self.watch.restore(state["watch"])
        self.keep.memory = state["memory"]
        self.keep.seconds = state["memory"]["seconds"]

    def recalled(self, state: dict[str, Any]) -> Any:
        """The adapter of a checkpoint's state, or of no state as it begins."""
        adapter = build(self.cell.cfg.method, self.given.source)
        ready(adapter, self.given, self.device)
        if state:
            adapter.load_networks(state["adapter"])
        return adapter


def device_of(trainer: L.Trainer) -> torch.device:
    """Where a trainer trains; of several devices, this process's."""
    strategy: Any = trainer.strategy
    return strategy.root_device


def ready(adapter: Any, given: World, device: torch.device) -> None:
    """Let an adapter look at the shots, on the device that it will be trained and judged on."""
    adapter.to(device)
    adapter.prepare(given.domain.streamed(device))
