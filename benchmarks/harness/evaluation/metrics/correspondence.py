"""Whether the adapted picture is still the source's picture of the same latent, in another style.
Landmarks and translation need a truth that only paired data have: where landmarks go, and how a
person whom nobody has seen before would look in the domain. Structure needs none.
"""

from collections.abc import Iterable
from typing import Annotated, Any

import numpy as np
import torch
from annotated_types import Ge, Le
from torch import Tensor

from benchmarks.harness.evaluation.gallery import (
    Batchwise,
    Extractor,
    FeatureRequest,
    Gallery,
    ThroughExtractor,
)
from benchmarks.harness.evaluation.measure import Measure, TooFew
from core.bounds import Pair

SIDE = 64  # landmark errors are in pixels of a picture of this side, whatever was rendered
DIRECTIONS = 8  # main directions whose products enter; more of them lowered no residual
LEAST = 10  # pairs: every fifth is held out, and one alone is no residual
HELD_OUT = 5  # every so many pairs one tells the residual and is not fitted
TOGETHER = 4  # pictures: at 224 px ViT-B/8 has 785 tokens, each compared with all others


class Landmarks(ThroughExtractor):
    """Mean distance in pixels (of 64) of landmarks of the adapted picture from their true place.
    That is the domain's geometric map of the source's landmarks, fitted on exact pairs of other
    people; ``map_residual`` is its error there, the least that can be reached. ``unmapped``
    compares with the source's own landmarks, ``floor`` with the true place of another latent.
    """

    needs = ("fakes", "sources", "others", "landmark_pairs")
    heads = (("landmarks",),)

    def __init__(self, extractor: Extractor, *, ridge: Annotated[float, Ge(1e-6), Le(1e6)]) -> None:
        super().__init__(extractor)
        self.ridge = ridge

    def __call__(self, gallery: Gallery) -> Measure:
        resolution = gallery.domain.resolution
        pairs = gallery.domain.landmark_pairs()
        photo, target = (points(side) * SIDE / resolution for side in pairs)
        geometry = GeometricMap(photo, target, ridge=self.ridge)
        heads = self.read(gallery, "landmarks", "fakes", "sources", "others")
        fakes, sources, others = (head.double() * SIDE / resolution for head in heads)
        errors = landmark_errors(fakes, geometry(sources))
        details = {
            "median": float(errors.mean(1).median()),
            "unmapped": float(landmark_errors(fakes, sources).mean()),
            **(
                {"floor": float(landmark_errors(fakes, geometry(others)).mean())}
                if len(fakes) > 1
                else {}
            ),
            "map_residual": geometry.residual,
            "map_moves": float(landmark_errors(photo, target).mean()),
            "pairs": len(photo),
        }
        return Measure(float(errors.mean()), self.better, len(fakes), details)


class GeometricMap:
    """Landmarks [N, K, 2] of photos to those in the domain, fitted on exact pairs. A domain deforms
    the head's parameters, so in the plane the map is not closed: it is a ridge regression of the
    displacement on the landmarks, their products along the main directions of variation included,
    which are pose and the proportions that move most. It is the identity, exactly, for a domain
    that deforms nothing. ``residual`` is the mean distance on pairs that were not used for the fit.
    """

    def __init__(self, photo: Tensor, target: Tensor, *, ridge: float) -> None:
        if len(photo) < LEAST:
            raise TooFew(f"a geometric map needs at least {LEAST} pairs, not {len(photo)}")
        if photo.shape != target.shape:
            raise ValueError("a geometric map needs pairs of equal shape")
        flat = photo.double().flatten(1)
        self.mean, self.scale = flat.mean(0), flat.std()
        _, _, axes = torch.linalg.svd(flat - self.mean, full_matrices=False)
        self.axes = axes[:DIRECTIONS]
        held_out = torch.arange(len(photo)) % HELD_OUT == 0
        inputs = self.inputs(photo)
        moves = (target.double() - photo.double()).flatten(1)
        known, displacement = inputs[~held_out], moves[~held_out]
        penalty = ridge * torch.eye(inputs.shape[1], dtype=torch.float64)
        penalty[0, 0] = 0  # of the constant: a shift of all landmarks costs nothing
        self.weights = torch.linalg.solve(known.T @ known + penalty, known.T @ displacement)
        missed = landmark_errors(self(photo[held_out]), target[held_out].double())
        self.residual = float(missed.mean())

    def __call__(self, photo: Tensor) -> Tensor:
        """Places [N, K, 2] in the domain of landmarks [N, K, 2] of photos."""
        return photo.double() + (self.inputs(photo) @ self.weights).view_as(photo)

    def inputs(self, photo: Tensor) -> Tensor:
        """One, the landmarks, and the products of their main directions: [N, 1 + 2K + ...]."""
        centred = (photo.double().flatten(1) - self.mean) / self.scale
        main = centred @ self.axes.T / len(self.mean) ** 0.5
        i, j = torch.triu_indices(main.shape[1], main.shape[1])
        ones = torch.ones(len(photo), 1, dtype=torch.float64)
        return torch.cat([ones, centred, main[:, i] * main[:, j]], 1)


class Translation(ThroughExtractor):
    """Mean perceptual distance of a stylised held-out photo to the true picture of that person. The
    photo is inverted once by the source and decoded by the adapted generator. ``photo`` is the
    distance of the untouched photo, ``floor`` of the stylised picture to the true one of another
    person, ``landmarks`` the mean landmark error in pixels (of 64) against the exact ones.
    """

    needs = ("stylised", "translated", "photos")
    heads = (("maps",), ("identity",))

    def __init__(self, extractor: Extractor, *, reader: Extractor) -> None:
        self.extractors = (extractor, reader)

    def requests(self, gallery: Gallery) -> Iterable[FeatureRequest]:
        maps, reader = self.extractors
        yield from (FeatureRequest(stream, maps) for stream in self.needs)
        yield from (FeatureRequest(stream, reader) for stream in self.needs[:2])

    def __call__(self, gallery: Gallery) -> Measure:
        maps, reader = self.extractors
        stylised, truth = (gallery.features(s, maps, "maps").double() for s in self.needs[:2])
        if len(truth) < 2:
            raise TooFew("a floor needs at least 2 held-out people, not 1")
        distances = (stylised - truth).square().sum(1)
        photos = gallery.features("photos", maps, "maps").double()
        ours, theirs = (gallery.features(s, reader, "identity") for s in self.needs[:2])
        details = {
            "std": float(distances.std()),
            "photo": float((photos - truth).square().sum(1).mean()),
            "floor": float((stylised - truth.roll(1, 0)).square().sum(1).mean()),
            "identity": float((ours * theirs).sum(1).mean()),
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


class StructureDistance(Batchwise):
    """Mean squared difference of the self-similarities of a fake and of its source's picture.
    Whether the layout is still the source's, by DINO's keys (arXiv:2201.00424), over the first
    ``samples`` latents: the paper optimises one picture. ``floor`` is the same against the source's
    picture of another latent.
    """

    heads = ()
    abilities = ("prepare", "self_similarity")

    def __init__(self, extractor: Any, *, samples: Pair) -> None:
        super().__init__(extractor)
        self.samples = samples

    def __call__(self, gallery: Gallery) -> Measure:
        streams = (gallery.images(name, self.samples) for name in self.needs)
        own, other = [], []
        for batches in zip(*streams, strict=True):
            for images in zip(*(batch.split(TOGETHER) for batch in batches), strict=True):
                fake, source, another = (self.self_similarity(gallery, part) for part in images)
                own.append((fake - source).square().mean((1, 2)).double().cpu())
                other.append((fake - another).square().mean((1, 2)).double().cpu())
        mine, theirs = torch.cat(own), torch.cat(other)
        several = len(mine) > 1  # a single picture has no other one beside it
        details = {"std": float(mine.std()), "floor": float(theirs.mean())} if several else {}
        return Measure(float(mine.mean()), self.better, len(mine), details)

    def self_similarity(self, gallery: Gallery, images: Tensor) -> Tensor:
        extractor = self.extractors[0]
        with torch.no_grad():
            return extractor.self_similarity(extractor.prepare(images).to(gallery.adapter.device))
