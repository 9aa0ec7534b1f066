"""Checkpoint files as inert trees of dictionaries, lists and stand-ins: nothing in a file is
executed. A file is recognised by its content: torch's zip, torch's older sequence of pickles, a
plain pickle (NVIDIA's, or TensorFlow's).
"""

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from core.convert.format import CheckpointError
from core.convert.restricted_unpickler import CountedReader, Limits, unpickle
from core.convert.stand_ins import NAMES, Storage, TensorReader, storage_of

MAGIC = 0x1950A86A20F9469CFC6C  # torch/serialization.py: first pickle of files before the zip
PROTOCOL = 1001  # second pickle
BIG_ENDIAN = "it was written on a machine with another order of bytes"
ZIP = b"PK\x03\x04"
OTHER_FILES = {
    b"<": "is a web page, perhaps the host's refusal saved under the name of the file",
    b"version https://git-lfs": "is a pointer of Git LFS instead of the file itself",
    b"\x1f\x8b": "is compressed with gzip: unpack it first",
}
ZIP_DAMAGE = (zipfile.BadZipFile, struct.error, ValueError, LookupError, RuntimeError,
              NotImplementedError, EOFError, OverflowError)  # fmt: skip


class CheckpointFile(NamedTuple):
    """What a file holds."""

    kind: str  # ``torch zip``, ``torch legacy`` or ``pickle``
    tree: Any  # dictionaries, lists, plain values and stand-ins
    tensors: TensorReader  # reads those of the tree


@contextmanager
def opened(path: Path) -> Iterator[CheckpointFile]:
    """A file, open as long as its tensors are read; a `CheckpointError` says what is wrong."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            limits = Limits(size)
            kind, tree = _read(file, size, limits)
            yield CheckpointFile(kind, tree, TensorReader(limits))
    except OSError as error:
        raise CheckpointError(f"it cannot be read ({error.strerror or error})") from error


def _read(file: BinaryIO, size: int, limits: Limits) -> tuple[str, Any]:
    start = file.read(64)
    file.seek(0)
    for mark, what in OTHER_FILES.items():
        if start.lstrip().startswith(mark):
            raise CheckpointError(f"it {what}")
    if start.startswith(ZIP):
        return "torch zip", _TorchZip(file, size, limits).tree()
    reader = CountedReader(file, size, limits)
    tree = unpickle(reader, NAMES | {"torch.storage._load_from_bytes": partial(_payload, limits)})
    if isinstance(tree, int) and tree == MAGIC:
        return "torch legacy", _legacy(reader)
    return "pickle", tree


def _payload(limits: Limits, raw: bytes) -> Storage:
    """torch.storage._load_from_bytes: a file in the file, which must be one storage. Its names lack
    this one, so that files in files in files are not a way to the end of the stack.
    """
    reader = CountedReader(io.BytesIO(raw), len(raw), limits)
    if unpickle(reader, {}) != MAGIC:
        raise CheckpointError("a storage does not begin as torch's files do")
    storage = _legacy(reader)
    if not isinstance(storage, Storage):
        raise CheckpointError("a storage holds something else than numbers")
    return storage


def _legacy(reader: CountedReader) -> Any:
    if unpickle(reader, {}) != PROTOCOL:
        raise CheckpointError("it has an unknown protocol of torch's older files")
    system = unpickle(reader, {})
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise CheckpointError(BIG_ENDIAN)
    storages: dict[str, Storage] = {}
    tree = unpickle(reader, NAMES, partial(storage_of, storages=storages))
    keys = unpickle(reader, {})
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise CheckpointError("its list of storages is damaged")
    if sorted(keys) != sorted(storages):
        raise CheckpointError("its list of storages is not that of its tensors")
    for key in keys:
        storage = storages[key]
        if struct.unpack("<q", reader.read(8)) != (storage.count,):
            raise CheckpointError("a storage has another length than its tensors say")
        start = reader.skip(storage.nbytes)
        storage.read = partial(reader.read_at, start, storage.nbytes)
    return tree


class _TorchZip:
    """torch's zip: ``NAME/data.pkl`` and a member for each storage, all of them uncompressed."""

    def __init__(self, file: BinaryIO, size: int, limits: Limits) -> None:
        self.size, self.limits = size, limits
        self.storages: dict[str, Storage] = {}
        with _zip_damage():
            self.archive = zipfile.ZipFile(file)
        trees = [name for name in self.archive.namelist() if name.endswith("/data.pkl")]
        if len(trees) != 1 or trees[0].count("/") != 1:
            raise CheckpointError("it is a zip, but none that torch.save wrote")
        self.folder = trees[0].removesuffix("data.pkl")

    def tree(self) -> Any:
        order = f"{self.folder}byteorder"  # files without it are older, and little
        if order in self.archive.NameToInfo and self.member("byteorder", 16).strip() != b"little":
            raise CheckpointError(BIG_ENDIAN)
        raw = self.member("data.pkl", self.size)
        return unpickle(CountedReader(io.BytesIO(raw), len(raw), self.limits), NAMES, self.storage)

    def storage(self, identity: Any) -> Storage:
        storage = storage_of(identity, self.storages)
        storage.read = partial(self.member, f"data/{identity[2]}", storage.nbytes)
        return storage

    def member(self, name: str, most: int) -> bytes:
        """A member's bytes, at most so many; one that is compressed could hold any number."""
        info = self.archive.NameToInfo.get(self.folder + name)
        if info is None:
            raise CheckpointError(f"its member {name[:80]!r} is missing")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise CheckpointError("its members are compressed, as torch never does")
        if info.file_size > most:
            raise CheckpointError(f"its member {name[:80]!r} has more bytes than belong to it")
        self.limits.count_bytes(info.file_size)
        with _zip_damage():
            return self.archive.read(info)  # compares the checksum


@contextmanager
def _zip_damage() -> Iterator[None]:
    try:
        yield
    except ZIP_DAMAGE as error:
        raise CheckpointError(f"its zip is damaged ({str(error)[:80]!r})") from error
