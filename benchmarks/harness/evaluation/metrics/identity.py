"""Identity by a network of real faces, where a face may not be found."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.harness.evaluation.gallery import Extractor, Gallery
from benchmarks.harness.evaluation.measure import Measure


class DetectedIdentity:
    """Mean cosine between the identities of fake and source of the same latent; a miss counts 0.

    ``floor`` is the cosine to the source of another latent, ``rank1`` how often the right source is
    the nearest of all, ``found_fakes`` and ``found_sources`` where a face was detected at all, and
    ``where_found`` the mean over pairs with both. A high mean with few detections says nothing.
    """

    better = "higher"
    needs = ("fakes", "sources", "others")

    def __init__(self, extractor: Extractor) -> None:
        self.extractors = (extractor,)

    def __call__(self, gallery: Gallery) -> Measure:
        """Measure the gallery."""

        def head(stream: str, name: str) -> Tensor:
            return gallery.features(stream, self.extractors[0], name).double()

        fakes, sources = head("fakes", "identity"), head("sources", "identity")
        seen, there = head("fakes", "found") > 0, head("sources", "found") > 0
        same, both = (fakes * sources).sum(1), seen & there
        nearest = torch.cat([(part @ sources.T).argmax(1) for part in fakes.split(1024)])
        right = (nearest == torch.arange(len(fakes))) & both
        details = {
            "std": float(same.std()),
            "floor": float((fakes * head("others", "identity")).sum(1).mean()),
            "rank1": float(right.double().mean()),
            "found_fakes": float(seen.double().mean()),
            "found_sources": float(there.double().mean()),
            "where_found": float(same[both].mean()) if bool(both.any()) else 0.0,
        }
        return Measure(float(same.mean()), self.better, len(fakes), details)


class Recognition:
    """How often the true picture of a held-out person is the nearest to the stylised photo.

    Rank-1 accuracy, as sketch recognition is measured (Wang and Tang, "Face photo-sketch synthesis
    and recognition", TPAMI 2009): the gallery is the true pictures of all held-out people, the
    probe a stylised photo, compared by cosine of identities. A face that is not found is wrong.
    ``photo`` is the same for the untouched photos, ``chance`` for a guess, ``cosine`` the mean
    likeness to the own true picture and ``floor`` to another person's.
    """

    better = "higher"
    needs = ("stylised", "translated", "photos")

    def __init__(self, extractor: Extractor) -> None:
        self.extractors = (extractor,)

    def __call__(self, gallery: Gallery) -> Measure:
        """Measure the gallery."""

        def head(stream: str, name: str) -> Tensor:
            return gallery.features(stream, self.extractors[0], name).double()

        truth, there = head("translated", "identity"), head("translated", "found") > 0

        def right(stream: str) -> Tensor:
            seen = there & (head(stream, "found") > 0)
            nearest = (head(stream, "identity") @ truth.T).argmax(1)
            return ((nearest == torch.arange(len(truth))) & seen).double()

        stylised = head("stylised", "identity")
        hits = right("stylised")
        details = {
            "photo": float(right("photos").mean()),
            "chance": 1 / len(truth),
            "cosine": float((stylised * truth).sum(1).mean()),
            "floor": float((stylised * truth.roll(1, 0)).sum(1).mean()),
            "found_stylised": float((head("stylised", "found") > 0).double().mean()),
            "found_truth": float(there.double().mean()),
        }
        return Measure(float(hits.mean()), self.better, len(hits), details)
