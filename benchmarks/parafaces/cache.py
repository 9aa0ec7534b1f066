"""Rendered pictures on disk, keyed by what defines them and moved into place at once."""

import errno
import json
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.lib.format import open_memmap

from benchmarks.parafaces.march import CHANNELS
from benchmarks.parafaces.parameters import TABLE, Array, parameters
from benchmarks.parafaces.picture import Progress, Rendering, check, fill, layout
from benchmarks.parafaces.truth import LANDMARKS
from core import atomic, hashing
from core.errors import UserError

Who = Sequence[int] | Array  # people, or parameters [n, P] of anybody
RENDER_VERSION = 1  # raise when any picture changes, lest older renderings be taken for it
SUMS = "sha256.json"
WORK = ".rendering-"
STALE_SECONDS = 24 * 3600  # the folder of a process that was killed, not of one that renders
ATTEMPTS = 3  # to take a place that other processes take at the same time


def cache_key(
    domain: str, people: Who, pictures_each: int, resolution: int, supersample: int
) -> str:
    """Hash of everything that defines the pictures."""
    known = isinstance(people, np.ndarray) and people.ndim > 1  # by their parameters
    who = np.asarray(people, np.float32 if known else np.int64)
    what = {
        "version": RENDER_VERSION,
        "domain": domain,
        "pictures_each": pictures_each,
        "people": hashing.of_bytes(who.tobytes()),
        "resolution": resolution,
        "supersample": supersample,
        "table": repr(TABLE),
        "landmarks": LANDMARKS,
        "channels": CHANNELS,
    }
    return hashing.of_json(what)[:20]


def cached(
    domain: str,
    *,
    people: Who,
    resolution: int,
    folder: str | Path,
    pictures_each: int = 1,
    supersample: int = 2,
    progress: Progress = lambda done, total: None,
) -> Rendering:
    """Pictures 0 .. pictures_each - 1 of every person, person by person, memory-mapped; those
    who are given by their parameters have one. Rendered into the folder first if they are not there
    yet, or if what is there is damaged: each array has a checksum.
    """
    check(domain, resolution, supersample)
    n = len(people) * pictures_each
    key = cache_key(domain, people, pictures_each, resolution, supersample)
    place = Path(folder) / f"{domain}-{resolution}-{n}-{key}"
    shapes = layout(n, resolution)
    if (found := _opened(place, shapes)) is not None:
        return found
    if isinstance(people, np.ndarray) and people.ndim > 1:
        params = people
    else:
        ids = np.repeat(np.asarray(people, np.int64), pictures_each)
        params = parameters(ids, np.tile(np.arange(pictures_each), len(people)))
    with _workplace(place.parent) as work:
        arrays = {name: _array(work / f"{name}.npy", *of) for name, of in shapes.items()}
        for done in fill(Rendering(**arrays), params, domain, supersample=supersample):
            progress(done, n)
        for array in arrays.values():
            array.flush()
        del arrays, array  # Windows moves no file that is mapped
        atomic.write(work / SUMS, json.dumps(_sums(work, shapes)).encode())
        _move(work, place)
    if (found := _opened(place, shapes)) is None:
        raise OSError(f"The rendered pictures in {place} cannot be read back.")
    return found


def _opened(place: Path, shapes: dict[str, tuple[tuple[int, ...], type]]) -> Rendering | None:
    arrays = {}
    for name, (shape, kind) in shapes.items():
        try:
            array = np.load(place / f"{name}.npy", mmap_mode="r")
        except (OSError, ValueError, EOFError):
            return None
        if array.shape != shape or array.dtype != kind:
            return None
        arrays[name] = array
    stamps = []
    for name in (*(f"{name}.npy" for name in shapes), SUMS):
        with suppress(OSError):  # SUMS, in what a version rendered that wrote none: taken as it is
            status = (place / name).stat()
            stamps.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return Rendering(**arrays) if _as_written(place, tuple(shapes), tuple(stamps)) else None


@lru_cache(maxsize=256)  # by their stamps, files are read once a process
def _as_written(place: Path, names: tuple[str, ...], stamps: tuple[tuple[int, ...], ...]) -> bool:
    actual = _sums(place, names)
    try:
        return json.loads((place / SUMS).read_text(encoding="utf-8")) == actual
    except FileNotFoundError:
        with suppress(OSError):
            atomic.write(place / SUMS, json.dumps(actual).encode())
        return True
    except (OSError, ValueError):
        return False


def _sums(folder: Path, names: Iterable[str]) -> dict[str, str]:
    return {name: hashing.of_file(folder / f"{name}.npy") for name in names}


def _array(path: Path, shape: tuple[int, ...], kind: type) -> np.memmap:
    array = open_memmap(path, "w+", kind, shape)
    with path.open("r+b") as file:
        atomic.reserve(file, path.stat().st_size)
    return array


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """A folder beside the finished ones that is gone afterwards; so are those of killed processes.
    Raises `UserError` where what is rendered cannot be kept there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{WORK}*"):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        with TemporaryDirectory(prefix=WORK, dir=folder, ignore_cleanup_errors=True) as work:
            yield Path(work)
    except OSError as error:
        raise UserError(
            f"Rendered pictures cannot be kept in {folder} ({error.strerror}); "
            "machine.cache=FOLDER names another place."
        ) from error


def _move(work: Path, place: Path) -> None:
    for _ in range(ATTEMPTS):
        if place.exists():
            shutil.rmtree(place, ignore_errors=True)
        try:
            return atomic.place(work, place)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
    raise OSError(errno.EBUSY, "another process keeps writing there")
