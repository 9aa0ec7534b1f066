"""Picture files wherever they lie: a folder, a zip, an LMDB or a render, none of which is unpacked.
A zip of NVIDIA's layout holds ``00000/img00000000.png`` … and ``dataset.json``; one that
``benchmarks.prepare`` wrote says there too of which file each picture was made, so that lists of
files stay valid for it. An LMDB is that of rosinality's StyleGAN2: keys ``256-00000`` … and
``length``. A render is what ParaFaces keep in the cache: an array of pixels in a .npy file.
"""

import json
import lzma
import os
import re
import stat
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from core import hashing
from core.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".jfif")
FOREIGN = (".avif", ".heic", ".heif", ".tif", ".tiff")  # not read: named with what is broken
PICTURE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n|GIF8|RIFF....WEBP|BM....\0\0\0\0", re.DOTALL)
"""How files of `SUFFIXES` begin: by this those are known whose names have no ending."""
MAX_BYTES = 1 << 29  # of a picture, more than any camera writes; beyond it a file is a bomb
MAX_RATIO = 200  # to which a large picture can be compressed in a zip; deflate's most is 1,032
SMALL_INDEX = 1 << 16  # bytes of an index that may be larger than its zip
SMALL = 1 << 24  # bytes of a picture that may be compressed to any size
MAX_PICTURES = 10_000_000  # in an LMDB, whose length is only claimed; FFHQ has 70,000
INDEX = "dataset.json"
NOTES = "styleshift"  # where `benchmarks.prepare` keeps in the index what NVIDIA's layout lacks
HEAD = 16  # bytes that tell a picture
LMDB, RENDER = "data.mdb", "images.npy"
SHA256 = re.compile(r"[0-9a-f]{64}")
DAMAGE = (OSError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""What reading from a container raises where it is damaged or encrypted."""


class Unreadable(UserError):
    """A file that is no whole picture; the message names it."""


class Container(ABC):
    """Something that holds picture files under names of its own."""

    @abstractmethod
    def pictures(self) -> list[str]:
        """The names of its pictures, sorted."""

    @abstractmethod
    def read(self, member: str) -> bytes:
        """The bytes of a picture."""

    @cached_property
    def notes(self) -> dict[str, Any]:
        """What `benchmarks.prepare` wrote down, or nothing."""
        return {}

    @cached_property
    def origins(self) -> dict[str, tuple[str, str]]:
        """Of which file, by checksum and name, a picture was made, where that is written down."""
        return {}


class Folder(Container):
    """A folder with all below it, also by links, each real folder once; hidden ones are skipped."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def pictures(self) -> list[str]:
        members = [path.relative_to(self.path).as_posix() for path in self._walk()]
        return _pictures(self.path, members, self._begins)

    def _walk(self) -> Iterator[Path]:
        def refuse(fault: OSError) -> None:
            raise UserError(f"The folder {fault.filename} cannot be read ({fault.strerror}).")

        entered = set()
        waiting = [self.path]  # then links: of a folder that is reached twice its own name counts
        while waiting:
            for place, folders, names in os.walk(waiting.pop(0), onerror=refuse):
                status = os.stat(place)
                if (status.st_dev, status.st_ino) in entered:
                    folders.clear()
                    continue
                entered.add((status.st_dev, status.st_ino))
                folders[:] = sorted(name for name in folders if _visible(name))
                waiting += [path for name in folders if (path := Path(place, name)).is_symlink()]
                yield from (Path(place, name) for name in names)

    def _begins(self, member: str) -> bytes:
        path = self.path / member
        with suppress(OSError):
            if path.is_file():  # a pipe would be waited for without end
                with path.open("rb") as file:
                    return file.read(HEAD)
        return b""

    def read(self, member: str) -> bytes:
        path = self.path / member
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for without end
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
        return _pictures(self.path, names, self._begins)

    def _begins(self, member: str) -> bytes:
        with suppress(*DAMAGE), self.archive.open(member) as file:
            return file.read(HEAD)
        return b""

    def read(self, member: str) -> bytes:
        info = self.archive.getinfo(member)
        _check_size(info.file_size)
        if info.file_size > max(SMALL, MAX_RATIO * info.compress_size):
            raise OSError(f"it becomes {info.file_size} bytes, more than {info.compress_size} hold")
        return self.archive.read(member)

    @cached_property
    def notes(self) -> dict[str, Any]:
        if INDEX not in self.archive.namelist():
            return {}
        most = self.path.stat().st_size + SMALL_INDEX  # a line is shorter than its picture
        try:
            if self.archive.getinfo(INDEX).file_size > most:
                raise ValueError("it is larger than its zip")
            index = json.loads(self.read(INDEX))
        except (ValueError, *DAMAGE) as fault:
            raise UserError(f"{self.path / INDEX} cannot be read ({fault}).") from fault
        own = index.get(NOTES, {}) if isinstance(index, dict) else {}
        return own if isinstance(own, dict) else {}

    @cached_property
    def origins(self) -> dict[str, tuple[str, str]]:
        origins = {}
        rows = self.notes.get("files", [])
        for row in rows if isinstance(rows, list) else [rows]:
            texts = isinstance(row, list) and all(isinstance(word, str) for word in row)
            if not texts or len(row) != 3 or not SHA256.fullmatch(row[1]):
                raise UserError(f"{self.path / INDEX} holds a line that names no file: {row!r}.")
            origins[row[0]] = (row[1], row[2])
        return origins


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
        sizes = [1 << power for power in range(10, 2, -1) if self.read(f"{1 << power}-00000")]
        length = self.read("length").decode(errors="replace")
        if not sizes or not length.isdecimal() or int(length) > MAX_PICTURES:
            raise UserError(f"The LMDB {self.path} holds no pictures under keys like 256-00000.")
        return [f"{sizes[0]}-{index:05}" for index in range(int(length))]

    def read(self, member: str) -> bytes:
        with self.environment.begin() as transaction:
            return bytes(transaction.get(member.encode()) or b"")


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


def _pictures(place: Path, members: list[str], begins: Callable[[str], bytes]) -> list[str]:
    visible = sorted(m for m in members if _visible(m))
    kept = [
        member
        for member in visible
        if member.lower().endswith((*SUFFIXES, *FOREIGN))
        or (not PurePosixPath(member).suffix.strip(".0123456789") and PICTURE.match(begins(member)))
    ]
    if not kept:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
        zips = [member for member in visible if member.lower().endswith(".zip")]
        hint = f"; a zip can be given itself, {place / zips[0]}" if zips else ""
        raise UserError(f"There is no picture ({kinds}) in {place}{hint}.")
    return kept


def _visible(member: str) -> bool:
    parts = PurePosixPath(member).parts  # macOS adds a __MACOSX to its zips
    return not any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise OSError(f"it has {size} bytes, more than a picture can need")


@dataclass(frozen=True)
class File:
    """One picture file, wherever it lies."""

    root: Path
    member: str

    def __str__(self) -> str:
        return str(self.root / self.member)

    @property
    def name(self) -> str:
        """Its path in what the user had, also where it was prepared since."""
        return self._origin[1]

    @property
    def sha256(self) -> str:
        """Hex checksum of the file, or of that of which it was made."""
        return self._origin[0] or hashing.of_bytes(self.read())

    @property
    def _origin(self) -> tuple[str, str]:
        return container(self.root).origins.get(self.member, ("", self.member))

    def read(self) -> bytes:
        """Its bytes; `Unreadable` where there are none or they cannot be had."""
        try:
            data = container(self.root).read(self.member)
        except (KeyError, *DAMAGE) as fault:
            reason = getattr(fault, "strerror", None) or fault
            raise Unreadable(f"{self} cannot be read ({reason}).") from fault
        if not data:
            raise Unreadable(f"{self} is empty (0 bytes).")
        return data


def files(root: str | Path) -> list[File]:
    """All picture files in a folder, zip, LMDB or render, sorted; a picture's own path gives it."""
    path = Path(os.path.expanduser(root))  # leaves ~nobody as it is, where Path would raise
    if not os.path.exists(path):  # False, not an error, for what may not be looked at
        raise UserError(f"The folder {path} does not exist.")
    if _alone(path):
        return [File(path.parent, path.name)]
    return [File(path, member) for member in container(path).pictures()]


def notes(root: str | Path) -> dict[str, Any]:
    """What `benchmarks.prepare` wrote into a zip, or nothing."""
    path = Path(os.path.expanduser(root))
    return container(path).notes if os.path.exists(path) and not _alone(path) else {}


def _alone(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file() and not zipfile.is_zipfile(path)


def container(path: Path) -> Container:
    """What lies at a path; one that was replaced is opened anew."""
    content = next((path / name for name in (LMDB, RENDER) if (path / name).is_file()), path)
    if content.is_dir():
        return Folder(content)
    if not content.is_file():  # a pipe would be waited for without end
        raise UserError(f"{path} is neither a folder nor a regular file.")
    status = content.stat()
    return _opened(content, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=8)  # a domain has three sets at most; each holds a file open
def _opened(path: Path, changed: int, size: int) -> Container:
    if path.name == LMDB:
        return Lmdb(path.parent)
    if path.suffix == ".npy":
        return Render(path)
    if zipfile.is_zipfile(path):
        return Zip(path)
    raise UserError(f"{path} is neither a folder nor a zip of pictures.")
