"""What a finished run shows: named streams of pictures and, once each, what networks see in them.

A gallery keeps its rows in a `feature_store`: in memory, or on the disk, where they
outlive a kill and need not fit into memory.

Streams: ``fakes`` and ``sources`` (the same latents), ``others`` (the sources of other latents),
``reference`` (held-out pictures of the domain), ``shots``, ``photos`` (held-out people of the
source domain), ``stylised`` (those photos in the new style) and ``translated`` (the true pictures
of the same people in the domain). Every metric looks at the same pictures, in 8 bits as they
would be saved.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.evaluation.adaptive_batches import Portions
from benchmarks.harness.evaluation.feature_store import (
    Bank,
    Memory,
    Rows,
    digest,
    state_digest,
)
from benchmarks.harness.evaluation.measure import Measure, TooFew
from benchmarks.harness.io.contact_sheet import to_uint8
from benchmarks.harness.io.prefetch import prefetch
from core.types import Shots

T = TypeVar("T")
MADE = ("fakes", "sources", "stylised")
"""Streams that networks make; the others are the domain's pictures as they are."""
WORKERS = 4  # threads at most that prepare pictures
BEGINNING = 8  # pictures that tell whether kept rows are of this generator
ABSENT = {
    "fakes": "the method makes no pictures from latents",
    "sources": "the method has no trained source to compare with",
    "others": "the method has no trained source to compare with",
    "reference": "the data have no held-out reference pictures",
    "shots": "the data have no shots",
    "photos": "there are no held-out photos",
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


MEMORY = Memory()


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
        bank: Bank = MEMORY,
    ) -> None:
        """Judge ``adapter`` by ``samples`` latents drawn from ``seed`` and ``photos`` photos."""
        self.adapter, self.domain = adapter, domain
        self.samples, self.held_out = samples, photos
        self.seed, self.batch_size = seed, batch_size
        self.progress = progress
        self.done = self.total = 0
        self.notes: list[str] = []
        self.portions = Portions(batch_size, self.notes.append)
        self.bank = bank
        self._pixels: dict[str, np.ndarray] = {}
        self._features: dict[tuple[str, str, int], dict[str, Tensor]] = {}
        self._once: dict[Hashable, Any] = {}

    def z(self) -> Tensor:
        """The latents [samples, Z], the same on every machine and for every method."""
        generator = torch.Generator().manual_seed(self.seed)
        return torch.randn(self.samples, self.adapter.source.g.z_dim, generator=generator)

    def has(self, stream: str) -> bool:
        """Whether the adapter and the domain can show this stream or know this fact."""
        source = self.adapter.source.trained
        photos = self.held_out > 0 and self._any("photos")
        facts = {
            "fakes": True,
            "shots": len(self.shots) > 0,
            "sources": source,
            "others": source and self.samples > 1,
            "reference": self.domain.has_reference,
            "photos": photos,
            "stylised": source and photos,
            "translated": self.held_out > 0 and self._any("translations"),
        }
        return bool(facts[stream] if stream in facts else self._any(stream))

    @cached_property
    def shots(self) -> Shots:
        """The domain's shots [K, 3, R, R], floats only where they are looked at."""
        given: Shots = self.domain.streamed(torch.device("cpu"))
        return given

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
            make = partial(self._bytes, stream)
            kept: Bank = self.bank if stream in MADE else MEMORY
            made = kept.rows(lambda: {"pictures": self.origin(stream)}, make)
            self._pixels[stream] = made["pixels"]
        return self._pixels[stream]

    def images(self, stream: str, first: int = 0, start: int = 0) -> Iterator[Tensor]:
        """Batches [N, 3, R, R] in [-1, 1] of a stream; of the ``first`` pictures, or (0) of all.

        The first ``start`` of them are passed over.
        """
        base = "sources" if stream == "others" else stream
        if self.bank.streams and base not in MADE and base not in self._pixels:
            yield from self._given(base, first, start)
            return
        pixels = self.pictures(base)
        end = min(len(pixels), first or len(pixels))
        for begin in range(start, end, self.batch_size):
            rows = pixels[begin : min(begin + self.batch_size, end)]
            if base != stream:  # every picture beside the one before it
                rows = pixels[np.arange(begin - 1, begin - 1 + len(rows)) % len(pixels)]
            yield as_images(rows)

    def some(self, stream: str, indices: Tensor) -> Iterator[Tensor]:
        """Batches [N, 3, R, R] in [-1, 1] of the pictures with these indices, in their order."""
        pixels = self.pictures(stream)
        for part in indices.split(self.batch_size):
            yield as_images(pixels[part.numpy()])

    def features(self, stream: str, extractor: Extractor, head: str, first: int = 0) -> Tensor:
        """What a head of the extractor sees in a stream, [n, ...] on the CPU; read once."""
        if stream == "others":
            return self.features("sources", extractor, head, first).roll(1, 0)
        key = (stream, extractor.name, first)
        if key not in self._features:
            made = self.bank.rows(
                lambda: {"seen": self.origin(stream), "first": first, **identity(extractor)},
                partial(self._seen, stream, extractor, first),
            )
            self._features[key] = {name: torch.from_numpy(rows) for name, rows in made.items()}
        return self._features[key][head]

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What several metrics derive from the same features, derived by the first of them."""
        if key not in self._once:
            self._once[key] = make()
        return self._once[key]

    def origin(self, stream: str) -> dict[str, Any]:
        """What decides how the pictures of a stream look, for a bank that outlives the run."""
        return self.once(("origin", stream), lambda: self._origin(stream))

    def _origin(self, stream: str) -> dict[str, Any]:
        if stream not in MADE:
            levels = [to_uint8(batch) for batch in self._make(stream, 0)]
            return {"sha256": digest(levels), "n": sum(map(len, levels))}
        network = self.adapter.source.g if stream == "sources" else self.adapter
        begun = map(to_uint8, self._make(stream, 0, BEGINNING))
        about = {"stream": stream, "weights": state_digest(network), "samples": self.samples}
        about |= {"seed": self.seed, "begins": digest(begun)}
        return about | ({"photos": self.origin("photos")} if stream == "stylised" else {})

    def _bytes(self, stream: str, start: int) -> Iterator[Rows]:
        """Pictures from one on, as rows of the bank."""
        made = self.bank.streams and stream in MADE
        if made:
            self._advance(start, f"{stream} to be made")
        for batch in self._make(stream, start):
            yield {"pixels": to_uint8(batch)}
            if made:
                self._advance(len(batch), f"{stream} to be made")

    def _given(self, stream: str, first: int, start: int) -> Iterator[Tensor]:
        """The domain's pictures in batches of ours, without ever holding them all."""
        held: list[np.ndarray] = []
        passed, left = start, max((first or 1 << 62) - start, 0)
        for batch in self._make(stream, 0):
            rows = to_uint8(batch)[passed:] if passed else to_uint8(batch)
            passed = max(0, passed - len(batch))
            held.append(rows[:left])
            left -= len(held[-1])
            while sum(map(len, held)) >= self.batch_size:
                whole = np.concatenate(held)
                held = [whole[self.batch_size :]]
                yield as_images(whole[: self.batch_size])
            if not left:
                break
        if sum(map(len, held)):
            yield as_images(np.concatenate(held))

    def _seen(self, stream: str, extractor: Any, first: int, start: int) -> Iterator[Rows]:
        """What an extractor sees in the pictures from one on, as rows of the bank."""
        self._advance(start, stream)
        prepare = getattr(extractor, "prepare", None)
        look = extractor.look if prepare else extractor
        batches = self.images(stream, first, start)
        workers = min(WORKERS, os.cpu_count() or 1)
        for ready in prefetch(batches, prepare, workers) if prepare else batches:
            for seen in self._portions(look, ready):
                yield {name: values.cpu().numpy() for name, values in seen.items()}
            self._advance(len(ready), stream)

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
        if self.bank.streams:  # many pictures: making them is worth telling as well
            self.total += sum(self._size(s, 0) for s in {stream for stream, _ in jobs} & set(MADE))

    def _size(self, stream: str, first: int) -> int:
        sizes = {"shots": len(self.shots)}
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

    def _make(self, stream: str, start: int, first: int = 0) -> Iterator[Tensor]:
        """Pictures of a stream from one on, up to ``first``, or (0) all."""
        stop = first or None
        if stream in ("fakes", "sources"):
            generator = self.adapter.sample if stream == "fakes" else self.adapter.source.g
            yield from self._portions(generator, self.z()[start:stop])
        elif stream == "stylised":
            for images in self.images("photos", first, start):
                yield from self._portions(self.adapter.stylise, images)
        elif stream == "shots":
            yield from self.shots.split(self.batch_size)
        else:
            named = {"translated": "translations"}.get(stream, stream)
            limit = 0 if stream == "reference" else self.held_out
            yield from first_of(getattr(self.domain, named)(), limit)


def networks(metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """For a record: by metric, checksums of the optional files that it looks through, if any."""
    found: dict[str, dict[str, str]] = {}
    for name, metric in metrics.items():
        found[name] = {}
        for extractor in getattr(metric, "extractors", ()):
            if hasattr(extractor, "path"):
                found[name] |= {extractor.name: extractor.sha256, **extractor.files}
    found = {name: files for name, files in found.items() if files}
    return {"networks": found} if found else {}


def identity(extractor: Any) -> dict[str, str]:
    """What decides what an extractor sees: its name, and the checksums of its files."""
    own = {"extractor": extractor.name, "sha256": getattr(extractor, "sha256", "")}
    return own | getattr(extractor, "files", {})


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
        try:
            result.measures[name] = metric(gallery)
        except TooFew as trouble:
            result.left_out[name] = f"{trouble}."
    gallery.progress(gallery.total, gallery.total, "done")
    return result
