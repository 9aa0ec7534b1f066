"""A finished run as something that stylises photographs."""

import copy
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.harness.config import files, looked_through, recorded
from benchmarks.harness.config.build import build
from benchmarks.harness.config.compose import compose
from benchmarks.harness.config.files import Config
from benchmarks.harness.evaluation import swaps
from benchmarks.harness.stylize.find_run import FinishedRun
from benchmarks.harness.training import seeds
from core import weights
from core.errors import UserError
from core.inversion.pivotal_tuning import PivotalTuning, moved
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator, Synthesis
from core.networks.layer_swap import by_weights
from core.paths import CONF
from core.source import Invert, Source

REFINEMENT = "source.invert.invert.refine.steps"
PROJECTION_SEEDS = "source.invert.invert.otherwise.seed", "source.invert.seed"
TUNING = CONF / "pivotal_tuning.yaml"
TRAINED_ONLY = ("g", "d")  # which make no picture: the own weights of swapped layers lack them


class InvertOnce:
    """An inverter that does not invert the same photos twice."""

    def __init__(self, invert: Invert) -> None:
        self.invert, self.photos, self.ws = invert, torch.empty(0), torch.empty(0)

    def __call__(self, g: Generator, photos: Tensor) -> Tensor:
        """Style rows [N, L, W] of photos [N, 3, R, R]."""
        if photos is not self.photos:
            self.photos, self.ws = photos, self.invert(g, photos)
        return self.ws


class BareGenerator(nn.Module):
    """A generator of which nothing is known but the source that it was made from."""

    def __init__(self, source: Source, g: Generator, name: str) -> None:
        super().__init__()
        ours = source.g
        if (ours.num_ws, ours.w_dim) != (g.num_ws, g.w_dim):
            raise UserError(
                f"{name} makes {g.img_resolution} px pictures of {g.num_ws} x {g.w_dim} styles, "
                f"and the source {source.name} {ours.img_resolution} px of {ours.num_ws} x "
                f"{ours.w_dim}: --source NAME names the one it was trained from."
            )
        self.source, self.g = source, g

    @property
    def device(self) -> torch.device:
        return self.g.mapping.w_avg.device

    def eval_generator(self) -> Generator:
        return self.g

    def latents(self, z: Tensor) -> Tensor:
        """Style rows [N, L, W] of latents [N, Z]."""
        return self.g.mapping(z)

    def traceable_latents(self) -> Callable[[Tensor], Tensor]:
        return self.latents

    def render(self, ws: Tensor) -> Tensor:
        return self.g.synthesis(ws, noise_mode="const")

    def sample(self, z: Tensor) -> Tensor:
        """Images [N, 3, R, R] of latents [N, Z]."""
        return self.render(self.latents(z))

    def stylise(self, photos: Tensor) -> Tensor:
        """Photos [N, 3, R, R] as the generator shows the source's styles of them."""
        return self.render(self.source.invert(photos))


@dataclass(frozen=True)
class StylisedGenerator:
    """Stylises photos."""

    name: str  # of the run
    source: Source  # inverts the photos
    adapter: Any  # what the run has made, which may be able to do more than its ``stylise``
    stylise: Callable[[Tensor], Tensor]  # images [N, 3, R, R] in the style, of photos
    notes: tuple[str, ...]  # what should be said of it, in sentences

    @property
    def resolution(self) -> int:
        return self.source.resolution

    @torch.no_grad()
    def __call__(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        """The source's pictures of photos and those in the style, [N, 3, R, R] each."""
        inversions = self.source.g.synthesis(self.source.invert(photos), noise_mode="const")
        return inversions.clamp(-1, 1), self.stylise(photos).clamp(-1, 1)


@dataclass(frozen=True)
class TunedGenerator(StylisedGenerator):
    """The same with weights of its own for every photo: what the source learns to show it by is
    added to what the run has learnt.
    """

    tuning: PivotalTuning
    shown: tuple[Generator, ...]  # the source's, and the one trained from it that makes pictures

    def __call__(self, photos: Tensor) -> tuple[Tensor, Tensor]:
        pairs = [self.one(photo) for photo in photos.split(1)]
        inversions, results = zip(*pairs, strict=True)
        return torch.cat(inversions), torch.cat(results)

    def one(self, photo: Tensor) -> tuple[Tensor, Tensor]:
        start = self.source.g
        end = self.tuning(start, photo, self.source.invert(photo))
        begun = copy.deepcopy(start)
        with ExitStack() as stack:
            for g in self.shown:
                stack.enter_context(moved(g, begun, end))
            return super().__call__(photo)


def usually_tuned(generator: StylisedGenerator) -> StylisedGenerator:
    """The same, tuned as is usual for photos of its source, if that is and can be done."""
    steps = files.plain(TUNING)["usual"].get(generator.source.name, 0)
    if not steps or not tunable(generator):
        return generator
    note = f"Each photo trains the source for {steps} steps first; --tune 0 does not."
    return tuned(replace(generator, notes=(*generator.notes, note)), steps)


def tuned(generator: StylisedGenerator, steps: int) -> StylisedGenerator:
    """The same whose source is tuned on every photo, if the run's generator is one like it."""
    networks = tunable(generator)
    if not networks:
        raise UserError(
            f"{generator.name} shows no generator of the source's architecture, to which the "
            "difference that --tune finds could be added."
        )
    side = generator.resolution
    node = files.plain(TUNING)["large" if looked_through.large(side) else "small"]
    looked_through.suit_photographs(node, side)
    own = {field.name: getattr(generator, field.name) for field in fields(generator)}
    return TunedGenerator(**own, tuning=build(node | {"steps": steps}), shown=networks)


def tunable(generator: StylisedGenerator) -> tuple[Generator, ...]:
    """The source's generator and the run's, if that is one like it; one if they are the same."""
    ours, shown = generator.source.g, generator.adapter.eval_generator()
    shown = getattr(shown, "generator", shown)  # DualStyleGAN's, below its extrinsic path
    plain = isinstance(shown, Generator) and isinstance(shown.synthesis, Synthesis)
    held = plain and any(shown is module for module in generator.adapter.modules())
    if not held or shown.config != ours.config:
        return ()
    return tuple({id(g): g for g in (ours, shown)}.values())


def load_generator(
    run: FinishedRun, source: str, *, refine: int, swap: int | None, seed: int
) -> StylisedGenerator:
    """The networks of a run, if it can be rebuilt and do what is asked.
    ``source`` is for weights that have no record. Photos are inverted with ``refine`` evaluations
    that improve the encoder's rows; ``seed`` is for those that are inverted by optimisation. Layers
    are the source's up to ``swap`` pixels; None for what the run says.
    """
    record = run.record
    known = recorded.configuration(record, "source", "method", "swap") if record else None
    cfg = known or compose([f"source={source}", "data=folder"]).cfg  # photographs
    with recorded.rebuilding(run.name):
        for key in PROJECTION_SEEDS:
            files.put(cfg, key, seed)
        if files.put(cfg, REFINEMENT, refine):  # the source has an encoder
            files.put(cfg, "source.invert", cfg.source.invert.invert)  # not from memory
        elif refine:
            raise UserError(
                f"The source of {run.name} has no encoder whose styles could be refined."
            )
        seeds.everything(seed, deterministic=True)
        adapter = load_adapter(cfg, run)
        adapter.source.inverter = InvertOnce(adapter.source.inverter)
        if swap is not None:
            swaps.apply(partial(by_weights, resolution=swap), adapter)
        else:
            swap_as_judged(cfg, run, adapter)
    adapter.eval()
    notes = (f"{run.name} failed: {record.reason}",) if record and record.failed else ()
    return StylisedGenerator(run.name, adapter.source, adapter, adapter.stylise, notes)


def load_adapter(cfg: Config, run: FinishedRun) -> Any:
    """The adapter of a run with its weights, or the plain generator of weights without a record."""
    source = build(cfg.source)
    if not source.trained:
        raise UserError(f"{run.name} has no trained source that could invert a photo.")
    if run.record:
        adapter = build(cfg.method, source)
        load_weights(adapter, run.weights)
        return adapter
    return BareGenerator(source, generator_of(run.weights), run.name)


def judged(run: FinishedRun) -> Any:
    """The adapter of a run as it was evaluated, or the plain generator of weights of no record."""
    if not run.record:
        g = generator_of(run.weights).requires_grad_(False)
        alone: Any = SimpleNamespace(trained=False, g=g, name="")
        return BareGenerator(alone, g, run.name).eval()
    cfg = recorded.configuration(run.record, "source", "method", "swap")
    files.put(cfg, "method.grown_from", "")  # where a training began, which weights replace
    with recorded.rebuilding(run.name):
        adapter = build(cfg.method, build(cfg.source))
        load_weights(adapter, run.weights)
        swap_as_judged(cfg, run, adapter)
    return adapter.eval().requires_grad_(False)


def swap_as_judged(cfg: Config, run: FinishedRun, adapter: Any) -> None:
    """Swap the layers of a row; its own weights are swapped already, those of its run are not."""
    if run.record and run.weights.parent.name == run.record.of and cfg.swap.resolution:
        swaps.apply(build(cfg.swap), adapter)


def generator_of(path: Path) -> Generator:
    """The averaged generator of a file, or the one that there is."""
    networks, _ = weights.read(path, {kind.__name__: kind for kind in (Generator, Discriminator)})
    for name in ("g_ema", "g"):
        if isinstance(networks.get(name), Generator):
            return networks[name]
    raise UserError(f"{path} holds no generator.")


def load_weights(adapter: Any, path: Path) -> None:
    """Give an adapter the networks that it exported; only those kinds are read."""
    exported = adapter.export()
    kinds: dict[str, type[nn.Module]] = {type(n).__name__: type(n) for n in exported.values()}
    networks, _ = weights.read(path, kinds)
    for name in exported:
        if name not in networks and name not in TRAINED_ONLY:
            raise UserError(f"{path} holds no network {name}, which the record's method exports.")
    try:
        adapter.recall(networks)
    except RuntimeError as error:
        first = " ".join(str(error).split())[:200]
        raise UserError(f"{path} does not fit its record: {first}") from error
