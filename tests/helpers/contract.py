"""A short training of any method on the tiny source, in one process or in several."""

import copy
import multiprocessing
import traceback

import lightning as L
import pytest
import torch
import yaml
from lightning.pytorch.strategies import SingleDeviceStrategy
from omegaconf import OmegaConf
from torch import distributed as dist
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.harness.config.build import build
from benchmarks.harness.config.compose import compose
from benchmarks.harness.config.files import resolved
from benchmarks.harness.config.validation import choices_of
from benchmarks.harness.records.nested import leaves
from core import distributed
from core.paths import CONF

CLASSES = {
    target: name
    for name in reversed(choices_of("method"))
    if (target := yaml.safe_load((CONF / "method" / f"{name}.yaml").read_text()).get("_target_"))
}
BATCH, STEPS = 4, 3
SHOTS, SIDE = 10, 64
WORLD = 2
SHORTENED = ("_from", "_images", "_steps", "_until")
"""Ends of the names of numbers that say how long something takes or when it begins."""


def methods(*long):
    """One yaml of every class: others only change numbers, and compose and fuzz try those. `make
    test` leaves out released variants of a class that is tried, and those that take long.
    """
    names = set(CLASSES.values())
    released = {name for name in names if name.removesuffix("_released") in names - {name}}
    taken = names - released - set(long)
    return [
        pytest.param(name, marks=[] if name in taken else pytest.mark.exhaustive)
        for name in sorted(names)
    ]


class Shots(L.LightningDataModule):
    """Random pictures with a domain's interface, as far as training needs it."""

    def __init__(self, shots, resolution) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(7)
        self.shots = torch.rand(shots, 3, resolution, resolution, generator=rng) * 2 - 1
        self.known = torch.randn(shots, 5, generator=rng)

    def normals(self, ids):
        return self.known[ids]

    def train_dataloader(self):
        ids = torch.arange(STEPS * BATCH) % len(self.shots)
        return DataLoader(TensorDataset(self.shots[ids], ids), batch_size=BATCH)


def invert(g, photos):
    """Styles of photos without any search."""
    return g.mapping(photos.flatten(1)[:, : g.z_dim])


def configuration(folder, method, side=SIDE):
    """Of a method, with less of what takes long and begins late."""
    # Groups of two, so that each of two processes holds whole groups of a batch of four.
    words = [
        f"method={method}",
        f"method.batch_size={BATCH}",
        f"source.mbstd_group={BATCH // WORLD}",
    ]
    if side > SIDE:
        words += [f"source.resolution={side}", f"+source.channels.{side}=8"]
    words += ["source=tiny", "eval=smoke", f"folder={folder}", f"machine.cache={folder}/cache"]
    words += ["machine.precision=32-true"]  # in other processes too, whichever the processor
    cfg = compose(words).cfg
    for key, value in leaves(resolved(cfg)).items():
        if key.startswith("method.") and key.endswith(SHORTENED) and value:
            OmegaConf.update(cfg, key, STEPS * BATCH // 2)
        if key == "method.bf16":  # without such arithmetic in the processor, 5 times slower
            OmegaConf.update(cfg, key, False)
    return cfg


def fit(folder, method, shots=SHOTS, side=SIDE, **trainer):
    """An adapter after a short training, and the weights of it and of its source before."""
    cfg = configuration(folder, method, side)
    L.seed_everything(0, workers=True, verbose=False)
    source = build(cfg.source)
    inverted = []
    source.inverter = lambda g, photos: inverted.append(len(photos)) or invert(g, photos)
    before = copy.deepcopy(source.state_dict())
    adapter = build(cfg.method, source)
    start = {k: v.clone() for k, v in adapter.state_dict().items()}
    domain = Shots(shots, side)
    with distributed.replicated():  # before the processes meet, in a run
        adapter.prepare(domain.shots)
    build(cfg.machine.trainer, callbacks=[], logger=False, **trainer).fit(
        adapter, datamodule=domain
    )
    assert bool(inverted) == adapter.inverts_shots
    return adapter.eval(), start, before


def trained(adapter):
    """Every number that may have moved, by name."""
    own = adapter.named_parameters()
    return {name: p.detach().clone() for name, p in own if not name.startswith("source.")}


class Sharded(SingleDeviceStrategy):
    """One of several processes that train together: its rows of every batch."""

    def training_step(self, batch, *rest):
        rows = [tensor[distributed.rank() :: WORLD] for tensor in batch]
        with distributed.ShardedRandom():
            return super().training_step(rows, *rest)


def work(rank, folder, asked, answers):
    """Train what is asked for, with the other process; what came out, or what failed."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=WORLD
    )
    for method in iter(asked.get, None):
        try:
            made, _, _ = fit(f"{folder}/{rank}", method, strategy=Sharded(device="cpu"))
            torch.save(trained(made), f"{folder}/{method}.{rank}.pt")
            answers.put("")
        except Exception:
            answers.put(traceback.format_exc())
            return


class Pair:
    """Two processes, started once, that train method after method."""

    def __init__(self, folder) -> None:
        self.folder = folder
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])  # everything is imported once for both
        self.asked = [context.Queue() for _ in range(WORLD)]
        self.answers = context.Queue()
        self.processes = [
            context.Process(target=work, args=(rank, str(folder), self.asked[rank], self.answers))
            for rank in range(WORLD)
        ]
        for process in self.processes:
            process.start()

    def fit(self, method):
        """The weights of each process."""
        for queue in self.asked:
            queue.put(method)
        for _ in self.processes:
            failed = self.answers.get(timeout=600)
            assert not failed, failed
        files = [self.folder / f"{method}.{rank}.pt" for rank in range(WORLD)]
        return [torch.load(file, weights_only=True) for file in files]

    def end(self):
        """Kill what is left of them."""
        for process in self.processes:
            process.kill()
            process.join()
