"""What a finished run shows: named streams of pictures and, once each, what networks see in them.

Streams: ``fakes`` and ``sources`` (the same latents), ``others`` (the sources of other latents),
``reference`` (held-out pictures of the domain), ``shots``, ``photos`` (held-out people of the
source domain), ``stylised`` (those photos in the new style) and ``translated`` (the true pictures
of the same people in the domain). Every metric looks at the same pictures, in 8 bits as they
would be saved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from benchmarks.measure import Measure
from benchmarks.memory import Portions
from benchmarks.pictures import as_images
from benchmarks.sheet import to_uint8

T = TypeVar("T")
ABSENT = {
    "fakes": "the method makes no pictures from latents",
    "sources": "the method has no trained source to compare with",
    "others": "the method has no trained source to compare with",
    "reference": "the data have no held-out reference pictures",
    "shots": "the data have no shots",
    "photos": "the data have no held-out photos",
    "stylised": "there are no held-out photos, or no trained source to invert them",
    "translated": "nobody knows how the held-out people look in this domain",
    "landmark_pairs": "the true geometric map from photos to this domain is not known",
    "translation_landmarks": "the true landmarks of the held-out people are not known",
}


class Extractor(Protocol):
    """A named network that reads images [N, 3, R, R] into one or several tensors [N, ...]."""

    name: str

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """What it sees, by head."""


class Metric(Protocol):
    """One number of a gallery."""

    better: str
    needs: tuple[str, ...]

    def __call__(self, gallery: Gallery) -> Measure:
        """Measure the gallery."""


def silent(done: int, total: int, what: str) -> None:
    """Tell nobody about the progress."""


class Gallery:
    """The pictures of one adapter in one domain, and their features, each made once."""

    def __init__(
        self,
        adapter: Any,
        domain: Any,
        *,
        samples: int,
        photos: int,
        seed: int,
        batch_size: int,
        progress: Callable[[int, int, str], None] = silent,
    ) -> None:
        """Judge ``adapter`` by ``samples`` latents drawn from ``seed`` and ``photos`` photos."""
        self.adapter, self.domain = adapter, domain
        self.samples, self.held_out = samples, photos
        self.seed, self.batch_size = seed, batch_size
        self.progress = progress
        self.done = self.total = 0
        self.notes: list[str] = []
        self.portions = Portions(batch_size, self.notes.append)
        self._pixels: dict[str, np.ndarray] = {}
        self._features: dict[tuple[str, str, int], dict[str, Tensor]] = {}

    def z(self) -> Tensor:
        """The latents [samples, Z], the same on every machine and for every method."""
        generator = torch.Generator().manual_seed(self.seed)
        return torch.randn(self.samples, self.adapter.source.g.z_dim, generator=generator)

    def has(self, stream: str) -> bool:
        """Whether the adapter and the domain can show this stream or know this fact."""
        source = self.adapter.source.trained
        facts = {
            "fakes": True,
            "sources": source,
            "others": source and self.samples > 1,
            "reference": self.domain.has_reference,
            "stylised": source and self._any("photos"),
            "translated": self._any("translations"),
        }
        return bool(facts[stream] if stream in facts else self._any(stream))

    def _any(self, name: str) -> bool:
        """Whether the domain gives anything of this name: absence is an empty sequence."""
        found = getattr(self.domain, name, ())
        given = found() if callable(found) else found
        return len(given) > 0 if hasattr(given, "__len__") else any(True for _ in given)

    def pictures(self, stream: str) -> np.ndarray:
        """All pictures of a stream as bytes [n, R, R, 3]."""
        if stream == "others":
            return np.roll(self.pictures("sources"), 1, axis=0)
        if stream not in self._pixels:
            self._pixels[stream] = np.concatenate([to_uint8(b) for b in self._make(stream)])
        return self._pixels[stream]

    def images(self, stream: str, first: int = 0) -> Iterator[Tensor]:
        """Batches [N, 3, R, R] in [-1, 1] of a stream; of the ``first`` pictures, or (0) of all."""
        pixels = self.pictures(stream)[: first or None]
        for start in range(0, len(pixels), self.batch_size):
            yield as_images(pixels[start : start + self.batch_size])

    def features(self, stream: str, extractor: Extractor, head: str, first: int = 0) -> Tensor:
        """What a head of the extractor sees in a stream, [n, ...] on the CPU; read once."""
        if stream == "others":
            return self.features("sources", extractor, head, first).roll(1, 0)
        key = (stream, extractor.name, first)
        if key not in self._features:
            parts: dict[str, list[Tensor]] = {}
            for images in self.images(stream, first):
                for seen in self._portions(extractor, images):
                    for name, values in seen.items():
                        parts.setdefault(name, []).append(values.cpu())
                self._advance(len(images), stream)
            self._features[key] = {name: torch.cat(values) for name, values in parts.items()}
        return self._features[key][head]

    def expect(self, metrics: Iterable[Metric]) -> None:
        """Count beforehand how many pictures these metrics will read."""
        jobs = {
            ("sources" if stream == "others" else stream, extractor.name): getattr(m, "samples", 0)
            for m in metrics
            for stream in m.needs
            if stream in ABSENT and not stream.endswith(("_pairs", "_landmarks"))
            for extractor in getattr(m, "extractors", ())
        }
        self.done = 0
        self.total = sum(self._size(stream, first) for (stream, _), first in jobs.items())

    def _size(self, stream: str, first: int) -> int:
        sizes = {"shots": len(self.domain.shots)}
        sizes |= dict.fromkeys(("photos", "stylised", "translated"), self.held_out)
        size = sizes.get(stream, self.samples)
        return min(size, first or size)

    def _advance(self, images: int, what: str) -> None:
        self.done += images
        self.total = max(self.total, self.done)
        self.progress(self.done, self.total, what)

    def _portions(self, work: Callable[[Tensor], T], items: Tensor) -> Iterator[T]:
        """What ``work`` makes of items [n, ...] on the adapter's device, batch by batch."""
        device = self.adapter.device

        def quietly(part: Tensor) -> T:
            with torch.no_grad():  # an inversion asks for gradients itself
                return work(part.to(device))

        return self.portions(quietly, items)

    def _make(self, stream: str) -> Iterator[Tensor]:
        if stream in ("fakes", "sources"):
            generator = self.adapter.sample if stream == "fakes" else self.adapter.source.g
            yield from self._portions(generator, self.z())
        elif stream == "stylised":
            for images in self.images("photos"):
                yield from self._portions(self.adapter.stylise, images)
        elif stream == "shots":
            yield self.domain.shots
        else:
            named = {"translated": "translations"}.get(stream, stream)
            limit = 0 if stream == "reference" else self.held_out
            yield from first_of(getattr(self.domain, named)(), limit)


def first_of(batches: Iterable[Tensor], limit: int) -> Iterator[Tensor]:
    """Batches up to ``limit`` pictures in all; 0 for no limit."""
    left = limit
    for batch in batches:
        yield batch[:left] if limit else batch
        left -= len(batch)
        if limit and left <= 0:
            return


@dataclass(frozen=True)
class Result:
    """Measures by name, and one sentence for each metric that could not be taken."""

    measures: dict[str, Measure] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def measure(gallery: Gallery, metrics: Mapping[str, Metric]) -> Result:
    """Take every metric whose needs the gallery has; say why the others are left out."""
    result = Result()
    for name, metric in metrics.items():
        lacking = [need for need in metric.needs if not gallery.has(need)]
        if lacking:
            result.left_out[name] = "; ".join(dict.fromkeys(ABSENT[need] for need in lacking)) + "."
    taken = {name: metric for name, metric in metrics.items() if name not in result.left_out}
    gallery.expect(taken.values())
    for name, metric in taken.items():
        result.measures[name] = metric(gallery)
    gallery.progress(gallery.total, gallery.total, "done")
    return result
