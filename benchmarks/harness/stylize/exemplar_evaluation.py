"""Single exemplars of a finished run: its photos in the style of each, as pictures and numbers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import parafaces
from benchmarks.harness.config.build import build
from benchmarks.harness.config.compose import compose, preferring
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.evaluation import swaps
from benchmarks.harness.evaluation.metrics import exemplar_retrieval
from benchmarks.harness.io import contact_sheet
from benchmarks.harness.leaderboard import exemplars as tables
from benchmarks.harness.records.provenance import environment
from benchmarks.harness.records.run_id import WEIGHTS, RunId
from benchmarks.harness.stylize import exemplars
from core import output
from core.errors import UserError
from core.networks import perception

PHOTOS = 8  # rows of the pictures
BANDS = ("shots", "the source's inversions", "destylised", "the same people as photos")

Numbers = dict[str, Any]


@torch.no_grad()
def evaluate(words: Sequence[str]) -> tuple[Numbers, Path, Path]:
    """Evaluate the run of these words: numbers, the folder of its pictures, the file of numbers."""
    meant = compose(preferring({"method": "dualstylegan"}, words)).checked()
    cfg, run = meant.cfg, meant.run_id
    torch.set_num_threads(cfg.machine.threads)
    if not (run.folder / WEIGHTS).is_file():
        raise UserError(f"There is no finished run in {run.folder}; benchmarks.run makes it.")
    source, domain = build(cfg.source), build(cfg.data)
    adapter = build(cfg.method, source)
    swaps.recall(adapter, run.folder)
    adapter.eval()
    photos = torch.cat([domain.shots[:0], *domain.photos()])[: cfg.eval.photos]
    if not len(photos):
        photos = domain.shots
    shots = domain.shots[: exemplars.STYLES]
    numbers: Numbers = {"photos": len(photos), "styles": len(shots), "chance": 1 / len(shots)}
    if isinstance(adapter, exemplars.ExemplarAdapter):
        numbers |= of_styles(run, adapter, domain, photos, shots)
    else:
        numbers |= of_one_style(run, adapter, photos, shots)
    path = Path(cfg.folder) / tables.FOLDER / run.published.name
    measured = {"numbers": numbers, "provenance": environment("cpu")}
    record = {**run.head, "overrides": list(meant.words), **measured}
    output.write(path, (json.dumps(record, indent=1) + "\n").encode())
    return numbers, run.folder, path


def of_styles(run: RunId, adapter: Any, domain: Any, photos: Tensor, shots: Tensor) -> Numbers:
    """Of a method whose exemplars are styles: photos in each, the strengths, the faces behind."""
    styles, ws = adapter.styles, adapter.source.invert(photos)
    rows = [styles.exemplar(k) for k in range(len(shots))]
    results = exemplars.in_styles(styles, ws, rows, adapter.strength)
    title = f"{run.title}: photos, then each in the styles above"
    save_table(run.folder / "matrix.png", title, shots, photos, results)
    strengths = exemplars.in_strengths(styles, ws[:PHOTOS], rows[0], adapter.strength)
    title = f"{run.title}: photos, then weights 0 to 1 of the first style"
    save_table(run.folder / "strip.png", title, shots[:1], photos, strengths)
    distances, pictures = destylised(adapter, domain)
    bands = [
        contact_sheet.Band(title, [contact_sheet.to_uint8(images[: exemplars.STYLES])])
        for title, images in zip(BANDS, pictures, strict=False)  # the truth is not always known
    ]
    contact_sheet.save(run.folder / "destylised.png", contact_sheet.stack(bands, exemplars.TILE))
    return {"strength": adapter.strength._asdict()} | retrieval(results, photos, shots) | distances


def of_one_style(run: RunId, adapter: Any, photos: Tensor, shots: Tensor) -> Numbers:
    """Of any other method: one result whatever the exemplar, and what exchanging rows brings."""
    ws = adapter.source.invert(photos)
    mixed = exchange_rows(adapter, ws, adapter.source.invert(shots))
    title = f"{run.title}: photos, then with the finer rows of the exemplars above"
    save_table(run.folder / "matrix.png", title, shots, photos, mixed)
    same = adapter.render(ws).clamp(-1, 1)[:, None].expand(-1, len(shots), -1, -1, -1)
    rows = {f"rows_{name}": value for name, value in retrieval(mixed, photos, shots).items()}
    return retrieval(same, photos, shots) | rows


def exchange_rows(adapter: Any, ws: Tensor, others: Tensor) -> Tensor:
    """Faces ws [P, L, W] with the finer rows of each of [K, L, W]: images [P, K, 3, R, R]."""
    cut = ws.shape[1] // 2  # style mixing (arXiv:1812.04948), which needs no training
    columns = [
        adapter.render(torch.cat([ws[:, :cut], one[cut:].expand(len(ws), -1, -1)], dim=1))
        for one in others
    ]
    return torch.stack(columns, dim=1).clamp(-1, 1)


def retrieval(results: Tensor, photos: Tensor, shots: Tensor) -> dict[str, float]:
    """How well results [P, K, 3, R, R] of photos follow their shots, and what it costs them.
    ``distance`` is between the results of one photo, ``found_again`` the share of results whose
    nearest shot is their own (1 / K by chance), ``identity`` that of a result and its photo.
    """
    network = perception.load("measure")
    flat, shape = results.flatten(0, 1), results.shape[:2]

    def features(images: Tensor) -> dict[str, Tensor]:
        grey = exemplar_retrieval.colourless(images)
        return {"structure": network.embed(grey), "colour": exemplar_retrieval.palette(images)}

    ours, theirs = features(flat), features(shots[: shape[1]])
    apart = exemplar_retrieval.mean_distance(network.embed(flat).unflatten(0, shape))
    numbers = {"distance": apart}
    for name, feature in ours.items():
        again = exemplar_retrieval.retrieval_rate(feature.unflatten(0, shape), theirs[name])
        numbers[f"{name}_found_again"] = again
    who = network.identity(photos).repeat_interleave(shape[1], dim=0)
    numbers["identity"] = float((network.identity(flat) * who).sum(1).mean())
    return numbers


def destylised(adapter: Any, domain: Any) -> tuple[dict[str, float], list[Tensor]]:
    """How near destylised shots are to the true photos of people, where known, and the pictures."""
    g = adapter.source.g
    shots = domain.shots.to(adapter.device)
    faces = g.synthesis(adapter.eval_generator().mapping(adapter.exemplars.intrinsic))
    inverted = g.synthesis(adapter.source.invert(shots))
    pictures = [shots, inverted, faces]
    if not getattr(domain, "style", ""):
        return {}, pictures
    who = parafaces.parameters(*domain.training_ids(torch.arange(len(shots)).numpy()))
    truth = as_images(parafaces.render(who, "photo", domain.resolution).images)
    network = perception.load("measure")
    distances = {}
    for name, images in {"destylised": faces, "inverted": inverted, "shots": shots}.items():
        clamped = images.clamp(-1, 1)
        cosines = (network.identity(clamped) * network.identity(truth)).sum(1)
        distances[f"{name}_distance"] = float(network.distance(clamped, truth).mean())
        distances[f"{name}_identity"] = float(cosines.mean())
    return distances, [*pictures, truth]


def save_table(path: Path, title: str, shots: Tensor, photos: Tensor, results: Tensor) -> None:
    """Save shots above results [P, K, 3, R, R], which have their photos before them."""
    few = photos[:PHOTOS], results[:PHOTOS]
    contact_sheet.save(path, exemplars.table(title, shots, *few, exemplars.TILE))
