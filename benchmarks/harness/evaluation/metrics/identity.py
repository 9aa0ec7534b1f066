"""Whether a picture still shows the same person, by identity networks whose vectors are units.

Networks of real faces may find no face in a picture; its vector is zero then.
"""

from __future__ import annotations

from torch import Tensor

from benchmarks.harness.evaluation.gallery import Extractor, Gallery
from benchmarks.harness.evaluation.measure import Measure
from benchmarks.harness.evaluation.metrics import set_metrics


class IdentityMetric:
    """A number of the identities in two streams that show the same people in the same order."""

    better = "higher"
    needs: tuple[str, ...]

    def __init__(self, extractor: Extractor) -> None:
        self.extractors = (extractor,)

    def pairs(self, gallery: Gallery, shown: str, people: str) -> set_metrics.IdentitySimilarity:
        """The identities of a stream against those of the people that it should show."""
        fake, real = (gallery.features(s, self.extractors[0], "identity") for s in (shown, people))
        return set_metrics.of(set_metrics.IdentitySimilarity, real, fake)

    def detected(self, gallery: Gallery, stream: str) -> Tensor:
        """Whether there is a face [N]."""
        return gallery.features(stream, self.extractors[0], "found") > 0


class Identity(IdentityMetric):
    """Mean cosine between the identities of source and adapted picture of the same latent.

    ``floor`` is the same against the source of another latent, ``rank1`` how often the right
    source is the nearest of all, ``ceiling`` what the true pictures of the domain would score.
    """

    needs = ("fakes", "sources", "others")

    def __call__(self, gallery: Gallery) -> Measure:
        pairs = self.pairs(gallery, "fakes", "sources")
        cosines = pairs.cosines()
        details = {
            "std": float(cosines.std()),
            "floor": float(self.pairs(gallery, "fakes", "others").compute()),
            "rank1": float(pairs.recognised().double().mean()),
        }
        if gallery.has("photos") and gallery.has("translated"):
            details["ceiling"] = float(self.pairs(gallery, "photos", "translated").compute())
        return Measure(float(cosines.mean()), self.better, len(cosines), details)


class DetectedIdentity(IdentityMetric):
    """Mean cosine between the identities of fake and source of the same latent; a miss counts 0.

    ``floor`` is the cosine to the source of another latent, ``rank1`` how often the right source is
    the nearest of all, ``found_fakes`` and ``found_sources`` where a face was detected at all, and
    ``where_found`` the mean over pairs with both. A high mean with few detections says nothing.
    """

    needs = ("fakes", "sources", "others")

    def __call__(self, gallery: Gallery) -> Measure:
        pairs = self.pairs(gallery, "fakes", "sources")
        cosines = pairs.cosines()
        fakes, sources = (self.detected(gallery, stream) for stream in ("fakes", "sources"))
        both = fakes & sources
        details = {
            "std": float(cosines.std()),
            "floor": float(self.pairs(gallery, "fakes", "others").compute()),
            "rank1": float((pairs.recognised() & both).double().mean()),
            "found_fakes": float(fakes.double().mean()),
            "found_sources": float(sources.double().mean()),
            "where_found": float(cosines[both].mean()) if bool(both.any()) else 0.0,
        }
        return Measure(float(cosines.mean()), self.better, len(cosines), details)


class Recognition(IdentityMetric):
    """How often the true picture of a held-out person is the nearest to the stylised photo.

    Rank-1 accuracy, as sketch recognition is measured (Wang and Tang, "Face photo-sketch synthesis
    and recognition", TPAMI 2009): the gallery is the true pictures of all held-out people, the
    probe a stylised photo, compared by cosine of identities. A face that is not found is wrong.
    ``photo`` is the same for the untouched photos, ``chance`` for a guess, ``cosine`` the mean
    cosine to the own true picture and ``floor`` to another person's.
    """

    needs = ("stylised", "translated", "photos")

    def recognised(self, gallery: Gallery, stream: str) -> Tensor:
        """Whether each picture [N] of a stream finds its own true picture, in float64."""
        faces = self.detected(gallery, "translated") & self.detected(gallery, stream)
        return (self.pairs(gallery, stream, "translated").recognised() & faces).double()

    def __call__(self, gallery: Gallery) -> Measure:
        pairs, hits = (
            self.pairs(gallery, "stylised", "translated"),
            self.recognised(gallery, "stylised"),
        )
        others = gallery.features("translated", self.extractors[0], "identity").roll(1, 0)
        stylised = pairs.rows(real=False)
        details = {
            "photo": float(self.recognised(gallery, "photos").mean()),
            "chance": 1 / len(hits),
            "cosine": float(pairs.compute()),
            "floor": float(
                set_metrics.of(set_metrics.IdentitySimilarity, others, stylised).compute()
            ),
            "found_stylised": float(self.detected(gallery, "stylised").double().mean()),
            "found_truth": float(self.detected(gallery, "translated").double().mean()),
        }
        return Measure(float(hits.mean()), self.better, len(hits), details)
