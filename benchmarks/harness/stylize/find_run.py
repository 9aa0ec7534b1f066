"""Which finished run somebody means, by its folder, its name, its record or its weights."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any, NamedTuple

from safetensors import SafetensorError, safe_open

from benchmarks.harness.records import record as records
from benchmarks.harness.records.run_id import RECORD, WEIGHTS
from core.errors import UserError

NAMED = 5  # runs in a sentence


class FinishedRun(NamedTuple):
    """A run that can be shown."""

    name: str  # as its record is called, or the file of weights that nothing is known of
    weights: Path
    record: dict[str, Any]  # what is known of it, or nothing


def find_run(text: str, results: Path, *, whole: bool) -> FinishedRun:
    """The run that ``text`` names: a path, or a name (or its beginning) below ``results``.

    Args:
        text: folder, ``.safetensors`` or ``.json`` file, or the name of a record.
        results: folder with ``out`` and ``runs``.
        whole: of a row with swapped layers, the run that it is of.

    Raises:
        UserError: there is none, there are several, or its weights are not there.
    """
    path = Path(os.path.expanduser(text))  # leaves ~nobody as it is, where Path would raise
    if path.suffix == ".json" and path.is_file():
        return of_record(path, results, whole=whole)
    if path.is_dir():
        return of_folder(path, results, whole=whole)
    if path.is_file():
        return of_weights(path, results)
    return of_name(text, results, whole=whole)


def of_name(text: str, results: Path, *, whole: bool) -> FinishedRun:
    """The run of this name, or the only one whose name begins so, or the only one that is here."""
    runs = {p.stem for p in (results / "runs").glob("*.json")}
    files = [p for kind in (WEIGHTS, RECORD) for p in (results / "out").glob(f"*/{kind}")]
    names = runs | {p.parent.name for p in files}
    meant = [name for name in sorted(names) if name == text] or [
        name for name in sorted(names) if text and name.startswith(text)
    ]
    if not meant:
        raise UserError(
            f"{text} is neither a folder, a file nor a run in {results}; a run is made by "
            "`python -m benchmarks.run`."
        )
    here = [name for name in meant if (results / "out" / name / WEIGHTS).is_file()]
    if len(here) == 1:  # of the others there are only records
        meant = here
    if len(meant) > 1:
        more = ", ..." if len(meant) > NAMED else ""
        raise UserError(
            f"{text} is the beginning of {len(meant)} runs: {', '.join(meant[:NAMED])}{more}."
        )
    folder, record = results / "out" / meant[0], results / "runs" / f"{meant[0]}.json"
    return (
        of_folder(folder, results, whole=whole)
        if folder.is_dir()
        else of_record(record, results, whole=whole)
    )


def of_record(path: Path, results: Path, *, whole: bool) -> FinishedRun:
    """The run of a record; its weights lie beside it, or in ``out`` of its or these results."""
    record = records.read(path)
    if path.name == RECORD:
        return _run(path.parent.name, path.parent, record, whole=whole)
    folders = [place / "out" / path.stem for place in (path.parent.parent, results)]
    folder = next((folder for folder in folders if folder.is_dir()), folders[-1])
    return _run(path.stem, folder, record, whole=whole)


def of_folder(folder: Path, results: Path, *, whole: bool) -> FinishedRun:
    """The run of a folder of ``results/out``."""
    if (folder / RECORD).is_file():
        return _run(folder.name, folder, records.read(folder / RECORD), whole=whole)
    if (folder / WEIGHTS).is_file():
        return of_weights(folder / WEIGHTS, results)
    if (results / "runs" / f"{folder.name}.json").is_file():
        return of_record(results / "runs" / f"{folder.name}.json", results, whole=whole)
    raise UserError(f"{folder} is no finished run: it holds no {WEIGHTS}.")


def of_weights(path: Path, results: Path) -> FinishedRun:
    """A file of weights, with the record of the run that it says it is of, where there is one."""
    try:
        with safe_open(path, framework="pt") as file:
            name = (file.metadata() or {}).get("run", "")
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} is not a readable safetensors file: {error}.") from error
    sides = (path.with_name(RECORD), results / "runs" / f"{Path(name).name}.json")
    for record in sides if name else ():
        if record.is_file() and (record.name != RECORD or path.parent.name == name):
            return FinishedRun(name, path, records.read(record))
    return FinishedRun(name or path.name, path, {})


def _run(name: str, folder: Path, record: dict[str, Any], *, whole: bool) -> FinishedRun:
    """With its own weights or, of swapped layers that could not be written, the whole run's."""
    own, base = folder / WEIGHTS, folder.parent / str(record.get("of", name)) / WEIGHTS
    candidates = [base] if whole or "of" not in record else [own, base]
    weights = next((path for path in candidates if path.is_file()), None)
    if weights is None:
        raise UserError(f"The weights of {name} are not here: `{command_of(record)}` makes them.")
    return FinishedRun(name, weights, record)


def command_of(record: dict[str, Any]) -> str:
    """What makes a run again."""
    groups = [f"{group}={record[group]}" for group in ("method", "data", "source", "eval")]
    own = [str(word) for word in record.get("overrides", []) if "=" in str(word)]
    words = dict.fromkeys([*groups, *own, f"seed={record['seed']}"])
    return " ".join(["python -m benchmarks.run", *(shlex.quote(word) for word in words)])
