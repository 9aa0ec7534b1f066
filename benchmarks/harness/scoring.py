"""Scores of what is there already: a finished run, a checkpoint, two folders of pictures. All are
looked at by the very evaluation that ends a run.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.harness.config import recorded
from benchmarks.harness.config.build import build
from benchmarks.harness.config.compose import Composition, compose
from benchmarks.harness.config.files import resolved
from benchmarks.harness.data.domains.base import LazyShots, Pictures
from benchmarks.harness.data.domains.reader import WORKERS
from benchmarks.harness.data.files import File, files
from benchmarks.harness.data.pictures import as_images, frame, upright
from benchmarks.harness.evaluation.evaluate import Evaluator
from benchmarks.harness.evaluation.gallery import Gallery, Result, networks
from benchmarks.harness.experiment import domain_of, evaluator_of, trainer_of
from benchmarks.harness.io.prefetch import prefetch
from benchmarks.harness.io.terminal import console
from benchmarks.harness.records.provenance import environment
from benchmarks.harness.records.record import Record
from benchmarks.harness.records.results import print_metrics
from benchmarks.harness.records.run_id import RECORD, WEIGHTS
from benchmarks.harness.stylize.find_run import FinishedRun, find_run
from benchmarks.harness.stylize.generator import BareGenerator, load_weights, swap_as_judged
from benchmarks.harness.training import loop
from core import convert, hashing, output
from core.errors import UserError
from core.networks.generator import Generator

OURS, FOREIGN = ".safetensors", (".pt", ".pth", ".pkl")
ANEW = ("eval", "data", "machine")  # groups that may be chosen anew for a finished run
BATCH = 64  # pictures of a reference at a time


@dataclass(frozen=True)
class Scores:
    """What was judged by which evaluation, and the numbers."""

    judged: str
    result: Result
    about: dict[str, Any]  # choices, words, checksums, versions

    def print(self) -> None:
        console.print(self.judged, soft_wrap=True)
        measures = self.result.measures
        print_metrics(measures, {k: m.details.get("source") for k, m in measures.items()})
        for key, why in self.result.left_out.items():
            console.print(f"left out: {key}: {why}")

    def write(self, path: Path) -> None:
        metrics = {key: asdict(measure) for key, measure in self.result.measures.items()}
        content = {"judged": self.judged, "metrics": metrics, "left_out": self.result.left_out}
        output.write(path, (json.dumps(content | self.about, indent=1) + "\n").encode())


class ShownPictures(nn.Module):
    """Pictures uint8 [n, R, R, 3] where a gallery looks for an adapter."""

    source = SimpleNamespace(trained=False)
    pixels: Tensor

    def __init__(self, pixels: np.ndarray, device: torch.device) -> None:
        super().__init__()
        self.device = device
        self.register_buffer("pixels", torch.from_numpy(pixels))

    def sample(self, numbers: Tensor) -> Tensor:
        """Images [N, 3, R, R] of their numbers [N, 1]."""
        return as_images(self.pixels[numbers[:, 0].cpu()].numpy()).to(self.device)


class PictureGallery(Gallery):
    """A gallery whose latents are the numbers of pictures that are there."""

    def z(self) -> Tensor:
        return torch.arange(self.samples)[:, None]


class Reference:
    """A domain of which nothing is known but pictures uint8 [n, R, R, 3] to compare with."""

    has_reference = True

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.resolution = pixels, pixels.shape[1]
        self.facts = {"reference_sha256": hashing.of_bytes(pixels.data)}

    def reference(self) -> Pictures:
        return Pictures(self.pixels, BATCH)

    def streamed(self, device: torch.device) -> LazyShots:
        """Its shots, which are none."""
        return LazyShots(self.pixels[:0], device)


def score(judged: str, words: Sequence[str], results: Path, resolution: int | None) -> Scores:
    """Judge a run of ``results``, a checkpoint or pictures; ``words`` are those of a run's command
    line and at most one place of pictures to compare with. Pictures are brought to ``resolution``
    px; without it they must have one size.
    """
    places = [word for word in words if "=" not in word or Path(word).exists()]
    options = [word for word in words if word not in places]
    if len(places) > 1:
        raise UserError(f"{places[1]} is one place too many: one REFERENCE is compared with.")
    reference, path = "".join(places), Path(judged).expanduser()
    if holds_pictures(path):
        return of_pictures(path, reference, options, resolution)
    if resolution is not None:
        raise UserError("--resolution is for pictures; a generator has its own.")
    if path.suffix in FOREIGN and path.is_file():
        return of_checkpoint(path, reference, options)
    run = find_run(judged, results, whole=False)
    if run.record is None:
        return of_checkpoint(run.weights, reference, options)
    return of_run(run, run.record, reference, options)


def holds_pictures(path: Path) -> bool:
    """Whether a place is one of pictures, and neither a run nor a file of weights."""
    if path.is_dir():
        return not any((path / name).is_file() for name in (RECORD, WEIGHTS))
    return path.is_file() and path.suffix not in (*FOREIGN, OURS, ".json")


def of_run(run: FinishedRun, record: Record, reference: str, words: list[str]) -> Scores:
    """A run as it was evaluated, but for the groups that words choose anew."""
    anew = {group_of(word) for word in words}
    if other := sorted(anew - set(ANEW)):
        raise UserError(f"{other[0]} is in the record of {run.name} and cannot be chosen anew.")
    # A word that changes a group without choosing it changes the record's.
    chosen = {word.split("=")[0] for word in words}
    usual = [f"{g}={getattr(record, g)}" for g in ("data", "eval") if g in anew - chosen]
    job = compose([*usual, *words])
    kept = [group for group in ("source", "method", "swap", "data", "eval") if group not in anew]
    known: Any = resolved(recorded.configuration(record, *kept))
    job = replace(job, unresolved=job.unresolved | known)
    evaluator = evaluator_of(job.checked(), job.cfg.data.resolution)
    with recorded.rebuilding(run.name):
        source = build(job.cfg.source)
        adapter = build(job.cfg.method, source)
    load_weights(adapter, run.weights)
    swap_as_judged(job.cfg, run, adapter)
    domain = compared(job, reference, source.resolution)
    gallery = evaluator.gallery(adapter.to(device_of(job)).eval(), domain)
    return judged_by(
        job, evaluator, run.name, gallery, {"weights_sha256": hashing.of_file(run.weights)}
    )


def of_checkpoint(path: Path, reference: str, words: list[str]) -> Scores:
    """The averaged generator of a file, beside the source that words name."""
    networks = convert.load(path)
    g = networks.get("g_ema", networks.get("g"))
    if not isinstance(g, Generator):
        raise UserError(f"{path} holds no generator.")
    named = {group_of(word) for word in words}
    needs_reference(path, reference, named)
    alone = "source" not in named
    job = compose([*words, *([f"data.resolution={g.img_resolution}"] if alone else [])])
    evaluator = evaluator_of(job.checked(), g.img_resolution)
    source: Any = SimpleNamespace(trained=False, g=g, name="") if alone else build(job.cfg.source)
    adapter = BareGenerator(source, g.requires_grad_(False), path.name).to(device_of(job)).eval()
    gallery = evaluator.gallery(adapter, compared(job, reference, g.img_resolution))
    return judged_by(job, evaluator, str(path), gallery, {"weights_sha256": hashing.of_file(path)})


def of_pictures(path: Path, reference: str, words: list[str], resolution: int | None) -> Scores:
    """Pictures as if a generator had made them."""
    needs_reference(path, reference, {group_of(word) for word in words})
    side = resolution or side_of(path)
    job = compose([*words, *([] if reference else [f"data.resolution={side}"])])
    evaluator, exact = evaluator_of(job.checked(), side), resolution is None
    pixels = pixels_of(path, side, exact=exact)
    domain = compared(job, reference, side, exact=exact)
    sizes: Any = {"samples": len(pixels), "photos": 0, "batch_size": evaluator.batch_size}
    gallery = PictureGallery(ShownPictures(pixels, device_of(job)), domain, seed=0, **sizes)
    hashes = {"pictures_sha256": hashing.of_bytes(pixels.data)}
    return judged_by(job, evaluator, str(path), gallery, hashes)


def judged_by(
    job: Composition, evaluator: Evaluator, judged: str, gallery: Gallery, hashes: dict[str, str]
) -> Scores:
    """All metrics of the evaluation."""
    result = evaluator.measure(gallery)
    where = environment(str(device_of(job))) | hashes | gallery.domain.facts
    about = {"choices": job.choices, "words": list(job.words)}
    return Scores(judged, result, about | {"provenance": where | networks(evaluator.metrics)})


def needs_reference(path: Path, reference: str, named: set[str]) -> None:
    if not reference and "data" not in named:
        raise UserError(
            f"{path} needs something to compare with: a folder or zip of pictures, or data=NAME."
        )


def group_of(word: str) -> str:
    """The group that a word of a command line chooses or changes."""
    return word.lstrip("+~").split("=")[0].split(".")[0].split("/")[0]


def device_of(job: Composition) -> torch.device:
    return loop.device_of(trainer_of(job.cfg.machine))


def compared(job: Composition, reference: str, side: int, *, exact: bool = False) -> Any:
    """The domain to judge in: that of the configuration, or the pictures of a place."""
    return Reference(pixels_of(reference, side, exact=exact)) if reference else domain_of(job)


def side_of(place: Path) -> int:
    """The side of the first picture."""
    first = files(place)[0]
    image, _ = upright(first.read(), str(first))
    if image.width != image.height:
        raise UserError(f"{first} is not square: --resolution says to what all are cut.")
    return image.width


def pixels_of(place: str | Path, side: int, *, exact: bool) -> np.ndarray:
    """All pictures of a place, uint8 [n, R, R, 3], each as often as it is there. Other sizes are
    refused if ``exact``, else cut to the central square and resized.
    """

    def read(file: File) -> np.ndarray:
        image, _ = upright(file.read(), str(file))
        if exact and image.size != (side, side):
            raise UserError(
                f"{file} has {image.width} x {image.height} px, where the first has {side} x "
                f"{side}: --resolution says to what all are brought."
            )
        return frame(image, side, "crop")[0]

    workers = min(WORKERS, os.cpu_count() or 1)
    return np.stack(list(prefetch(files(place), read, workers)))
