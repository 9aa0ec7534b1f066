"""Writes a zip in NVIDIA's layout: stored PNGs of one size, and ``dataset.json``.

Beside NVIDIA's ``labels`` the index says of which file each picture was made and how, so that
lists of files stay valid. The same pictures always give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness.data.containers import INDEX, NOTES
from benchmarks.harness.io import locks
from core.errors import UserError

EPOCH = (1980, 1, 1, 0, 0, 0)
IN_A_FOLDER = 1000


class Archive:
    """A zip that is there when the block ends well, and not at all otherwise.

    Args:
        path: of the zip.
        prepared: how its pictures were made.
    """

    def __init__(self, path: Path, prepared: dict[str, Any]) -> None:
        self.path, self.prepared = path, prepared
        self.files: list[tuple[str, str, str]] = []
        self.wanted = True
        self._part = path.with_name(f"{path.name}.part")

    def __enter__(self) -> Archive:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._zip = zipfile.ZipFile(self._part, "w", zipfile.ZIP_STORED)
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}.") from error
        return self

    def add(self, pixels: np.ndarray, sha256: str, name: str) -> None:
        """Append a picture, pixels uint8 [R, R, 3], made of the file `name`."""
        index = len(self.files)
        member = f"{index // IN_A_FOLDER:05}/img{index:08}.png"
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
        self._write(member, buffer.getvalue())
        self.files.append((member, sha256, name))

    def discard(self) -> None:
        """Leave no zip when the block ends."""
        self.wanted = False

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if kind is None and self.wanted:
                self._finish()
        finally:
            with suppress(OSError):
                self._zip.close()
            with suppress(OSError):
                self._part.unlink(missing_ok=True)

    def _finish(self) -> None:
        notes = {"prepared": self.prepared, "files": self.files}
        self._write(INDEX, json.dumps({"labels": None, NOTES: notes}, indent=0).encode())
        try:
            self._zip.close()
            self._part.replace(self.path)
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}.") from error
        locks.settle(self.path.parent)

    def _write(self, member: str, data: bytes) -> None:
        try:
            self._zip.writestr(zipfile.ZipInfo(member, EPOCH), data)
        except OSError as error:
            raise UserError(f"{self.path} cannot be written: {error.strerror}.") from error


def put(path: Path, text: str) -> None:
    """Write what lies beside a zip.

    Raises:
        UserError: it cannot be written.
    """
    try:
        locks.put(path, text.encode())
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error


def checksum(path: Path) -> str:
    """sha256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
