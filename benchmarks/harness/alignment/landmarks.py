"""The four points that decide about a face, out of whatever a detector or a file gives.

They are the eyes and the corners of the mouth, [4, 2] as (x, y) in pixels; left and right are those
of the picture.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np

NAMED = ("eye_left", "eye_right", "mouth_left", "mouth_right")
EYES_68 = (range(36, 42), range(42, 48))  # iBUG 300-W's numbers, from 0
MOUTH_68 = (48, 54)
EYES_MESH = ((33, 160, 158, 133, 153, 144), (362, 385, 387, 263, 373, 380))
MOUTH_MESH = (61, 291)
"""Of the MediaPipe mesh: the points nearest to those of the 68-point scheme."""


def four_points(found: Any) -> np.ndarray:
    """The four points of a face.

    Args:
        found: an array of 4 points, 5 (with the nose between eyes and mouth), 68 (iBUG), 468 or
            478 (MediaPipe), flat or not, or a mapping of the names in `NAMED`.

    Raises:
        ValueError: it is none of these, or the points are no face.
    """
    if isinstance(found, dict):
        if not set(NAMED) <= found.keys():
            raise ValueError(f"the points have no names {', '.join(NAMED)}")
        found = [found[name] for name in NAMED]
    try:
        points = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError("the landmarks are no numbers") from None
    if points.ndim == 1 and len(points) % 2 == 0:
        points = points.reshape(-1, 2)
    if points.ndim != 2 or points.shape[1] < 2:
        raise ValueError("the landmarks are no pairs of x and y")
    return _sound(_chosen(points[:, :2]))


def faces(found: Iterable[Any]) -> list[np.ndarray]:
    """The four points of every face, less those that are none."""
    sound = []
    for points in found:
        with suppress(ValueError):
            sound.append(four_points(points))
    return sound


def _chosen(points: np.ndarray) -> np.ndarray:
    if len(points) == 4:
        return points
    if len(points) == 5:
        return points[[0, 1, 3, 4]]
    if len(points) == 68:
        eyes, mouth = [points[list(eye)].mean(0) for eye in EYES_68], MOUTH_68
    elif len(points) in (468, 478):
        eyes, mouth = [points[list(eye)].mean(0) for eye in EYES_MESH], MOUTH_MESH
    else:
        raise ValueError(f"{len(points)} landmarks are neither 4, 5, 68, 468 nor 478")
    return np.stack([*eyes, points[mouth[0]], points[mouth[1]]])


def _sound(points: np.ndarray) -> np.ndarray:
    if not np.isfinite(points).all():
        raise ValueError("the landmarks are not finite")
    across, down = points[1] - points[0], points[2:].mean(0) - points[:2].mean(0)
    turned = across - np.array([-down[1], down[0]])
    if math.hypot(*across) < 1 or math.hypot(*down) < 1 or math.hypot(*turned) < 1:
        raise ValueError("the eyes and the mouth lie on one another")
    return points
