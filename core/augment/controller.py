"""How strongly to augment: a probability that follows the discriminator, a fixed one, or none.
Paper: "Training generative adversarial networks with limited data" (arXiv:2006.06676). The measure
of overfitting is the mean sign of the discriminator's logits of augmented reals.
Departs from the paper in: p may be capped, at any number (the published code has no cap, and
multiplies p above 1 into the entries all the same); Rosinality's variant is here too.
"""

import torch
from torch import Tensor, nn

from core.augment.draws import Chance
from core.augment.pipeline import Names, Pipeline
from core.bounds import Count, Positive, Seed, Share, Weight
from core.errors import UserError
from core.host_copy import HostCopy


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
        """Learn from the logits [N, 1] of augmented reals: nothing."""


class Fixed(Off):
    """Augments with a constant probability p, from a random stream in its ``state_dict``."""

    def __init__(self, *, pipeline: Names, p: Weight, seed: Seed) -> None:
        super().__init__()
        if not p >= 0:
            raise UserError(f"The augmentation probability must not be negative, got {p}.")
        self.pipeline = Pipeline(pipeline)
        self.generator = torch.Generator().manual_seed(seed)
        self.p.fill_(p)
        self._p = HostCopy()

    def forward(self, images: Tensor) -> Tensor:
        p = self._p.read(self.p)
        return self.pipeline(images, Chance(len(images), p, self.generator)) if p > 0 else images

    def get_extra_state(self) -> Tensor:
        """The random stream, as one tensor like every other entry of a ``state_dict``."""
        return self.generator.get_state()

    def set_extra_state(self, state: Tensor) -> None:
        self.generator.set_state(state.cpu())


class ADA(Fixed):
    """Augments more while the discriminator recognises too many reals, as NVIDIA's code does: every
    so many steps p moves towards the ``target`` of the mean sign of their logits, by 1 in ``kimg``
    thousands of reals, and at most to ``p_max``.
    """

    seen: Tensor
    steps: Tensor

    def __init__(
        self,
        *,
        pipeline: Names,
        target: Share,
        kimg: Positive,
        every: Count,
        p_max: Weight,
        seed: Seed,
    ) -> None:
        super().__init__(pipeline=pipeline, p=0, seed=seed)
        if not kimg > 0 or every < 1:
            raise UserError(f"ADA needs kimg > 0 and every >= 1, got {kimg} and {every}.")
        self.target, self.kimg, self.every, self.p_max = target, kimg, every, p_max
        self.register_buffer("steps", torch.zeros([], dtype=torch.int64))
        self._steps = HostCopy()
        self.register_buffer("seen", torch.zeros(2))  # sum of signs, reals

    @torch.no_grad()
    def observe(self, real_logits: Tensor) -> None:
        # Signs, not the logits (r_t of the paper): whatever the scale of D, the target is the same.
        signs = real_logits.detach().float().sign().sum()
        count = signs.new_full((), real_logits.numel())
        self.seen += torch.stack([signs, count]).to(self.seen)
        steps = self._steps.read(self.steps) + 1
        self.steps += 1
        self._steps.note(self.steps, steps)
        if steps % self.every:
            return
        seen = self.seen.clone()
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.all_reduce(seen)
        total, reals = seen.unbind()
        move = self.direction(total / reals) * reals / (self.kimg * 1000)
        self.p.copy_((self.p + move).clamp(0, self.p_max))
        self._p.send(self.p)
        self.seen.zero_()

    def direction(self, overfitting: Tensor) -> Tensor:
        """-1, 0 or 1: where p moves."""
        return (overfitting - self.target).sign()


class RosinalityADA(ADA):
    """ADA as rosinality's code has it: p goes down also at the target (use ``p_max`` 1)."""

    def direction(self, overfitting: Tensor) -> Tensor:
        return (overfitting > self.target).to(overfitting) * 2 - 1
