"""A finished run as a folder for others: programs, or all that a model hub shows."""

import io
import json
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.harness.config.recorded import import_method
from benchmarks.harness.export import model_card, portable
from benchmarks.harness.io import contact_sheet
from benchmarks.harness.records import recipe
from benchmarks.harness.records.run_id import SHEET
from benchmarks.harness.stylize.find_run import FinishedRun
from benchmarks.harness.stylize.generator import judged
from core import output, weights
from core.errors import UserError
from core.source import GS

HUB, PROGRAM = "hub", "torch_export"  # all that a hub shows, with a program of this format
LEFT_BEHIND = ("g",)  # of what a run leaves: the generator as the optimiser left it
COLUMNS = 10  # of the sheet that are shown


def export(run: FinishedRun, to: Path, form: str, licence: str) -> None:
    """Write the folder: programs of a format of `portable`, or all that a model hub shows.
    ``licence`` is for source weights that are not known here.
    """
    programs = portable.chosen(PROGRAM if form == HUB else form)
    if form == HUB and not run.record:
        raise UserError(f"{run.weights} is no finished run: there is no record of it.")
    if run.record and run.record.failed:
        raise UserError(f"{run.name} failed: {run.record.reason}; there is nothing to export.")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError(f"{to} is there already and not empty.")
    record = recipe.public(run.record.to_json()) if run.record else {}
    if run.record:
        import_method(run.record)  # which may define networks of its own
    networks, notes = weights.read(run.weights)
    if not networks.keys() & set(GS):
        raise UserError(f"{run.name} left no generator.")
    if form == HUB and notes.get("run", run.name) != run.name:
        raise UserError(f"The weights {run.weights} are of another run, {notes['run']}.")
    terms = model_card.licence_of(record, licence) if record else None
    about = {key: record[key] for key in ("method", "source", "data") if record}
    about |= {"run": run.name, "licence": terms.name if terms else notes.get("licence", licence)}
    if not about["licence"]:
        raise UserError(f"The licence of {run.name} is not known here: --licence 'NAME'.")
    adapter = judged(run)
    if form != HUB or not terms:
        portable.write(adapter, to, programs, about, {"generator", "synthesis"})
        return
    kept = {name: network for name, network in networks.items() if name not in LEFT_BEHIND}
    weights.write(to / model_card.WEIGHTS, kept, {"run": run.name, "licence": terms.name})
    portable.write(adapter, to, programs, about, {"generator"})
    describe(run, to, kept, terms)


def describe(run: Any, to: Path, networks: dict[str, Any], terms: model_card.Licence) -> None:
    """Pictures, configuration, record and card of a finished run's networks."""
    record = recipe.public(run.record.to_json())
    pictures = save_samples(run.weights.with_name(SHEET), to / "samples.png")
    page = model_card.render(record, run.name, networks, terms, pictures=pictures)
    built = {
        name: {"class": type(network).__name__, "config": network.config}
        for name, network in networks.items()
    }
    config = {"model_type": "styleshift", "networks": built, "training": record["config"]}
    for name, node in {"config.json": config, "record.json": record}.items():
        output.write(to / name, json.dumps(node, indent=1, ensure_ascii=False).encode())
    output.write(to / "README.md", page.encode())  # the last: a folder with a card is whole


def save_samples(source: Path, to: Path) -> bool:
    """The sheet without the shots, which may not be ours to show; whether there is one."""
    try:
        rows = contact_sheet.cut(source)[1]
    except (OSError, IndexError, ValueError, Image.DecompressionBombError):
        return False  # of an earlier version, or removed
    tile = rows[0][0].width
    rows = [row[:COLUMNS] for row in rows]
    out = Image.new("RGB", (max(map(len, rows)) * tile, len(rows) * tile), contact_sheet.PAPER)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            out.paste(picture, (x * tile, y * tile))
    png = io.BytesIO()
    out.save(png, format="PNG")
    output.write(to, png.getvalue())
    return True
