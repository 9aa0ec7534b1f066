"""Writes a zip in NVIDIA's layout: stored PNGs of one size, and ``dataset.json``.
Beside NVIDIA's ``labels`` the index says of which file each picture was made and how, so that
lists of files stay valid. The same pictures always give the same bytes.
"""

import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.harness.data.files import INDEX, NOTES
from core import atomic
from core.errors import UserError

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can name; no clock gets into the bytes
IN_A_FOLDER = 1000  # as NVIDIA's dataset_tool.py numbers them
FAST = 1  # zlib's level for PNGs: they are read often and deleted soon


class Discarded(Exception):
    """Nothing of an archive is to be left."""


class Archive:
    """A zip that is being written; see :func:`writing`."""

    def __init__(self, zipped: zipfile.ZipFile) -> None:
        self._zip = zipped
        self.files: list[tuple[str, str, str]] = []  # member, and sha256 and name of its file
        self.discarded = False

    def add(self, pixels: np.ndarray, sha256: str, name: str) -> None:
        """Append a picture, pixels uint8 [R, R, 3], made of the file `name`."""
        index = len(self.files)
        member = f"{index // IN_A_FOLDER:05}/img{index:08}.png"
        buffer = BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", compress_level=FAST)
        self.write(member, buffer.getvalue())
        self.files.append((member, sha256, name))

    def write(self, member: str, data: bytes) -> None:
        self._zip.writestr(zipfile.ZipInfo(member, EPOCH), data)

    def discard(self) -> None:
        """End the block, and leave no zip."""
        self.discarded = True
        raise Discarded


@contextmanager
def writing(path: Path, prepared: dict[str, Any]) -> Iterator[Archive]:
    """A zip that is there when the block ends well, and not at all otherwise.
    `prepared` says how its pictures were made. It is a `UserError` where it cannot be written.
    """
    try:
        with atomic.writing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as zipped:
            archive = Archive(zipped)
            yield archive
            notes = {"prepared": prepared, "files": archive.files}
            archive.write(INDEX, json.dumps({"labels": None, NOTES: notes}, indent=0).encode())
    except Discarded:
        pass
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error
