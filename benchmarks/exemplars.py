"""What single exemplars do in a finished run: pictures and numbers.

``python -m benchmarks.exemplars data=parafaces_clay seed=0`` reads the run of DualStyleGAN of the
same words and writes into its folder ``matrix.png`` (rows photos, columns styles), ``strip.png``
(structure weight 0 to 1) and ``destylised.png``. The numbers go to ``results/exemplars``, where the
tables read them.

With ``method=finetune`` or another the numbers have the same names. Where a method makes one style
of all exemplars, a photo's result is the same for each of them: distance 0, and the nearest
exemplar is the right one by chance. The honest rival is what such a generator can do all the same,
exchange rows for those of the exemplar's inversion; its numbers begin with ``rows_``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import hydra
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from torch import Tensor

from benchmarks import parafaces
from benchmarks.harness.config import validation
from benchmarks.harness.data.pictures import as_images
from benchmarks.harness.evaluation import swaps
from benchmarks.harness.evaluation.metrics import exemplar_retrieval
from benchmarks.harness.io import contact_sheet
from benchmarks.harness.leaderboard import exemplars
from benchmarks.harness.records.provenance import environment
from benchmarks.harness.records.run_id import RunId
from benchmarks.harness.stylize.exemplars import Exemplary
from benchmarks.harness.stylize.style_grid import STYLES, TILE, in_strengths, in_styles, table
from benchmarks.run import begin, build
from core import atomic
from core.errors import UserError
from core.networks import perception
from core.paths import CONF
from core.progress import console

PHOTOS = 8  # rows of the pictures


def alike(adapter: Any, ws: Tensor, count: int) -> Tensor:
    """Faces ws [P, L, W] as a method without styles shows them whatever the exemplar."""
    return adapter.render(ws).clamp(-1, 1)[:, None].expand(-1, count, -1, -1, -1)


def exchanged(adapter: Any, ws: Tensor, theirs: Tensor) -> Tensor:
    """Faces ws [P, L, W] with the finer half of their rows from each exemplar's inversion.

    What can be had of any StyleGAN without training for it (style mixing, arXiv:1812.04948).
    Exemplars are [K, L, W], the images [P, K, 3, R, R].
    """
    cut = ws.shape[1] // 2
    columns = [
        adapter.render(torch.cat([ws[:, :cut], one[cut:].expand(len(ws), -1, -1)], dim=1))
        for one in theirs
    ]
    return torch.stack(columns, dim=1).clamp(-1, 1)


def numbers(results: Tensor, photos: Tensor, shots: Tensor) -> dict[str, float]:
    """How well results [P, K, 3, R, R] of photos follow their shots, and what it costs them.

    ``distance`` is between the results of one photo, ``found_again`` the share of results whose
    nearest shot is their own (1 / K by chance), ``identity`` that of a result and its photo.
    """
    measure = perception.load("measure")
    flat, shape = results.flatten(0, 1), results.shape[:2]

    def seen(images: Tensor) -> dict[str, Tensor]:
        grey = exemplar_retrieval.colourless(images)
        return {"structure": measure.embed(grey), "colour": exemplar_retrieval.palette(images)}

    ours, theirs = seen(flat), seen(shots[: shape[1]])
    found = {"distance": exemplar_retrieval.mean_distance(measure.embed(flat).unflatten(0, shape))}
    for name, features in ours.items():
        again = exemplar_retrieval.retrieval_rate(features.unflatten(0, shape), theirs[name])
        found[f"{name}_found_again"] = again
    who = measure.identity(photos).repeat_interleave(shape[1], dim=0)
    found["identity"] = float((measure.identity(flat) * who).sum(1).mean())
    return found


def destylised(adapter: Any, domain: Any) -> tuple[dict[str, float], list[Tensor]]:
    """How near destylised shots are to the true photos of the people, and the pictures."""
    g = adapter.source.g
    shots = domain.shots.to(adapter.device)
    faces = g.synthesis(adapter.eval_generator().mapping(adapter.exemplars.intrinsic))
    inverted = g.synthesis(adapter.source.invert(shots))
    pictures = [shots, inverted, faces]
    if not getattr(domain, "style", ""):
        return {}, pictures
    who = parafaces.parameters(*domain.training_ids(torch.arange(len(shots)).numpy()))
    truth = as_images(parafaces.render(who, "photo", domain.resolution).images)
    measure = perception.load("measure")

    def near(images: Tensor) -> dict[str, float]:
        gap = measure.distance(images.clamp(-1, 1), truth).mean()
        alike = (measure.identity(images.clamp(-1, 1)) * measure.identity(truth)).sum(1).mean()
        return {"distance": float(gap), "identity": float(alike)}

    made = {"destylised": faces, "inverted": inverted, "shots": shots}
    found = {f"{name}_{k}": v for name, x in made.items() for k, v in near(x).items()}
    return found, [*pictures, truth]


@torch.no_grad()
def show(cfg: DictConfig, cell: RunId) -> dict[str, Any]:
    """Pictures and numbers of a finished run, written into its folder."""
    if not (cell.folder / swaps.WEIGHTS).is_file():
        raise UserError(f"There is no finished run in {cell.folder}; benchmarks.run makes it.")
    source, domain = build(cfg.source), build(cfg.data)
    adapter = build(cfg.method, source)
    swaps.recall(adapter, cell.folder)
    adapter.eval()
    photos = torch.cat([domain.shots[:0], *domain.photos()])[: cfg.eval.photos]
    if not len(photos):
        photos = domain.shots
    shots = domain.shots[:STYLES]
    found: dict[str, Any] = {"photos": len(photos), "styles": len(shots), "chance": 1 / len(shots)}
    told = lending if isinstance(adapter, Exemplary) else lacking
    return found | told(cell, adapter, domain, photos, shots)


def lending(
    cell: RunId, adapter: Any, domain: Any, photos: Tensor, shots: Tensor
) -> dict[str, Any]:
    """Of a method whose exemplars are styles: photos in each, the strengths, the faces behind."""
    styles, ws = adapter.styles, adapter.source.invert(photos)
    rows = [styles.exemplar(k) for k in range(len(shots))]
    results = in_styles(styles, ws, rows, adapter.strength)
    title = f"{cell.title}: photos, then each in the styles above"
    write(cell.folder / "matrix.png", title, shots, photos, results)
    strengths = in_strengths(styles, ws[:PHOTOS], rows[0], adapter.strength)
    title = f"{cell.title}: photos, then weights 0 to 1 of the first style"
    write(cell.folder / "strip.png", title, shots[:1], photos, strengths)
    truth, pictures = destylised(adapter, domain)
    bands = [
        (t, [contact_sheet.to_uint8(x[:STYLES])]) for t, x in zip(ROWS, pictures, strict=False)
    ]
    contact_sheet.save(cell.folder / "destylised.png", contact_sheet.stack(bands, TILE))
    return {"strength": adapter.strength._asdict()} | numbers(results, photos, shots) | truth


def lacking(
    cell: RunId, adapter: Any, domain: Any, photos: Tensor, shots: Tensor
) -> dict[str, Any]:
    """Of any other method: one result whatever the exemplar, and what exchanging rows brings."""
    ws = adapter.source.invert(photos)
    mixed = exchanged(adapter, ws, adapter.source.invert(shots))
    title = f"{cell.title}: photos, then with the finer rows of the exemplars above"
    write(cell.folder / "matrix.png", title, shots, photos, mixed)
    rows = {f"rows_{name}": value for name, value in numbers(mixed, photos, shots).items()}
    return numbers(alike(adapter, ws, len(shots)), photos, shots) | rows


ROWS = ("shots", "the source's inversions", "destylised", "the same people as photos")


def write(path: Path, title: str, shots: Tensor, photos: Tensor, results: Tensor) -> None:
    """Save shots above results [P, K, 3, R, R], which have their photos before them."""
    first = (photos[:PHOTOS], results[:PHOTOS])
    contact_sheet.save(path, table(title, shots, *first, TILE))


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def command(cfg: DictConfig) -> None:
    """The run that has these words."""
    job = HydraConfig.get()
    torch.set_num_threads(cfg.machine.threads)
    choices = {group: str(job.runtime.choices[group]) for group in validation.GROUPS}
    cell = RunId.of(cfg, choices, list(job.overrides.task))
    found = show(cfg, cell)
    published = Path(cfg.folder) / exemplars.FOLDER / cell.published.name
    told = {**cell.head, "numbers": found, "provenance": environment("cpu")}
    atomic.write(published, (json.dumps(told, indent=1) + "\n").encode())
    console.print_json(json.dumps(found))
    console.print(f"pictures: {cell.folder}\nnumbers: {published}", highlight=False)


def main() -> None:
    """Run with DualStyleGAN where the words name no other method."""
    if not any(word.startswith("method=") for word in sys.argv[1:]):
        sys.argv.insert(1, "method=dualstylegan")
    begin(command, __doc__)


if __name__ == "__main__":
    main()
