"""What the exemplars of a finished DualStyleGAN do: pictures and numbers.

``python -m benchmarks.exemplars data=parafaces_clay seed=0`` reads the run of the same words and
writes into its folder ``matrix.png`` (rows photos, columns styles), ``strip.png`` (structure weight
0 to 1), ``destylised.png`` and ``exemplars.json``.
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

from benchmarks import disk, likes, parafaces, settings, sheet, swaps
from benchmarks.cell import Cell
from benchmarks.pictures import as_images
from benchmarks.progress import console
from benchmarks.run import build, cause, refuse
from core import perception
from core.errors import UserError

PHOTOS, STYLES, DOSES = 8, 10, 6


def matrix(adapter: Any, ws: Tensor, styles: int) -> Tensor:
    """Faces ws [P, L, W] in each of the first styles: [P, K, 3, R, R]."""
    columns = [adapter.styled(ws, adapter.style_of(k), adapter.dose) for k in range(styles)]
    return torch.stack(columns, dim=1).clamp(-1, 1)


def strip(adapter: Any, ws: Tensor, style: int) -> Tensor:
    """Faces ws [P, L, W] in one style at growing structure weights: [P, DOSES, 3, R, R]."""
    doses = [adapter.dose._replace(structure=float(w)) for w in torch.linspace(0, 1, DOSES)]
    columns = [adapter.styled(ws, adapter.style_of(style), dose) for dose in doses]
    return torch.stack(columns, dim=1).clamp(-1, 1)


def numbers(results: Tensor, shots: Tensor) -> dict[str, float]:
    """How far the styles of results [P, K, 3, R, R] are apart, and whether they are their own."""
    measure = perception.load("measure")
    flat, shape = results.flatten(0, 1), results.shape[:2]

    def seen(images: Tensor) -> dict[str, Tensor]:
        grey = likes.colourless(images)
        return {"structure": measure.embed(grey), "colour": likes.palette(images)}

    ours, theirs = seen(flat), seen(shots[: shape[1]])
    found = {"distance": likes.apart(measure.embed(flat).unflatten(0, shape))}
    for name, features in ours.items():
        again = likes.found_again(features.unflatten(0, shape), theirs[name])
        found[f"{name}_found_again"] = again
    return found | {"chance": 1 / shape[1]}


def destylised(adapter: Any, domain: Any) -> tuple[dict[str, float], list[Tensor]]:
    """How near destylised shots are to the true photos of the people, and the pictures."""
    g = adapter.source.g
    shots = domain.shots.to(adapter.device)
    faces = g.synthesis(adapter.judged().mapping(adapter.exemplars.intrinsic))
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
def show(cfg: DictConfig, cell: Cell) -> dict[str, Any]:
    """Pictures and numbers of a finished run, written into its folder."""
    if not (cell.folder / swaps.WEIGHTS).is_file():
        raise UserError(f"There is no finished run in {cell.folder}; benchmarks.run makes it.")
    source, domain = build(cfg.source), build(cfg.data)
    adapter = build(cfg.method, source)
    swaps.recall(adapter, cell.folder)
    adapter.eval()
    photos = torch.cat(list(domain.photos()))[: cfg.eval.photos]
    if not len(photos):
        photos = domain.shots
    ws = source.invert(photos)
    count = min(len(adapter.exemplars), STYLES)
    results = matrix(adapter, ws, count)
    found: dict[str, Any] = numbers(results, domain.shots)
    truth, rows = destylised(adapter, domain)
    title = f"{cell.title}: photos, then each in the styles above"
    write(cell.folder / "matrix.png", title, domain.shots[:count], photos, results[:PHOTOS])
    doses = strip(adapter, ws[:PHOTOS], 0)
    steps = f"{cell.title}: photos, then weights 0 to 1 of the first style"
    write(cell.folder / "strip.png", steps, domain.shots[:1], photos, doses)
    bands = [(t, [sheet.to_uint8(x[:STYLES])]) for t, x in zip(ROWS, rows, strict=False)]
    sheet.save(cell.folder / "destylised.png", sheet.stack(bands, 96))
    return found | truth | {"dose": adapter.dose._asdict(), "photos": len(photos), "styles": count}


ROWS = ("shots", "the source's inversions", "destylised", "the same people as photos")


def write(path: Path, title: str, styles: Tensor, photos: Tensor, results: Tensor) -> None:
    """Save styles above results [P, K, 3, R, R], which have their photos before them."""
    blank = torch.ones_like(photos[:1])
    rows = [torch.cat([photo[None], row]) for photo, row in zip(photos, results, strict=False)]
    top = torch.cat([blank, styles])
    sheet.save(path, sheet.stack([(title, [sheet.to_uint8(x) for x in (top, *rows)])], 96))


@hydra.main(version_base="1.3", config_path=str(settings.CONF), config_name="config")
def command(cfg: DictConfig) -> None:
    """The run that has these words."""
    job = HydraConfig.get()
    torch.set_num_threads(cfg.machine.threads)
    choices = {group: str(job.runtime.choices[group]) for group in settings.GROUPS}
    try:
        cell = Cell.of(cfg, choices, list(job.overrides.task))
        found = show(cfg, cell)
    except Exception as error:
        first = cause(error)
        if not isinstance(first, UserError):
            raise
        refuse(str(first))
    disk.put(cell.folder / "exemplars.json", (json.dumps(found, indent=1) + "\n").encode())
    console.print_json(json.dumps(found))
    console.print(f"pictures: {cell.folder}", highlight=False)


def main() -> None:
    """Run with DualStyleGAN where the words name no other method."""
    if not any(word.startswith("method=") for word in sys.argv[1:]):
        sys.argv.insert(1, "method=dualstylegan")
    command()


if __name__ == "__main__":
    main()
