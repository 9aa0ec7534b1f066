"""Pictures with their truth: parameters in, images, landmarks, labels and depth out."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.parafaces.march import BLOCK, CHANNELS, DEPTH, survey, trace
from benchmarks.parafaces.paint import LAYERS, paint
from benchmarks.parafaces.parameters import Array
from benchmarks.parafaces.shading import downsample
from benchmarks.parafaces.shape import shapes
from benchmarks.parafaces.styles import DOMAINS, STYLES
from benchmarks.parafaces.truth import LANDMARKS, landmark_truth, locate
from core.errors import UserError
from core.paths import ROOT

RESOLUTIONS = (32, 64, 128, 256)
SHARE = 64  # pictures that a thread draws before it looks for more
COMPILER = "STYLESHIFT_COMPILER"  # set in the process that compiles for others
COMPILE = """\
import sys
import numpy as np
from benchmarks import parafaces
nobody = np.zeros(1, np.int64)
parafaces.render(parafaces.parameters(nobody, nobody), sys.argv[1], 32)
"""
Progress = Callable[[int, int], None]


class ParaFacesError(UserError, ValueError):
    """A domain, resolution or supersampling that ParaFaces does not have."""


@dataclass(frozen=True)
class Rendering:
    """Pictures and what is known about them.
    Landmarks are (x, y) in pixels, left and right those of the picture. The depth is the distance
    from the camera in head units, `FAR` where there is only background.
    """

    images: NDArray[np.uint8]  # [n, R, R, 3]
    landmarks: NDArray[np.float32]  # [n, K, 2]
    visible: NDArray[np.bool_]  # [n, K]
    segmentation: NDArray[np.uint8]  # [n, R, R], indices into SEGMENTS
    depth: NDArray[np.float32]  # [n, R, R]

    def __len__(self) -> int:
        return len(self.images)


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
    arrays = layout(len(params), resolution).items()
    result = Rendering(**{name: np.empty(shape, kind) for name, (shape, kind) in arrays})
    for _ in fill(result, params, domain, supersample=supersample, workers=workers):
        pass
    return result


def fill(
    result: Rendering, params: Array, domain: str, *, supersample: int, workers: int | None = None
) -> Iterator[int]:
    """Render into the arrays of a `Rendering`, yielding the number of pictures done."""
    compile_elsewhere(domain)
    style = STYLES[domain]
    records = shapes(style.deform(np.asarray(params, np.float32)))
    size = result.images.shape[1] * supersample
    assert size % BLOCK == 0

    def draw(start: int) -> int:
        g = np.empty((len(CHANNELS), size, size), np.float32)
        layers = np.empty((len(LAYERS), size, size), np.float32)
        colours = np.empty((size, size, 3), np.float32)
        stop = min(start + SHARE, len(records))
        for n in range(start, stop):
            h = records[n]
            trace(h, g)
            paint(h, g, layers)
            style.draw(h, g, layers, colours)
            pixels = result.images[n], result.segmentation[n], result.depth[n]
            downsample(colours, layers, g[DEPTH], supersample, *pixels)
            landmark_truth(h, result.depth[n], result.landmarks[n], result.visible[n])
        return stop - start

    if len(records):  # compile once, before the threads start
        draw(len(records) - 1)
    done = 0
    # Threads, for the compiled code holds no lock: cheaper to compile than a parallel loop.
    with ThreadPoolExecutor(workers or cores()) as pool:
        for count in pool.map(draw, range(0, len(records), SHARE)):
            done += count
            yield done


def cores() -> int:
    """Cores that this process may use, where the system says it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def compile_elsewhere(domain: str) -> None:
    """See to it that the kernels, with those of a domain, lie where numba keeps them.
    A process that has compiled its kernels itself calls some of their parts where one that has read
    them runs copies within the callers, which were optimised otherwise: now and then a pixel comes
    out one grey level darker. So whoever finds nothing compiled has another process do it; if that
    cannot, whoever needs them compiles them.
    """
    where = survey.stats.cache_path
    there = list(Path(where).glob(f"march.{survey.py_func.__name__}-*.nbi")) if where else []
    if there or COMPILER in os.environ:
        return
    paths = filter(None, (str(ROOT), os.environ.get("PYTHONPATH", "")))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), COMPILER: "1"}
    command = [sys.executable, "-c", COMPILE, domain]
    subprocess.run(command, env=environment, capture_output=True, check=False)


def landmarks(params: Array, domain: str, resolution: int) -> NDArray[np.float32]:
    """Landmarks [n, K, 2] in pixels of parameters [n, P], without rendering; those of `render`."""
    check(domain, resolution, 1)
    records = shapes(STYLES[domain].deform(np.asarray(params, np.float32)))
    points = np.empty((len(records), len(LANDMARKS), 2), np.float32)
    distance = np.empty(len(LANDMARKS), np.float32)
    for record, place in zip(records, points, strict=True):
        locate(record, place, distance)
    return points * np.float32(resolution)
