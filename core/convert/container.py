"""Checkpoint files as inert trees: nothing in a file is executed, whatever it is called.

A file is recognised by its content: torch's zip, torch's older sequence of pickles, a plain pickle
(NVIDIA's, or TensorFlow's). Trees are dictionaries, lists and stand-ins; ``Claim`` and ``Array``
give tensors as long as the file is open.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from core.convert.format import CheckpointError
from core.convert.machine import Budget, Name, Window, unpickle
from core.convert.stand_ins import NVIDIA, TENSORFLOW, TORCH, Storage, stored

MAGIC = 0x1950A86A20F9469CFC6C  # first pickle of torch's files before the zip
PROTOCOL = 1001  # second pickle
ZIP = b"PK\x03\x04"
NETWORK = "dnnlib.tflib.network.Network"
ELSEWHERE = {
    b"<": "is a web page, perhaps the host's refusal saved under the name of the file",
    b"version https://git-lfs": "is a pointer of Git LFS instead of the file itself",
    b"\x1f\x8b": "is compressed with gzip: unpack it first",
}


class Opened(NamedTuple):
    """What a file says, and how many bytes it is.

    Attributes:
        kind: ``torch zip``, ``torch legacy`` or ``pickle``.
        tree: dictionaries, lists, plain values and stand-ins.
        size: bytes.
    """

    kind: str
    tree: Any
    size: int


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """A ``.pt`` or ``.pkl`` file, open as long as tensors are taken from it.

    Raises:
        CheckpointError: for whatever is wrong with it, without its name.
    """
    try:
        with path.open("rb") as file:
            yield _read(file, path.stat().st_size)
    except OSError as error:
        raise CheckpointError(f"it cannot be read ({error.strerror or error})") from error


def _read(file: BinaryIO, size: int) -> Opened:
    start = file.read(64)
    file.seek(0)
    for mark, what in ELSEWHERE.items():
        if start.lstrip().startswith(mark):
            raise CheckpointError(f"it {what}")
    if start.startswith(ZIP):
        return Opened("torch zip", _Zip(file, size).tree(), size)
    window, budget = Window(file, size), Budget()
    tree = unpickle(window, _Official(budget, size), budget)
    if tree == MAGIC and isinstance(tree, int):
        return Opened("torch legacy", _legacy(window, budget), size)
    return Opened("pickle", tree, size)


class _Official(dict[str, Name]):
    """NVIDIA's names; TensorFlow's, arrays among them, from where its class has been named."""

    def __init__(self, budget: Budget, size: int) -> None:
        super().__init__(NVIDIA)
        self[NETWORK] = TENSORFLOW[NETWORK]
        payload = _Payload(budget, size)
        self["torch.storage._load_from_bytes"] = Name("torch.storage._load_from_bytes", payload)

    def __getitem__(self, title: str) -> Name:
        if title == NETWORK:
            self.update(TENSORFLOW)
        return super().__getitem__(title)


class _Payload:
    """torch.storage._load_from_bytes: a file in the file, which must be one storage."""

    def __init__(self, budget: Budget, size: int) -> None:
        self.budget, self.quota = budget, _Quota(size)

    def __call__(self, raw: Any) -> Storage:
        if not isinstance(raw, bytes):
            raise CheckpointError("a storage has no bytes")
        window = Window(io.BytesIO(raw), len(raw))
        if unpickle(window, {}, self.budget) != MAGIC:
            raise CheckpointError("a storage does not begin as torch's files do")
        storage = _legacy(window, self.budget, self.quota)
        if not isinstance(storage, Storage):
            raise CheckpointError("a storage holds something else than numbers")
        return storage


class _Quota:
    """No file has more numbers than bytes: what overlaps is refused before it fills memory."""

    def __init__(self, size: int) -> None:
        self.left = size

    def take(self, size: int) -> None:
        """So many bytes are read."""
        self.left -= size
        if self.left < 0:
            raise CheckpointError("its tensors overlap")


def _legacy(window: Window, budget: Budget, quota: _Quota | None = None) -> Any:
    """What follows the magic number: protocol, system, tree, keys, and the numbers by key."""
    quota = quota or _Quota(window.size)
    if unpickle(window, {}, budget) != PROTOCOL:
        raise CheckpointError("it has an unknown protocol of torch's older files")
    system = unpickle(window, {}, budget)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise CheckpointError("it was written on a machine with another order of bytes")
    storages: dict[str, Storage] = {}
    places: dict[int, int] = {}

    def fetch(storage: Storage) -> bytes:
        quota.take(storage.size)
        window.file.seek(places[id(storage)])
        return window.read(storage.size)

    def claimed(claim: Any) -> Storage:
        key, storage = stored(claim, fetch)
        return _same(storages.setdefault(key, storage), storage)

    tree = unpickle(window, TORCH, budget, claimed)
    keys = unpickle(window, {}, budget)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise CheckpointError("its list of storages is damaged")
    if len(keys) != len(storages) or set(keys) != set(storages):
        raise CheckpointError("its list of storages is not that of its tensors")
    for key in keys:
        head = window.read(8)
        if len(head) < 8:
            raise CheckpointError("it is truncated")
        if struct.unpack("<q", head)[0] != storages[key].count:
            raise CheckpointError("a storage has another length than its tensors say")
        places[id(storages[key])] = window.tell()
        window.skip(storages[key].size)
    return tree


def _same(known: Storage, again: Storage) -> Storage:
    if (known.dtype, known.count) != (again.dtype, again.count):
        raise CheckpointError("a storage is described in two ways")
    return known


class _Zip:
    """torch's zip: ``NAME/data.pkl`` and a member for each storage, all of them uncompressed."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.size, self.quota = size, _Quota(size)
        self.storages: dict[str, Storage] = {}
        self.keys: dict[int, str] = {}
        with _unpacking():
            self.archive = zipfile.ZipFile(file)
        found = [name for name in self.archive.namelist() if name.endswith("/data.pkl")]
        if len(found) != 1 or found[0].count("/") != 1:
            raise CheckpointError("it is a zip, but none that torch.save wrote")
        self.folder = found[0].removesuffix("data.pkl")

    def tree(self) -> Any:
        """What was saved."""
        named = f"{self.folder}byteorder" in self.archive.NameToInfo  # older files are little
        if named and self.member("byteorder", 16).strip() != b"little":
            raise CheckpointError("it was written on a machine with another order of bytes")
        raw = self.member("data.pkl", self.size)
        return unpickle(Window(io.BytesIO(raw), len(raw)), TORCH, Budget(), self.claimed)

    def claimed(self, claim: Any) -> Storage:
        """The storage of a persistent identity."""
        key, storage = stored(claim, self.fetch)
        known = _same(self.storages.setdefault(key, storage), storage)
        self.keys[id(known)] = key
        return known

    def fetch(self, storage: Storage) -> bytes:
        """Bytes of a storage."""
        self.quota.take(storage.size)
        return self.member(f"data/{self.keys[id(storage)]}", storage.size)

    def member(self, name: str, most: int) -> bytes:
        """A member, which must not be larger inside than outside: torch never compresses."""
        info = self.archive.NameToInfo.get(self.folder + name)
        if info is None:
            raise CheckpointError(f"its member {name[:80]!r} is missing")
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            raise CheckpointError("its members are compressed, as torch never does")
        if info.file_size > most:
            raise CheckpointError(f"its member {name[:80]!r} has more bytes than belong to it")
        with _unpacking():
            return self.archive.read(info)


@contextmanager
def _unpacking() -> Iterator[None]:
    """Whatever zipfile says of a damaged file is one kind of error here."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        ValueError,
        LookupError,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OverflowError,
    ) as error:
        raise CheckpointError(f"its zip is damaged ({str(error)[:80]!r})") from error
