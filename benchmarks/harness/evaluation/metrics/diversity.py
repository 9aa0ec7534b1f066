"""Whether the fakes differ from each other and from the shots they were learnt from."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.harness.evaluation.gallery import Extractor, Gallery
from benchmarks.harness.evaluation.measure import Measure
from benchmarks.harness.evaluation.metrics.clusters import intra_cluster
from benchmarks.harness.evaluation.metrics.manifold import squared_distances


class IntraCluster:
    """Mean perceptual distance within the fakes nearest to each shot (arXiv:2104.06820).

    The value drops clusters without a pair, as published; ``empty_counts_zero`` does not. Low
    means memorised under either rule.
    """

    better = "higher"
    needs = ("fakes", "shots")

    def __init__(self, extractor: Extractor, *, samples: int, cap: int, seed: int) -> None:
        self.extractors = (extractor,)
        self.samples, self.cap, self.seed = samples, cap, seed

    def __call__(self, gallery: Gallery) -> Measure:
        """Measure the gallery."""
        fakes = gallery.features("fakes", self.extractors[0], "maps", self.samples)
        shots = gallery.features("shots", self.extractors[0], "maps").float()
        to_shots = torch.cat([squared_distances(f.float(), shots) for f in fakes.split(256)])
        generator = torch.Generator().manual_seed(self.seed)
        order = torch.randperm(len(fakes), generator=generator)

        def among(members: Tensor) -> Tensor:
            rows = fakes[members].float()
            return squared_distances(rows, rows)

        found = intra_cluster(to_shots, among, self.cap, order)
        return Measure(found.dropped, self.better, len(fakes), found.details(self.cap))


class NearestShot:
    """Mean perceptual distance of a fake to the nearest shot: small if shots were memorised.

    ``reference`` is the same of held-out pictures of the domain, which is where an honest generator
    would be; ``copies`` the share of fakes nearer to a shot than 99 of 100 of those.
    """

    better = "higher"
    needs = ("fakes", "shots")

    def __init__(self, extractor: Extractor, *, samples: int) -> None:
        self.extractors = (extractor,)
        self.samples = samples

    def nearest(self, gallery: Gallery, stream: str) -> Tensor:
        """Distance [n] of every picture of a stream to its nearest shot."""
        shots = gallery.features("shots", self.extractors[0], "maps").float()
        rows = gallery.features(stream, self.extractors[0], "maps", self.samples)
        parts = [squared_distances(part.float(), shots).amin(1) for part in rows.split(256)]
        return torch.cat(parts).double()

    def __call__(self, gallery: Gallery) -> Measure:
        """Measure the gallery."""
        fakes = self.nearest(gallery, "fakes")
        details = {"median": float(fakes.median()), "least": float(fakes.min())}
        if gallery.has("reference"):
            real = self.nearest(gallery, "reference")
            details["reference"] = float(real.mean())
            details["copies"] = float((fakes < real.quantile(0.01)).double().mean())
        return Measure(float(fakes.mean()), self.better, len(fakes), details)
