"""The averaged generator (arXiv:1710.10196), with its half-life in thousands of images."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from core import distributed


class EMA(nn.Module):
    """Holds ``model``, an exponential moving average of another one's parameters.

    Args:
        model: to be averaged; copied.
        half_life_kimg: thousands of images after which an old value counts half.
        ramp: cap of the half-life as a share of the images seen (StyleGAN2-ADA: 0.05), so that a
            training from scratch forgets its beginning; None for no cap.
    """

    seen: Tensor

    def __init__(
        self, model: nn.Module, *, half_life_kimg: float, ramp: float | None = None
    ) -> None:
        super().__init__()
        self.half_life, self.ramp = half_life_kimg * 1000, ramp
        self.register_buffer(
            "seen", torch.zeros([], dtype=torch.int64), persistent=ramp is not None
        )
        self._counted: tuple[Tensor, int, int] = (self.seen, self.seen._version, 0)
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    def counted(self) -> int:
        """Images seen; read from the device only after somebody else wrote the buffer."""
        buffer, version, _ = self._counted
        if buffer is not self.seen or version != self.seen._version:
            self._counted = (self.seen, self.seen._version, int(self.seen))
        return self._counted[2]

    @torch.no_grad()
    def update(self, model: nn.Module, images: int) -> None:
        """Move towards ``model`` after ``images`` more images of this process; copy buffers."""
        images *= distributed.world_size()
        half_life = self.half_life
        if self.ramp is not None:
            half_life = min(half_life, self.ramp * self.counted())
        self.seen += images
        self._counted = (self.seen, self.seen._version, self._counted[2] + images)
        share = 1 - 0.5 ** (images / max(half_life, 1e-8))
        own: list[Tensor] = list(self.model.parameters())
        # Lerp leaves equal values equal: frozen layers stay bit-identical.
        torch._foreach_lerp_(own, list(model.parameters()), share)
        for mine, theirs in zip(self.model.buffers(), model.buffers(), strict=True):
            mine.copy_(theirs)
