"""Elastic weight consolidation: weights that the source's pictures depend on stay where they are.
Paper: "Few-shot image generation with elastic weight consolidation" (Li et al., NeurIPS 2020,
arXiv:2012.02780), after "Overcoming catastrophic forgetting in neural networks" (arXiv:1612.00796).
Departs from the paper in: the weight of the penalty, see the yaml; the discriminator judges the
pictures of the Fisher information in groups, as it was trained to, and all weights that train are
kept near, the mapping network's too.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad, vmap

from adapters.adversarial import Batch
from adapters.base import Terms
from adapters.finetune import FineTune
from core.adaptive_batches import within
from core.bounds import Count, Weight
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator
from core.source import Source
from core.types import Shots


def image_gradients(d: Discriminator, images: Tensor) -> Tensor:
    """[N, 3, R, R]: how log sigmoid(d(x)) of a picture x moves with it, its group held fixed."""
    images = images.detach().requires_grad_(True)
    likelihoods = F.logsigmoid(d(images))
    # A group is every n-th picture, so these parts hold one picture of each group.
    parts = min(d.b4.mbstd_group or len(images), len(images))
    gradients = [
        torch.autograd.grad(likelihoods[rows].sum(), images, retain_graph=True)[0][rows]
        for rows in torch.arange(len(images)).chunk(parts)
    ]
    return torch.cat(gradients)


def fisher_diagonal(
    g: Generator, d: Discriminator, weights: Mapping[str, Tensor], z: Tensor
) -> dict[str, Tensor]:
    """Squares of each picture's own gradient by g's ``weights``, summed over latents z [N, Z]."""
    n = within(len(z), g.img_resolution, z.device)
    with torch.no_grad():
        pictures = torch.cat([g(part) for part in z.split(n)])  # with constant noise
    upstream = image_gradients(d, pictures)  # all at once: N is a multiple of the group of d

    def backpropagated(weights: Mapping[str, Tensor], z: Tensor, gradient: Tensor) -> Tensor:
        return (functional_call(g, dict(weights), (z[None],))[0] * gradient).sum()

    total: dict[str, Tensor] = {}
    for part, gradients in zip(z.split(n), upstream.split(n), strict=True):
        each = vmap(grad(backpropagated), in_dims=(None, 0, 0))(weights, part, gradients)
        for name, gradient in each.items():
            squares = gradient.square().sum(0)
            total[name] = total[name] + squares if name in total else squares
    return total


class EWC(FineTune):
    """Fine-tuning with a spring on every weight, as stiff as the weight's Fisher information."""

    paper = "arXiv:2012.02780"
    fisher: Tensor

    def __init__(
        self,
        source: Source,
        *,
        ewc_weight: Weight,  # of the sum of squared distances, each times its information
        fisher_images: Count,  # latents that the information is averaged over
        fisher_batch: Count,  # so many at a time; a multiple of the discriminator's group
        **finetune: Any,
    ) -> None:
        super().__init__(source, **finetune)
        self.ewc_weight = ewc_weight
        self.fisher_images, self.fisher_batch = fisher_images, fisher_batch
        numbers = sum(p.numel() for p in self.trained_weights().values())
        # Made again by ``prepare`` when a run is resumed, so it needs no place in a checkpoint.
        self.register_buffer("fisher", torch.zeros(numbers), persistent=False)

    def trained_weights(self) -> dict[str, Tensor]:
        return {name: p for name, p in self.g.named_parameters() if p.requires_grad}

    def source_weights(self) -> dict[str, Tensor]:
        own = dict(self.source.g.named_parameters())
        return {name: own[name].detach() for name in self.trained_weights()}

    def prepare(self, shots: Shots) -> None:
        weights = self.source_weights()
        total = {name: torch.zeros_like(weight) for name, weight in weights.items()}
        batches = max(self.fisher_images // self.fisher_batch, 1)  # whole ones, for D's groups
        for _ in range(batches):
            z = self.noise(self.fisher_batch)
            for name, squares in fisher_diagonal(self.source.g, self.source.d, weights, z).items():
                total[name] += squares
        self.fisher = flat(total) / (batches * self.fisher_batch)

    def g_terms(self, batch: Batch) -> Terms:
        return super().g_terms(batch) | {"ewc": self.penalty()}

    def penalty(self) -> Tensor:
        moved = flat(self.trained_weights()) - flat(self.source_weights())
        return self.ewc_weight * (self.fisher * moved.square()).sum()


def flat(tensors: Mapping[str, Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors.values()])
