"""A network that sees ParaFaces: trained, measured and shipped from ``conf/perception.yaml``.
It renders people whom no other part of the suite uses, trains on all domains at once, measures the
network on held-out people and writes weights and a record. Identity is learnt with an angular
margin (arXiv:1801.07698): classes are people, whatever the domain, pose, light or expression.
"""

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import parafaces
from benchmarks.harness.assets.accuracy import accuracy, means, write_report
from benchmarks.harness.assets.augmentation import FaceAugmentation
from benchmarks.harness.assets.faces import Faces, render_people
from benchmarks.harness.config.files import Config, resolved, with_words
from benchmarks.harness.records.provenance import environment
from core import hashing
from core.errors import UserError
from core.networks.perception import Perception, read, save
from core.paths import CONF, ROOT
from core.progress import bar

MAX_GRADIENT_NORM = 5.0  # so that one odd batch does not move the network far


def make(words: Sequence[str]) -> list[str]:
    """Render, train, measure and write the network that ``words`` of the yaml name.
    A `UserError` says that there is no such network, an `OmegaConfBaseException` no such option.
    """
    cfg = with_words(CONF / "perception.yaml", words)
    path, report = train_and_measure(build_network(cfg), cfg)
    write_report(path, report)
    return [json.dumps(report["means"], indent=2), f"record: {path}"]


def build_network(cfg: Config) -> Perception:
    """The untrained network ``cfg.which``, drawn from its own seed."""
    if cfg.which not in cfg.networks:
        raise UserError(f"which={cfg.which} is not one of {', '.join(map(str, cfg.networks))}.")
    with torch.random.fork_rng():
        torch.manual_seed(cfg.seed[cfg.which])
        return Perception(
            **resolved(cfg.networks[cfg.which]),
            resolution=cfg.resolution,
            attributes=list(parafaces.NAMES),
            landmarks=list(parafaces.LANDMARKS),
            domains=list(cfg.domains),
        )


def train_and_measure(network: Perception, cfg: Config) -> tuple[Path, dict[str, Any]]:
    """Train and ship a network; path and content of its record."""
    provenance, begun = environment("cpu"), time.monotonic()
    faces = render_people(cfg, cfg.people, "rendering people")
    held_out = render_people(cfg, cfg.held_out, "rendering held-out people")
    rendering_ended = time.monotonic()
    augment = FaceAugmentation(**resolved(cfg.nuisance))
    train(network, faces, Recipe(**resolved(cfg.training)), augment, cfg.seed[cfg.which])
    cost = {
        "images": cfg.training.images,
        "distinct_images": len(faces),
        "render_seconds": round(rendering_ended - begun, 1),
        "train_seconds": round(time.monotonic() - rendering_ended, 1),
    }
    weights = ROOT / cfg.weights / f"perception_{cfg.which}.safetensors"
    save(network, weights, {"which": cfg.which})
    shipped = read(weights)  # in half precision, as others will see it
    by_domain = accuracy(shipped, held_out, dict(parafaces.BLOCKS))
    report = {
        "schema": 1,
        "parameters": sum(p.numel() for p in shipped.parameters()),
        "bytes": weights.stat().st_size,
        "sha256": hashing.of_file(weights),
        "accuracy": by_domain,
        "means": means(by_domain),
        "which": cfg.which,
        "held_out": {"people": cfg.held_out.count, "pictures": len(held_out)},
        "cost": cost,
        "provenance": provenance,
        "config": resolved(cfg),
    }
    return ROOT / cfg.records / f"{cfg.which}.json", report


class AngularMargin(nn.Module):
    """Cross entropy over people of cosines, that of the right person made harder by an angle."""

    def __init__(self, *, people: int, width: int, margin: float, scale: float) -> None:
        super().__init__()
        # Short vectors turn quickly: Adam moves every coordinate by its rate.
        self.centres = nn.Parameter(0.1 * torch.randn(people, width))
        self.margin, self.scale = margin, scale

    def forward(self, identity: Tensor, person: Tensor) -> Tensor:
        """Mean loss of unit vectors [N, E] for people [N]."""
        # The clamp keeps the gradient of acos finite.
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
    warmup: float  # share of the run
    bf16: bool
    margin: float
    scale: float
    loss: dict[str, float]

    def rate(self, share: float) -> float:
        """Learning rate over its peak when this share of the run is done: a ramp, then a cosine."""
        if share < self.warmup:
            return share / self.warmup
        return 0.5 + 0.5 * math.cos(math.pi * (share - self.warmup) / (1 - self.warmup))


def train(
    network: Perception, faces: Faces, recipe: Recipe, augment: FaceAugmentation, seed: int
) -> None:
    """Train in place on ``recipe.images`` pictures, every picture once before any comes again."""
    generator = torch.Generator().manual_seed(seed)
    people, width = int(faces.person.max()) + 1, network.config["identity"]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        margin = AngularMargin(people=people, width=width, margin=recipe.margin, scale=recipe.scale)
    network.attribute_mean.copy_(torch.from_numpy(faces.parameters.mean(0)))
    network.attribute_scale.copy_(torch.from_numpy(faces.parameters.std(0).clip(1e-3)))
    network.train().to(memory_format=torch.channels_last)
    parameters = [*network.parameters(), *margin.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=recipe.lr, weight_decay=recipe.weight_decay)
    steps = recipe.images // recipe.batch_size
    with bar("training", recipe.images, "pictures") as shown:
        for step, index in enumerate(shuffled(len(faces), steps, recipe.batch_size, seed)):
            truth = faces.batch(index)
            images, truth["landmarks"], truth["quality"] = augment(
                truth["images"], truth["landmarks"], generator
            )
            images = images.contiguous(memory_format=torch.channels_last)
            for group in optimiser.param_groups:
                group["lr"] = recipe.lr * recipe.rate((step + 1) / steps)
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bf16):
                terms = losses(network, margin, images, truth, recipe.loss["hidden"])
            optimiser.zero_grad(set_to_none=True)
            torch.stack([recipe.loss[name] * term for name, term in terms.items()]).sum().backward()
            torch.nn.utils.clip_grad_norm_(parameters, MAX_GRADIENT_NORM)
            optimiser.step()
            if step % 20 == 0:  # often enough for a bar
                shown.update(step * recipe.batch_size, **{k: v.item() for k, v in terms.items()})
    network.eval()


def losses(
    network: Perception,
    margin: AngularMargin,
    images: Tensor,
    truth: dict[str, Tensor],
    hidden: float,
) -> dict[str, Tensor]:
    """One scalar a head; ``hidden`` is the weight of landmarks that cannot be seen."""
    heads = network(images)
    weight = truth["visible"] + hidden * (1 - truth["visible"])
    off_parameters = heads.attributes - truth["parameters"]
    off = (heads.landmarks - truth["landmarks"]).abs().sum(2) * 2 / images.shape[-1]
    return {
        "landmarks": (off * weight).sum() / weight.sum(),
        "attributes": (off_parameters / network.attribute_scale).square().mean(),
        "identity": margin(heads.identity, truth["person"]),
        "domain": F.cross_entropy(heads.domain.float(), truth["domain"]),
        "quality": F.mse_loss(heads.quality.float(), truth["quality"]),
    }


def shuffled(size: int, steps: int, batch_size: int, seed: int) -> Iterator[np.ndarray]:
    """``steps`` batches of indices below ``size``: one permutation after the other."""
    rng, queue = np.random.default_rng(seed), np.empty(0, np.int64)
    for _ in range(steps):
        while len(queue) < batch_size:
            queue = np.concatenate([queue, rng.permutation(size)])
        yield queue[:batch_size]
        queue = queue[batch_size:]
