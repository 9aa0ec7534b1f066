"""``python -m benchmarks.export RUN --to DIR``: networks, configuration, card, pictures."""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.harness.config.validation import printable
from benchmarks.harness.evaluation import swaps
from benchmarks.harness.export import model_card
from benchmarks.harness.io import contact_sheet
from benchmarks.harness.records import ids
from benchmarks.harness.records import record as records
from core import atomic, weights
from core.errors import UserError

EXPORTED = ("g_ema", "d", "exemplars", "sampler")  # of what a run leaves; the last G stays behind
ROWS = 10  # pictures of the sheet that are shown


def found(run: str) -> Path:
    """The folder of a run: given itself, by its name in ``results/out``, or by its record."""
    asked = Path(run)
    name = asked.name.removesuffix(".json")
    beside = asked.parent.parent if asked.suffix == ".json" else Path("results")
    for folder in (asked, beside / "out" / name):
        if (folder / swaps.RECORD).is_file() and (folder / swaps.WEIGHTS).is_file():
            return folder
    raise UserError(
        f"{run} is no finished run: a folder with {swaps.RECORD} and {swaps.WEIGHTS}, the name of "
        "one in results/out, or its record. Weights are not in the repository: run it first."
    )


def export(folder: Path, to: Path, licence: str) -> None:
    """Write the folder for the Hub.

    Args:
        folder: of the run.
        to: of the files; empty, or not there yet.
        licence: of the source's weights, where this project does not know it.

    Raises:
        UserError: the run failed, has no weights of its own, or the place is taken.
    """
    record = public(records.read(folder / swaps.RECORD))
    if record.get("state", "finished") != "finished":
        raise UserError(f"{folder.name} failed: {record['reason']}; there is nothing to export.")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UserError(f"{to} is there already and not empty.")
    networks, notes = weights.read(folder / swaps.WEIGHTS)
    if notes.get("run", folder.name) != folder.name:
        raise UserError(f"The weights in {folder} are of another run, {notes['run']}.")
    terms = model_card.inherited(record, licence)
    kept = {name: network for name, network in networks.items() if name in EXPORTED}
    if "g_ema" not in kept:
        raise UserError(f"{folder.name} left no generator.")
    weights.write(to / model_card.WEIGHTS, kept, {"run": folder.name, "licence": terms.name})
    shown = samples(folder / "sheet.png", to / "samples.png")
    page = model_card.written(record, folder.name, kept, terms, pictures=shown)
    for name, data in {
        "config.json": json.dumps(configuration(record, kept), indent=1, ensure_ascii=False),
        "record.json": json.dumps(record, indent=1, ensure_ascii=False),
        "README.md": page,  # the last: a folder with a card is whole
    }.items():
        put(to / name, data.encode())


def public(record: dict[str, Any]) -> dict[str, Any]:
    """The record without where things lie on this machine."""
    config = json.loads(json.dumps(record["config"]))
    for part, places in {"data": (*ids.PLACES, "cache"), "machine": ("cache",)}.items():
        for place in places:
            config.get(part, {}).pop(place, None)
    config.pop("folder", None)
    local = tuple(f"data.{place}=" for place in ids.PLACES)
    words = [word for word in record.get("overrides", []) if not word.startswith(local)]
    return {**record, "config": config, "overrides": words}


def configuration(record: dict[str, Any], networks: dict[str, Any]) -> dict[str, Any]:
    """What rebuilds the networks, and what trained them."""
    built = {
        name: {"class": type(network).__name__, "config": network.config}
        for name, network in networks.items()
    }
    return {"model_type": "styleshift", "networks": built, "training": record["config"]}


def samples(source: Path, to: Path) -> bool:
    """The sheet without the shots, which may not be ours to show; whether there is one."""
    try:
        rows = contact_sheet.cut(source)[1]
    except (OSError, KeyError, IndexError, ValueError):
        return False  # of an earlier version, or removed
    tile = rows[0][0].width
    shown = [row[:ROWS] for row in rows]
    out = Image.new("RGB", (max(map(len, shown)) * tile, len(shown) * tile), contact_sheet.PAPER)
    for y, row in enumerate(shown):
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


def main(line: Sequence[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export", description=__doc__)
    parser.add_argument("run", help="folder, name or record of a finished run")
    parser.add_argument("--to", type=Path, required=True, help="folder to be made")
    parser.add_argument("--licence", default="", help="of a source's weights that are not ours")
    options = parser.parse_args(line)
    try:
        export(found(options.run), options.to, options.licence)
    except UserError as error:
        print(f"styleshift: {printable(str(error))}", file=sys.stderr)
        return 2
    print(f"{options.to} is ready; upload it with: hf upload USER/NAME {options.to}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
