"""A finished run as something that stylises photographs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from benchmarks.harness.config.build import build
from benchmarks.harness.evaluation import swaps
from benchmarks.harness.stylize.find_run import Run
from benchmarks.harness.training import seeds
from core import weights
from core.errors import UserError
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator
from core.networks.layer_swap import Swap, by_weights
from core.source import Invert, Source

REFINED = "source.invert.invert.refine.steps"
DRAWN = "source.invert.invert.otherwise.seed"


class Shown(NamedTuple):
    """What came of photos: the source's pictures and those in the style, [N, 3, R, R] each."""

    inversions: Tensor
    results: Tensor


class Once:
    """An inverter that does not invert the same photos twice."""

    def __init__(self, invert: Invert) -> None:
        self.invert, self.photos, self.ws = invert, torch.empty(0), torch.empty(0)

    def __call__(self, g: Generator, photos: Tensor) -> Tensor:
        """Style rows [N, L, W] of photos [N, 3, R, R]."""
        if photos is not self.photos:
            self.photos, self.ws = photos, self.invert(g, photos)
        return self.ws


class Plain(nn.Module):
    """A generator of which nothing is known but the source that it was made from.

    Raises:
        UserError: it does not take the source's styles.
    """

    def __init__(self, source: Source, g: Generator, name: str) -> None:
        super().__init__()
        ours, theirs = source.g, g
        if (ours.num_ws, ours.w_dim) != (theirs.num_ws, theirs.w_dim):
            raise UserError(
                f"{name} makes {theirs.img_resolution} px pictures of {theirs.num_ws} x "
                f"{theirs.w_dim} styles, and the source {source.name} {ours.img_resolution} px of "
                f"{ours.num_ws} x {ours.w_dim}: --source NAME names the one it was trained from."
            )
        self.source, self.g = source, g

    def eval_generator(self) -> Generator:
        """The generator."""
        return self.g

    def stylise(self, photos: Tensor) -> Tensor:
        """Photos [N, 3, R, R] as the generator shows the source's styles of them."""
        return self.g.synthesis(self.source.invert(photos), noise_mode="const")


@dataclass(frozen=True)
class Stylist:
    """Stylises photos.

    Attributes:
        name: of the run.
        source: inverts the photos.
        adapter: what the run has made, which may be able to do more than its ``stylise``.
        make: images [N, 3, R, R] in the style, of photos [N, 3, R, R].
        notes: what should be said of it, in sentences.
    """

    name: str
    source: Source
    adapter: Any
    make: Callable[[Tensor], Tensor]
    notes: tuple[str, ...]

    @property
    def resolution(self) -> int:
        """Side R of the pictures that it takes."""
        return self.source.resolution

    @torch.no_grad()
    def __call__(self, photos: Tensor) -> Shown:
        """What comes of photos [N, 3, R, R] in [-1, 1]."""
        ws = self.source.invert(photos)
        inversions = self.source.g.synthesis(ws, noise_mode="const")
        return Shown(inversions.clamp(-1, 1), self.make(photos).clamp(-1, 1))


def stylist(run: Run, cfg: DictConfig, *, refine: int, swap: tuple[int, ...], seed: int) -> Stylist:
    """The networks of a run, ready.

    Args:
        run: which one.
        cfg: its configuration, or any with the source of weights that have no record; changed.
        refine: evaluations that improve the encoder's rows.
        swap: up to how many pixels the layers are the source's, or nothing for what the run says.
        seed: of what is drawn where photos are inverted by optimisation.

    Raises:
        UserError: the run cannot be rebuilt, or cannot do what is asked.
    """
    wanted = [partial(by_weights, resolution=r) for r in swap] or of_row(run, cfg)
    inverted(cfg, refine, seed, run.name)
    seeds.everything(seed, deterministic=True)
    made = built(cfg, run)
    made.source.inverter = Once(made.source.inverter)
    for exchange in wanted:
        swaps.apply(exchange, made)
    made.eval()
    reason = run.record.get("reason", "")
    notes = (f"{run.name} failed: {reason}",) if run.record.get("state") == "failed" else ()
    return Stylist(run.name, made.source, made, made.stylise, notes)


def of_row(run: Run, cfg: DictConfig) -> list[Swap]:
    """What makes a record's row of the whole run's weights; its own weights need nothing more."""
    whole = run.weights.parent.name == run.record.get("of")
    return [build(cfg.swap)] if whole and cfg.swap.resolution else []


def inverted(cfg: DictConfig, refine: int, seed: int, name: str) -> None:
    """Have photos inverted by the encoder and as much refinement as asked, not from memory.

    A source that has no encoder inverts as its configuration says.
    """
    if OmegaConf.select(cfg, DRAWN) is not None:
        OmegaConf.update(cfg, DRAWN, seed)
    if OmegaConf.select(cfg, REFINED) is not None:
        OmegaConf.update(cfg, REFINED, refine)
        OmegaConf.update(cfg, "source.invert", cfg.source.invert.invert, merge=False)
    elif refine:
        raise UserError(f"The source of {name} has no encoder whose styles could be refined.")


def built(cfg: DictConfig, run: Run) -> Any:
    """The adapter of a run with its weights, or the plain generator of weights without a record."""
    source = build(cfg.source)
    if not source.trained:
        raise UserError(f"{run.name} has no trained source that could invert a photo.")
    if not run.record:
        classes = {kind.__name__: kind for kind in (Generator, Discriminator)}
        return Plain(source, only(weights.read(run.weights, classes)[0], run.weights), run.name)
    adapter = build(cfg.method, source)
    take(adapter, run.weights)
    return adapter


def only(networks: dict[str, Any], path: Path) -> Generator:
    """The averaged generator among networks, or the one that there is."""
    for name in ("g_ema", "g"):
        if isinstance(networks.get(name), Generator):
            return networks[name]
    raise UserError(f"{path} holds no generator.")


def take(adapter: Any, path: Path) -> None:
    """Give an adapter the networks that it exported; only those kinds are read."""
    exported = adapter.export()
    kinds: dict[str, type[nn.Module]] = {type(n).__name__: type(n) for n in exported.values()}
    networks, _ = weights.read(path, kinds)
    for name, network in exported.items():
        if name not in networks:
            raise UserError(f"{path} holds no network {name}, which the record's method exports.")
        try:
            network.load_state_dict(networks[name].state_dict())
        except RuntimeError as error:
            first = " ".join(str(error).split())[:200]
            raise UserError(f"{path} does not fit its record: {first}") from error
