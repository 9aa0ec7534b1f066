"""The averaged generator (arXiv:1710.10196), with its half-life in thousands of images."""

import copy

import torch
from torch import Tensor, nn

from core import distributed
from core.bounds import Weight
from core.host_copy import HostCopy


class EMA(nn.Module):
    """Holds ``model``, an exponential moving average of the parameters of a model like the first.
    An old value counts half after ``half_life_kimg`` thousands of images, but ``ramp`` caps that as
    a share of the images seen (StyleGAN2-ADA: 0.05), so that a training from scratch forgets its
    beginning; None is no cap.
    """

    seen: Tensor

    def __init__(
        self, model: nn.Module, *, half_life_kimg: Weight, ramp: Weight | None = None
    ) -> None:
        super().__init__()
        self.half_life, self.ramp = half_life_kimg * 1000, ramp
        seen = torch.zeros([], dtype=torch.int64)
        self.register_buffer("seen", seen, persistent=ramp is not None)
        self._seen = HostCopy()
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, images: int) -> None:
        """Move towards ``model`` after ``images`` more images of this process; copy buffers."""
        images *= distributed.world_size()
        half_life, seen = self.half_life, self._seen.read(self.seen)
        if self.ramp is not None:
            half_life = min(half_life, self.ramp * seen)
        self.seen += images
        self._seen.note(self.seen, seen + images)
        share = 1 - 0.5 ** (images / max(half_life, 1e-8))  # a half-life of 0 is the last model
        own: list[Tensor] = list(self.model.parameters())
        # Lerp leaves equal values equal: frozen layers stay bit-identical.
        torch._foreach_lerp_(own, list(model.parameters()), share)
        for mine, theirs in zip(self.model.buffers(), model.buffers(), strict=True):
            mine.copy_(theirs)
