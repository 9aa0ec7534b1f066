"""Files of weights as they come: ours as they are, others' converted once and kept. Light: torch is
imported only where something is converted.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from filelock import FileLock

from core import atomic, hashing
from core.errors import UserError
from core.paths import cache_folder, placed

FOLDER = "sources"  # of the cache
VERSION = 1  # of what a conversion writes; with another one, files are converted anew
HEAD = 8  # bytes of a safetensors file that say how long its header is, little end first
GS = ("g_ema", "g")  # the averaged one and the other, each of which serves as both
FRESH = "fresh"  # in place of a discriminator's file: an untrained one


def is_ours(path: Path) -> bool:
    """Whether a file begins as safetensors do: a header of less than 4 GB, which is a JSON."""
    with path.open("rb") as file:
        return file.read(HEAD + 1)[4:] == b"\0\0\0\0{"


def ours(path: Path) -> Path:
    """A file of ours that holds what ``path`` does: itself, or its conversion, which is made once
    and found again by its checksum. Of several processes one converts and the others wait.
    """
    if not path.is_file():  # a pipe would be waited for without end
        raise UserError(f"There is no file {path}.")
    if is_ours(path):
        return path
    kept = cache_folder() / FOLDER / f"{checksum(path)}-{VERSION}.safetensors"
    if not kept.is_file():
        with alone(kept):
            if not kept.is_file():  # nobody has made it in between
                convert(path, kept)
    return kept


def convert(path: Path, kept: Path) -> None:
    import torch

    from core import convert
    from core.progress import console

    console.print(f"{path} is converted, once.", highlight=False, soft_wrap=True, markup=False)
    with torch.random.fork_rng():  # a run that finds its source converted has the same numbers
        networks = convert.load(path)
    for note in networks.notes.values():
        console.print(f"{path}: {note}.", highlight=False, soft_wrap=True, markup=False)
    convert.save(kept, networks)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Work on a file as the only process, and without what a killed one had only begun."""
    lock = FileLock(path.with_suffix(".lock"))
    try:
        atomic.make_folder(path.parent, lock.acquire)
    except (OSError, NotImplementedError) as error:
        if not path.parent.is_dir():
            raise UserError(f"{path} cannot be written: {error}.") from error
    else:  # else a file system without locks: what is written twice is written whole
        for part in path.parent.glob(f"{path.name}.*{atomic.PART}"):
            part.unlink(missing_ok=True)
    try:
        yield
    finally:
        lock.release()


def checksum(path: Path) -> str:
    """SHA-256 of a file, read once for a process as long as it does not change."""
    stamp = path.stat()
    return _checksum(path, stamp.st_size, stamp.st_mtime_ns)


@cache
def _checksum(path: Path, size: int, changed: int) -> str:
    return hashing.of_file(path)


def identity(path: Path, discriminator: str = "", seed: int = 0) -> str:
    """What tells the weights of a source from others: the checksum of their file as it was
    obtained, and where its discriminator is not that of the file, which one it is.
    """
    if not discriminator:
        return checksum(path)
    fresh = discriminator == FRESH
    other = f"{FRESH}-seed{seed}" if fresh else checksum(placed(discriminator))
    return f"{checksum(path)}+{other}"


def resolution(path: Path) -> int:
    """Side in pixels of what the generator of a file makes."""
    kept = ours(path)
    try:
        with kept.open("rb") as file:
            length = int.from_bytes(file.read(HEAD), "little")
            header = json.loads(file.read(min(length, kept.stat().st_size)))
        networks = json.loads(header["__metadata__"]["networks"])
        held = [f"{part} ({one['class']})" for part, one in networks.items()]
        sides = [networks[part]["config"]["img_resolution"] for part in GS if part in networks]
        side = int(sides[0]) if sides else 0
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} does not say which networks it holds.") from error
    if not side:
        what = ", ".join(held) or "nothing"
        raise UserError(f"{path} holds no Generator as {' or '.join(GS)}, but {what}.")
    return side
