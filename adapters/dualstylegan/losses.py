"""What a stylised face should share with its exemplar, and what with the face itself.

The generator's objective of stage III of DualStyleGAN (arXiv:2203.13248, eq. 3 and 4) without its
adversarial term, and that of stage IV.

Departs from the paper in: see the yaml of the method.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from core.losses.contextual import contextual, matching
from core.types import GuideNetwork


@dataclass(kw_only=True)
class StyleLoss:
    """Weighted terms between a result, its exemplar and its face.

    Args:
        guide: what is looked through.
        weights: of ``perceptual`` (for pairs), ``contextual``, ``matching`` and ``identity``.
        bandwidth: of the contextual loss.
        contextual_stage: the depth that it compares.
        matching_stages: the depths whose averages are compared.
    """

    guide: GuideNetwork
    weights: Mapping[str, float]
    bandwidth: float
    contextual_stage: int
    matching_stages: Sequence[int]

    def terms(self, made: Tensor, exemplars: Tensor) -> dict[str, Tensor]:
        """What is shared with the exemplars wherever it is: images [N, 3, R, R] both."""
        with torch.no_grad():
            theirs = self.guide.stages(exemplars)
        ours = self.guide.stages(made)
        at = self.contextual_stage
        return {
            "contextual": contextual(ours[at], theirs[at], self.bandwidth),
            "matching": torch.stack(
                [matching(ours[i], theirs[i]) for i in self.matching_stages]
            ).sum(),
        }

    def perceptual(self, made: Tensor, exemplars: Tensor) -> Tensor:
        """Scalar: the perceptual distance, for results that should be the exemplar itself."""
        with torch.no_grad():
            wanted = self.guide.embed(exemplars)
        return (self.guide.embed(made) - wanted).square().sum(1).mean()

    def identity(self, made: Tensor, faces: Tensor) -> Tensor:
        """Scalar: one minus the cosine of who is shown, in results and in their faces."""
        with torch.no_grad():
            who = self.guide.identity(faces)
        return 1 - (self.guide.identity(made) * who).sum(1).mean()

    def __call__(
        self, made: Tensor, exemplars: Tensor, faces: Tensor, *, paired: bool
    ) -> dict[str, Tensor]:
        """Weighted terms by name, of images [N, 3, R, R] each."""
        found = {**self.terms(made, exemplars), "identity": self.identity(made, faces)}
        if paired:
            found["perceptual"] = self.perceptual(made, exemplars)
        return {name: self.weights[name] * term for name, term in found.items()}

    def refining(self, made: Tensor, exemplars: Tensor) -> Tensor:
        """Scalar: perceptual and contextual distance from the exemplars, as they are."""
        near = self.perceptual(made, exemplars)
        with torch.no_grad():
            theirs = self.guide.stages(exemplars)[self.contextual_stage]
        ours = self.guide.stages(made)[self.contextual_stage]
        return near + contextual(ours, theirs, self.bandwidth)


@dataclass(kw_only=True)
class NormPenalty:
    """The lengths of some tensors, summed: what keeps residual blocks small.

    Args:
        weight: of the sum.
        patterns: of the parameters' names.
    """

    weight: float
    patterns: Iterable[str]

    def __call__(self, network: nn.Module) -> Tensor:
        held = [
            torch.linalg.vector_norm(p)
            for name, p in network.named_parameters()
            if any(fnmatchcase(name, pattern) for pattern in self.patterns)
        ]
        return self.weight * torch.stack(held).sum()
