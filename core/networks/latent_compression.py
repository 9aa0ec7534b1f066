"""The latent compression of RSSA (arXiv:2203.04121), drawing styles towards those of shots."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import UserError
from core.losses.structural_alignment import project_latents
from core.networks.registry import network


@network
class LatentCompression(nn.Module):
    """Draws styles towards the span of K (``count``) references, as many as it was last given."""

    codes: Tensor

    def __init__(self, *, count: int, w_dim: int, strengths: Sequence[float]) -> None:
        super().__init__()
        self.strengths = list(strengths)  # of the L rows, 0 (left alone) to 1 (in the span)
        self.register_buffer("codes", torch.zeros(count, len(self.strengths), w_dim))

    @property
    def config(self) -> dict[str, Any]:
        count, _, w_dim = self.codes.shape
        return {"count": count, "w_dim": w_dim, "strengths": self.strengths}

    def remember(self, codes: Tensor) -> None:
        """Take the styles [K, L, W] of the references; refused where they span the whole space."""
        if len(codes) >= codes.shape[2]:
            raise UserError(
                f"{len(codes)} shots span all {codes.shape[2]} dimensions of the source's styles; "
                f"method=rssa takes fewer, data.shots=10 for one."
            )
        self.codes = codes

    def forward(self, ws: Tensor) -> Tensor:
        """Styles [N, L, W] drawn as far as their rows' strengths say."""
        return project_latents(ws, self.codes, self.strengths)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """A state of any number of references fits."""
        codes = state_dict.get(f"{prefix}codes")
        if codes is not None and codes.shape[1:] == self.codes.shape[1:]:
            self.codes = self.codes.new_zeros(codes.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)
