"""Distances between sets of features as torchmetrics, for a gallery and for any Lightning module,
by the pure functions beside this module: deterministic and exact, where torchmetrics' own FID and
KID draw subsets from the global generator and take eigenvalues of a product that is not symmetric.
``update(features, real=...)`` collects [N, F], ``compute()`` is of all, in all processes.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import Metric

from benchmarks.harness.evaluation.metrics import clusters, frechet_and_kernel, manifold

M = TypeVar("M", bound="FeatureSets")
CMMD_SCALE = 1000.0  # arXiv:2401.09603, section 4
SEARCHED = 1024  # rows compared with all others at once: 1024 x 50,000 doubles are 400 MB


class FeatureSets(Metric):
    """Features [N, F] of real and of generated pictures, as they came."""

    full_state_update = False
    is_differentiable = False
    higher_is_better = False
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
        """Features of the reals [N, F] and of the fakes [M, F]."""
        return self.rows(real=True), self.rows(real=False)

    def score(self) -> float | dict[str, float]:
        raise NotImplementedError(f"{type(self).__name__} compares nothing.")

    def compute(self) -> Any:
        score = self.score()  # as tensors that keep all digits
        if isinstance(score, dict):
            return {name: torch.tensor(one, dtype=torch.float64) for name, one in score.items()}
        return torch.tensor(score, dtype=torch.float64)


def of(metric: Callable[..., M], real: Tensor, fake: Tensor, **options: Any) -> M:
    """The metric with two whole sets; each process that measures a gallery has all of both."""
    filled = metric(sync_on_compute=False, **options)
    filled.update(real, real=True)
    filled.update(fake, real=False)
    return filled


class FrechetDistance(FeatureSets):
    """Fréchet distance (arXiv:1706.08500); biased upwards in small samples."""

    def score(self) -> float:
        (real, fake), moments = self.sets(), frechet_and_kernel.moments
        return frechet_and_kernel.frechet_distance(*moments(real), *moments(fake))


class KernelDistance(FeatureSets):
    """Kernel distance (arXiv:1801.01401): mean over subsets, unbiased in the number of features.
    Each of ``subsets`` has ``subset_size`` rows of each set, fewer where there are not so many;
    they depend on ``seed`` and nothing else.
    """

    def __init__(self, *, subsets: int, subset_size: int, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.subsets, self.subset_size, self.seed = subsets, subset_size, seed

    def draws(self) -> Tensor:
        """The distance of each subset [subsets], in float64."""
        generator = torch.Generator().manual_seed(self.seed)
        return frechet_and_kernel.kernel_draws(
            *self.sets(), self.subsets, self.subset_size, generator
        )

    def score(self) -> float:
        return float(self.draws().mean())


class GaussianKernelDistance(FeatureSets):
    """CMMD: Gaussian kernel distance of unit embeddings, times 1000 (2401.09603: sigma 10)."""

    def __init__(self, *, sigma: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sigma = sigma

    def score(self) -> float:
        real, fake = (F.normalize(frechet_and_kernel.double(rows)) for rows in self.sets())
        return CMMD_SCALE * frechet_and_kernel.gaussian_mmd(real, fake, self.sigma)


class NeighbourShares(FeatureSets):
    """Shares by balls that reach to the ``k``-th neighbour."""

    higher_is_better = True

    def __init__(self, *, k: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.k = k


class PrecisionRecall(NeighbourShares):
    """``precision`` and ``recall``, in float64 (arXiv:1904.06991)."""

    def score(self) -> dict[str, float]:
        return manifold.precision_recall(*self.sets(), self.k)._asdict()


class DensityCoverage(NeighbourShares):
    """``density``, which can exceed 1, and ``coverage``, in float64 (arXiv:2002.09797)."""

    def score(self) -> dict[str, float]:
        return manifold.density_coverage(*self.sets(), self.k)._asdict()


class Authenticity(FeatureSets):
    """Share of fakes that copy no real, the training pictures: AuthPct / 100 (arXiv:2102.08921)."""

    higher_is_better = True

    def score(self) -> float:
        return manifold.authenticity(self.rows(real=True), self.rows(real=False))


class IntraClusterDistance(FeatureSets):
    """Mean perceptual distance within the fakes nearest to each real, the shots (arXiv:2104.06820).
    Features are maps, whose squared distances are the perceptual distance (LPIPS' embedding).
    Clusters without a pair are left out, as published. At most ``cap`` members of a cluster are
    paired, in an order of ``seed``.
    """

    higher_is_better = True

    def __init__(self, *, cap: int, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cap, self.seed = cap, seed

    def clusters(self) -> clusters.Clusters:
        """Every fake at its nearest real, with the distances within each cluster."""
        shots, fakes = self.rows(real=True), self.rows(real=False)

        def among(members: Tensor) -> Tensor:
            maps = fakes[members].float()
            return clusters.squared_distances(maps, maps)

        to_shots, order = clusters.to_shots(fakes, shots), clusters.shuffled(len(fakes), self.seed)
        return clusters.intra_cluster(to_shots, among, self.cap, order)

    def score(self) -> float:
        return self.clusters().dropped


class IdentitySimilarity(FeatureSets):
    """Mean cosine of identities of fakes and reals in pairs: unit vectors, or zeros if unseen."""

    higher_is_better = True

    def cosines(self) -> Tensor:
        """The cosine of each pair [N], in float64."""
        real, fake = self.rows(real=True), self.rows(real=False)
        if real.shape != fake.shape:
            raise ValueError(f"pairs need as many reals as fakes, not {len(real)} and {len(fake)}")
        return (frechet_and_kernel.double(fake) * frechet_and_kernel.double(real)).sum(1)

    def recognised(self) -> Tensor:
        """Whether the nearest of all reals is the fake's own [N]."""
        goals = frechet_and_kernel.double(self.rows(real=True)).T
        fakes = frechet_and_kernel.double(self.rows(real=False))
        nearest = [(part @ goals).argmax(1) for part in fakes.split(SEARCHED)]
        return torch.cat(nearest) == torch.arange(len(fakes))

    def score(self) -> float:
        return float(self.cosines().mean())
