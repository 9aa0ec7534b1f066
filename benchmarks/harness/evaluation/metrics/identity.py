"""Whether a picture still shows the same person, by identity networks whose vectors are units.
Networks of real faces may find no face in a picture; its vector is zero then.
"""

from torch import Tensor

from benchmarks.harness.evaluation.gallery import Gallery, ThroughExtractor
from benchmarks.harness.evaluation.measure import Measure, TooFew
from benchmarks.harness.evaluation.metrics.set_metrics import IdentitySimilarity, of


def pairs(real: Tensor, fake: Tensor) -> IdentitySimilarity:
    """Identities [N, E] of fakes beside those that they should be [N, E]."""
    return of(IdentitySimilarity, real, fake)


class IdentityMetric(ThroughExtractor):
    """A number of the identities in streams that show the same people in the same order."""

    better = "higher"
    heads: tuple[tuple[str, ...], ...] = (("identity",),)

    def compared(self, gallery: Gallery) -> tuple[Tensor, Tensor, dict[str, float]]:
        """Cosines [N] of fake and source, which fakes [N] find their source, and their details."""
        fakes, sources, others = self.read(gallery, "identity", "fakes", "sources", "others")
        own, right = pairs(sources, fakes).cosines(), pairs(sources, fakes).recognised()
        if len(own) < 2:  # a single picture has no other one beside it
            return own, right, {}
        details = {"std": float(own.std()), "floor": float(pairs(others, fakes).compute())}
        return own, right, details | {"rank1": float(right.double().mean())}


class Identity(IdentityMetric):
    """Mean cosine between the identities of source and adapted picture of the same latent.
    ``floor`` is the same against the source of another latent, ``rank1`` how often the right source
    is the nearest of all, ``ceiling`` what the true pictures of the domain would score.
    """

    def also(self, gallery: Gallery) -> tuple[str, ...]:
        pair = ("photos", "translated")
        return pair if all(map(gallery.has, pair)) else ()

    def __call__(self, gallery: Gallery) -> Measure:
        own, _, details = self.compared(gallery)
        if pair := self.read(gallery, "identity", *self.also(gallery)):
            photos, truth = pair
            details["ceiling"] = float(pairs(truth, photos).compute())
        return Measure(float(own.mean()), self.better, len(own), details)


class DetectedIdentity(IdentityMetric):
    """The same of networks that look for a face first; a fake without a face counts 0. ``rank1``
    counts pairs with two faces only, ``found_fakes``, ``found_sources`` say where one was seen,
    ``where_found`` is the mean over pairs with both. A high mean with few detections says nothing.
    """

    heads = (("identity", "found"),)

    def __call__(self, gallery: Gallery) -> Measure:
        own, right, details = self.compared(gallery)
        fakes, sources = (found > 0 for found in self.read(gallery, "found", "fakes", "sources"))
        both = fakes & sources
        if "rank1" in details:
            details["rank1"] = float((right & both).double().mean())
        details |= {
            "found_fakes": float(fakes.double().mean()),
            "found_sources": float(sources.double().mean()),
        }
        if both.any():
            details["where_found"] = float(own[both].mean())
        return Measure(float(own.mean()), self.better, len(own), details)


class Recognition(IdentityMetric):
    """Rank-1 accuracy, as sketch recognition is measured (Wang and Tang, TPAMI 2009): how often, by
    cosine, the true picture of a held-out person is the nearest of all to the stylised photo. A
    face that is not found is wrong. ``photo`` is the same for the untouched photos, ``chance`` for
    a guess, ``cosine`` the mean cosine to the own true picture and ``floor`` to another person's.
    """

    needs = ("stylised", "translated", "photos")
    heads = (("identity", "found"),)

    def __call__(self, gallery: Gallery) -> Measure:
        stylised, truth, photos = self.read(gallery, "identity", *self.needs)
        if len(stylised) < 2:
            raise TooFew("recognition needs at least 2 held-out people, not 1")
        drawn, true, shown = (found > 0 for found in self.read(gallery, "found", *self.needs))
        hits = (pairs(truth, stylised).recognised() & true & drawn).double()
        details = {
            "photo": float((pairs(truth, photos).recognised() & true & shown).double().mean()),
            "chance": 1 / len(hits),
            "cosine": float(pairs(truth, stylised).compute()),
            "floor": float(pairs(truth.roll(1, 0), stylised).compute()),
            "found_stylised": float(drawn.double().mean()),
            "found_truth": float(true.double().mean()),
        }
        return Measure(float(hits.mean()), self.better, len(hits), details)
