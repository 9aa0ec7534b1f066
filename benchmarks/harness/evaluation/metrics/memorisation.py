"""Whether fakes are copies of the shots by their features: AuthPct (arXiv:2102.08921).

Departs from the paper in: nothing; with ten shots it says little, so read it beside the nearest
shot.
"""

from __future__ import annotations

import torch

from benchmarks.harness.evaluation.gallery import Extractor, Gallery
from benchmarks.harness.evaluation.measure import Measure
from benchmarks.harness.evaluation.metrics import neighbours
from benchmarks.harness.evaluation.metrics.distances import Array, features, same_width
from benchmarks.harness.evaluation.metrics.manifold import clouds, squared_radii


def authenticity(train: Array, fake: Array) -> float:
    """Share of fakes [M, F] farther from their nearest training row [N, F] than it from its own.

    1 where nothing is copied, 0 where everything is. Of equally near rows the first counts.

    Raises:
        ValueError: a set is not [N, F], not finite, or there are fewer than two training rows.
    """
    rows, others = features("train", train), features("fake", fake)
    same_width(train=rows, fake=others)
    own = squared_radii(rows, 1)
    b, a = clouds(rows, others)
    authentic = 0
    for i in neighbours.slices(len(a), neighbours.SEARCHED):
        nearest, where = neighbours.closest(a, i, b)
        authentic += int((nearest > own[where]).sum())
    return authentic / len(others)


class AuthPct:
    """Percentage of fakes that are no copies of shots; needs two shots or more."""

    better = "higher"
    needs = ("fakes", "shots")

    def __init__(self, extractor: Extractor) -> None:
        self.extractors = (extractor,)

    def __call__(self, gallery: Gallery) -> Measure:
        """Measure the gallery; with a single shot nothing can be called a copy: 100."""

        def seen(stream: str) -> torch.Tensor:
            return gallery.features(stream, self.extractors[0], "features")

        shots, fakes = seen("shots"), seen("fakes")
        details: dict[str, float] = {"shots": len(shots)}
        if len(shots) < 2:
            return Measure(100.0, self.better, len(fakes), details)
        if gallery.has("reference"):
            details["reference"] = 100 * authenticity(shots, seen("reference"))
        value = 100 * authenticity(shots, fakes)
        return Measure(value, self.better, len(fakes), details)
