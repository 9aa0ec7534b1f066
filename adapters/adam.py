"""AdAM: modulate the kernels that matter for the shots, and train the others.
What matters is found by a first training of the modulation alone; then all begins again.
Paper: "Few-shot image generation via adaptation-aware kernel modulation" (Zhao et al., NeurIPS
2022, arXiv:2210.16559).
Departs from the paper in: importance is measured with the averaged generator and the present
discriminator, on pictures with constant noise; the discriminator's first layer is not modulated.
"""

import copy
import re
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from adapters.finetune import FineTune
from core import distributed
from core import importance as measured
from core.bounds import Count, Natural, Percent
from core.freeze import trainable
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator
from core.networks.modulation import RankOne, generator_layers, modulate, originals, vectors
from core.source import Source
from core.types import Shots

Layers = list[nn.Module]
PROBED = re.compile(r"\.[uvb]$|^b4\.")  # modulations, and what follows the blocks of D


def kinds_of(g: nn.Module, d: nn.Module) -> tuple[Layers, Layers, Layers]:
    """What is chosen from: G's convolutions, the layers of their styles, D's convolutions."""
    convolutions = measured.synthesis_layers(cast(Generator, g))
    styles = [layer.get_submodule("affine") for layer in convolutions]
    return convolutions, styles, measured.block_layers(cast(Discriminator, d))


def score(u: Tensor, v: Tensor, *b: Tensor) -> Tensor:
    """How much the kernels [O] of a layer matter, by squared gradients of its vectors."""
    return torch.stack([u.mean() + v, *b]).sum(0) / (1 + len(b))


def kept(scores: Sequence[Tensor], percent: float) -> tuple[Tensor, list[Tensor]]:
    """The percentile of all scores, and masks [O] by layer of what lies above it."""
    line = measured.percentile(scores, percent)
    return line, [own > line for own in scores]


class AdAM(FineTune):
    """Fine-tuning that keeps the kernels that matter and multiplies them by few numbers."""

    paper = "arXiv:2210.16559"
    kept: Tensor
    shots: Shots

    def __init__(
        self,
        source: Source,
        *,
        modulation: Callable[[Tensor], RankOne],
        keep_above: Percent,  # of the kernels of a kind, by what they matter
        probe_images: Natural,  # of the first training
        fisher_images: Count,  # that are measured with
        **finetune: Any,
    ) -> None:
        self.modulation = modulation
        super().__init__(source, **finetune)
        self.keep_above = keep_above
        self.probe_images, self.fisher_images = probe_images, fisher_images
        self.layers = [layer for kind in kinds_of(self.g, self.d) for layer in kind]
        self.learnt = [p for network in (self.g, self.d) for p in trainable(network)]
        kernels = sum(len(originals(layer)[0]) for layer in self.layers)
        self.register_buffer("kept", torch.zeros(kernels, dtype=torch.bool))
        self.start()

    def modulated(self, g: Generator) -> Generator:
        g = copy.deepcopy(g)
        return self.fresh(6, modulate, g, generator_layers(g), self.modulation)

    def initial_g(self) -> Generator:
        return self.modulated(self.source.g)

    def initial_d(self) -> Discriminator:
        d = super().initial_d()
        return self.fresh(7, modulate, d, measured.block_layers(d), self.modulation)

    def start(self) -> None:
        """All networks as they are before any step."""
        self.g.load_state_dict(self.initial_g().state_dict())
        self.d.load_state_dict(self.initial_d().state_dict())
        self.ema.model.load_state_dict(self.modulated(self.source.g).state_dict())

    def prepare(self, shots: Shots) -> None:
        self.shots = shots

    def rows(self) -> tuple[Tensor, ...]:
        """Masks [O] of each layer: which kernels are kept and modulated."""
        return self.kept.split([len(originals(layer)[0]) for layer in self.layers])

    def steps_since_probe(self) -> int:
        """Steps of the second training; negative in the first."""
        return self.images_seen // self.batch_size + -self.probe_images // self.batch_size

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        if self.steps_since_probe() == 0:
            self.choose()
            self.start()
            for optimiser in self.trainer.optimizers:
                optimiser.state.clear()
            self.thaw()
        super().training_step(batch, batch_idx)

    def choose(self) -> None:
        """Measure, and say which kernels are kept."""
        g, d = measured.copies(self.eval_generator(), self.d)
        kinds = kinds_of(g, d)
        of_g, of_d = (
            [tensor for layer in layers for tensor in vectors(layer)]
            for layers in (kinds[0] + kinds[1], kinds[2])
        )
        with distributed.replicated():  # as many pictures however many processes there are
            z = self.noise(self.fisher_images)
        squares = iter(measured.importance(g, d, z, self.shots, of_g, of_d))
        scores = [[score(*(next(squares) for _ in vectors(la))) for la in kind] for kind in kinds]
        masks = [mask for kind in scores for mask in kept(kind, self.keep_above)[1]]
        self.kept.copy_(torch.cat(masks))

    def thaw(self) -> None:
        """Train of each layer what has kernels that move."""
        learnt = {id(p) for p in self.learnt}
        for layer, rows in zip(self.layers, self.rows(), strict=True):
            for tensors, moving in ((originals(layer), ~rows), (vectors(layer), rows)):
                for p in tensors:
                    p.requires_grad_(id(p) in learnt and bool(moving.any()))

    def load_networks(self, state: dict[str, Any]) -> None:
        super().load_networks(state)
        if self.steps_since_probe() > 0:
            self.thaw()

    def screen(self, index: int) -> None:
        if self.steps_since_probe() < 0:
            for name, p in self.network(index).named_parameters():
                if not PROBED.search(name):
                    p.grad = None
            return
        for layer, rows in zip(self.layers, self.rows(), strict=True):
            measured.hold(originals(layer), rows)
            measured.hold(vectors(layer)[1:], ~rows)


class AdAMReleased(AdAM):
    """The public code: G begins with the source's last weights, its average with the averaged."""

    def initial_g(self) -> Generator:
        return self.modulated(self.source.raw)
