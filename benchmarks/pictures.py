"""Reading whatever pictures a person has, and making one kind of them: RGB, square, 8 bits.

Every picture is decoded by its content, not by its name, and brought to one kind: turned upright as
its EXIF tag says, transparent parts put on white, 16 bits scaled to 8, grey, palette and CMYK
converted to RGB (CMYK without its colour profile). What was done is counted, so that the user can
be told. A picture that cannot be read raises `Unreadable`, which names the file.
"""

from __future__ import annotations

import os
import stat
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from core.errors import UserError

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
FRAMINGS = ("crop", "fit")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF")  # by content; none runs a program
MAX_PIXELS = 1 << 27  # 134 million, more than any camera gives; beyond it a file is a bomb
MAX_BYTES = 1 << 29

SENTENCES = {
    "grey": "in grey only and became RGB",
    "palette": "in a palette and became RGB",
    "CMYK": "in CMYK and became RGB without the colour profile",
    "other colours": "in another colour space and became RGB",
    "16-bit": "in 16 bits a channel and scaled to 8",
    "alpha": "partly transparent or had an alpha channel, and put on white",
    "EXIF": "turned upright as the EXIF tag says",
    "animated": "animated, and only the first frame was taken",
    "cropped": "not square and cut to the central square",
    "padded": "not square and padded to a square by repeating the edge pixels",
    "enlarged": "smaller than {resolution} px and enlarged",
}


class Unreadable(UserError):
    """A file that is no whole picture; the message names it."""


@dataclass(frozen=True)
class File:
    """One picture file, in a folder or in a zip that is never unpacked."""

    root: Path
    member: str

    def __str__(self) -> str:
        return str(self.root / self.member)

    def read(self) -> bytes:
        """The file's bytes."""
        try:
            data = self._bytes()
        except (OSError, RuntimeError, zipfile.BadZipFile, NotImplementedError) as fault:
            reason = getattr(fault, "strerror", None) or fault
            raise Unreadable(f"{self} cannot be read ({reason}).") from fault
        if not data:
            raise Unreadable(f"{self} is empty (0 bytes).")
        return data

    def _bytes(self) -> bytes:
        if self.root.is_dir():
            path = self.root / self.member
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise OSError("it is not a regular file")
            _refuse_beyond(status.st_size)
            return path.read_bytes()
        archive = _archive(self.root)
        _refuse_beyond(archive.getinfo(self.member).file_size)
        return archive.read(self.member)


@dataclass(frozen=True)
class Picture:
    """Pixels uint8 [R, R, 3] and what was done to get them (keys of `SENTENCES`)."""

    pixels: np.ndarray
    changes: tuple[str, ...]


def files(root: str | Path) -> list[File]:
    """All picture files below a folder or in a zip, sorted by path; hidden ones are skipped."""
    path = Path(os.path.expanduser(root))  # leaves ~nobody as it is, where Path would raise
    if not os.path.exists(path):  # False, not an error, for what may not be looked at
        raise UserError(f"The folder {path} does not exist.")
    if path.is_dir():
        members = _walk(path)
    elif zipfile.is_zipfile(path):
        members = [info.filename for info in _archive(path).infolist() if not info.is_dir()]
    else:
        raise UserError(f"{path} is neither a folder nor a zip of pictures.")
    kept = sorted(m for m in members if _visible(m) and m.lower().endswith(SUFFIXES))
    if not kept:
        kinds = ", ".join(suffix[1:] for suffix in SUFFIXES)
        zips = [m for m in members if _visible(m) and m.lower().endswith(".zip")]
        hint = f"; a zip can be given itself, {path / min(zips)}" if zips else ""
        raise UserError(f"There is no picture ({kinds}) in {path}{hint}.")
    return [File(path, member) for member in kept]


def read(file: File, resolution: int, framing: str) -> Picture:
    """The picture in `file`, framed to `resolution`."""
    return decode(file.read(), str(file), resolution, framing)


def decode(data: bytes, name: str, resolution: int, framing: str) -> Picture:
    """The picture in `data`, upright, RGB, square, R px; `name` is what errors call it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oddities that lose no pixels, and a lower bomb limit
            image, changes = _normalised(data)
    except Unreadable as fault:
        raise Unreadable(f"{name} {fault}") from fault
    except Image.DecompressionBombError as fault:
        raise Unreadable(f"{name} has too many pixels to be opened safely.") from fault
    except Image.UnidentifiedImageError as fault:
        raise Unreadable(f"{name} is not a picture of a known format.") from fault
    except Exception as fault:  # a broken file makes a decoder raise anything, KeyError included
        raise Unreadable(f"{name} cannot be read as a picture ({fault}).") from fault
    pixels, more = frame(image, resolution, framing)
    return Picture(pixels, (*changes, *more))


def _normalised(data: bytes) -> tuple[Image.Image, list[str]]:
    """The upright RGB picture in `data` and what was changed."""
    changes: list[str] = []
    with Image.open(BytesIO(data), formats=FORMATS) as opened:
        width, height = opened.size
        if width * height > MAX_PIXELS:
            raise Unreadable(f"has too many pixels ({width} x {height}) to be opened safely.")
        if _is_16_bit(opened):
            changes.append("16-bit")
        if getattr(opened, "n_frames", 1) > 1 and opened.format != "MPO":  # a photo and its preview
            changes.append("animated")
        opened.load()
        if opened.getexif().get(0x0112, 1) in range(2, 9):
            changes.append("EXIF")
        image = ImageOps.exif_transpose(opened)
    rgb, more = _rgb(image)
    return rgb, changes + more


def _is_16_bit(image: Image.Image) -> bool:
    """Whether the file holds 16 bits a channel; Pillow narrows RGB itself, only the tile tells."""
    raw = [tile[3] for tile in getattr(image, "tile", ())]
    modes = [args[0] if isinstance(args, tuple) and args else args for args in raw]
    return image.mode.startswith("I") or any(";16" in str(mode) for mode in modes)


def _rgb(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """`image` in RGB, and what kind it was."""
    changes: list[str] = []
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.float64) / 257
        image = Image.fromarray(np.clip(np.rint(wide), 0, 255).astype(np.uint8))
    if image.mode in ("1", "L", "LA", "La"):
        changes.append("grey")
    elif image.mode in ("P", "PA"):
        changes.append("palette")
    elif image.mode == "CMYK":
        changes.append("CMYK")
    elif image.mode not in ("RGB", "RGBA", "RGBX", "RGBa"):
        changes.append("other colours")
    if image.has_transparency_data:
        changes.append("alpha")
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB"), changes
    return image.convert("RGB"), changes


def frame(image: Image.Image, resolution: int, framing: str) -> tuple[np.ndarray, list[str]]:
    """Square pixels uint8 [R, R, 3] of an RGB picture, and what was changed.

    `crop` cuts the central square; `fit` keeps everything and repeats the edge pixels (reflecting
    would show a second face where much is to be filled). Both resize with Lanczos.
    """
    width, height = image.size
    changes = []
    if framing not in FRAMINGS:
        raise UserError(f"framing is {framing!r}; choose {' or '.join(FRAMINGS)}.")
    if framing == "crop" and width != height:
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
        changes.append("cropped")
    longest = max(image.size)
    if longest < resolution:
        changes.append("enlarged")
    wide, high = (max(1, round(side * resolution / longest)) for side in image.size)
    pixels = np.asarray(image.resize((wide, high), Image.Resampling.LANCZOS))
    if (high, wide) != (resolution, resolution):
        changes.append("padded")
        pixels = np.pad(pixels, (*(_split(resolution - n) for n in (high, wide)), (0, 0)), "edge")
    return pixels, changes


def sentences(pictures: Iterable[Picture], resolution: int) -> list[str]:
    """What was done to the pictures, a sentence a kind of change."""
    counts = Counter(change for picture in pictures for change in picture.changes)
    return [
        f"{count} {'picture was' if count == 1 else 'pictures were'} "
        f"{SENTENCES[change].format(resolution=resolution)}."
        for change in SENTENCES
        if (count := counts[change])
    ]


def as_images(pixels: np.ndarray) -> Tensor:
    """Images float [N, 3, R, R] in [-1, 1] of pixels uint8 [N, R, R, 3]; always a copy."""
    stacked = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2)
    return stacked.float().div(127.5).sub(1).contiguous()


def _split(total: int) -> tuple[int, int]:
    return total // 2, total - total // 2


def _walk(root: Path) -> list[str]:
    """Paths of all files below `root`, with slashes, without entering linked folders."""

    def refuse(fault: OSError) -> None:
        raise UserError(f"The folder {fault.filename} cannot be read ({fault.strerror}).")

    found = os.walk(root, onerror=refuse)
    return [(Path(folder, n)).relative_to(root).as_posix() for folder, _, ns in found for n in ns]


def _visible(member: str) -> bool:
    parts = PurePosixPath(member).parts
    return not any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _refuse_beyond(size: int) -> None:
    if size > MAX_BYTES:
        raise OSError(f"it has {size} bytes, more than a picture can need")


def _archive(path: Path) -> zipfile.ZipFile:
    status = path.stat()
    return _opened(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4)
def _opened(path: Path, changed: int, size: int) -> zipfile.ZipFile:
    """An archive is listed once; one that was replaced is listed anew."""
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as fault:
        raise UserError(f"The zip {path} cannot be opened ({fault}).") from fault
