"""Pictures with their truth: parameters in, images, landmarks, labels and depth out."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.parafaces.compile_cache import compiled
from benchmarks.parafaces.march import BLOCK, CHANNELS, DEPTH, trace
from benchmarks.parafaces.paint import LAYERS, paint
from benchmarks.parafaces.parameters import Array
from benchmarks.parafaces.shading import downsample
from benchmarks.parafaces.shape import shapes
from benchmarks.parafaces.styles import DOMAINS, STYLES
from benchmarks.parafaces.truth import LANDMARKS, landmark_truth, locate
from core.errors import UserError

RESOLUTIONS = (32, 64, 128, 256)


class ParaFacesError(UserError, ValueError):
    """A domain, resolution or supersampling that ParaFaces does not have."""


@dataclass(frozen=True)
class Rendering:
    """Pictures and what is known about them.

    Landmarks are (x, y) in pixels, left and right those of the picture. The depth is the distance
    from the camera in head units, `FAR` where there is only background.
    """

    images: NDArray[np.uint8]  # [n, R, R, 3]
    landmarks: Array  # [n, K, 2]
    visible: NDArray[np.bool_]  # [n, K]
    segmentation: NDArray[np.uint8]  # [n, R, R], indices into SEGMENTS
    depth: Array  # [n, R, R]

    def __len__(self) -> int:
        return len(self.images)


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # not everywhere
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def layout(n: int, resolution: int) -> dict[str, tuple[tuple[int, ...], type]]:
    """Shape and type of every array of a `Rendering` of n pictures."""
    square = (n, resolution, resolution)
    return {
        "images": ((*square, 3), np.uint8),
        "landmarks": ((n, len(LANDMARKS), 2), np.float32),
        "visible": ((n, len(LANDMARKS)), np.bool_),
        "segmentation": (square, np.uint8),
        "depth": (square, np.float32),
    }


def check(domain: str, resolution: int, supersample: int) -> None:
    """Raise if there is no such picture."""
    if domain not in DOMAINS:
        raise ParaFacesError(f"ParaFaces has no domain '{domain}'; it has {', '.join(DOMAINS)}.")
    if resolution not in RESOLUTIONS:
        raise ParaFacesError(f"ParaFaces are drawn at {RESOLUTIONS} pixels, not at {resolution}.")
    if not 1 <= supersample <= 8:
        raise ParaFacesError(f"supersample must lie between 1 and 8, it is {supersample}.")


def render(
    params: Array, domain: str, resolution: int, *, supersample: int = 2, workers: int | None = None
) -> Rendering:
    """Render parameters [n, P] in a domain; the same bytes whatever the number of workers."""
    check(domain, resolution, supersample)
    arrays: dict[str, Any] = {
        name: np.empty(shape, kind)
        for name, (shape, kind) in layout(len(params), resolution).items()
    }
    result = Rendering(**arrays)
    for _ in fill(result, params, domain, supersample=supersample, workers=workers):
        pass
    return result


def fill(
    result: Rendering, params: Array, domain: str, *, supersample: int, workers: int | None = None
) -> Iterator[int]:
    """Render into the arrays of a `Rendering`, yielding the number of pictures done."""
    compiled(domain)
    style = STYLES[domain]
    records = shapes(style.deform(np.asarray(params, np.float32)))
    size = result.images.shape[1] * supersample
    assert size % BLOCK == 0

    def draw(start: int) -> int:
        g = np.empty((len(CHANNELS), size, size), np.float32)
        layers = np.empty((len(LAYERS), size, size), np.float32)
        colours = np.empty((size, size, 3), np.float32)
        stop = min(start + 64, len(records))
        for n in range(start, stop):
            h = records[n]
            trace(h, g)
            paint(h, g, layers)
            style.draw(h, g, layers, colours)
            downsample(
                colours,
                layers,
                g[DEPTH],
                supersample,
                result.images[n],
                result.segmentation[n],
                result.depth[n],
            )
            landmark_truth(h, result.depth[n], result.landmarks[n], result.visible[n])
        return stop - start

    if len(records):  # compile once, before the threads start
        draw(max(len(records) - 1, 0))
    done = 0
    # Threads, for the compiled code holds no lock: cheaper to compile than a parallel loop.
    with ThreadPoolExecutor(workers or cores()) as pool:
        for count in pool.map(draw, range(0, len(records), 64)):
            done += count
            yield done


def landmarks(params: Array, domain: str, resolution: int) -> Array:
    """Landmarks [n, K, 2] in pixels of parameters [n, P], without rendering; those of `render`."""
    check(domain, resolution, 1)
    records = shapes(STYLES[domain].deform(np.asarray(params, np.float32)))
    points = np.empty((len(records), len(LANDMARKS), 2), np.float32)
    distance = np.empty(len(LANDMARKS), np.float32)
    for n in range(len(records)):
        locate(records[n], points[n], distance)
    return points * np.float32(resolution)


Progress = Callable[[int, int], None]
