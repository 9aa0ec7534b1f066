"""RICK: by how much they matter, kernels are frozen, trained or, for good, removed on the way.
Paper: "Exploring incompatible knowledge transfer in few-shot image generation" (Zhao et al., CVPR
2023, arXiv:2304.07574).
Departs from the paper in: importance is measured with the averaged generator and the present
discriminator, on pictures with constant noise; what is removed is removed from the average too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn

from adapters.base import G
from adapters.finetune import FineTune
from core import distributed
from core import importance as measured
from core.bounds import Count, Natural, Percent
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator
from core.source import Source
from core.types import Shots

Layer = tuple[Tensor, ...]  # its weight, and its bias where that belongs to the kernels


def layers_of(g: nn.Module, d: nn.Module) -> tuple[list[Layer], list[Layer], list[Layer]]:
    """What is chosen from: G's convolutions, the layers that give their styles, D's convolutions.
    A convolution of G has no bias here: it trains, whatever becomes of its kernels.
    """
    convolutions = measured.synthesis_layers(cast(Generator, g))
    styles = [layer.get_submodule("affine") for layer in convolutions]
    own = measured.block_layers(cast(Discriminator, d))

    def whole(layers: Sequence[nn.Module]) -> list[Layer]:
        return [tuple(layer.parameters()) for layer in layers]

    return [(layer.get_parameter("weight"),) for layer in convolutions], whole(styles), whole(own)


def score(squares: Layer) -> Tensor:
    """How much the kernels [O] of a layer matter, by the squared gradients of its tensors."""
    return torch.stack([rows.reshape(len(rows), -1).mean(1) for rows in squares]).mean(0)


@dataclass(frozen=True, kw_only=True)
class KernelSelection:
    """What becomes of kernels, by percentiles of their scores among those of their kind."""

    freeze_above: Percent
    prune_up_to: Percent

    def lines(self, scores: Sequence[Tensor]) -> list[Tensor]:
        return [measured.percentile(scores, p) for p in (self.freeze_above, self.prune_up_to)]

    def __call__(self, kind: Sequence[Layer]) -> tuple[list[Tensor], list[Tensor]]:
        """Which kernels are frozen and which are removed, masks [O] by layer, of the squared
        gradients of the layers of one kind.
        """
        scores = [score(layer) for layer in kind]
        high, low = self.lines(scores)
        removed = [self.removed(layer, s, low) for layer, s in zip(kind, scores, strict=True)]
        return [s > high for s in scores], removed

    def removed(self, layer: Layer, scores: Tensor, line: Tensor) -> Tensor:
        return scores <= line


class KernelSelectionReleased(KernelSelection):
    """The public code: of the discriminator's skips, what lies on the line stays."""

    def removed(self, layer: Layer, scores: Tensor, line: Tensor) -> Tensor:
        is_skip = layer[0].shape[2:] == (1, 1)
        return scores < line if is_skip else super().removed(layer, scores, line)


class RICK(FineTune):
    """Fine-tuning of kernels that matter neither most nor least; those that matter least go."""

    paper = "arXiv:2304.07574"
    frozen: Tensor
    removed: Tensor
    shots: Shots

    def __init__(
        self,
        source: Source,
        *,
        selection: KernelSelection,
        head_images: Natural,  # in which only what follows D's blocks trains
        every: Count,  # steps from one measurement to the next
        fisher_images: Count,  # that are measured with
        **finetune: Any,
    ) -> None:
        super().__init__(source, **finetune)
        self.selection, self.every = selection, every
        self.head_images, self.fisher_images = head_images, fisher_images
        self.layers = [layer for kind in layers_of(self.g, self.d) for layer in kind]
        self.learnt = [[p for p in layer if p.requires_grad] for layer in self.layers]
        kernels = sum(len(layer[0]) for layer in self.layers)
        self.register_buffer("frozen", torch.zeros(kernels, dtype=torch.bool))
        self.register_buffer("removed", torch.zeros(kernels, dtype=torch.bool))

    def prepare(self, shots: Shots) -> None:
        self.shots = shots

    def by_layer(self, masks: Tensor) -> tuple[Tensor, ...]:
        return masks.split([len(layer[0]) for layer in self.layers])

    def steps_since_head(self) -> int:
        """Steps of the second stage; negative in the first."""
        return self.images_seen // self.batch_size + -self.head_images // self.batch_size

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        step = self.steps_since_head()
        if step >= 0 and step % self.every == 0:
            self.choose()
            self.remove()
        super().training_step(batch, batch_idx)
        self.remove()

    def choose(self) -> None:
        """Measure, and say anew which kernels are frozen; what is removed stays so."""
        g, d = measured.copies(self.eval_generator(), self.d)
        kinds = layers_of(g, d)
        tensors = [[tensor for layer in kind for tensor in layer] for kind in kinds]
        with distributed.replicated():  # as many pictures however many processes there are
            z = self.noise(self.fisher_images)
        of_g, of_d = tensors[0] + tensors[1], tensors[2]
        squares = iter(measured.importance(g, d, z, self.shots, of_g, of_d))
        by_kind = [[tuple(next(squares) for _ in layer) for layer in kind] for kind in kinds]
        chosen = [self.selection(kind) for kind in by_kind]
        self.frozen.copy_(torch.cat([mask for frozen, _ in chosen for mask in frozen]))
        self.removed |= torch.cat([mask for _, removed in chosen for mask in removed])
        self.thaw()

    def thaw(self) -> None:
        """Train the layers that have kernels to train."""
        for learnt, held in zip(
            self.learnt, self.by_layer(self.frozen | self.removed), strict=True
        ):
            for p in learnt:
                p.requires_grad_(not held.all())

    def load_networks(self, state: dict[str, Any]) -> None:
        super().load_networks(state)
        self.thaw()

    def screen(self, index: int) -> None:
        if self.steps_since_head() < 0:
            first = self.g if index == G else nn.ModuleList(measured.block_layers(self.d))
            for p in first.parameters():
                p.grad = None
        for layer, held in zip(self.layers, self.by_layer(self.frozen | self.removed), strict=True):
            measured.hold(layer, held)

    def without_removed(self) -> list[nn.Module]:
        """The generators that lose the kernels."""
        return [self.g, self.eval_generator()]

    def remove(self) -> None:
        for g in self.without_removed():
            layers = [layer for kind in layers_of(g, self.d) for layer in kind]
            for layer, rows in zip(layers, self.by_layer(self.removed), strict=True):
                measured.clear(layer, rows)


class RICKReleased(RICK):
    """The public code: the average does not lose kernels, they fade from it."""

    def without_removed(self) -> list[nn.Module]:
        return [self.g]
