"""Plain transfer: go on training the source's pair on the shots.
FreezeD, FreezeG and FreezeFC are this class with other numbers, see their yamls.
Paper: "Transferring GANs: generating images from limited data" (arXiv:1805.01677), with the
StyleGAN2 objective (arXiv:1912.04958) and adaptive augmentation (arXiv:2006.06676).
Departs from the paper in: StyleGAN2 instead of WGAN-GP; the trainee starts from the source's
averaged weights, so that frozen layers equal those of the source that pictures are compared with.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn
from torch.optim import Optimizer

from adapters.adversarial import AdversarialStep, Batch
from adapters.base import Adapter, D, G, M
from core import weights
from core.augment import Fixed, Off
from core.bounds import Share, Weight
from core.ema import EMA
from core.freeze import all_but_highest, freeze, trainable
from core.losses.penalties import R1, NoPathLength, PathLength
from core.networks.discriminator import Discriminator
from core.networks.folding import fold, folded
from core.networks.generator import Generator
from core.networks.mixing_regularisation import mixed_ws
from core.optim import pace
from core.source import Source

Optimise = Callable[..., Optimizer]


class FineTune(Adapter, AdversarialStep):
    """Adversarial training of the source's pair on the shots; relatives override seams."""

    paper = "arXiv:1805.01677"
    g: Generator
    d: Discriminator

    def __init__(
        self,
        source: Source,
        *,
        lr: Weight,
        lr_decay: Share,  # of the training, its last, over which rates fall linearly to 0
        g_optimizer: Optimise,
        d_optimizer: Optimise,
        ema: Callable[[nn.Module], EMA],
        augment: Off | Fixed,
        r1: R1,
        path_length: PathLength | NoPathLength,
        mixing_prob: Share,
        frozen_g: Sequence[str],
        frozen_d: Sequence[str],
        **run: int,
    ) -> None:
        super().__init__(source, **run)
        self.g = freeze(self.initial_g().train().requires_grad_(True), frozen_g)
        self.d = freeze(self.initial_d().train().requires_grad_(True), frozen_d)
        self.ema = ema(self.g)
        self.augment, self.r1, self.path_length = augment, r1, path_length
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer
        self.lr, self.lr_decay, self.mixing_prob = lr, lr_decay, mixing_prob

    def initial_g(self) -> Generator:
        """Where the generator starts: the source's averaged weights."""
        return copy.deepcopy(self.source.g)

    def initial_d(self) -> Discriminator:
        return copy.deepcopy(self.source.d)

    def configure_optimizers(self) -> list[Optimizer]:
        g = self.g_optimizer(trainable(self.g), lr=self.lr)
        return [g, self.d_optimizer(self.trained_d(), lr=self.lr)]

    def trained_d(self) -> list[nn.Parameter]:
        return trainable(self.d)

    def map_latents(self, g: Generator, z: Tensor) -> Tensor:
        """Style rows [N, L, W] of latents [N, Z], by a generator's mapping network."""
        return g.mapping(z)

    def ws(self, g: Generator, z: Tensor) -> Tensor:
        """Style rows [N, L, W] of a training fake: mixed at a random crossover."""
        mapping = partial(self.map_latents, g)
        return mixed_ws(mapping, z, self.noise(len(z)), self.mixing_prob, self.rng)

    def synthesise(self, ws: Tensor) -> Tensor:
        """Training fakes [N, 3, R, R] of styles [N, L, W], with random noise maps."""
        return self.g.synthesis(ws, noise_mode="random", generator=self.rng)

    def fakes(self, batch: Batch) -> Tensor:
        return self.synthesise(self.ws(self.g, self.noise(len(batch))))

    def tracked(self, z: Tensor) -> Tensor:
        """Training fakes of latents [N, Z], whose styles G's average style follows."""
        ws = self.ws(self.g, z)
        self.g.mapping.track(ws[:, 0])
        return self.synthesise(ws)

    def d_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            fakes = self.tracked(self.noise(len(batch)))
        return self.d_logistic(batch.reals, fakes)

    def g_penalty(self, batch: Batch) -> Tensor:
        ws = self.ws(self.g, self.noise(len(batch)))
        return self.path_length(self.synthesise, ws, self.rng)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        reals, ids = batch
        left = 1 - self.images_seen / self.images
        for index in (G, D):
            pace(self.optimiser(index), min(1.0, left / max(self.lr_decay, 1e-9)))
        self.terms = self.adversarial_step(Batch(reals, ids, self.images_seen // self.batch_size))
        self.images_seen += len(reals)

    def scalars(self) -> dict[str, Tensor]:
        return super().scalars() | {"p": self.augment.p}

    def eval_generator(self) -> nn.Module:
        return self.ema.model

    def export(self) -> dict[str, nn.Module]:
        return {
            "g_ema": folded(self.eval_generator()),
            "g": folded(self.g),
            "d": folded(self.d),
        }

    def recall(self, networks: Mapping[str, nn.Module]) -> None:
        for network in (self.eval_generator(), self.g, self.d):
            fold(network)  # as what was exported is
        super().recall(networks)

    def latents(self, z: Tensor) -> Tensor:
        return self.map_latents(cast(Generator, self.eval_generator()), z)

    def render(self, ws: Tensor) -> Tensor:
        return cast(Generator, self.eval_generator()).synthesis(ws, noise_mode="const")


class FreezeGReleased(FineTune):
    """FreezeG as the public Cartoon-StyleGAN code counts: ``trained_blocks`` stay trainable."""

    paper = "arXiv:2106.12445"

    def __init__(
        self,
        source: Source,
        *,
        trained_blocks: Annotated[int, Ge(0), Le(16)],
        frozen_g: Sequence[str],
        **finetune: Any,
    ) -> None:
        counted = all_but_highest(resolution=source.resolution, blocks=trained_blocks)
        super().__init__(source, frozen_g=[*frozen_g, *counted], **finetune)


class Scratch(FineTune):
    """The same from fresh networks of the source's architecture: a baseline, or a source to be.
    ``grown_from`` names the weights of a finished run at a lower resolution: what has the same
    name and shape is taken over, the new blocks are fresh (arXiv:1710.10196, without fading).
    """

    paper = "arXiv:1912.04958"

    def __init__(self, source: Source, *, grown_from: str, **finetune: Any) -> None:
        self.smaller = weights.read(Path(grown_from).expanduser())[0] if grown_from else {}
        super().__init__(source, **finetune)
        self.inherit(self.ema.model, "g_ema")
        del self.smaller

    def initial_g(self) -> Generator:
        return self.inherit(self.fresh(0, Generator, **self.source.g.config), "g")

    def initial_d(self) -> Discriminator:
        return self.inherit(self.fresh(1, Discriminator, **self.source.d.config), "d")

    def inherit(self, network: M, name: str) -> M:
        if self.smaller:
            own, smaller = network.state_dict(), self.smaller[name].state_dict()
            shared = {k: v for k, v in smaller.items() if k in own and own[k].shape == v.shape}
            network.load_state_dict(own | shared)
        return network
