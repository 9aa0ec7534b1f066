"""A metric during training: a sweep ends those runs early by it that will not be good ones."""

from typing import Any

import lightning as L
import torch

from benchmarks.harness.evaluation.gallery import Gallery, Metric, measure
from core.bounds import Count, Pair, Seed


class EarlyMetric(L.Callback):
    """Logs a metric of ``samples`` pictures under ``name`` at so many equal ``points`` of a
    training, which does not notice: its random streams, weights and modes stay what they were.
    """

    def __init__(
        self,
        *,
        name: str,
        points: Count,
        samples: Pair,
        batch_size: Count,
        seed: Seed,
        metric: Metric,
    ) -> None:
        self.name, self.points, self.metric = name, points, metric
        self.latents: dict[str, Any] = {"samples": samples, "seed": seed, "batch_size": batch_size}

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, *step: Any) -> None:
        self.before = self.passed(pl_module)

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, *step: Any) -> None:
        if self.passed(pl_module) > self.before:
            value = self.measure(pl_module, trainer.datamodule)  # type: ignore[attr-defined]
            seen = int(pl_module.images_seen)
            for logger in trainer.loggers:
                logger.log_metrics({self.name: value, "kimg": seen / 1000}, step=seen)

    def passed(self, adapter: Any) -> int:
        return int(adapter.images_seen) * self.points // max(int(adapter.images), 1)

    def measure(self, adapter: Any, domain: Any) -> float:
        modes = [(module, module.training) for module in adapter.modules()]
        cuda = [adapter.device] if adapter.device.type == "cuda" else []
        with torch.random.fork_rng(devices=cuda), torch.no_grad():
            adapter.eval()
            gallery = Gallery(adapter, domain, photos=0, **self.latents)
            result = measure(gallery, {self.name: self.metric})
        for module, training in modes:
            module.training = training
        return float(result.measures[self.name].value) if result.measures else float("nan")
