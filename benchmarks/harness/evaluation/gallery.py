"""What a finished run shows: streams of pictures and, once each, what networks see in them.
Pictures and features are kept in a `feature_store`: in memory, or on disk, where they outlive a
kill. All metrics look at the same pictures, in 8 bits as if saved; `streams` lists them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, partial
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.evaluation.feature_store import FeatureStore, InMemory, Rows, state_digest
from benchmarks.harness.evaluation.measure import Measure, TooFew
from benchmarks.harness.evaluation.streams import NEEDS, STREAMS
from benchmarks.harness.io.contact_sheet import to_uint8
from benchmarks.harness.io.prefetch import prefetch
from core import hashing
from core.adaptive_batches import AdaptiveBatches
from core.types import Shots

T = TypeVar("T")
WORKERS = 12  # threads at most that prepare pictures, as many as clean-fid has
PIXELS = {"cpu": 64**2, "cuda": 256**2}  # of a picture, of which ``batch_size`` fit into memory
BEGINNING = 8  # pictures that tell whether those kept are of this generator
IN_MEMORY = InMemory()


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
        """The number, from the streams and facts that it needs."""


def latents(n: int, width: int, seed: int) -> Tensor:
    """Latents [n, Z], the same on every machine and for every method."""
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


class FeatureRequest(NamedTuple):
    """Features that a metric asks for: of a stream, by an extractor, of the first (0: all)."""

    stream: str
    extractor: Any
    first: int = 0


class ThroughExtractor:
    """A metric through one extractor, whose heads it reads of whole streams; ``heads`` and
    ``abilities`` are those, and the methods, that each of its extractors must have.
    """

    better = "lower"
    needs: tuple[str, ...] = ("fakes", "sources", "others")
    heads: tuple[tuple[str, ...], ...] = (("features",),)
    abilities: tuple[str, ...] = ()

    def __init__(self, extractor: Any) -> None:
        self.extractors: tuple[Any, ...] = (extractor,)

    def also(self, gallery: Gallery) -> tuple[str, ...]:
        """Streams that it reads beside those it needs."""
        return ()

    def requests(self, gallery: Gallery) -> Iterable[FeatureRequest]:
        """All that it will ask the gallery for, so that a bar knows how much that is."""
        streams = (*self.needs, *self.also(gallery))
        return [FeatureRequest(name, self.extractors[0]) for name in streams if name in STREAMS]

    def read(self, gallery: Gallery, head: str, *streams: str, **first: int) -> list[Tensor]:
        """A head [n, ...] for each stream, of the ``first`` pictures or of all."""
        return [gallery.features(s, self.extractors[0], head, **first) for s in streams]


class Batchwise(ThroughExtractor):
    """A metric that has its extractor look at pictures itself: features would be too large."""

    def requests(self, gallery: Gallery) -> Iterable[FeatureRequest]:
        return ()


@dataclass(eq=False)
class Gallery:
    """The pictures of one adapter, in evaluation mode, in one domain, and their features, each made
    once. It draws ``samples`` latents of ``seed`` and takes ``photos`` held-out people at most;
    ``progress`` is told how many pictures of how many were read, and of which stream.
    """

    adapter: Any
    domain: Any
    _: KW_ONLY
    samples: int
    photos: int
    seed: int
    batch_size: int
    progress: Callable[[int, int, str], None] = lambda done, total, what: None
    store: FeatureStore = IN_MEMORY

    def __post_init__(self) -> None:
        self.planned: dict[tuple[Any, ...], int] = {}  # pictures to be made, and to be looked at
        self.counted: dict[tuple[Any, ...], int] = {}
        self.notes: list[str] = []
        self.together = together(self.batch_size, self.domain.resolution, self.adapter.device)
        self.batches = AdaptiveBatches(self.together, self.notes.append)
        self._pixels: dict[str, np.ndarray] = {}
        self._features: dict[tuple[str, str, int], dict[str, Tensor]] = {}
        self._once: dict[Hashable, Any] = {}

    def z(self) -> Tensor:
        return latents(self.samples, self.adapter.source.g.z_dim, self.seed)

    def has(self, need: str) -> bool:
        """Whether the adapter and the domain can show this stream or know this fact."""
        return NEEDS[need].has(self)

    @cached_property
    def shots(self) -> Shots:
        """The domain's shots [K, 3, R, R], floats only where they are looked at."""
        shots: Shots = self.domain.streamed(torch.device("cpu"))
        return shots

    def pictures(self, stream: str) -> np.ndarray:
        """All pictures of a stream as bytes [n, R, R, 3]."""
        if base := STREAMS[stream].shifts:
            return np.roll(self.pictures(base), 1, axis=0)
        if stream not in self._pixels:
            store: FeatureStore = self.store if STREAMS[stream].kept else IN_MEMORY
            rows = store.get(lambda: {"pictures": self.origin(stream)}, partial(self._make, stream))
            self._pixels[stream] = rows["pixels"]
            self._advance((stream,), self.planned.get((stream,), 0))
        return self._pixels[stream]

    def images(self, stream: str, first: int = 0, start: int = 0) -> Iterator[Tensor]:
        """Batches [N, 3, R, R] in [-1, 1] of the ``first`` (0: all) pictures from ``start`` on."""
        base = STREAMS[stream].shifts
        name = base or stream
        if self.store.on_disk and not STREAMS[name].kept and name not in self._pixels:
            yield from self._read_again(name, first, start)
            return
        pixels = self.pictures(name)
        end = min(len(pixels), first or len(pixels))
        for begin in range(start, end, self.together):
            rows = pixels[begin : min(begin + self.together, end)]
            if base:
                rows = pixels[np.arange(begin - 1, begin - 1 + len(rows)) % len(pixels)]
            yield as_images(rows)

    def some(self, stream: str, indices: Tensor) -> Iterator[Tensor]:
        """Batches [N, 3, R, R] in [-1, 1] of the pictures with these indices, in their order."""
        pixels = self.pictures(stream)
        for part in indices.split(self.together):
            yield as_images(pixels[part.numpy()])

    def features(self, stream: str, extractor: Extractor, head: str, first: int = 0) -> Tensor:
        """What a head of the extractor sees in a stream, [n, ...] on the CPU; read once."""
        if base := STREAMS[stream].shifts:
            return self.features(base, extractor, head, first).roll(1, 0)
        stream, _, first = key = self._key(FeatureRequest(stream, extractor, first))
        if key not in self._features:
            rows = self.store.get(
                lambda: {"seen": self.origin(stream), "first": first, **extractor_key(extractor)},
                partial(self._extract, stream, extractor, first),
            )
            self._features[key] = {name: torch.from_numpy(row) for name, row in rows.items()}
            self._advance(key, self.planned.get(key, 0))
        return self._features[key][head]

    def _key(self, request: FeatureRequest) -> tuple[str, str, int]:
        """Under which name features are kept: the first of as many as there are is all."""
        stream = STREAMS[request.stream].shifts or request.stream
        some = 0 < request.first < STREAMS[stream].size(self)
        return stream, request.extractor.name, request.first if some else 0

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What several metrics derive from the same features, derived by the first of them."""
        if key not in self._once:
            self._once[key] = make()
        return self._once[key]

    def origin(self, stream: str) -> dict[str, Any]:
        """What decides how the pictures of a stream look, for a store that outlives the run."""
        return self.once(("origin", stream), lambda: self._origin(stream))

    def _origin(self, stream: str) -> dict[str, Any]:
        make = STREAMS[stream].make
        if not STREAMS[stream].kept:
            levels = [to_uint8(batch) for batch in make(self, 0, 0)]
            digest = hashing.of_parts(pixels.tobytes() for pixels in levels)
            return {"sha256": digest, "n": sum(map(len, levels))}
        network = self.adapter.source.g if stream == "sources" else self.adapter
        beginning = (to_uint8(batch).tobytes() for batch in make(self, 0, BEGINNING))
        about = {"stream": stream, "weights": state_digest(network), "samples": self.samples}
        about |= {"seed": self.seed, "begins": hashing.of_parts(beginning)}
        return about | ({"photos": self.origin("photos")} if stream == "stylised" else {})

    def expect(self, metrics: Iterable[Metric]) -> None:
        """Count beforehand how many pictures these metrics will have made and looked at."""
        every = list(metrics)
        requests = [r for m in every if hasattr(m, "requests") for r in m.requests(self)]
        sizes = {name: stream.size(self) for name, stream in STREAMS.items() if self.has(name)}
        keys = {self._key(request) for request in requests}
        self.planned = {key: min(sizes[key[0]], key[2] or sizes[key[0]]) for key in keys}
        needed = {need for m in every for need in m.needs} | {stream for stream, _, _ in keys}
        made = {STREAMS[need].shifts or need for need in needed & STREAMS.keys()}
        self.planned |= {(name,): sizes[name] for name in made if STREAMS[name].kept}
        self.counted = {}
        self.progress(0, sum(self.planned.values()), "")

    def batched(self, work: Callable[[Tensor], T], items: Tensor) -> Iterator[T]:
        """What ``work`` makes of items [n, ...] on the adapter's device, batch by batch."""
        quietly = torch.no_grad()(lambda part: work(part.to(self.adapter.device)))
        return self.batches.map(quietly, items)  # an inversion asks for gradients itself

    def _make(self, stream: str, start: int) -> Iterator[Rows]:
        self._advance((stream,), start)
        for batch in STREAMS[stream].make(self, start, 0):
            yield {"pixels": to_uint8(batch)}
            self._advance((stream,), len(batch))

    def _read_again(self, stream: str, first: int, start: int) -> Iterator[Tensor]:
        batches = STREAMS[stream].make(self, 0, 0)
        pictures = (picture for batch in batches for picture in to_uint8(batch))
        rows = islice(pictures, start, first or None)
        while batch := list(islice(rows, self.together)):
            yield as_images(np.stack(batch))

    def _extract(self, stream: str, extractor: Any, first: int, start: int) -> Iterator[Rows]:
        key = stream, extractor.name, first
        self._advance(key, start)
        prepare = getattr(extractor, "prepare", None)
        look = extractor.look if prepare else extractor
        images = self.images(stream, first, start)
        workers = min(WORKERS, os.cpu_count() or 1)
        for batch in prefetch(images, prepare, workers) if prepare else images:
            for heads in self.batched(look, batch):
                yield {name: values.cpu().numpy() for name, values in heads.items()}
            self._advance(key, len(batch))

    def _advance(self, key: tuple[Any, ...], images: int) -> None:
        """Tell of what was planned: of a stream pictures made, or features of an extractor."""
        if key in self.planned:
            self.counted[key] = min(self.counted.get(key, 0) + images, self.planned[key])
            what = key[0] if len(key) > 1 else f"{key[0]} to be made"
            self.progress(sum(self.counted.values()), sum(self.planned.values()), what)


def together(batch_size: int, side: int, device: torch.device) -> int:
    """How many pictures are held at a time: no more pixels than ``batch_size`` of 64 px have, on a
    GPU of 256 px, which is what memory is needed for.
    """
    pixels = batch_size * PIXELS.get(device.type, PIXELS["cpu"])
    return min(batch_size, max(1, pixels // side**2))


def networks(metrics: Mapping[str, Metric]) -> dict[str, Any]:
    """For a record: by metric, checksums of the optional files that it looks through, if any."""
    files: dict[str, dict[str, str]] = {}
    for name, metric in metrics.items():
        for extractor in getattr(metric, "extractors", ()):
            if hasattr(extractor, "path"):
                own = {extractor.name: extractor.sha256, **extractor.files}
                files.setdefault(name, {}).update(own)
    return {"networks": files} if files else {}


def extractor_key(extractor: Any) -> dict[str, str]:
    """What decides what an extractor sees: its name, and the checksums of its files."""
    own = {"extractor": extractor.name, "sha256": getattr(extractor, "sha256", "")}
    return own | getattr(extractor, "files", {})


class Result(NamedTuple):
    """Measures by name, and one sentence for each metric that could not be taken."""

    measures: dict[str, Measure]
    left_out: dict[str, str]


def measure(gallery: Gallery, metrics: Mapping[str, Metric]) -> Result:
    """Take every metric whose needs the gallery has; say why the others are left out."""
    result = Result({}, {})
    for name, metric in metrics.items():
        lacking = [NEEDS[need].why_absent for need in metric.needs if not gallery.has(need)]
        if lacking:
            result.left_out[name] = "; ".join(dict.fromkeys(lacking)) + "."
    possible = {name: metric for name, metric in metrics.items() if name not in result.left_out}
    gallery.expect(possible.values())
    for name, metric in possible.items():
        try:
            result.measures[name] = metric(gallery)
        except TooFew as trouble:
            result.left_out[name] = f"{trouble}."
    total = sum(gallery.planned.values())
    gallery.progress(total, total, "done")
    return result
