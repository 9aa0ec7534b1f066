"""MineGAN: learn first which of the source's latents to draw, then train the generator too.
Paper: "MineGAN: effective knowledge transfer from GANs to target domains with few images" (Wang et
al., CVPR 2020, arXiv:1912.05270).
Departs from the paper in: StyleGAN2 instead of ProgressiveGAN and BigGAN. The miner is not
averaged, though it stands before the averaged generator when pictures are made, as in the released
code.
"""

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Optimizer

from adapters.finetune import FineTune
from core.bounds import Count, Natural
from core.freeze import trainable
from core.networks.generator import Generator
from core.networks.miner import Miner, SemanticMiner
from core.source import Source


class MineGAN(FineTune):
    """Fine-tuning with a network before the mapping network; at first only the two others train."""

    paper = "arXiv:1912.05270"

    def __init__(
        self,
        source: Source,
        *,
        thawed_from: Natural,  # images; before them G is frozen
        **finetune: Any,
    ) -> None:
        super().__init__(source, **finetune)
        self.thawed_from = thawed_from
        self.miner = self.fresh(4, Miner, z_dim=source.g.z_dim)
        self.thawed = trainable(self.g)

    def miners(self) -> list[nn.Parameter]:
        return [*self.miner.parameters()]

    def configure_optimizers(self) -> list[Optimizer]:
        _, d = super().configure_optimizers()
        return [self.g_optimizer([*self.thawed, *self.miners()], lr=self.lr), d]

    def trainable_count(self) -> int:
        return sum(p.numel() for p in (*self.thawed, *self.miners()))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        for p in self.thawed:
            p.requires_grad_(self.images_seen >= self.thawed_from)
        super().training_step(batch, batch_idx)

    def map_latents(self, g: Generator, z: Tensor) -> Tensor:
        return super().map_latents(g, self.miner(z))

    def export(self) -> dict[str, nn.Module]:
        """What pictures are made with: the generator alone shows other ones."""
        return super().export() | {"miner": self.miner}


class MineGANReleased(MineGAN):
    """The public code for StyleGAN2: a second miner gives what G begins with, its constant."""

    def __init__(self, source: Source, *, code: Count, **minegan: Any) -> None:
        super().__init__(source, **minegan)
        channels = len(source.g.synthesis.b4.const)
        self.semantic_miner = self.fresh(5, SemanticMiner, code=code, channels=channels)
        self.mine(self.ema.model)

    def miners(self) -> list[nn.Parameter]:
        return [*super().miners(), *self.semantic_miner.parameters()]

    def synthesise(self, ws: Tensor) -> Tensor:
        const = {"b4.const": self.semantic_miner()}
        noise = {"noise_mode": "random", "generator": self.rng}
        return functional_call(self.g.synthesis, const, (ws,), noise)

    @torch.no_grad()
    def mine(self, g: nn.Module) -> nn.Module:
        """The generator, with the present constant."""
        cast(Generator, g).synthesis.b4.const.copy_(self.semantic_miner())
        return g

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        super().training_step(batch, batch_idx)
        self.mine(self.ema.model)

    def export(self) -> dict[str, nn.Module]:
        return super().export() | {"g": self.mine(copy.deepcopy(self.g))}
