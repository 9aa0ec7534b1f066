"""Where picture files lie: a folder, a zip, an LMDB or a render, none of which is ever unpacked.

A zip of NVIDIA's layout holds ``00000/img00000000.png`` … and ``dataset.json``. One that
``benchmarks.prepare`` wrote says there too of which file each picture was made, so that lists of
files stay valid for it. An LMDB is that of rosinality's StyleGAN2: keys ``256-00000`` … and
``length``. A render is what ParaFaces keep in the cache: an array of pixels in a .npy file.
"""

from __future__ import annotations

import json
import lzma
import os
import re
import stat
import zipfile
import zlib
from abc import ABC, abstractmethod
from functools import cached_property
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from core.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".jfif")
FOREIGN = (".avif", ".heic", ".heif", ".tif", ".tiff")
"""Endings of pictures that are not read: named with what is broken, never passed over."""
MAX_BYTES = 1 << 29  # of a picture, more than any camera writes; beyond it a file is a bomb
MAX_PICTURES = 10_000_000  # in an LMDB, whose length is only claimed; FFHQ has 70,000
INDEX = "dataset.json"
NOTES = "styleshift"
"""Key of ``dataset.json`` under which `benchmarks.prepare` keeps what NVIDIA's layout lacks."""

LMDB, RENDER = "data.mdb", "images.npy"
SHA256 = re.compile(r"[0-9a-f]{64}")
DAMAGE = (OSError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""What reading from a container raises where it is damaged or encrypted."""


class Unreadable(UserError):
    """A file that is no whole picture; the message names it."""


class Origin(NamedTuple):
    """Of which file a prepared picture was made.

    Attributes:
        sha256: of that file, in hex.
        name: its path in what the user had.
    """

    sha256: str
    name: str


class Container(ABC):
    """Something that holds picture files under names of its own."""

    @abstractmethod
    def pictures(self) -> list[str]:
        """The names of its pictures, sorted."""

    @abstractmethod
    def read(self, member: str) -> bytes:
        """The bytes of a picture."""

    def origin(self, member: str) -> Origin | tuple[()]:
        """Of which file it was made, where that is known."""
        return ()


class Folder(Container):
    """A folder with all below it; hidden files are skipped."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pictures(self) -> list[str]:
        return _pictures(self.path, _walk(self.path))

    def read(self, member: str) -> bytes:
        path = self.path / member
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError("it is not a regular file")
        _check_size(status.st_size)
        return path.read_bytes()


class Zip(Container):
    """A zip; the names in it are never used as places on the disk."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.archive = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as fault:
            raise UserError(f"The zip {path} cannot be opened ({fault}).") from fault

    def pictures(self) -> list[str]:
        names = [info.filename for info in self.archive.infolist() if not info.is_dir()]
        return _pictures(self.path, names)

    def read(self, member: str) -> bytes:
        _check_size(self.archive.getinfo(member).file_size)
        return self.archive.read(member)

    def origin(self, member: str) -> Origin | tuple[()]:
        return self._origins.get(member, ())

    @cached_property
    def notes(self) -> dict[str, Any]:
        """What `benchmarks.prepare` wrote down, or nothing."""
        if INDEX not in self.archive.namelist():
            return {}
        try:
            index = json.loads(self.read(INDEX))
        except (ValueError, *DAMAGE) as fault:
            raise UserError(f"{self.path / INDEX} cannot be read ({fault}).") from fault
        own = index.get(NOTES, {}) if isinstance(index, dict) else {}
        return own if isinstance(own, dict) else {}

    @cached_property
    def _origins(self) -> dict[str, Origin]:
        found = {}
        rows = self.notes.get("files", [])
        for row in rows if isinstance(rows, list) else [rows]:
            texts = isinstance(row, list) and all(isinstance(word, str) for word in row)
            if not texts or len(row) != 3 or not SHA256.fullmatch(row[1]):
                raise UserError(f"{self.path / INDEX} holds a line that names no file: {row!r}.")
            found[row[0]] = Origin(row[1], row[2])
        return found


class Lmdb(Container):
    """A database as rosinality's ``prepare_data.py`` writes it; of its sizes the largest is read.

    The package ``lmdb`` trusts the file, so only open one that you made or got from a good place.
    """

    def __init__(self, path: Path) -> None:
        try:
            import lmdb
        except ImportError as fault:
            raise UserError(
                f"{path} is an LMDB, which needs a package: pip install 'styleshift[lmdb]'."
            ) from fault
        try:
            self.environment = lmdb.open(str(path), readonly=True, lock=False, readahead=False)
        except lmdb.Error as fault:
            raise UserError(f"The LMDB {path} cannot be opened ({fault}).") from fault
        self.path = path

    def pictures(self) -> list[str]:
        sizes = [1 << power for power in range(10, 2, -1) if self._get(f"{1 << power}-00000")]
        length = self._get("length").decode(errors="replace")
        if not sizes or not length.isdecimal() or int(length) > MAX_PICTURES:
            raise UserError(f"The LMDB {self.path} holds no pictures under keys like 256-00000.")
        return [f"{sizes[0]}-{index:05}" for index in range(int(length))]

    def read(self, member: str) -> bytes:
        return self._get(member)

    def _get(self, key: str) -> bytes:
        with self.environment.begin() as transaction:
            return bytes(transaction.get(key.encode()) or b"")


class Render(Container):
    """Pixels uint8 [n, R, R, 3] in a .npy file, as ParaFaces keep them in the cache."""

    def __init__(self, path: Path) -> None:
        try:
            self.pixels = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as fault:
            raise UserError(f"{path} is no array of pictures ({fault}).") from fault
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or len(shape) != 4 or shape[-1] != 3 or 0 in shape:
            raise UserError(f"{path} is no array of pictures: it must be uint8 [n, R, R, 3].")

    def pictures(self) -> list[str]:
        return [f"{index:08}" for index in range(len(self.pixels))]

    def read(self, member: str) -> bytes:
        buffer = BytesIO()
        Image.fromarray(np.asarray(self.pixels[int(member)])).save(buffer, "BMP")
        return buffer.getvalue()


def _pictures(place: Path, members: list[str]) -> list[str]:
    kept = sorted(m for m in members if _visible(m) and m.lower().endswith((*SUFFIXES, *FOREIGN)))
    if not kept:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
        zips = [m for m in members if _visible(m) and m.lower().endswith(".zip")]
        hint = f"; a zip can be given itself, {place / min(zips)}" if zips else ""
        raise UserError(f"There is no picture ({kinds}) in {place}{hint}.")
    return kept


def _walk(root: Path) -> list[str]:
    def refuse(fault: OSError) -> None:
        raise UserError(f"The folder {fault.filename} cannot be read ({fault.strerror}).")

    found = os.walk(root, onerror=refuse)
    return [(Path(folder, n)).relative_to(root).as_posix() for folder, _, ns in found for n in ns]


def _visible(member: str) -> bool:
    parts = PurePosixPath(member).parts
    return not any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise OSError(f"it has {size} bytes, more than a picture can need")
