"""Structure loss: at low resolutions, keep the colours that the source makes of the same latents.
Paper: "Fine-tuning StyleGAN2 for cartoon face generation" (arXiv:2106.12445), section 3.3.
Departs from the paper in: the second latent of a mixed picture and the noise are drawn anew for the
loss, which needs no pictures above the compared resolutions; the expectation is the same.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import torch
import torch.nn.functional as F
from annotated_types import Le, Len
from torch import Tensor

from adapters.adversarial import Batch
from adapters.base import Terms
from adapters.finetune import FineTune
from core.bounds import Count, Weight
from core.errors import UserError
from core.networks.generator import Generator
from core.networks.mixing_regularisation import mixed_ws
from core.source import Source

Maps = Mapping[int, Tensor]  # by resolution


def multi_resolution_mse(ours: Maps, theirs: Maps, at: Iterable[int]) -> Tensor:
    """Mean squared differences of tensors by resolution, summed over the resolutions ``at``."""
    return torch.stack([F.mse_loss(ours[r], theirs[r]) for r in at]).sum()


class StructureLoss(FineTune):
    """Fine-tuning whose generator pays for structure too, of the latents of its fakes."""

    def g_terms(self, batch: Batch) -> Terms:
        z = self.noise(len(batch))
        fakes = self.synthesise(self.ws(self.g, z))
        return {"loss_g": self.g_logistic(fakes), "structure": self.structure_term(z)}

    def structure_term(self, z: Tensor) -> Tensor:
        """Scalar of latents [N, Z]."""
        raise NotImplementedError


class Structure(StructureLoss):
    """Fine-tuning with a distance of colours from the source's, at some low resolutions (px)."""

    paper = "arXiv:2106.12445"

    def __init__(
        self,
        source: Source,
        *,
        structure_weight: Weight,
        structure_resolutions: Annotated[Sequence[Count], Len(1)],
        **finetune: Any,
    ) -> None:
        super().__init__(source, **finetune)
        known = self.g.synthesis.resolutions
        if unknown := sorted(set(structure_resolutions) - set(known)):
            raise UserError(
                f"method.structure_resolutions={list(structure_resolutions)} has {unknown[0]}, "
                f"and the source's resolutions are {', '.join(str(r) for r in known)}."
            )
        self.structure_weight = structure_weight
        self.structure_resolutions = sorted(structure_resolutions)

    def structure_term(self, z: Tensor) -> Tensor:
        other, rng = self.noise(len(z)), self.rng
        start = rng.get_state()
        with torch.no_grad():
            theirs = self.colours(self.source.g, z, other)
        rng.set_state(start)
        ours = self.colours(self.g, z, other)
        distance = multi_resolution_mse(ours, theirs, self.structure_resolutions)
        return self.structure_weight * distance

    def colours(self, g: Generator, z: Tensor, other: Tensor) -> dict[int, Tensor]:
        """Sums of colours [N, 3, r, r] of two latents [N, Z], up to the highest compared r."""
        ws = mixed_ws(partial(self.map_latents, g), z, other, self.mixing_prob, self.rng)
        until = self.structure_resolutions[-1]
        return g.synthesis.trace(ws, "random", generator=self.rng, until=until).rgb


class StructureReleased(StructureLoss):
    """As released: features at 8, ..., 2^(n + 2) px, those of a source that knows nothing."""

    paper = "arXiv:2106.12445"

    def __init__(
        self, source: Source, *, structure_levels: Annotated[Count, Le(8)], **finetune: Any
    ) -> None:
        super().__init__(source, **finetune)
        self.levels = [8 << k for k in range(structure_levels)]  # px; the released code begins at 8
        if not self.levels or self.levels[-1] > source.resolution:
            raise UserError(
                f"method.structure_levels={structure_levels} must be at least 1, and "
                f"2^(levels + 2) px at most the source's {source.resolution} px."
            )
        self.untrained = self.fresh(2, Generator, **source.g.config).requires_grad_(False)

    def structure_term(self, z: Tensor) -> Tensor:
        other = self.noise(len(z))
        mixed = float(torch.rand((), generator=self.rng) < self.mixing_prob)  # once for all passes

        def features(g: Generator, r: int) -> dict[int, Tensor]:
            ws = mixed_ws(partial(self.map_latents, g), z, other, mixed, self.rng)
            return g.synthesis.trace(ws, "random", generator=self.rng, until=r).features

        distances = [
            multi_resolution_mse(features(self.g, r), features(self.untrained, r), [r])
            for r in self.levels
        ]
        return torch.stack(distances).sum()
