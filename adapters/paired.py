"""A source generator whose latents are given: the picture of z is the picture that z stands for.
Few thousand steps of adversarial training leave a small generator that knows few faces. Where every
training picture was made of known normals, those normals are the latent, and the generator is told
what each of them looks like, before and while a discriminator judges it.
Paper: "Learning to generate chairs with convolutional neural networks" (arXiv:1411.5928), with the
adversarial term beside a distance of pix2pix (arXiv:1611.07004).
Departs from the papers in: StyleGAN2's networks; the numbers that are known reach the generator as
the first coordinates of an ordinary Gaussian latent, the rest of which is noise.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from adapters.adversarial import Batch
from adapters.base import G, Terms
from adapters.finetune import Scratch
from core import draws
from core.bounds import Count, Natural, Positive, Weight
from core.errors import UserError
from core.freeze import trainable
from core.networks.generator import Generator, scale_w
from core.source import Source

LEAST_NOISE = 4.0  # squared length that is left to the noise, where the normals have used up all


class Paired(Scratch):
    """Regression from latent to picture, then adversarial training with the same term in the loss.
    The domain must know its pictures (``normals(ids [N]) -> [N, P]``, P below ``z_dim``). At last
    styles are scaled, since regression shrinks what it cannot tell; see
    `core.networks.generator.scale_w`.
    """

    paper = "arXiv:1411.5928"

    def __init__(
        self,
        source: Source,
        *,
        perceptual_distance: Callable[[Tensor, Tensor], Tensor],  # [N], of [N, 3, R, R] both
        perceptual: Weight,  # weight of that distance
        pixel: Weight,  # weight of the mean absolute difference, at each of levels sizes
        levels: Count,  # sizes at which pixels are compared, each half of the one before
        adversarial_from: Natural,  # pictures that regression alone is shown first
        mapping_lr: Weight,  # factor on the learning rate of the mapping network
        w_scale: Positive,  # how much farther from their average the styles of the result lie
        **scratch: Any,
    ) -> None:
        if not source.resolution >> (levels - 1):
            raise UserError(f"method.levels={levels} leaves nothing of {source.resolution} px.")
        self.mapping_lr = mapping_lr
        super().__init__(source, **scratch)
        self.perceptual_distance, self.perceptual = perceptual_distance, perceptual
        self.pixel, self.levels = pixel, levels
        self.adversarial_from, self.w_scale = adversarial_from, w_scale

    def configure_optimizers(self) -> list[Optimizer]:
        _, d = super().configure_optimizers()
        mapping = {"params": trainable(self.g.mapping), "lr": self.lr * self.mapping_lr}
        groups = [{"params": trainable(self.g.synthesis)}, mapping]
        return [self.g_optimizer(groups, lr=self.lr), d]

    def adversarial_step(self, batch: Batch) -> Terms:
        if self.images_seen >= self.adversarial_from:
            return super().adversarial_step(batch)
        terms = self.minimise(G, ({"distance": self.regression(b)[1]} for b in [batch]))
        self.ema.update(self.g, len(batch))
        return terms

    def g_terms(self, batch: Batch) -> Terms:
        fakes, distance = self.regression(batch)
        return {"distance": distance, "loss_g": self.g_logistic(fakes)}

    def regression(self, batch: Batch) -> tuple[Tensor, Tensor]:
        domain = cast(Any, self.trainer).datamodule  # which knows its pictures
        fakes = self.tracked(self.latents_of(domain.normals(batch.ids.cpu())))
        return fakes, self.distance(fakes, batch.reals)

    def eval_generator(self) -> nn.Module:
        return self.scaled(cast(Generator, super().eval_generator()))

    def export(self) -> dict[str, nn.Module]:
        return super().export() | {"g": self.scaled(self.g)}

    def scaled(self, g: Generator) -> Generator:
        return g if self.w_scale == 1 else scale_w(g, self.w_scale)

    def recall(self, networks: Mapping[str, nn.Module]) -> None:
        self.w_scale = 1.0  # it is folded into what was exported
        super().recall(networks)

    def latents_of(self, normals: Tensor) -> Tensor:
        """Latents [N, Z] on the sphere whose first coordinates are the normals [N, P]."""
        # On the sphere: the mapping network forgets a latent's length, so it must carry nothing.
        free = self.source.g.z_dim - normals.shape[1]
        if free < 1:
            raise ValueError(f"{normals.shape[1]} normals leave no room in {self.source.g.z_dim}.")
        normals = draws.sent(normals, self.device)
        noise = draws.randn((len(normals), free), self.rng, self.device)
        rest = self.source.g.z_dim - normals.square().sum(dim=1, keepdim=True)
        rest = rest.clamp(min=LEAST_NOISE)
        return torch.cat([normals, F.normalize(noise) * rest.sqrt()], dim=1)

    def distance(self, fakes: Tensor, reals: Tensor) -> Tensor:
        """What regression minimises: absolute differences at several sizes, and the perceptual."""
        near = self.perceptual_distance(fakes, reals).float().mean() * self.perceptual
        fakes = fakes.float()
        for level in range(self.levels):
            if level:  # the first is the picture's own size
                fakes, reals = F.avg_pool2d(fakes, 2), F.avg_pool2d(reals, 2)
            near = near + self.pixel * (fakes - reals).abs().mean()
        return near
