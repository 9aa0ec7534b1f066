"""Rendered pictures on disk, keyed by what defines them and moved into place at once."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from benchmarks.parafaces.march import CHANNELS
from benchmarks.parafaces.parameters import TABLE, parameters
from benchmarks.parafaces.picture import Progress, Rendering, check, fill, layout
from benchmarks.parafaces.truth import LANDMARKS

# Raise when any picture changes, so that what older code has rendered is not taken for it.
RENDER_VERSION = 1


def cache_key(
    domain: str, people: Sequence[int], pictures_each: int, resolution: int, supersample: int
) -> str:
    """Hash of everything that defines the pictures."""
    what = {
        "version": RENDER_VERSION,
        "domain": domain,
        "pictures_each": pictures_each,
        "people": hashlib.sha256(np.asarray(people, np.int64).tobytes()).hexdigest(),
        "resolution": resolution,
        "supersample": supersample,
        "table": repr(TABLE),
        "landmarks": LANDMARKS,
        "channels": CHANNELS,
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:20]


def cached(
    domain: str,
    *,
    people: Sequence[int],
    resolution: int,
    folder: str | Path,
    pictures_each: int = 1,
    supersample: int = 2,
    progress: Progress = lambda done, total: None,
) -> Rendering:
    """Pictures 0 .. pictures_each - 1 of every person, person by person, memory-mapped.

    Rendered into the folder first if they are not there yet, or if what is there is damaged.
    """
    check(domain, resolution, supersample)
    n = len(people) * pictures_each
    key = cache_key(domain, people, pictures_each, resolution, supersample)
    place = Path(folder) / f"{domain}-{resolution}-{n}-{key}"
    shapes = layout(n, resolution)
    found = _opened(place, shapes)
    if found is not None:
        return found
    place.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".rendering-", dir=place.parent))
    try:
        result = Rendering(
            **{
                name: open_memmap(work / f"{name}.npy", "w+", kind, shape)
                for name, (shape, kind) in shapes.items()
            }
        )
        ids = np.repeat(np.asarray(people, np.int64), pictures_each)
        params = parameters(ids, np.tile(np.arange(pictures_each), len(people)))
        for done in fill(result, params, domain, supersample=supersample):
            progress(done, n)
        for array in vars(result).values():
            array.flush()
        del result, array
        _move(work, place)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    found = _opened(place, shapes)
    if found is None:
        raise OSError(f"The rendered pictures in {place} cannot be read back.")
    return found


def _opened(place: Path, shapes: dict[str, tuple[tuple[int, ...], type]]) -> Rendering | None:
    """The pictures in a folder, or None if any file is missing, truncated or of another shape."""
    arrays = {}
    for name, (shape, kind) in shapes.items():
        try:
            array = np.load(place / f"{name}.npy", mmap_mode="r")
        except (OSError, ValueError, EOFError):
            return None
        if array.shape != shape or array.dtype != kind:
            return None
        arrays[name] = array
    return Rendering(**arrays)


def _move(work: Path, place: Path) -> None:
    """Put a finished folder into its place, which may hold a damaged one or another process's."""
    if place.exists():
        shutil.rmtree(place)
    os.replace(work, place)
