"""Spread of the fakes around each shot: intra-cluster perceptual distance (arXiv:2104.06820).
Departs from the paper in: members are chosen by a seeded order, and empty clusters are counted
instead of being forgotten, since dropping them hides a collapse onto few shots.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.harness.evaluation.measure import TooFew

ROWS = 256  # maps whose distances to all shots are taken at once: maps are long


class Clusters(NamedTuple):
    """Every fake at its nearest shot [N], counts [K], mean distance [K] of pairs (0 if none)."""

    assignment: Tensor
    counts: Tensor
    means: Tensor

    @property
    def scored(self) -> Tensor:
        return self.counts >= 2

    @property
    def dropped(self) -> float:
        """Mean over the clusters that have a pair, as the released code has it."""
        if not self.scored.any():
            raise TooFew(f"no shot has two pictures of {len(self.assignment)}")
        return float(self.means[self.scored].mean())

    @property
    def zeroed(self) -> float:
        """Mean over all K clusters, where one without a pair counts as no diversity."""
        return float(self.means.mean())

    @property
    def spread(self) -> float:
        """Sample standard deviation of the means of the clusters that have a pair, or 0."""
        return float(self.means[self.scored].std()) if int(self.scored.sum()) > 1 else 0.0

    @property
    def entropy(self) -> float:
        """Entropy of the assignment over log K: 1 if all shots are used equally, 0 if one is."""
        shares = self.counts.double() / self.counts.sum()
        if len(shares) < 2:
            return 1.0
        return float(torch.special.entr(shares).sum() / torch.tensor(float(len(shares))).log())

    def details(self, cap: int) -> dict[str, float]:
        """What a record says beside the value; ``members_K`` of the shots that have any."""
        several = {"std_over_clusters": self.spread} if int(self.scored.sum()) > 1 else {}
        return {
            "empty_counts_zero": self.zeroed,
            **several,
            "entropy": self.entropy,
            "empty": int((self.counts == 0).sum()),
            "singletons": int((self.counts == 1).sum()),
            "cap": cap,
            **{f"members_{i}": int(n) for i, n in enumerate(self.counts) if n},
        }


def intra_cluster(
    to_shots: Tensor, among: Callable[[Tensor], Tensor], cap: int, order: Tensor
) -> Clusters:
    """Assign fakes by their distances ``to_shots`` [N, K]; average pairs within each cluster.
    ``among(members)`` gives the distances [m, m] of the fakes with these indices. At most ``cap``
    members of a cluster are paired, the first ones in ``order``, a permutation [N].
    """
    if cap < 2:
        raise ValueError(f"cap={cap} leaves no pair in a cluster")
    assignment = to_shots.argmin(1)
    clusters = to_shots.shape[1]
    means = torch.zeros(clusters, dtype=torch.float64)
    for shot in range(clusters):
        members = order[assignment[order] == shot][:cap]
        if len(members) >= 2:
            i, j = torch.triu_indices(len(members), len(members), offset=1)
            means[shot] = among(members)[i, j].double().mean()
    return Clusters(assignment, torch.bincount(assignment, minlength=clusters), means)


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Squared Euclidean distances [N, M] of rows [N, F] and [M, F], by a product of them."""
    norms = x.square().sum(1, keepdim=True) + y.square().sum(1)
    return torch.addmm(norms, x, y.mT, alpha=-2).clamp_(min=0)


def to_shots(maps: Tensor, shots: Tensor) -> Tensor:
    """Squared distances [N, K] of maps [N, V] to those of shots [K, V], in float32."""
    goals = shots.float()
    return torch.cat([squared_distances(part.float(), goals) for part in maps.split(ROWS)])


def shuffled(n: int, seed: int) -> Tensor:
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))
