"""Distance consistency: pictures that are alike in the source stay alike in the new domain.
Paper: "Few-shot image generation via cross-domain correspondence" (Ojha et al., CVPR 2021,
arXiv:2104.06820), equations 1 to 3.
How alike one sample is to the others is a softmax over cosines of flattened features. These are
near 0.9 within one generator, so the rows are nearly uniform, their divergences small and the
weights (the paper's lambda) large.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from core import distributed
from core.bounds import Weight
from core.networks.layers import full_precision


def log_likeness(features: Tensor) -> Tensor:
    """Log-probabilities [N, N - 1]: row i says which of the others, in order, is like sample i of
    the whole batch, by the cosines of features [N, C, r, r].
    """
    with full_precision(features):  # half precision cannot tell cosines near 0.9 apart
        wide = features.to(torch.promote_types(features.dtype, torch.float32))
        unit = distributed.gather(F.normalize(wide.flatten(1)))
        return F.log_softmax(off_diagonal(unit @ unit.t()), dim=1)


def off_diagonal(square: Tensor) -> Tensor:
    """Rows [N, N - 1] of a matrix [N, N] without its diagonal; no device is asked where that is."""
    n = len(square)
    return square.flatten()[1:].view(n - 1, n + 1)[:, :-1].reshape(n, n - 1)


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """Kullback-Leibler divergence KL(p || q), of log-probabilities [N, M], term by term."""
    return p.exp() * (p - q)


@dataclass(kw_only=True)
class Consistency:
    """The paper's: KL(target || source), summed over samples and over all maps but the first."""

    weight: Weight

    def __call__(
        self, ours: Sequence[Tensor], theirs: Sequence[Tensor], rng: torch.Generator
    ) -> Tensor:
        """Scalar of maps [N, C, r, r] of target and source but the first, of the constant."""
        terms = [
            divergence(log_likeness(t), log_likeness(s.detach())).sum()
            for t, s in zip(ours[1:], theirs[1:], strict=True)
        ]
        return self.weight * torch.stack(terms).sum()


@dataclass(kw_only=True)
class ConsistencyReleased:
    """The public code's: KL(source || target), in one map for each sample, mean of terms."""

    weight: Weight

    def __call__(
        self, ours: Sequence[Tensor], theirs: Sequence[Tensor], rng: torch.Generator
    ) -> Tensor:
        layers = torch.randint(1, len(ours), (len(ours[0]),), generator=rng, device=rng.device)
        return self.at(ours, theirs, layers.tolist())

    def at(self, ours: Sequence[Tensor], theirs: Sequence[Tensor], layers: Sequence[int]) -> Tensor:
        """The same with given maps: sample i is compared in map ``layers[i]``."""
        p, q = log_rows(theirs, layers).detach(), log_rows(ours, layers)
        return self.weight * divergence(p, q).mean()


def log_rows(maps: Sequence[Tensor], layers: Sequence[int]) -> Tensor:
    """Log-probabilities [N, N - 1] of N samples, row i in map ``layers[i]``."""
    rows = {layer: log_likeness(maps[layer]) for layer in set(layers)}
    return torch.stack([rows[layer][i] for i, layer in enumerate(layers)])
