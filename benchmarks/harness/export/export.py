"""A finished run as a folder for a model hub: networks, configuration, card, pictures."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.harness.config.recorded import import_method
from benchmarks.harness.export import model_card
from benchmarks.harness.io import contact_sheet
from benchmarks.harness.records import recipe
from benchmarks.harness.records.run_id import SHEET
from benchmarks.harness.stylize.find_run import FinishedRun
from core import atomic, weights
from core.errors import UserError

LEFT_BEHIND = ("g",)  # of what a run leaves: the generator as the optimiser left it
COLUMNS = 10  # of the sheet that are shown


def export(run: FinishedRun, to: Path, licence: str) -> None:
    """Write the folder for the Hub.

    Args:
        run: with weights of its own.
        to: folder of the files; empty, or not there yet.
        licence: of the source's weights, where this project does not know it.

    Raises:
        UserError: the run failed, has no record or weights of its own, or the place is taken.
    """
    if not run.record:
        raise UserError(f"{run.weights} is no finished run: there is no record of it.")
    record = public(run.record)
    if record.get("state", "finished") != "finished":
        raise UserError(f"{run.name} failed: {record['reason']}; there is nothing to export.")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError(f"{to} is there already and not empty.")
    import_method(record)  # which may define networks of its own
    networks, notes = weights.read(run.weights)
    if notes.get("run", run.name) != run.name:
        raise UserError(f"The weights {run.weights} are of another run, {notes['run']}.")
    terms = model_card.licence_of(record, licence)
    kept = {name: network for name, network in networks.items() if name not in LEFT_BEHIND}
    if "g_ema" not in kept:
        raise UserError(f"{run.name} left no generator.")
    weights.write(to / model_card.WEIGHTS, kept, {"run": run.name, "licence": terms.name})
    pictures = save_samples(run.weights.with_name(SHEET), to / "samples.png")
    page = model_card.render(record, run.name, kept, terms, pictures=pictures)
    for name, data in {
        "config.json": json.dumps(configuration(record, kept), indent=1, ensure_ascii=False),
        "record.json": json.dumps(record, indent=1, ensure_ascii=False),
        "README.md": page,  # the last: a folder with a card is whole
    }.items():
        put(to / name, data.encode())


def public(record: dict[str, Any]) -> dict[str, Any]:
    """The record without where things lie on this machine."""
    config = json.loads(json.dumps(record["config"]))
    for part, places in {"data": (*recipe.PLACES, "cache"), "machine": ("cache",)}.items():
        for place in places:
            config.get(part, {}).pop(place, None)
    config.pop("folder", None)
    local = tuple(f"data.{place}=" for place in recipe.PLACES)
    words = [word for word in record.get("overrides", []) if not word.startswith(local)]
    return {**record, "config": config, "overrides": words}


def configuration(record: dict[str, Any], networks: dict[str, Any]) -> dict[str, Any]:
    """What rebuilds the networks, and what trained them."""
    classes = {
        name: {"class": type(network).__name__, "config": network.config}
        for name, network in networks.items()
    }
    return {"model_type": "styleshift", "networks": classes, "training": record["config"]}


def save_samples(source: Path, to: Path) -> bool:
    """The sheet without the shots, which may not be ours to show; whether there is one."""
    try:
        rows = contact_sheet.cut(source)[1]
    except (OSError, KeyError, IndexError, ValueError):
        return False  # of an earlier version, or removed
    tile = rows[0][0].width
    rows = [row[:COLUMNS] for row in rows]
    out = Image.new("RGB", (max(map(len, rows)) * tile, len(rows) * tile), contact_sheet.PAPER)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            out.paste(picture, (x * tile, y * tile))
    png = io.BytesIO()
    out.save(png, format="PNG")
    put(to, png.getvalue())
    return True


def put(path: Path, data: bytes) -> None:
    """Write a file, or say in one sentence why not."""
    try:
        atomic.write(path, data)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
