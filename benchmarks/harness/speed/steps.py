"""Real training steps: an adapter as its yaml makes it, under Lightning's trainer, with its
penalties and the run's own loader, on networks of any size with fresh weights.
"""

import time
import warnings
from collections.abc import Callable
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

from benchmarks.harness.config.build import build
from benchmarks.harness.config.compose import compose
from benchmarks.harness.data.domains.base import Domain
from benchmarks.harness.speed.cases import Channels, Size
from benchmarks.harness.training import loop
from core.networks.generator import Generator
from core.source import Source, random_source

SHOTS = 10
PATH_LENGTH = "core.losses.penalties.PathLength"
REGULARISED = f"{{_target_: {PATH_LENGTH}, weight: 2, every: 4, decay: 0.01, shrink: 2}}"
"""As in arXiv:1912.04958."""
METHODS: dict[str, list[str]] = {
    "finetune": [f"method.path_length={REGULARISED}"],
    **{"freezesg": [], "cdc": [], "jojogan": []},
}
VARIANTS: dict[str, list[str]] = {
    "fp32": [],
    "tf32": ["machine.tf32=true"],
    "bf16": ["machine.precision=bf16-mixed"],
    "fp16": ["machine.fp16_resolutions=4"],  # of the highest, as published
}


class RandomPictures(Domain):
    """Shots of noise."""

    shots_sha256 = "noise"

    def training(self) -> np.ndarray:
        shape = (SHOTS, self.resolution, self.resolution, 3)
        return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


class Stopwatch(L.Callback):
    """Seconds of each step, by the device's own clock, and how often the host waited in one."""

    def __init__(self, watched: int) -> None:
        self.watched, self.waits, self.marks = watched, 0, []  # type: ignore[var-annotated]

    def mark(self, device: torch.device) -> None:
        if device.type != "cuda":
            self.marks.append(time.perf_counter())
            return
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        self.marks.append(event)

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, step: int) -> None:
        if step == 0:
            self.mark(module.device)
        if step == self.watched and module.device.type == "cuda":
            self.caught = warnings.catch_warnings(record=True)
            self.said = self.caught.__enter__()
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")

    def on_train_batch_end(
        self, trainer: Any, module: Any, out: Any, batch: Any, step: int
    ) -> None:
        if step == self.watched and module.device.type == "cuda":
            torch.cuda.set_sync_debug_mode("default")
            self.caught.__exit__(None, None, None)
            self.waits = sum("synchroniz" in str(one.message) for one in self.said)
        self.mark(module.device)

    def seconds(self) -> list[float]:
        """Of each step, from the end of the one before."""
        if self.marks and not isinstance(self.marks[0], float):
            self.marks[-1].synchronize()
            pairs = zip(self.marks, self.marks[1:], strict=False)
            return [a.elapsed_time(b) / 1000 for a, b in pairs]
        return list(np.diff(self.marks))


def of_pixels(g: Generator, photos: Tensor) -> Tensor:
    """Styles of photos without any search."""
    return g.mapping(photos.flatten(1)[:, : g.z_dim])


def fresh(resolution: int, channels: Channels, width: int) -> Source:
    return random_source(
        name="fresh", resolution=resolution, seed=0, invert=of_pixels, z_dim=width, w_dim=width,
        mapping_layers=8, channels=channels, mbstd_group=4,
    )  # fmt: skip


def measured(
    method: str, words: list[str], size: Size, channels: Channels, width: int, steps: int
) -> dict[str, Any]:
    """Images per second over ``steps`` steps after a quarter as many, and of the quickest step."""
    (resolution, batch), warm_up = size, max(steps // 4, 1)
    own = [f"method={method}", *METHODS[method], f"method.batch_size={batch}", *words]
    cfg = compose([*own, "source=blank64", f"method.images={(steps + warm_up) * batch}"]).cfg
    names = ("threads", "deterministic", "streams", "tf32")
    how = {name: cfg.machine[name] for name in names}
    loop.prepare_process(seed=0, implementation=cfg.machine.ops, **how)
    watch = Stopwatch(warm_up + 1)
    trainer = build(cfg.machine.trainer, callbacks=[watch], logger=False)
    device = loop.device_of(trainer)
    domain = RandomPictures(
        resolution=resolution, images=cfg.method.images, batch_size=batch, seed=0, xflip=True
    )
    source = fresh(resolution, channels, width)
    inputs = loop.RunInputs(source, domain, fp16_resolutions=cfg.machine.fp16_resolutions)
    adapter = build(cfg.method, source)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    inputs.prepare(adapter, device)
    trainer.fit(adapter, datamodule=domain)
    taken = watch.seconds()[warm_up:]
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return {
        "images_per_second": float(batch * len(taken) / sum(taken)),
        "best_images_per_second": float(batch / min(taken)),
        "waits": watch.waits,
        "peak_bytes": peak,
    }


def attempted(run: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What was measured, or null where the memory does not suffice."""
    try:
        return run()
    except torch.OutOfMemoryError:
        torch.cuda.empty_cache()
        nothing = ("images_per_second", "best_images_per_second", "waits", "peak_bytes")
        return dict.fromkeys(nothing)
