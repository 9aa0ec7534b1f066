"""Which finished run somebody means, by its folder, its name, its record or its weights."""

import os
import shlex
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness.records.record import Record
from benchmarks.harness.records.run_id import RECORD, WEIGHTS
from core import conversion, weights
from core.errors import UserError

NAMED = 5  # runs in a sentence


class FinishedRun(NamedTuple):
    """A run that can be shown."""

    name: str  # as its record is called, or the file of weights that nothing is known of
    weights: Path
    record: Record | None


def find_run(text: str, results: Path, *, whole: bool) -> FinishedRun:
    """The run that ``text`` names, if it is exactly one and has weights: a folder, a
    ``.safetensors`` or ``.json`` file, the name of a record or its beginning, in ``results`` with
    their folders ``out`` and ``runs``. Of a row with swapped layers ``whole`` means the run that it
    is of.
    """
    path = Path(os.path.expanduser(text))  # leaves ~nobody as it is, where Path would raise
    if not path.exists():
        path = path_of(text, results)
    if path.is_dir():
        published = results / "runs" / f"{path.name}.json"
        files = [file for file in (path / RECORD, path / WEIGHTS, published) if file.is_file()]
        if not files:
            raise UserError(f"{path} is no finished run: it holds no {WEIGHTS}.")
        path = files[0]
    return of_record(path, results, whole) if path.suffix == ".json" else of_weights(path, results)


def path_of(name: str, results: Path) -> Path:
    """Folder or record of the run of a name, or of the only one that begins so, or that is here."""
    out = results / "out"
    names = {path.stem for path in (results / "runs").glob("*.json")}
    names |= {path.parent.name for kind in (WEIGHTS, RECORD) for path in out.glob(f"*/{kind}")}
    meant = [name] if name in names else sorted(n for n in names if name and n.startswith(name))
    if not meant:
        raise UserError(
            f"{name} is neither a folder, a file nor a run in {results}; a run is made by "
            "`python -m benchmarks.run`."
        )
    here = [name for name in meant if (out / name / WEIGHTS).is_file()]
    held = f" whose weights are in {out}" if here and here != meant else ""
    meant = here or meant  # of the others there are only records
    if len(meant) > 1:
        more = ", ..." if len(meant) > NAMED else ""
        shown = ", ".join(meant[:NAMED])
        raise UserError(f"{name} is the beginning of {len(meant)} runs{held}: {shown}{more}.")
    folder = out / meant[0]
    return folder if folder.is_dir() else results / "runs" / f"{meant[0]}.json"


def of_record(path: Path, results: Path, whole: bool) -> FinishedRun:
    """The run of a record; weights lie beside it, or in ``out`` of its or these results."""
    record = Record.read(path)
    folders = [place / "out" / path.stem for place in (path.parent.parent, results)]
    if path.name == RECORD:
        folders = [path.parent]
    folder = next((folder for folder in folders if folder.is_dir()), folders[-1])
    own = folder / WEIGHTS
    base = folder.parent / record.of / WEIGHTS if record.of else own
    weights = next((path for path in ([base] if whole else [own, base]) if path.is_file()), None)
    if weights is None:
        changes = [word for word in record.overrides if "=" in word]
        groups = [f"{group}={name}" for group, name in record.choices.items()]
        words = dict.fromkeys([*groups, *changes, f"seed={record.seed}"])
        makes = " ".join(["python -m benchmarks.run", *map(shlex.quote, words)])
        raise UserError(f"The weights of {folder.name} are not here: `{makes}` makes them.")
    return FinishedRun(folder.name, weights, record)


def of_weights(path: Path, results: Path) -> FinishedRun:
    """A file of weights, with the record of the run that it says it is of, where there is one."""
    ours = conversion.ours(path)
    with weights.opened(ours) as file:
        name = (file.metadata() or {}).get("run", "")
    beside = path.with_name(RECORD)
    published = results / "runs" / f"{Path(name).name}.json"  # a name in a file is no path
    for record in (beside, published) if name else ():
        if record.is_file() and (record != beside or path.parent.name == name):
            return FinishedRun(name, path, Record.read(record))
    return FinishedRun(name or path.name, ours, None)
