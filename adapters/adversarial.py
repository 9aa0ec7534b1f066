"""The one step of a generator against a discriminator, whoever holds their optimisers.
D and its lazy R1, then G and its lazy path length, then the averages (arXiv:1912.04958). Lazy
penalties are optimiser steps of their own, as there.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from adapters.base import D, G, Terms
from core.augment import Fixed, Off
from core.ema import EMA
from core.losses import R1, PathLength, logistic_d, logistic_g
from core.losses.penalties import NoPathLength


@dataclass(frozen=True)
class Batch:
    """What one step is about."""

    reals: Tensor  # images [N, 3, R, R] in [-1, 1]
    ids: Tensor  # which shots they show, [N]
    step: int  # from 0
    share: float = 1.0  # of the step's whole batch, where it is held in parts
    styles: tuple[Tensor, ...] = ()  # of the fakes [N, ...], where drawn for all parts at once
    fakes: Tensor | None = None  # [N, 3, R, R] of those styles, where D and G see the same

    def __len__(self) -> int:
        return len(self.reals)

    def part(self, rows: slice) -> Self:
        """Some rows; fakes are left to be made again."""
        reals, styles = self.reals[rows], tuple(style[rows] for style in self.styles)
        share = self.share * len(reals) / len(self)
        return type(self)(reals, self.ids[rows], self.step, share, styles)


class AdversarialStep:
    """The order of a step, and the seams that a method fills.
    A seam gets the batch, or a part of it, and returns means over its rows: what a step is made of
    is the sum over parts, each times its share.
    """

    g: Any
    d: Any
    ema: EMA
    augment: Off | Fixed
    r1: R1
    path_length: PathLength | NoPathLength

    def minimise(self, network: int, losses: Iterable[Terms]) -> Terms:
        """One optimiser step of G or D down a sum of losses, made one by one; terms by name."""
        raise NotImplementedError

    def draw(self, batch: Batch) -> Batch:
        """The batch with the styles of its fakes, where these are drawn for all parts at once."""
        return batch

    def parts(self, batch: Batch) -> Iterable[Batch]:
        """The batch in as many parts as memory asks for."""
        return [batch]

    def fakes(self, batch: Batch) -> Tensor:
        """Training fakes [N, 3, R, R]."""
        raise NotImplementedError

    def d_loss(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """D's loss, and its logits [N, 1] of the reals, which adaptive augmentation observes."""
        with torch.no_grad():
            fakes = self.fakes(batch).detach()
        return self.d_logistic(batch.reals, fakes)

    def d_logistic(self, reals: Tensor, fakes: Tensor) -> tuple[Tensor, Tensor]:
        """The logistic loss of images [N, 3, R, R], both augmented, and the logits of the reals."""
        real_logits = self.d(self.augment(reals))
        return logistic_d(real_logits, self.d(self.augment(fakes))), real_logits

    def d_penalty(self, batch: Batch) -> Tensor:
        return self.r1(self.d, batch.reals, self.augment)

    def g_terms(self, batch: Batch) -> Terms:
        return {"loss_g": self.g_logistic(self.fakes(batch))}

    def g_logistic(self, fakes: Tensor) -> Tensor:
        """The logistic loss of fakes [N, 3, R, R], augmented."""
        return logistic_g(self.d(self.augment(fakes)))

    def g_penalty(self, batch: Batch) -> Tensor:
        """G's lazy path length, scalar; the batch is as small as the penalty asks for."""
        raise NotImplementedError

    def observe(self, real_logits: Tensor) -> None:
        """Learn from D's logits [N, 1] of a step's reals."""
        self.augment.observe(real_logits)

    def g_losses(self, batch: Batch) -> Iterator[Terms]:
        """G's terms part by part."""
        for part in self.parts(self.draw(batch)):
            yield {name: term * part.share for name, term in self.g_terms(part).items()}

    def adversarial_step(self, batch: Batch) -> Terms:
        """One step; what D and G lost, by name."""
        logits: list[Tensor] = []

        def d_losses() -> Iterator[Terms]:
            for part in self.parts(self.draw(batch)):
                loss, real_logits = self.d_loss(part)
                logits.append(real_logits.detach())
                yield {"loss_d": loss * part.share}

        lost = self.minimise(D, d_losses())
        if self.r1.due(batch.step):
            self.minimise(D, ({"r1": self.d_penalty(p) * p.share} for p in self.parts(batch)))
        lost |= self.minimise(G, self.g_losses(batch))
        if self.path_length.due(batch.step):
            # Shares of the rows that are penalised, which are fewer than the batch's.
            few = replace(batch.part(slice(self.path_length.batch(len(batch)))), share=1.0)
            drawn = self.parts(self.draw(few))
            self.minimise(G, ({"path_length": self.g_penalty(p) * p.share} for p in drawn))
        self.observe(torch.cat(logits))
        self.ema.update(self.g, len(batch))  # of what the step has left, penalties and all
        return lost
