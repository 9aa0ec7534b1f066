"""The four points that decide about a face, out of whatever a detector or a file gives.
They are the eyes and the corners of the mouth, [4, 2] as (x, y) in pixels; left and right are those
of the picture.
"""

import json
import math
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness.alignment.ffhq import turned
from core import regular
from core.errors import UserError

NAMED = ("eye_left", "eye_right", "mouth_left", "mouth_right")
# Points of both eyes and corners of the mouth in the numbers of iBUG 300-W, from 0, and the points
# of the MediaPipe mesh that are nearest to those.
EYES_68, MOUTH_68 = (range(36, 42), range(42, 48)), (48, 54)
EYES_MESH = ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380))
MOUTH_MESH = (61, 291)
SCHEMES = {68: (EYES_68, MOUTH_68), **dict.fromkeys((468, 478), (EYES_MESH, MOUTH_MESH))}
LIMIT = 1 << 31  # bytes of a file; FFHQ's has 267 million


def four_points(raw: Any) -> np.ndarray:
    """The four points of a face; a `ValueError` says why there is none.
    Understood are arrays of 4 points, 5 (with the nose between eyes and mouth), 68 (iBUG), 468 or
    478 (MediaPipe), flat or not, and mappings of the names in `NAMED`.
    """
    if isinstance(raw, dict):
        if not set(NAMED) <= raw.keys():
            raise ValueError(f"the points have no names {', '.join(NAMED)}")
        raw = [raw[name] for name in NAMED]
    try:
        points = np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("the landmarks are no numbers") from None
    if points.ndim == 1 and len(points) % 2 == 0:
        points = points.reshape(-1, 2)
    if points.ndim != 2 or points.shape[1] < 2:
        raise ValueError("the landmarks are no pairs of x and y")
    points = points[:, :2]
    if len(points) == 5:
        points = points[[0, 1, 3, 4]]
    elif len(points) in SCHEMES:
        eyes, mouth = SCHEMES[len(points)]
        points = np.stack([*(points[list(eye)].mean(0) for eye in eyes), *points[list(mouth)]])
    elif len(points) != 4:
        raise ValueError(f"{len(points)} landmarks are neither 4, 5, 68, 468 nor 478")
    if not np.isfinite(points).all():
        raise ValueError("the landmarks are not finite")
    across, down = points[1] - points[0], points[2:].mean(0) - points[:2].mean(0)
    # What `Quad.of` divides by, and what it takes directions of: a pixel at least.
    if min(math.hypot(*vector) for vector in (across, down, across - turned(down))) < 1:
        raise ValueError("the eyes and the mouth lie on one another")
    return points


def faces(detections: Iterable[Any]) -> list[np.ndarray]:
    """The four points of every face, less those that are none."""
    sound = []
    for points in detections:
        with suppress(ValueError):
            sound.append(four_points(points))
    return sound


class LandmarksFile:
    """Faces that somebody has found already, in a JSON file.
    Understood are, for each picture file, one face or several, as points or named points:

    * ``{"a.png": [[x, y], ...], "b.png": {"landmarks": [...]}}``, 4, 5, 68, 468 or 478 points;
    * ``metfaces.json``, whose points belong to a picture made smaller by ``shrink``;
    * ``ffhq-dataset-v2.json`` (the photographs in the wild);
    * ``AAHQ-dataset.json``.
    """

    def __init__(self, path: str | Path) -> None:
        place = Path(path).expanduser()
        self.faces: dict[str, list[np.ndarray]] = {}
        content, file = _content(place), "beginning"
        try:
            for file, raw in _listed(content):
                self.faces.setdefault(file, []).append(four_points(raw))
        except ValueError as fault:
            raise UserError(f"{place}, {file}: {fault}.") from fault
        if not self.faces:
            raise UserError(f"{place} lists no landmarks of any picture.")
        self.names: dict[str, str] = {}
        for file in self.faces:
            last = PurePosixPath(file).name
            self.names[last] = "" if last in self.names else file  # several of a name are no help

    def __call__(self, image: Image.Image, file: str) -> list[np.ndarray]:
        """Points [4, 2] of every face listed for a file, which is known by its path or its name."""
        path = PurePosixPath(file)
        for known in ("/".join(path.parts[n:]) for n in range(len(path.parts))):
            if known in self.faces:
                return self.faces[known]
        return self.faces.get(self.names.get(path.name, ""), [])


def _content(path: Path) -> Any:
    try:
        return json.loads(regular.read(path, LIMIT).decode())
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
        named = entry if isinstance(entry, dict) else {}
        if "in_the_wild" in named:
            wild = named["in_the_wild"]
            yield str(wild.get("file_path", "")), wild.get("face_landmarks", ())
        elif "raw_name" in named:
            yield str(named["raw_name"]), named.get("landmarks", ())
        else:
            yield from ((name, face) for face in _faces(named.get("landmarks", entry)))


def _metfaces(face: Any) -> Any:
    try:
        points = np.asarray(face["landmarks"], dtype=np.float64)
        return (points + 0.5) * float(face.get("shrink", 1)) - 0.5  # pixel centres lie at .5
    except (TypeError, KeyError, ValueError, AttributeError):
        raise ValueError("face_spec holds no landmarks") from None


def _faces(entry: Any) -> list[Any]:
    several = isinstance(entry, list) and entry and isinstance(entry[0], list | dict)
    if several and (isinstance(entry[0], dict) or (entry[0] and isinstance(entry[0][0], list))):
        return entry
    return [entry] if entry else []
