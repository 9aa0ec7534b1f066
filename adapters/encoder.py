"""Learn to invert a source: photos to the style rows whose pictures they are.
Paper: pSp (arXiv:2008.00951). The term on generated pictures, whose styles are known, is older
("Invertible conditional GANs", arXiv:1611.06355).
Departs from the paper in: a small trunk that starts from fresh weights, so it sees generated
pictures too and their styles are a loss; the perceptual distance and the identity are those of the
embedded guide; the average style keeps its rows near by a squared distance in units of
their standard deviation.
"""

import math
from collections.abc import Callable
from typing import Annotated

import torch
from annotated_types import Ge, Lt
from torch import Tensor, nn
from torch.optim import Optimizer

from adapters.base import Adapter, G
from core.bounds import Count, Pair, Share, Weight
from core.errors import UserError
from core.inversion.refinement import EqualSteps, equal_steps
from core.networks.encoders import Compact
from core.networks.encoders.compact import w_std
from core.networks.mixing_regularisation import mixed_ws
from core.optim import pace
from core.source import Source
from core.types import GuideNetwork


class Encoder(Adapter):
    """Trains an encoder for the source, which itself stays as it is.
    The weights in ``loss`` are of ``perceptual``, ``pixel`` (mean square), ``identity`` (one minus
    cosine), ``w_norm`` (mean squared distance from the average, in standard deviations) and
    ``code`` (the same from the known styles of generated pictures).
    """

    paper = "arXiv:2008.00951"
    encoder: Compact
    w_std: Tensor

    def __init__(
        self,
        source: Source,
        *,
        encoder: Callable[..., Compact],  # makes the network from rows, w_dim and resolution
        optimizer: Callable[..., Optimizer],
        lr: Weight,  # the highest: it ramps up over warmup and falls as a cosine
        warmup: Annotated[float, Ge(0), Lt(1)],  # share of the run
        guide: GuideNetwork,  # what losses look through
        loss: dict[str, Weight],  # weights by name
        generated: Count,  # generated pictures beside every batch of photos
        mixing_prob: Share,  # share of generated batches that show two latents
        bf16: bool,  # mixed precision; twice as fast where the processor has it
        samples: Pair,  # latents from which the deviation of the styles is taken
        steps: EqualSteps,  # how the steps of refinement are found: probes, damping, pixel
        **run: int,
    ) -> None:
        super().__init__(source, **run)
        if generated < 1:
            raise UserError(f"method.generated={generated} must be at least 1.")
        g = source.g
        shape = {"rows": g.num_ws, "w_dim": g.w_dim, "resolution": g.img_resolution}
        self.encoder = self.fresh(0, encoder, **shape)
        self.encoder.attend(g, samples=samples, seed=self.seed)
        self.register_buffer("w_std", w_std(g, samples=samples, seed=self.seed))
        self.optimizer, self.lr, self.warmup = optimizer, lr, warmup
        self.guide, self.loss, self.generated = guide, loss, generated
        self.mixing_prob, self.bf16, self.steps = mixing_prob, bf16, steps

    def configure_optimizers(self) -> list[Optimizer]:
        return [self.optimizer(self.encoder.parameters(), lr=self.lr)]

    def rate(self) -> float:
        """Learning rate over its peak: a ramp, then a cosine."""
        share = (self.images_seen + self.batch_size) / self.images
        if share < self.warmup:
            return share / self.warmup
        return 0.5 + 0.5 * math.cos(math.pi * min((share - self.warmup) / (1 - self.warmup), 1))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        photos, _ = batch
        pace(self.optimiser(G), self.rate())
        with self.autocast(), torch.no_grad():
            generated, ws = self.generate()
            images = torch.cat([photos, generated])
            features, identity = self.guide.embed(images), self.guide.identity(images)
        with self.update(G):
            with self.autocast():
                ours = self.encoder.styles(self.source.g, images)
                pictures = self.render(ours).float()
                terms = {
                    "perceptual": (self.guide.embed(pictures) - features).square().sum(1).mean(),
                    "pixel": (pictures - images).square().mean(),
                    "identity": 1 - (self.guide.identity(pictures) * identity).sum(1).mean(),
                    "w_norm": self.w_distance(ours, self.source.g.mapping.w_avg),
                    "code": self.w_distance(ours[len(photos) :], ws),
                }
            self.manual_backward(torch.stack([self.loss[k] * v for k, v in terms.items()]).sum())
        self.images_seen += len(photos)
        self.terms = {name: term.detach() for name, term in terms.items()}  # without their weights

    def generate(self) -> tuple[Tensor, Tensor]:
        g = self.source.g
        z, other = self.noise(self.generated), self.noise(self.generated)
        ws = mixed_ws(g.mapping, z, other, self.mixing_prob, self.rng)
        return g.synthesis(ws, noise_mode="const").float(), ws

    def w_distance(self, ws: Tensor, others: Tensor) -> Tensor:
        """Mean squared distance of styles, in units of their standard deviation."""
        return ((ws - others) / self.w_std).square().mean()

    def autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def network(self, index: int) -> nn.Module:
        return self.encoder

    def eval_generator(self) -> nn.Module:
        return self.source.g

    def export(self) -> dict[str, nn.Module]:
        steps = equal_steps(self.source.g, self.guide, seed=self.seed, **self.steps)
        self.encoder.steps.copy_(steps)
        return {"encoder": self.encoder}

    def latents(self, z: Tensor) -> Tensor:
        return self.source.g.mapping(z)

    def render(self, ws: Tensor) -> Tensor:
        return self.source.g.synthesis(ws, noise_mode="const")

    def stylise(self, photos: Tensor) -> Tensor:
        return self.render(self.encoder.styles(self.source.g, photos))
