"""Killed at any moment and resumed, every method ends where it would have ended."""

import random

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from benchmarks.harness.config.build import build
from benchmarks.harness.config.files import resolved
from benchmarks.harness.data.domains.base import Domain
from benchmarks.harness.io.signals import Signals
from benchmarks.harness.records.nested import leaves
from benchmarks.harness.training import seeds
from benchmarks.harness.training.checkpoint import Checkpoints
from benchmarks.harness.training.loggers import Csv
from benchmarks.harness.training.monitor import TrainingMonitor
from tests.helpers.contract import methods

STEPS, BATCH = 4, 4
IMAGES = STEPS * BATCH
QUICK = "source.invert.invert.otherwise"  # how photos are inverted: no matter of resuming
SOON = {"r1.every": 2, "path_length.every": 3, "augment.every": 2, "path_length.shrink": 1}


class Killed(BaseException):
    """What a SIGKILL does, as far as one process can do it to itself."""


class Painted(Domain):
    """Three random pictures in memory."""

    def __init__(self, cfg) -> None:
        data = {"images": IMAGES, "batch_size": BATCH, "seed": 5, "xflip": False}
        super().__init__(resolution=cfg.source.resolution, **data)
        rng = np.random.default_rng(7)
        self.pixels = rng.integers(0, 255, (3, self.resolution, self.resolution, 3), dtype=np.uint8)
        self.shots_sha256 = "three"

    def training(self):
        return self.pixels

    def normals(self, ids):
        return torch.arange(15.0).reshape(3, 5)[ids].sin()


class Kill(TrainingMonitor):
    """Ends the run in the middle of a step: after the first player's move has changed weights."""

    def __init__(self, step: int) -> None:
        super().__init__(images=IMAGES, every=BATCH)
        self.step = step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == self.step:
            optimiser = trainer.optimizers[-1]
            optimiser.register_step_post_hook(self.end)

    def end(self, optimiser, *_):
        raise Killed


def shortened(composed, method):
    """The method's configuration with all that happens now and then happening soon."""
    run = (f"method.images={IMAGES}", f"method.batch_size={BATCH}")
    cfg = composed(f"method={method}", *run, f"{QUICK}.steps=5", f"{QUICK}.candidates=16")
    values = leaves(resolved(cfg))
    for key, every in SOON.items():
        usual = values.get(f"method.{key}")
        if isinstance(usual, int):
            OmegaConf.update(cfg, f"method.{key}", every)
    if "method.bf16" in values:  # without such arithmetic in the processor, 5 times slower
        OmegaConf.update(cfg, "method.bf16", False)
    for key, value in values.items():  # stages, warm-ups: those that begin after so many images
        if (
            key.startswith("method.")
            and key.endswith(("_from", "_images", "_steps", "_until"))
            and value
        ):
            OmegaConf.update(cfg, key, IMAGES // 2)
    return cfg


def trained(cfg, folder, monitor, resume="auto"):
    """An adapter after training in ``folder``, everything built anew as a new process does."""
    ambient = random.randrange(1 << 30)  # a new process begins somewhere else
    seeds.everything(ambient, deterministic=True)
    source, domain = build(cfg.source), Painted(cfg)
    adapter = build(cfg.method, source)
    sums = {"weights_sha256": source.sha256, "shots_sha256": domain.shots_sha256}
    keep = Checkpoints(
        folder=folder,
        every_kimg=2 * BATCH / 1000,
        resume=resume,
        identity={"recipe": "r", "code": "c", "ops": "torch", **sums},
        signals=Signals(),
        monitor=monitor,
    )
    if not keep.seen:
        seeds.everything(0, deterministic=True)
    loggers = Csv().open(folder, "a--b", {}, keep.memory, keep.seen)
    trainer = build(cfg.machine.trainer, callbacks=[monitor, keep], logger=loggers)
    adapter.prepare(domain.shots)
    trainer.fit(adapter, datamodule=domain)
    return adapter, seeds.state()


def assert_same(a, b, where="state"):
    assert type(a) is type(b), where
    if isinstance(a, torch.Tensor):
        assert a.dtype == b.dtype, where
        assert torch.equal(a, b), where
    elif isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            assert_same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list | tuple):
        assert len(a) == len(b), where
        for index, (one, other) in enumerate(zip(a, b, strict=True)):
            assert_same(one, other, f"{where}[{index}]")
    else:
        assert a == b, where


@pytest.mark.parametrize("method", methods("encoder"))
def test_a_killed_and_resumed_run_ends_bit_identical(composed, tmp_path, method):
    cfg = shortened(composed, method)
    whole, process = trained(cfg, tmp_path / "whole", TrainingMonitor(images=IMAGES, every=BATCH))
    step = random.Random(method).randrange(2, STEPS)
    with pytest.raises(Killed):
        trained(cfg, tmp_path / "killed", Kill(step))
    left = sorted((tmp_path / "killed").glob("checkpoint-*"))
    assert [path.name for path in left][-1] == f"checkpoint-{step // 2 * 2 * BATCH:012d}.pt"
    resumed, after = trained(cfg, tmp_path / "killed", TrainingMonitor(images=IMAGES, every=BATCH))
    assert resumed.images_seen == IMAGES
    assert_same(resumed.state(), whole.state())
    assert_same(after, process, "generators")
    curves = [(tmp_path / n / "curves" / "metrics.csv").read_bytes() for n in ("whole", "killed")]
    assert curves[0] == curves[1]
    assert curves[0].count(b"\n") == STEPS + 1
