"""A finished run as a folder for a model hub: networks, configuration, card, pictures."""

import io
import json
from pathlib import Path

from PIL import Image

from benchmarks.harness.config.recorded import import_method
from benchmarks.harness.export import model_card
from benchmarks.harness.io import contact_sheet
from benchmarks.harness.records import recipe
from benchmarks.harness.records.run_id import SHEET
from benchmarks.harness.stylize.find_run import FinishedRun
from core import output, weights
from core.errors import UserError

LEFT_BEHIND = ("g",)  # of what a run leaves: the generator as the optimiser left it
COLUMNS = 10  # of the sheet that are shown


def export(run: FinishedRun, to: Path, licence: str) -> None:
    """Write the folder for the Hub; ``licence`` is for source weights that are not known here."""
    if not run.record:
        raise UserError(f"{run.weights} is no finished run: there is no record of it.")
    if run.record.failed:
        raise UserError(f"{run.name} failed: {run.record.reason}; there is nothing to export.")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError(f"{to} is there already and not empty.")
    record = recipe.public(run.record.to_json())
    import_method(run.record)  # which may define networks of its own
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
    built = {
        name: {"class": type(network).__name__, "config": network.config}
        for name, network in kept.items()
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
