"""RSSA: keep how places of a picture relate, in a latent space drawn towards the shots.
Paper: "Few shot generative model adaption via relaxed spatial structural alignment" (Xiao et al.,
CVPR 2022, arXiv:2203.04121).
Departs from the paper in: the self-correlation is of the step's own free samples, mixed alike and
with the same noise maps in both networks, which saves a pass; shots are inverted by the source's
inverter; photos are drawn towards the shots as latents are, since G learns no other styles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Len
from torch import Tensor, nn

from adapters.base import Terms
from adapters.cdc import RelaxedRealism
from core import distributed
from core.bounds import Count, Natural, Pair, Share, Weight
from core.errors import UserError
from core.losses import structural_alignment
from core.networks.generator import Generator
from core.networks.latent_compression import LatentCompression
from core.source import Source
from core.types import Shots


@dataclass(frozen=True, kw_only=True)
class SelfCorrelation:
    """How places of one picture relate, in the ``maps`` highest maps [N, C, r, r] of a network."""

    weight: Weight
    maps: Count

    def __call__(self, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
        top = slice(-self.maps, None)
        return self.weight * structural_alignment.self_correlation(ours[top], theirs[top])


@dataclass(frozen=True, kw_only=True)
class DisturbanceCorrelation:
    """How places of neighbours in latent space relate, in the lower maps [N, C, r, r]."""

    weight: Weight  # of the mean over pairs of neighbours
    every: Count  # steps from one such loss to the next
    latents: Pair  # neighbours that are compared
    disturbance: Share  # share of a neighbour that is its own; at 1 they have nothing in common
    left_out: Natural  # so many of the highest maps are not compared

    def __call__(self, ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> Tensor:
        low = slice(len(ours) - self.left_out)
        pairs = self.latents * (self.latents - 1) / 2
        total = structural_alignment.disturbance_correlation(ours[low], theirs[low])
        return self.weight / pairs * total


class RSSA(RelaxedRealism):
    """Relaxed realism with styles near the shots', and losses of how places relate."""

    paper = "arXiv:2203.04121"
    inverts_shots = True

    def __init__(
        self,
        source: Source,
        *,
        strengths: Annotated[Sequence[Share], Len(1)],  # of the compression, first row to last
        self_correlation: SelfCorrelation,  # of the step's free fakes
        disturbance_correlation: DisturbanceCorrelation,  # of latents of its own
        **relaxed: Any,
    ) -> None:
        super().__init__(source, **relaxed)
        maps = len(self.g.synthesis.noise_names)
        if disturbance_correlation.left_out >= maps:
            raise UserError(
                f"method.disturbance_correlation.left_out={disturbance_correlation.left_out} "
                f"leaves none of the source's {maps} maps."
            )
        # Each row takes the strength of the given row that lies as far up.
        steps = (len(strengths) - 1) / (self.g.num_ws - 1)
        rows = [strengths[round(row * steps)] for row in range(self.g.num_ws)]
        self.compression = LatentCompression(count=0, w_dim=self.g.w_dim, strengths=rows)
        self.self_correlation = self_correlation
        self.disturbance_correlation = disturbance_correlation

    def prepare(self, shots: Shots) -> None:
        super().prepare(shots)
        self.compression.remember(self.source.invert(shots[:]).detach())

    def map_latents(self, g: Generator, z: Tensor) -> Tensor:
        return self.compression(super().map_latents(g, z))

    def stylise(self, photos: Tensor) -> Tensor:
        return self.render(self.compression(self.source.invert(photos)))

    def export(self) -> dict[str, nn.Module]:
        """What pictures are made with: the generator alone shows other ones."""
        return super().export() | {"compression": self.compression}

    def correspondence(self, ours: list[Tensor], theirs: list[Tensor], step: int) -> Terms:
        terms = {"self_correlation": self.self_correlation(ours, theirs)}
        loss = self.disturbance_correlation
        if step % loss.every == 0:
            with distributed.replicated():  # as many latents however many processes there are
                # Around one latent, each a little towards one of its own.
                z = torch.lerp(self.noise(1), self.noise(loss.latents), loss.disturbance)
                # Neighbours that no compression moves, with constant noise, as released.
                maps = self.unmixed_features(self.source.g, z)
                terms["disturbance_correlation"] = loss(*maps)
        return terms
