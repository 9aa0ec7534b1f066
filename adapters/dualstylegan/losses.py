"""What a stylised face should share with its exemplar, and what with the face itself.
The generator's objective of stage III of DualStyleGAN (arXiv:2203.13248, eq. 3 and 4) without its
adversarial term, and that of stage IV.
Departs from the paper in: see the yaml of the method.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated

import torch
from annotated_types import Ge, Le, Len
from torch import Tensor, nn

from core.bounds import Positive, Weight
from core.losses.contextual import contextual, matching
from core.types import GuideNetwork

Stage = Annotated[int, Ge(0), Le(3)]  # a guide has four


@dataclass(kw_only=True)
class StyleLoss:
    """Weighted terms between a result, its exemplar and its face, images [N, 3, R, R] each."""

    guide: GuideNetwork  # what is looked through
    weights: Mapping[str, Weight]  # of perceptual (for pairs), contextual, matching and identity
    bandwidth: Positive  # of the contextual loss
    contextual_stage: Stage  # the depth that it compares
    matching_stages: Annotated[Sequence[Stage], Len(1)]  # the depths whose averages are compared

    def __call__(
        self, results: Tensor, exemplars: Tensor, faces: Tensor, *, paired: bool
    ) -> dict[str, Tensor]:
        """Weighted terms by name; results of pairs should be the exemplar itself."""
        with torch.no_grad():
            theirs = self.guide.stages(exemplars)
        ours = self.guide.stages(results)
        at = self.contextual_stage
        averages = [matching(ours[i], theirs[i]) for i in self.matching_stages]
        terms = {
            "contextual": contextual(ours[at], theirs[at], self.bandwidth),
            "matching": torch.stack(averages).sum(),
            "identity": self.identity(results, faces),
        }
        if paired:
            terms["perceptual"] = self.perceptual(results, exemplars)
        return {name: self.weights[name] * term for name, term in terms.items()}

    def perceptual(self, results: Tensor, exemplars: Tensor) -> Tensor:
        with torch.no_grad():
            wanted = self.guide.embed(exemplars)
        return (self.guide.embed(results) - wanted).square().sum(1).mean()

    def identity(self, results: Tensor, faces: Tensor) -> Tensor:
        """Scalar: one minus the cosine of who is shown."""
        with torch.no_grad():
            who = self.guide.identity(faces)
        return 1 - (self.guide.identity(results) * who).sum(1).mean()

    def refining(self, results: Tensor, exemplars: Tensor) -> Tensor:
        """Scalar: perceptual and contextual distance from the exemplars, as they are."""
        near = self.perceptual(results, exemplars)
        with torch.no_grad():
            theirs = self.guide.stages(exemplars)[self.contextual_stage]
        ours = self.guide.stages(results)[self.contextual_stage]
        return near + contextual(ours, theirs, self.bandwidth)


@dataclass(kw_only=True)
class NormPenalty:
    """``weight`` times the summed lengths of parameters: what keeps residual blocks small."""

    weight: Weight
    patterns: Iterable[str]  # of the parameters' names

    def __call__(self, network: nn.Module) -> Tensor:
        lengths = [
            torch.linalg.vector_norm(p)
            for name, p in network.named_parameters()
            if any(fnmatchcase(name, pattern) for pattern in self.patterns)
        ]
        return self.weight * torch.stack(lengths).sum()
