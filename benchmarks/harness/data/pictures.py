"""Reading whatever pictures a person has, and making one kind of them: RGB, square, 8 bits.
Every picture is decoded by its content, not by its name, and brought to one kind: turned upright as
its EXIF tag says, transparent parts put on white, 16 bits scaled to 8, grey, palette and CMYK
converted to RGB (CMYK without its colour profile). What was done is counted, so that the user can
be told. A picture that cannot be read raises `Unreadable`, which names the file.
"""

import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from benchmarks.harness.data.files import File, Unreadable
from core.errors import UserError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "GIF")  # by content; none runs a program
KNOWN = "JPEG, PNG, WebP, BMP, GIF"
ORIENTATION = 0x0112  # tag of EXIF 2.3; 1 is upright
MAX_SIDE = 65_535  # pixels, the most that a JPEG or a GIF can say
MAX_SCANS = (
    100  # of a progressive JPEG: cameras and web sites write 10, and each costs as the whole
)
MAX_PIXELS = 1 << 27  # 134 million, more than any camera gives; beyond it a file is a bomb
JPEGS = ("JPEG", "MPO")
SCAN, END = b"\xff\xda", b"\xff\xd9"  # markers of JPEG, which its coded numbers never look like
GREY = 128, 127  # what libjpeg makes of missing blocks, and of those of a CMYK file
NOISE = bytes(range(1, 255))  # blocks of something else
STRIP = 256  # rows that are compared at once
# Pillow's; all of them look at every pixel when a picture is made smaller.
FILTER_NAMES = ("lanczos", "bicubic", "bilinear", "hamming", "box")
FILTERS = {name: Image.Resampling[name.upper()] for name in FILTER_NAMES}
MODES = {  # Pillow's, and which change each needs
    **dict.fromkeys(("RGB", "RGBA", "RGBX", "RGBa")),
    **dict.fromkeys(("1", "L", "LA", "La"), "grey"),
    **dict.fromkeys(("P", "PA"), "palette"),
    "CMYK": "CMYK",
}
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


@dataclass(frozen=True)
class Picture:
    """Pixels uint8 [R, R, 3] and what was done to get them (keys of `SENTENCES`)."""

    pixels: np.ndarray
    changes: tuple[str, ...]


@dataclass(frozen=True)
class Sampling:
    """Which part of a picture is used, and how its pixels are resized."""

    box: tuple[float, ...]  # left, top, right, bottom, as shares of width and height
    filter: str  # a name of `FILTERS`

    def __post_init__(self) -> None:
        left, top, right, bottom = self.box if len(self.box) == 4 else (1, 1, 0, 0)
        if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
            raise UserError(
                f"data.box={list(self.box)} must be [left, top, right, bottom] between 0 and 1."
            )

    def part(self, image: Image.Image) -> Image.Image:
        """The part of a picture that is used, a pixel at least."""
        if self.box == WHOLE.box:
            return image
        sides = zip(self.box, 2 * image.size, strict=True)
        left, top, right, bottom = (round(share * side) for share, side in sides)
        return image.crop((left, top, max(right, left + 1), max(bottom, top + 1)))


WHOLE = Sampling((0, 0, 1, 1), "lanczos")


def read(file: File, resolution: int, framing: str, sampling: Sampling = WHOLE) -> Picture:
    """The picture in `file`, framed to `resolution`."""
    return decode(file.read(), str(file), resolution, framing, sampling)


def decode(
    data: bytes, name: str, resolution: int, framing: str, sampling: Sampling = WHOLE
) -> Picture:
    """The picture in `data`, upright, RGB, square, R px; `name` is what errors call it."""
    image, changes = upright(data, name)
    pixels, more = frame(image, resolution, framing, sampling)
    return Picture(pixels, (*changes, *more))


def upright(data: bytes, name: str) -> tuple[Image.Image, list[str]]:
    """The picture in `data`, upright and RGB, and what was changed.
    `Unreadable`, whose message begins with `name`, is raised where it is none or not a whole one.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # oddities that lose no pixels, and a lower bomb limit
            return _normalised(data)
    except Unreadable as fault:
        raise Unreadable(f"{name} {fault}") from fault
    except Image.DecompressionBombError as fault:
        raise Unreadable(f"{name} has too many pixels to be opened safely.") from fault
    except Image.UnidentifiedImageError as fault:
        raise Unreadable(f"{name} is not a picture of a known format ({KNOWN}).") from fault
    except Exception as fault:  # a broken file makes a decoder raise anything, KeyError included
        raise Unreadable(f"{name} cannot be read as a picture ({fault}).") from fault


def _normalised(data: bytes) -> tuple[Image.Image, list[str]]:
    changes: list[str] = []
    with Image.open(BytesIO(data), formats=FORMATS) as opened:
        width, height = opened.size
        if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:  # before it is decoded
            raise Unreadable(f"has too many pixels ({width} x {height}) to be opened safely.")
        if opened.format in JPEGS and (scans := data.count(SCAN)) > MAX_SCANS:
            raise Unreadable(f"has too many scans ({scans}) to be opened safely.")
        if _is_16_bit(opened):  # asked before `load`, which forgets the tiles
            changes.append("16-bit")
        if getattr(opened, "n_frames", 1) > 1 and opened.format != "MPO":  # a photo and its preview
            changes.append("animated")
        opened.load()
        if not _is_whole(opened, data):
            raise Unreadable("is not whole: it ends before its last row.")
        if opened.getexif().get(ORIENTATION, 1) in range(2, 9):
            changes.append("EXIF")
        ImageOps.exif_transpose(opened, in_place=True)
        image: Image.Image = opened
    if image.mode.startswith("I"):
        wide = np.asarray(image).clip(0, 65535).astype(np.uint32)
        image = Image.fromarray(((wide + 128) // 257).astype(np.uint8))  # 257 = 65535 / 255
    if change := MODES.get(image.mode, "other colours"):
        changes.append(change)
    if image.has_transparency_data:
        changes.append("alpha")
        rgba = image if image.mode == "RGBA" else image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    return image if image.mode == "RGB" else image.convert("RGB"), changes


def _is_whole(image: Image.Image, data: bytes) -> bool:
    """Whether a file that was decoded has all its rows. Of a PNG that ends well but too early
    Pillow leaves them 0, of a JPEG libjpeg has them grey: such ones are decoded once more, with
    something else there, which rows that are in the file do not show.
    """
    width, height = image.size
    last = [image.getpixel((width - 1, y)) for y in (height - 1, max(height - 2, 0))]  # interlaced
    if image.format == "PNG" and not all(np.any(pixel) for pixel in last):
        again = Image.open(BytesIO(data), formats=FORMATS)
        again.im = Image.new(again.mode, again.size, 1).im
    elif image.format == "JPEG" and np.all(np.isin(np.array(last), GREY)):
        end = data.rfind(END)
        again = Image.open(BytesIO(data[:end] + NOISE + data[end:]), formats=FORMATS)
    else:
        return True
    strips = ((0, top, width, min(top + STRIP, height)) for top in range(0, height, STRIP))
    return all(again.crop(part).tobytes() == image.crop(part).tobytes() for part in strips)


def _is_16_bit(image: Image.Image) -> bool:
    raw = [tile[3] for tile in getattr(image, "tile", ())]
    modes = [args[0] if isinstance(args, tuple) and args else args for args in raw]
    return image.mode.startswith("I") or any(";16" in str(mode) for mode in modes)


def frame(
    image: Image.Image, resolution: int, framing: str, sampling: Sampling = WHOLE
) -> tuple[np.ndarray, list[str]]:
    """Square pixels uint8 [R, R, 3] of an RGB picture, and what was changed.
    `crop` cuts the central square; `fit` keeps everything and repeats the edge pixels (reflecting
    would show a second face where much is to be filled).
    """
    if framing not in ("crop", "fit"):
        raise UserError(f"framing is {framing!r}; choose crop or fit.")
    image = sampling.part(image)
    width, height = image.size
    changes = []
    if framing == "crop" and width != height:
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        image = image.crop((left, top, left + side, top + side))
        changes.append("cropped")
    longest = max(image.size)
    if longest < resolution:
        changes.append("enlarged")
    wide, high = (max(1, round(side * resolution / longest)) for side in image.size)
    pixels = np.asarray(image.resize((wide, high), FILTERS[sampling.filter]))
    if (high, wide) != (resolution, resolution):
        changes.append("padded")
        gaps = (resolution - high, resolution - wide, 0)  # the odd pixel goes below and right
        pixels = np.pad(pixels, [(gap // 2, gap - gap // 2) for gap in gaps], "edge")
    return pixels, changes


def sentences(pictures: Iterable[Picture], resolution: int) -> list[str]:
    """What was done to the pictures, a sentence a kind of change."""
    counts = Counter(change for picture in pictures for change in picture.changes)
    return [
        f"{count} {'picture was' if count == 1 else 'pictures were'} "
        f"{sentence.format(resolution=resolution)}."
        for change, sentence in SENTENCES.items()
        if (count := counts[change])
    ]


def as_images(pixels: np.ndarray) -> Tensor:
    """Images float [N, 3, R, R] in [-1, 1] of pixels uint8 [N, R, R, 3]; always a copy."""
    return of_levels(torch.from_numpy(np.array(pixels)))


def of_levels(pixels: Tensor) -> Tensor:
    """The same of pixels on a device, where a quarter of the bytes had to be brought to."""
    return pixels.permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()
