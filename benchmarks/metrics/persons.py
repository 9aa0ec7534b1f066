"""Identity by a network of real faces, where a face may not be found."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks.gallery import Extractor, Gallery
from benchmarks.measure import Measure


class FoundIdentity:
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
