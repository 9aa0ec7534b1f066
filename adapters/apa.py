"""APA: show the discriminator fakes as reals, the more often the better it knows its reals.
Paper: "Deceive D: adaptive pseudo augmentation for GAN training with limited data" (Jiang et al.,
NeurIPS 2021, arXiv:2111.06849).
Departs from the paper in: pseudo-reals are made anew, where the released code keeps the pictures of
G's last step, so that a checkpoint needs none of them; p stays a probability, where the code lets
it grow without bound.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from adapters.adversarial import Batch
from adapters.finetune import FineTune
from core.augment import ADA
from core.bounds import Count, Positive, Seed, Share, Weight
from core.draws import sent
from core.source import Source


class Deception(ADA):
    """Puts fakes in the place of reals with probability p, which moves as that of ADA does."""

    def __init__(
        self, *, target: Share, kimg: Positive, every: Count, p_max: Weight, seed: Seed
    ) -> None:
        super().__init__(pipeline=[], target=target, kimg=kimg, every=every, p_max=p_max, seed=seed)

    def mixed(self, reals: Tensor, fakes: Callable[[], Tensor]) -> Tensor:
        """Reals [N, 3, R, R], and where a number drawn for each is below p the fake beside it."""
        p = self._p.read(self.p)
        if p == 0:
            return reals
        rng = self.generator
        drawn = torch.rand((len(reals), 1, 1, 1), generator=rng, device=rng.device)
        return replaced(reals, fakes(), sent(drawn, reals.device), p)


def replaced(reals: Tensor, fakes: Tensor, drawn: Tensor, p: float) -> Tensor:
    """Reals [N, 3, R, R], and the fakes where ``drawn`` [N, 1, 1, 1] is below p."""
    return torch.where(drawn < p, fakes, reals)


class APA(FineTune):
    """Fine-tuning whose discriminator takes some fakes for reals, of its loss and of R1."""

    paper = "arXiv:2111.06849"

    def __init__(self, source: Source, *, deception: Deception, **finetune: Any) -> None:
        super().__init__(source, **finetune)
        self.deception = deception

    def deceived(self, batch: Batch) -> Batch:
        """The batch whose reals are partly fakes, drawn anew at each call."""

        @torch.no_grad()
        def fakes() -> Tensor:
            return self.fakes(batch).to(batch.reals)

        return replace(batch, reals=self.deception.mixed(batch.reals, fakes))

    def d_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        return super().d_loss(self.deceived(batch))

    def d_penalty(self, batch: Batch) -> Tensor:
        return super().d_penalty(self.deceived(batch))

    def observe(self, real_logits: Tensor) -> None:
        super().observe(real_logits)
        self.deception.observe(real_logits)

    def scalars(self) -> dict[str, Tensor]:
        return super().scalars() | {"pseudo_reals": self.deception.p}
