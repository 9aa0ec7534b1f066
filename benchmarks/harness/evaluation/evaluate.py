"""A finished run in numbers and one picture."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from itertools import chain, repeat
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.harness.evaluation import feature_store
from benchmarks.harness.evaluation.gallery import Gallery, Metric, Result, latents, measure
from benchmarks.harness.evaluation.measure import Measure, NotFinite
from benchmarks.harness.io import contact_sheet
from benchmarks.harness.io.contact_sheet import to_uint8
from core.errors import UserError
from core.progress import bar

COLUMNS, BANDS = 10, 3  # of the contact sheet
PEOPLE = {
    "photos": "photographs",
    "stylised": "in the style",
    "translated": "as they truly look",
}
COMPARED = 1000  # pictures at most, to see whether they differ at all
FLAT_LEVELS = 1.0  # of 255


@dataclass(frozen=True)
class Outcome:
    """Numbers, a sheet of pictures, warnings in sentences, and the reason of a failure."""

    result: Result
    sheet: Image.Image
    warnings: list[str] = field(default_factory=list)
    reason: str = ""

    @property
    def finished(self) -> bool:
        return not self.reason

    def record(self) -> dict[str, Any]:
        state = {"state": "failed", "reason": self.reason} if self.reason else {"state": "finished"}
        measures = {key: asdict(measure) for key, measure in self.result.measures.items()}
        return {**state, "metrics": measures, "left_out": self.result.left_out}


@dataclass(frozen=True)
class Evaluator:
    """How runs are evaluated: ``samples`` latents of ``seed`` and at most ``photos`` held-out
    photos, ``batch_size`` together, which are kept in ``memory`` or on ``disk`` meanwhile.
    """

    metrics: Mapping[str, Metric]
    samples: int
    photos: int
    seed: int
    batch_size: int
    keep: str = "memory"

    def __call__(self, adapter: Any, domain: Any, title: str) -> Outcome:
        """Numbers and picture of a finished adapter; NotFinite where they are not finite."""
        gallery = self.gallery(adapter.eval(), domain)
        result = self.measure(gallery)
        with torch.no_grad():
            z = gallery.z()[: COLUMNS * BANDS].to(adapter.device)
            fakes = adapter.sample(z)
            sources = adapter.source.g(z) if gallery.has("sources") else None
        if not fakes.isfinite().all():
            raise NotFinite("the pictures of the finished run are not finite.")
        warnings = [*gallery.notes, *identical_images(gallery.pictures("fakes")[:COMPARED])]
        people = self.people(gallery, result.measures) if gallery.has("stylised") else None
        sheet = contact_sheet.of_run(gallery.shots, sources, fakes, title, COLUMNS, BANDS, people)
        return Outcome(result, sheet, warnings)

    def people(self, gallery: Gallery, measures: Mapping[str, Measure]) -> contact_sheet.Band:
        """Held-out people of the sheet, with what was measured of each and of all."""
        shown = [name for name in PEOPLE if gallery.has(name)]
        rows = [to_uint8(torch.cat([*gallery.images(name, COLUMNS)])) for name in shown]
        title = ", ".join(PEOPLE[name] for name in shown)
        known = {
            name: metric
            for name, metric in self.metrics.items()
            if name in measures and {"stylised", "photographed"} <= {*metric.needs}
        }
        each = {name: m.each(gallery) for name, m in known.items() if hasattr(m, "each")}
        captions = [
            " / ".join(f"{value:.2g}" for value in numbers)
            for numbers in zip(*(values.tolist() for values in each.values()), strict=True)
        ][: len(rows[0])]
        if each:
            title += f"; below each its {' / '.join(each)}"
        words = "  ".join(f"{name} {measures[name].value:.3g}" for name in known)
        if known:
            words = f"{measures[next(iter(known))].n} people:  {words}"
        return contact_sheet.Band(title, rows, captions, words)

    @torch.no_grad()
    def check(self, side: int) -> None:
        """Have every network look at one blank picture of ``side`` px; UserError where it cannot,
        or does not see what a metric reads.
        """
        blank, seen = torch.zeros(1, 3, side, side), dict[str, frozenset[str]]()
        for name, metric in self.metrics.items():
            heads = chain(getattr(metric, "heads", ()), repeat(()))
            for extractor, needed in zip(getattr(metric, "extractors", ()), heads, strict=False):
                if extractor.name not in seen:
                    try:
                        seen[extractor.name] = frozenset(extractor(blank))
                    except Exception as error:  # whatever a network of anybody's says of a size
                        why = str(error).partition("\n")[0]
                        who = f"{name}: {extractor.name} cannot look at pictures of {side} px"
                        raise UserError(f"{who} ({why}).") from error
                has = seen[extractor.name]
                lacking = [head for head in needed if head not in has]
                able = getattr(metric, "abilities", ())
                lacking += [ability for ability in able if not hasattr(extractor, ability)]
                if lacking:
                    raise UserError(f"{name}: {extractor.name} has no {', '.join(lacking)}.")

    def gallery(self, adapter: Any, domain: Any) -> Gallery:
        sizes: Any = {"samples": self.samples, "photos": self.photos, "seed": self.seed}
        sizes |= {"batch_size": self.batch_size, "store": feature_store.of(self.keep)}
        return Gallery(adapter, domain, **sizes)

    @torch.no_grad()
    def measure(self, gallery: Gallery) -> Result:
        """All metrics of a gallery, with a bar of its own."""
        with bar("measuring", 1, "pictures") as shown:
            gallery.progress = lambda n, total, what: shown.grow(
                n, total, f"measuring {what}".rstrip()
            )
            return measure(gallery, self.metrics)

    def of_failed(self, adapter: Any, domain: Any, title: str, reason: str) -> Outcome:
        """No numbers, and the picture of the adapter as it was when it was last finite."""
        adapter.eval()
        source = adapter.source
        z = latents(COLUMNS * BANDS, source.g.z_dim, self.seed).to(adapter.device)
        with torch.no_grad():
            fakes, sources = adapter.sample(z), source.g(z) if source.trained else None
        at = f"{title}, failed; at {adapter.images_seen:,} images"
        shots = domain.streamed(torch.device("cpu"))
        sheet = contact_sheet.of_run(shots, sources, fakes, at, COLUMNS, BANDS)
        return Outcome(Result({}, {}), sheet, reason=reason)


def of_failed_swap(domain: Any, title: str, reason: str) -> Outcome:
    """No numbers, and the shots: swapped layers whose pictures are not finite have no other."""
    shots = domain.shots
    sheet = contact_sheet.of_run(shots, None, shots, f"{title}, failed", COLUMNS, 1)
    return Outcome(Result({}, {}), sheet, reason=reason)


def identical_images(pixels: np.ndarray) -> list[str]:
    """What is wrong with pictures uint8 [n, R, R, 3] of different latents, in sentences."""
    if len(pixels) < 2 or pixels.astype(np.float32).std(axis=0).mean() >= FLAT_LEVELS:
        return []
    return [f"all {len(pixels):,} pictures look the same: the generator ignores its latents."]
