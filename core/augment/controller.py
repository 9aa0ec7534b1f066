"""How strongly to augment: a probability that follows the discriminator, a fixed one, or none.

Paper: "Training generative adversarial networks with limited data" (arXiv:2006.06676). The measure
of overfitting is the mean sign of the discriminator's logits of augmented reals.

Departs from the paper in: p may be capped, at any number (the published code has no cap, and
multiplies p above 1 into the entries all the same); Rosinality's variant is here too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from core.augment.draws import Chance
from core.augment.pipeline import Pipeline
from core.errors import UserError


class Off(nn.Module):
    """No augmentation."""

    p: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("p", torch.zeros([]))

    def forward(self, images: Tensor) -> Tensor:
        """The images [N, 3, R, R] as they are."""
        return images

    def observe(self, real_logits: Tensor) -> None:
        """Learns nothing."""


class Fixed(nn.Module):
    """Augments with a constant probability.

    The random stream is its own, and part of ``state_dict``.

    Args:
        pipeline: name of a pipeline, names of transforms, or transforms with multipliers.
        p: probability.
        seed: of the random stream.
    """

    p: Tensor

    def __init__(
        self, *, pipeline: str | Sequence[str] | Mapping[str, float], p: float, seed: int
    ) -> None:
        super().__init__()
        if not p >= 0:
            raise UserError(f"The augmentation probability must not be negative, got {p}.")
        self.pipeline = Pipeline(pipeline)
        self.generator = torch.Generator().manual_seed(seed)
        self.register_buffer("p", torch.tensor(float(p)))
        self._read: tuple[Tensor, int, float] = (self.p, -1, 0.0)

    def probability(self) -> float:
        """``p``, read from its device only after it changed."""
        buffer, version, value = self._read
        if buffer is not self.p or version != self.p._version:
            value = float(self.p)
            self._read = (self.p, self.p._version, value)
        return value

    def forward(self, images: Tensor) -> Tensor:
        p = self.probability()
        return self.pipeline(images, Chance(len(images), p, self.generator)) if p > 0 else images

    def observe(self, real_logits: Tensor) -> None:
        """Learns nothing."""

    def get_extra_state(self) -> Tensor:
        """The random stream, as one tensor like every other entry of a ``state_dict``."""
        return self.generator.get_state()

    def set_extra_state(self, state: Tensor) -> None:
        self.generator.set_state(state.cpu())


class ADA(Fixed):
    """Augments more while the discriminator recognises too many reals, as NVIDIA's code does.

    Args:
        pipeline: name of a pipeline, names of transforms, or transforms with multipliers.
        target: of the mean sign of the reals' logits.
        kimg: thousands of reals in which p can move by 1.
        every: steps between two changes of p.
        p_max: cap of p; infinity for none.
        seed: of the random stream.
    """

    seen: Tensor
    steps: Tensor

    def __init__(
        self,
        *,
        pipeline: str | Sequence[str] | Mapping[str, float],
        target: float,
        kimg: float,
        every: int,
        p_max: float,
        seed: int,
    ) -> None:
        super().__init__(pipeline=pipeline, p=0, seed=seed)
        if not kimg > 0 or every < 1:
            raise UserError(f"ADA needs kimg > 0 and every >= 1, got {kimg} and {every}.")
        self.target, self.kimg, self.every, self.p_max = target, kimg, every, p_max
        self.register_buffer("steps", torch.zeros([], dtype=torch.int64))
        self._counted: tuple[Tensor, int, int] = (self.steps, -1, 0)
        self.register_buffer("seen", torch.zeros(2))  # sum of signs, reals

    @torch.no_grad()
    def observe(self, real_logits: Tensor) -> None:
        signs = real_logits.detach().float().sign().sum()
        self.seen += torch.stack([signs, signs.new_tensor(real_logits.numel())]).to(self.seen)
        if self.count() % self.every:
            return
        total, reals = self.reduced().unbind()
        move = self.direction(total / reals) * reals / (self.kimg * 1000)
        self.p.copy_((self.p + move).clamp(0, self.p_max))
        self.seen.zero_()

    def count(self) -> int:
        """One step more; the buffer is read from its device only after somebody else wrote it."""
        buffer, version, value = self._counted
        known = buffer is self.steps and version == self.steps._version
        value = (value if known else int(self.steps)) + 1
        self.steps += 1
        self._counted = (self.steps, self.steps._version, value)
        return value

    def reduced(self) -> Tensor:
        """Sum of signs and number of reals [2] since p last moved, over all processes."""
        seen = self.seen.clone()
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(seen)
        return seen

    def direction(self, overfitting: Tensor) -> Tensor:
        """-1, 0 or 1: where p moves."""
        return (overfitting - self.target).sign()


class RosinalityADA(ADA):
    """ADA as rosinality's code has it: p goes down also at the target (use ``p_max`` 1)."""

    def direction(self, overfitting: Tensor) -> Tensor:
        return (overfitting > self.target).to(overfitting) * 2 - 1
