"""BSA: learn a gain and a bias for every channel, from codes that show the shots.
No discriminator: every shot has a code, and its picture is to be the shot.
Paper: "Image generation from small datasets via batch statistics adaptation" (Noguchi and Harada,
ICCV 2019, arXiv:1904.01774).
Departs from the paper in: StyleGAN2 has no batch statistics, so gains follow its demodulation;
biases are pulled towards the source's; codes enter a mapping network, which forgets their length,
so that a narrower normal distribution would draw nothing else: pictures are drawn from all of it.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from adapters.base import Adapter, G, Terms
from core import distributed
from core.adaptive_batches import within
from core.bounds import Count, Share, Weight
from core.freeze import trainable
from core.networks.gains import GainedGenerator
from core.networks.layers import SynthesisLayer
from core.optim import pace
from core.source import Source
from core.types import GuideNetwork, Shots


def matching(codes: Tensor, normals: Tensor) -> Tensor:
    """How far codes [N, Z] are from normal numbers [M, Z]: mean squared distances of each to the
    nearest of the others, both ways.
    """
    apart = (codes[:, None] - normals).square().sum(2)  # [N, M]
    return apart.amin(0).mean() + apart.amin(1).mean()


def pull(gains: Sequence[Tensor], shifts: Sequence[Tensor]) -> Tensor:
    """How far gains [C] are from 1 and shifts [C] from 0: mean squares, summed over layers."""
    away = [*(gain - 1 for gain in gains), *shifts]
    return torch.stack([values.square().mean() for values in away]).sum()


class BSA(Adapter):
    """Trains gains, biases and the codes of the shots. The weights in ``loss`` are of ``pixel``
    (mean absolute), ``perceptual``, ``matching`` (:func:`matching`) and ``pull`` (:func:`pull`).
    """

    paper = "arXiv:1904.01774"
    g: GainedGenerator
    shots: Tensor

    def __init__(
        self,
        source: Source,
        *,
        optimizer: Callable[..., Optimizer],
        lr: Weight,
        decay: Share,  # what the rate is multiplied by after every ``decay_images``
        decay_images: Count,
        perceptual: GuideNetwork,
        loss: dict[str, Weight],  # weights by name
        normals: Count,  # normal numbers that codes are matched with, for each code of a batch
        jitter: Weight,  # deviation of what is added to a code in a step
        **run: int,
    ) -> None:
        super().__init__(source, **run)
        self.g = GainedGenerator(**source.g.config)
        self.g.load_state_dict(source.g.state_dict())
        self.g.train().requires_grad_(False)
        for p in (*self.g.gains(), *self.g.biases()):
            p.requires_grad_(True)
        # As many rows as there are shots, from ``prepare`` on; the mean of all codes at first.
        self.codes = nn.Parameter(torch.zeros(0, source.g.z_dim))
        self.register_buffer("shots", torch.zeros(0), persistent=False)
        self.optimizer, self.lr = optimizer, lr
        self.decay, self.decay_images = decay, decay_images
        self.perceptual, self.loss = perceptual, loss
        self.normals, self.jitter = normals, jitter

    def prepare(self, shots: Shots) -> None:
        self.shots = shots[:]
        self.codes.data = self.codes.new_zeros(len(shots), self.g.z_dim)

    def configure_optimizers(self) -> list[Optimizer]:
        return [self.optimizer([*trainable(self.g), self.codes], lr=self.lr)]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        _, ids = batch
        pace(self.optimiser(G), self.decay ** (self.images_seen // self.decay_images))
        self.terms = self.minimise(G, self.losses(ids))
        self.images_seen += len(ids)

    def losses(self, ids: Tensor) -> Iterator[Terms]:
        """What the codes of shots ids [N] lose, a few at a time, and what all lose together."""
        jitter = self.jitter * self.noise(len(ids))
        n = within(len(ids), self.source.resolution, ids.device)
        for part, moved in zip(ids.split(n), jitter.split(n), strict=True):
            share = len(part) / len(ids)
            terms = self.distances(self.codes[part] + moved, self.shots[part])
            yield {name: self.loss[name] * share * term for name, term in terms.items()}
        codes = distributed.gather(self.codes[ids])
        with distributed.replicated():  # all processes compare all codes
            drawn = self.noise(self.normals * len(codes))
        terms = {"matching": matching(codes, drawn), "pull": pull(self.g.gains(), self.shifts())}
        yield {name: self.loss[name] * term for name, term in terms.items()}

    def shifts(self) -> list[Tensor]:
        """How far the biases [C] are from the source's."""
        layers = [m for m in self.source.g.modules() if isinstance(m, SynthesisLayer)]
        return [p - m.bias for p, m in zip(self.g.biases(), layers, strict=True)]

    def distances(self, codes: Tensor, shots: Tensor) -> Terms:
        """Of the pictures of codes [N, Z] from shots [N, 3, R, R]."""
        pictures = self.sample(codes).float()
        with torch.no_grad():
            features = self.perceptual.embed(shots)
        return {
            "pixel": (pictures - shots).abs().mean(),
            "perceptual": (self.perceptual.embed(pictures) - features).square().sum(1).mean(),
        }

    def latents(self, z: Tensor) -> Tensor:
        return self.g.mapping(z)

    def render(self, ws: Tensor) -> Tensor:
        return self.g.synthesis(ws, noise_mode="const")
