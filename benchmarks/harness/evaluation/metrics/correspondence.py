"""Whether the adapted picture is still the source's picture of the same latent, in another style.

Both need a truth that only paired data have: where landmarks go, and how a person whom nobody has
seen before would look in the domain.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness.evaluation.gallery import Extractor, Gallery
from benchmarks.harness.evaluation.measure import Measure, TooFew
from benchmarks.harness.evaluation.metrics.geometry import GeometricMap

SIDE = 64  # landmark errors are in pixels of a picture of this side, whatever was rendered


class Landmarks:
    """Mean distance in pixels (of 64) of landmarks of the adapted picture from their true place.

    Their true place is the domain's geometric map of the landmarks of the source's picture. It is
    fitted on exact pairs of other people; ``map_residual`` is its error there, the least that
    can be reached. ``unmapped`` compares with the source's own landmarks, ``floor`` with the true
    place of another latent.
    """

    better = "lower"
    needs = ("fakes", "sources", "others", "landmark_pairs")

    def __init__(self, extractor: Extractor, *, ridge: float) -> None:
        self.extractors = (extractor,)
        self.ridge = ridge

    def __call__(self, gallery: Gallery) -> Measure:
        resolution = gallery.domain.resolution
        photo, target = (
            points(side) * SIDE / resolution for side in gallery.domain.landmark_pairs()
        )
        geometry = GeometricMap(photo, target, ridge=self.ridge)

        def located(stream: str) -> Tensor:
            landmarks = gallery.features(stream, self.extractors[0], "landmarks")
            return landmarks.double() * SIDE / resolution

        fakes, sources = located("fakes"), located("sources")
        errors = landmark_errors(fakes, geometry(sources))
        details = {
            "median": float(errors.mean(1).median()),
            "unmapped": float(landmark_errors(fakes, sources).mean()),
            "floor": float(landmark_errors(fakes, geometry(located("others"))).mean()),
            "map_residual": geometry.residual,
            "map_moves": float(landmark_errors(photo, target).mean()),
            "pairs": len(photo),
        }
        return Measure(float(errors.mean()), self.better, len(fakes), details)


class Translation:
    """Mean perceptual distance of a stylised held-out photo to the true picture of that person.

    The photo is inverted once by the source and decoded by the adapted generator. ``photo`` is the
    distance of the untouched photo, ``floor`` of the stylised picture to the true one of another
    person, ``landmarks`` the mean landmark error in pixels (of 64) against the exact ones.
    """

    better = "lower"
    needs = ("stylised", "translated", "photos")

    def __init__(self, extractor: Extractor, *, reader: Extractor) -> None:
        self.extractors = (extractor, reader)

    def __call__(self, gallery: Gallery) -> Measure:
        maps, reader = self.extractors

        def embedded(stream: str) -> Tensor:
            return gallery.features(stream, maps, "maps").double()

        def identity(stream: str) -> Tensor:
            return gallery.features(stream, reader, "identity")

        stylised, truth = embedded("stylised"), embedded("translated")
        if len(truth) < 2:
            raise TooFew("a floor needs at least 2 held-out people, not 1")
        distances = (stylised - truth).square().sum(1)
        details = {
            "std": float(distances.std()),
            "photo": float((embedded("photos") - truth).square().sum(1).mean()),
            "floor": float((stylised - truth.roll(1, 0)).square().sum(1).mean()),
            "identity": float((identity("stylised") * identity("translated")).sum(1).mean()),
        }
        if gallery.has("translation_landmarks"):
            exact = points(gallery.domain.translation_landmarks())
            for name, stream in (("landmarks", "stylised"), ("landmarks_of_truth", "translated")):
                read = gallery.features(stream, reader, "landmarks").double()
                errors = landmark_errors(read, exact[: len(read)])
                details[name] = float(errors.mean()) * SIDE / gallery.domain.resolution
        return Measure(float(distances.mean()), self.better, len(distances), details)


def points(landmarks: np.ndarray) -> Tensor:
    """Landmarks [n, K, 2] in float64; a copy, since a file may be mapped read-only."""
    return torch.from_numpy(np.array(landmarks, dtype=np.float64))


def landmark_errors(a: Tensor, b: Tensor) -> Tensor:
    """Distances [N, K] between landmarks [N, K, 2]."""
    return (a - b).square().sum(2).sqrt()
