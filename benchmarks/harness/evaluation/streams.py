"""What a gallery can show and what it may know: one table, by the names that metrics ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from benchmarks.harness.evaluation.gallery import Gallery

Has = Callable[["Gallery"], bool]
Make = Callable[["Gallery", int, int], Iterator[Tensor]]
NO_SOURCE = "the method has no trained source to compare with"


@dataclass(frozen=True)
class Fact:
    """Something that a metric may need: whether a gallery ``has`` it, and a sentence if not."""

    why_absent: str
    has: Has


@dataclass(frozen=True)
class Stream(Fact):
    """Pictures of one kind in a fixed order. ``make`` gives batches [N, 3, R, R] in [-1, 1] from
    one on, up to so many of all, or (0) all; what is not ``kept``, for no network makes it, from
    the start. ``shifts`` names the stream whose pictures it shows beside the one before.
    """

    make: Make
    size: Callable[[Gallery], int]
    kept: bool = False
    shifts: str = ""


def from_latents(network: str) -> Make:
    """What a network of the adapter, by its dotted name, makes of the gallery's latents."""

    def make(gallery: Gallery, start: int, first: int) -> Iterator[Tensor]:
        latents = gallery.z()[start : first or None]
        return gallery.batched(attrgetter(network)(gallery.adapter), latents)

    return make


def stylised(gallery: Gallery, start: int, first: int) -> Iterator[Tensor]:
    for photos in gallery.images("photos", first, start):
        yield from gallery.batched(gallery.adapter.stylise, photos)


def of_domain(name: str, *, limited: bool) -> Make:
    """The domain's own pictures, as many as there are photos if limited; read from their start."""

    def make(gallery: Gallery, start: int, first: int) -> Iterator[Tensor]:
        return first_of(getattr(gallery.domain, name)(), gallery.photos if limited else 0)

    return make


def size_of(name: str, *, limited: bool) -> Callable[[Gallery], int]:
    """How many those are."""

    def size(gallery: Gallery) -> int:
        there = len(getattr(gallery.domain, name)())
        return min(there, gallery.photos) if limited else there

    return size


def domain_has(name: str) -> Has:
    """Whether the domain gives anything of this name: absence is an empty sequence."""

    def has(gallery: Gallery) -> bool:
        value: Any = getattr(gallery.domain, name, ())
        items = value() if callable(value) else value
        return len(items) > 0 if hasattr(items, "__len__") else any(True for _ in items)

    return has


def trained(gallery: Gallery) -> bool:
    return bool(gallery.adapter.source.trained)


def shown(name: str) -> Has:
    """Whether the gallery takes held-out people at all, and the domain shows them so."""
    return lambda gallery: gallery.photos > 0 and domain_has(name)(gallery)


def first_of(batches: Iterable[Tensor], limit: int) -> Iterator[Tensor]:
    """Batches up to ``limit`` pictures in all; 0 for no limit."""
    left = limit
    for batch in batches:
        yield batch[:left] if limit else batch
        left -= len(batch)
        if limit and left <= 0:
            return


SAMPLES = attrgetter("samples")
NEEDS: dict[str, Fact] = {
    "fakes": Stream("the method makes no pictures from latents", lambda gallery: True,
                    from_latents("sample"), SAMPLES, kept=True),
    # The source's pictures of the same latents, and of other ones.
    "sources": Stream(NO_SOURCE, trained, from_latents("source.g"), SAMPLES, kept=True),
    "others": Stream(NO_SOURCE, lambda gallery: trained(gallery) and gallery.samples > 1,
                     from_latents("source.g"), SAMPLES, shifts="sources"),
    # Held-out pictures of the domain, and those that a method learns from.
    "reference": Stream("the data have no held-out reference pictures",
                        lambda gallery: bool(gallery.domain.has_reference),
                        of_domain("reference", limited=False),
                        size_of("reference", limited=False)),
    "shots": Stream("the data have no shots", lambda gallery: len(gallery.shots) > 0,
                    lambda gallery, *_: iter(gallery.shots.split(gallery.together)),
                    lambda gallery: len(gallery.shots)),
    # Held-out people of the source domain, in the new style, and as they truly look in the domain.
    "photos": Stream("there are no held-out photos", shown("photos"),
                     of_domain("photos", limited=True),
                     size_of("photos", limited=True)),
    "stylised": Stream("there are no held-out photos, or no trained source to invert them",
                       lambda gallery: trained(gallery) and shown("photos")(gallery),
                       stylised, size_of("photos", limited=True), kept=True),
    "translated": Stream("nobody knows how the held-out people look in this domain",
                         shown("translations"), of_domain("translations", limited=True),
                         size_of("translations", limited=True)),
    "landmark_pairs": Fact("the true geometric map from photos to this domain is not known",
                           domain_has("landmark_pairs")),
    "translation_landmarks": Fact("the true landmarks of the held-out people are not known",
                                  domain_has("translation_landmarks")),
    # Parameters of the people of the photos, and of those whom latents name.
    "photographed": Fact("nobody knows how the held-out people truly look in this domain",
                   shown("photographed")),
    "named": Fact("the source's latents name nobody who could be drawn in this domain",
                  lambda gallery: trained(gallery) and gallery.adapter.source.names_people
                  and domain_has("photographed")(gallery)),
}  # fmt: skip
STREAMS = {name: need for name, need in NEEDS.items() if isinstance(need, Stream)}
