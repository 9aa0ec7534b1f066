"""Landmarks that somebody has found already, in a JSON file.

Understood are, for each picture file, one face or several, as points or named points:

* ``{"a.png": [[x, y], ...], "b.png": {"landmarks": [...]}}``, 4, 5, 68, 468 or 478 points;
* ``metfaces.json``, whose points belong to a picture made smaller by ``shrink``;
* ``ffhq-dataset-v2.json`` (the photographs in the wild);
* ``AAHQ-dataset.json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness.alignment.landmarks import four_points
from core.errors import UserError

LIMIT = 1 << 31  # bytes; FFHQ's has 267 million


class LandmarksFile:
    """Faces as a file lists them."""

    name = "landmarks"

    def __init__(self, path: str | Path) -> None:
        place = Path(path).expanduser()
        self.faces: dict[str, list[np.ndarray]] = {}
        file = "beginning"
        try:
            for file, found in _listed(_content(place)):
                self.faces.setdefault(file, []).append(four_points(found))
        except ValueError as fault:
            if isinstance(fault, UserError):
                raise
            raise UserError(f"{place}, {file}: {fault}.") from fault
        if not self.faces:
            raise UserError(f"{place} lists no landmarks of any picture.")
        names: dict[str, str] = {}
        for file in self.faces:
            last = PurePosixPath(file).name
            names[last] = "" if last in names else file  # several of that name are no help
        self.names = names

    def __call__(self, image: Image.Image, file: str) -> list[np.ndarray]:
        """Points [4, 2] of every face listed for a file, which is known by its path or its name."""
        del image
        path = PurePosixPath(file)
        for known in ("/".join(path.parts[n:]) for n in range(len(path.parts))):
            if known in self.faces:
                return self.faces[known]
        return self.faces.get(self.names.get(path.name, ""), [])


def _content(path: Path) -> Any:
    try:
        if path.stat().st_size > LIMIT:
            raise UserError(f"{path} is too large for a list of landmarks.")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise UserError(f"{path} is no readable JSON of landmarks ({fault}).") from fault


def _listed(content: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(content, list):
        for entry in content:
            if isinstance(entry, dict) and "face_spec" in entry:
                yield str(entry.get("source_path", "")), _metfaces(entry["face_spec"])
            elif isinstance(entry, dict) and "file" in entry:
                yield str(entry["file"]), entry.get("landmarks", ())
        return
    for name, entry in content.items() if isinstance(content, dict) else ():
        if isinstance(entry, dict) and "in_the_wild" in entry:
            wild = entry["in_the_wild"]
            yield str(wild.get("file_path", "")), wild.get("face_landmarks", ())
        elif isinstance(entry, dict) and "raw_name" in entry:
            yield str(entry["raw_name"]), entry.get("landmarks", ())
        elif isinstance(entry, dict) and "landmarks" in entry:
            yield from ((name, face) for face in _faces(entry["landmarks"]))
        else:
            yield from ((name, face) for face in _faces(entry))


def _metfaces(face: Any) -> Any:
    try:
        points = np.asarray(face["landmarks"], dtype=np.float64)
        return (points + 0.5) * float(face.get("shrink", 1)) - 0.5
    except (TypeError, KeyError, ValueError, AttributeError):
        raise ValueError("face_spec holds no landmarks") from None


def _faces(entry: Any) -> list[Any]:
    several = isinstance(entry, list) and entry and isinstance(entry[0], list | dict)
    if several and (isinstance(entry[0], dict) or (entry[0] and isinstance(entry[0][0], list))):
        return entry
    return [entry] if entry else []
