"""Train a network that sees ParaFaces: ``python -m benchmarks.perceive which=measure``.

Every number is in ``conf/perception.yaml`` and can be set behind the command. It renders people
whom no other part of the suite uses, trains on all domains at once, measures the network on
held-out people and writes weights and a record.

Identity is learnt with an angular margin (arXiv:1801.07698): the classes are the people, whatever
the domain, pose, light or expression.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch import Tensor, nn

from benchmarks import parafaces
from benchmarks.harness.assets.accuracy import accuracy, means
from benchmarks.harness.assets.augmentation import Nuisance
from benchmarks.harness.assets.faces import Faces, rendered
from benchmarks.harness.records.provenance import environment
from core import atomic, hashing
from core.errors import UserError
from core.networks.perception import Perception, read, save
from core.paths import CONF, ROOT
from core.progress import bar


class AngularMargin(nn.Module):
    """Cross entropy over people of cosines, that of the right person made harder by an angle."""

    def __init__(self, *, people: int, width: int, margin: float, scale: float) -> None:
        super().__init__()
        # Short vectors turn quickly: Adam moves every coordinate by its rate.
        self.centres = nn.Parameter(0.1 * torch.randn(people, width))
        self.margin, self.scale = margin, scale

    def forward(self, identity: Tensor, person: Tensor) -> Tensor:
        """Mean loss of unit vectors [N, E] for people [N]."""
        cosine = (identity @ F.normalize(self.centres).T).clamp(-1 + 1e-6, 1 - 1e-6)
        rows = torch.arange(len(person))
        right = cosine[rows, person].acos()
        # Beyond pi the cosine would rise again and reward the opposite direction.
        harder = (right + self.margin).clamp(max=math.pi).cos()
        logits = cosine.clone()
        logits[rows, person] = harder
        return F.cross_entropy(logits * self.scale, person)


@dataclass(frozen=True)
class Recipe:
    """How to train; the fields are those of ``training`` in the yaml."""

    images: int
    batch_size: int
    lr: float
    weight_decay: float
    warmup: float
    bf16: bool
    margin: float
    scale: float
    loss: dict[str, float]

    def rate(self, share: float) -> float:
        """Learning rate over its peak when this share of the run is done: a ramp, then a cosine."""
        if share < self.warmup:
            return share / self.warmup
        return 0.5 + 0.5 * math.cos(math.pi * (share - self.warmup) / (1 - self.warmup))


def losses(
    network: Perception,
    margin: AngularMargin,
    images: Tensor,
    known: dict[str, Tensor],
    hidden: float,
) -> dict[str, Tensor]:
    """One scalar a head; ``hidden`` is the weight of landmarks that cannot be seen."""
    seen = network(images)
    scale = network.attribute_scale
    weight = known["visible"] + hidden * (1 - known["visible"])
    off = (seen.landmarks - known["landmarks"]).abs().sum(2) * 2 / images.shape[-1]
    return {
        "landmarks": (off * weight).sum() / weight.sum(),
        "attributes": ((seen.attributes - known["parameters"]) / scale).square().mean(),
        "identity": margin(seen.identity, known["person"]),
        "domain": F.cross_entropy(seen.domain.float(), known["domain"]),
        "quality": F.mse_loss(seen.quality.float(), known["quality"]),
    }


def train(network: Perception, faces: Faces, recipe: Recipe, nuisance: Nuisance, seed: int) -> None:
    """Train in place on ``recipe.images`` pictures, every picture once before any comes again."""
    spoil = torch.Generator().manual_seed(seed)
    margin = people(network, faces, recipe, seed)
    network.attribute_mean.copy_(torch.from_numpy(faces.parameters.mean(0)))
    network.attribute_scale.copy_(torch.from_numpy(faces.parameters.std(0).clip(1e-3)))
    network.train().to(memory_format=torch.channels_last)
    parameters = [*network.parameters(), *margin.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay)
    steps = recipe.images // recipe.batch_size
    with bar("training", recipe.images, "pictures") as shown:
        for step, index in enumerate(shuffled(len(faces), steps, recipe.batch_size, seed)):
            known = faces.batch(index)
            images, known["landmarks"], known["quality"] = nuisance(
                known["images"], known["landmarks"], spoil
            )
            images = images.contiguous(memory_format=torch.channels_last)
            for group in optimiser.param_groups:
                group["lr"] = recipe.lr * recipe.rate((step + 1) / steps)
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
                parts = losses(network, margin, images, known, recipe.loss["hidden"])
            optimiser.zero_grad(set_to_none=True)
            torch.stack([recipe.loss[name] * part for name, part in parts.items()]).sum().backward()
            torch.nn.utils.clip_grad_norm_(parameters, 5.0)
            optimiser.step()
            if step % 20 == 0:
                shown.update(step * recipe.batch_size, **{k: v.item() for k, v in parts.items()})
    network.eval()


def people(network: Perception, faces: Faces, recipe: Recipe, seed: int) -> AngularMargin:
    """The classes of the identity loss, drawn from the seed."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return AngularMargin(
            people=int(faces.person.max()) + 1,
            width=network.config["identity"],
            margin=recipe.margin,
            scale=recipe.scale,
        )


def shuffled(size: int, steps: int, batch_size: int, seed: int) -> Iterator[np.ndarray]:
    """``steps`` batches of indices below ``size``: one permutation after the other."""
    rng, queue = np.random.default_rng(seed), np.empty(0, np.int64)
    for _ in range(steps):
        while len(queue) < batch_size:
            queue = np.concatenate([queue, rng.permutation(size)])
        yield queue[:batch_size]
        queue = queue[batch_size:]


def build(cfg: DictConfig) -> Perception:
    """The untrained network ``cfg.which``, drawn from its own seed."""
    if cfg.which not in cfg.networks:
        raise UserError(f"which={cfg.which} is not one of {', '.join(map(str, cfg.networks))}.")
    chosen: Any = OmegaConf.to_container(cfg.networks[cfg.which], resolve=True)
    with torch.random.fork_rng():
        torch.manual_seed(cfg.seed[cfg.which])
        return Perception(
            **chosen,
            resolution=cfg.resolution,
            attributes=list(parafaces.NAMES),
            landmarks=list(parafaces.LANDMARKS),
            domains=list(cfg.domains),
        )


def pictures(cfg: DictConfig, which: Any, what: str) -> Faces:
    """The people ``which`` in all domains, rendered or taken from the cache, behind a bar."""
    total = which.count * which.pictures * len(cfg.domains)
    with bar(what, total, "pictures") as shown:
        return rendered(
            list(cfg.domains),
            **which,
            resolution=cfg.resolution,
            cache=cfg.cache,
            progress=lambda done, _: shown.update(done),
        )


def run(cfg: DictConfig) -> Path:
    """Render, train, measure, write; the path of the record."""
    network = build(cfg)
    started, begun = environment("cpu"), time.monotonic()
    faces = pictures(cfg, cfg.people, "rendering people")
    held_out = pictures(cfg, cfg.held_out, "rendering held-out people")
    ready = time.monotonic()
    recipe: Any = OmegaConf.to_container(cfg.training, resolve=True)
    nuisance: Any = OmegaConf.to_container(cfg.nuisance, resolve=True)
    train(network, faces, Recipe(**recipe), Nuisance(**nuisance), cfg.seed[cfg.which])
    cost = {
        "images": cfg.training.images,
        "distinct_images": len(faces),
        "render_seconds": round(ready - begun, 1),
        "train_seconds": round(time.monotonic() - ready, 1),
    }
    weights = ROOT / cfg.weights / f"perception_{cfg.which}.safetensors"
    save(network, weights, {"which": cfg.which})
    report = judged(weights, held_out) | {
        "which": cfg.which,
        "held_out": {"people": cfg.held_out.count, "pictures": len(held_out)},
        "cost": cost,
        "provenance": started,
        "config": OmegaConf.to_container(cfg, resolve=True),
    }
    path = ROOT / cfg.records / f"{cfg.which}.json"
    write(path, report)
    return path


def judged(weights: Path, held_out: Faces) -> dict[str, Any]:
    """What is true of a network as it was written, in half precision."""
    shipped = read(weights)
    found = accuracy(shipped, held_out, dict(parafaces.BLOCKS))
    return {
        "schema": 1,
        "parameters": sum(p.numel() for p in shipped.parameters()),
        "bytes": weights.stat().st_size,
        "sha256": hashing.of_file(weights),
        "accuracy": found,
        "means": means(found),
    }


def write(path: Path, report: dict[str, Any]) -> None:
    """Strict JSON, moved into place when complete."""
    text = json.dumps(report, indent=1, allow_nan=False) + "\n"
    try:
        atomic.write(path, text.encode())
    except OSError as error:
        raise UserError(f"The record cannot be written to {path}: {error.strerror}.") from error


def command(words: list[str]) -> int:
    """One training from the words of a command line; the exit status."""
    try:
        cfg: Any = OmegaConf.load(CONF / "perception.yaml")
        OmegaConf.set_struct(cfg, True)
        cfg = OmegaConf.merge(cfg, OmegaConf.from_dotlist(words))
        path = run(cfg)
    except (UserError, OmegaConfBaseException) as error:
        print(str(error).splitlines()[0], file=sys.stderr)
        return 2
    print(json.dumps(json.loads(path.read_text(encoding="utf-8"))["means"], indent=2))
    print(f"record: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(command(sys.argv[1:]))
