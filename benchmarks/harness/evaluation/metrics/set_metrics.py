"""Distances between sets of features as torchmetrics: for a gallery, or any Lightning module.

``update(features, real=...)`` collects features [N, F] of any network batch by batch;
``compute()`` is of all of them, in all processes. The arithmetic is that of the pure functions
beside this module: float64, deterministic and exact, where torchmetrics' own FID and KID draw
subsets from the global generator and take eigenvalues of a product that is not symmetric.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import Metric

from benchmarks.harness.evaluation.metrics.clusters import Clusters, intra_cluster
from benchmarks.harness.evaluation.metrics.frechet_and_kernel import (
    double,
    frechet_distance,
    gaussian_mmd,
    kernel_distance,
    moments,
)
from benchmarks.harness.evaluation.metrics.manifold import (
    authenticity,
    density_coverage,
    precision_recall,
    squared_distances,
)

M = TypeVar("M", bound="FeatureSets")
MANY = 10_000
"""Rows on one side from which on features stay as they are kept: twice 50,000 rows of Inception in
float64 would be 1.6 GB, and products in float32 move a KID by less than 1e-3 of it (tested)."""
CMMD_SCALE = 1000.0  # arXiv:2401.09603, section 4
ROWS = 256  # maps whose distances to all shots are taken at once: maps are long
SEARCHED = 1024  # rows that are compared with all others at once


class FeatureSets(Metric):
    """Features [N, F] of real and of generated pictures, as they came."""

    full_state_update = False
    is_differentiable = False
    real: list[Tensor] | Tensor
    fake: list[Tensor] | Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("real", default=[], dist_reduce_fx="cat")
        self.add_state("fake", default=[], dist_reduce_fx="cat")

    def update(self, features: Tensor, real: bool) -> None:
        """Collect features [N, F] of a batch; ``real`` says of which set."""
        held = self.real if real else self.fake
        assert isinstance(held, list)  # a tensor only inside of compute
        held.append(features)

    def rows(self, real: bool) -> Tensor:
        """All features [N, F] of a set on the CPU as they came; one batch is not copied."""
        held = self.real if real else self.fake
        if isinstance(held, Tensor):
            return held.detach().cpu()
        if not held:
            raise ValueError(f"no features of {'reals' if real else 'fakes'} were collected")
        return held[0].detach().cpu() if len(held) == 1 else torch.cat(held).detach().cpu()

    def sets(self) -> tuple[Tensor, Tensor]:
        """Features of the reals [N, F] and of the fakes [M, F], as :func:`in_float64`."""
        return in_float64(self.rows(real=True), self.rows(real=False))


def in_float64(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Features of two sets in float64 on the CPU, or as they are where they are many."""
    if max(len(real), len(fake)) > MANY:
        return real, fake
    return double(real), double(fake)


def of(metric: Callable[..., M], real: Tensor, fake: Tensor, **options: Any) -> M:
    """The metric with two whole sets; each process that measures has all of both."""
    filled = metric(sync_on_compute=False, **options)
    filled.update(real, real=True)
    filled.update(fake, real=False)
    return filled


class FrechetDistance(FeatureSets):
    """Fréchet distance (arXiv:1706.08500); biased upwards in small samples."""

    higher_is_better = False

    def compute(self) -> Tensor:
        real, fake = self.sets()
        return scalar(frechet_distance(*moments(real), *moments(fake)))


class KernelDistance(FeatureSets):
    """Kernel distance (arXiv:1801.01401): mean over subsets, unbiased in the number of features.

    Args:
        subsets: how many.
        subset_size: rows of each set in a subset; fewer where there are not so many.
        seed: of the subsets, which depend on nothing else.
        kwargs: of torchmetrics.
    """

    higher_is_better = False

    def __init__(self, *, subsets: int, subset_size: int, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.subsets, self.subset_size, self.seed = subsets, subset_size, seed

    def compute(self) -> Tensor:
        return self.draws().mean()

    def draws(self) -> Tensor:
        """The distance of each subset [subsets], in float64."""
        real, fake = self.sets()
        size = min(self.subset_size, len(real), len(fake))
        generator = torch.Generator().manual_seed(self.seed)

        def subset(rows: Tensor) -> Tensor:
            return rows[torch.randperm(len(rows), generator=generator)[:size]]

        draws = [kernel_distance(subset(real), subset(fake)) for _ in range(self.subsets)]
        return torch.tensor(draws, dtype=torch.float64)


class GaussianKernelDistance(FeatureSets):
    """Gaussian kernel distance of unit embeddings, times 1000: CMMD (arXiv:2401.09603).

    Args:
        sigma: of the kernel; 10 as published.
        kwargs: of torchmetrics.
    """

    higher_is_better = False

    def __init__(self, *, sigma: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sigma = sigma

    def compute(self) -> Tensor:
        real, fake = (F.normalize(double(rows)) for rows in self.sets())
        return scalar(CMMD_SCALE * gaussian_mmd(real, fake, self.sigma))


class NeighbourShares(FeatureSets):
    """Shares by balls that reach to the k-th neighbour.

    Args:
        k: that neighbour.
        kwargs: of torchmetrics.
    """

    higher_is_better = True

    def __init__(self, *, k: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.k = k


class PrecisionRecall(NeighbourShares):
    """``precision`` and ``recall``, in float64 (arXiv:1904.06991)."""

    def compute(self) -> dict[str, Tensor]:
        return tensors(precision_recall(*self.sets(), self.k)._asdict())


class DensityCoverage(NeighbourShares):
    """``density``, which can exceed 1, and ``coverage``, in float64 (arXiv:2002.09797)."""

    def compute(self) -> dict[str, Tensor]:
        return tensors(density_coverage(*self.sets(), self.k)._asdict())


class Authenticity(FeatureSets):
    """Share of fakes that copy no real, the training pictures: AuthPct / 100 (arXiv:2102.08921)."""

    higher_is_better = True

    def compute(self) -> Tensor:
        return scalar(authenticity(self.rows(real=True), self.rows(real=False)))


class IntraClusterDistance(FeatureSets):
    """Mean perceptual distance within the fakes nearest to each real, the shots (arXiv:2104.06820).

    Features are maps, whose squared distances are the perceptual distance (LPIPS' embedding).
    Clusters without a pair are left out, as published.

    Args:
        cap: members of a cluster at most, that are paired.
        seed: of the order in which members are taken.
        kwargs: of torchmetrics.
    """

    higher_is_better = True

    def __init__(self, *, cap: int, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cap, self.seed = cap, seed

    def compute(self) -> Tensor:
        return scalar(self.clusters().dropped)

    def clusters(self) -> Clusters:
        """Every fake at its shot."""
        shots, fakes = self.rows(real=True), self.rows(real=False)

        def among(members: Tensor) -> Tensor:
            maps = fakes[members].float()
            return squared_distances(maps, maps)

        return intra_cluster(
            to_shots(fakes, shots), among, self.cap, shuffled(len(fakes), self.seed)
        )


class IdentitySimilarity(FeatureSets):
    """Mean cosine of the identities of fakes and of the reals that they show, in the same order.

    Features are unit vectors, or zeros where no face was found.
    """

    higher_is_better = True

    def compute(self) -> Tensor:
        return self.cosines().mean()

    def cosines(self) -> Tensor:
        """Of each pair [N], in float64."""
        real, fake = double(self.rows(real=True)), double(self.rows(real=False))
        if real.shape != fake.shape:
            raise ValueError(f"pairs need as many reals as fakes, not {len(real)} and {len(fake)}")
        return (fake * real).sum(1)

    def recognised(self) -> Tensor:
        """Whether the nearest of all reals is the fake's own [N]."""
        real, fake = double(self.rows(real=True)), double(self.rows(real=False))
        nearest = [(part @ real.T).argmax(1) for part in fake.split(SEARCHED)]
        return torch.cat(nearest) == torch.arange(len(fake))


def to_shots(maps: Tensor, shots: Tensor) -> Tensor:
    """Squared distances [N, K] of maps [N, V] to those of shots [K, V], in float32."""
    goals = shots.float()
    return torch.cat([squared_distances(part.float(), goals) for part in maps.split(ROWS)])


def shuffled(n: int, seed: int) -> Tensor:
    """A permutation [n] that depends on nothing but the seed."""
    return torch.randperm(n, generator=torch.Generator().manual_seed(seed))


def scalar(number: float) -> Tensor:
    """A number as a tensor that keeps all of its digits."""
    return torch.tensor(number, dtype=torch.float64)


def tensors(numbers: dict[str, float]) -> dict[str, Tensor]:
    """Numbers by name, as Lightning logs them."""
    return {name: scalar(number) for name, number in numbers.items()}
