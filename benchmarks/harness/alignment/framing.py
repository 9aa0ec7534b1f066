"""A photograph as a generator wants it: square, with the face where the source's faces are.
A framing chooses the square in an upright RGB picture, whose name is what errors call it; the cut
that it gives is the square as pixels uint8 [S, S, 3] for any side S, and what was done for that.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.harness.alignment import Detector, Quad, align, detector
from benchmarks.harness.data.pictures import SENTENCES, File, Unreadable, frame, upright
from core.errors import UserError

SQUARE = 0.02  # share by which sides may differ: some cropping tools are a pixel off
SMALLEST = 16  # pixels; in fewer there is no face
SHOWN = 256  # pixels of the photograph in a strip, at least: people see more than a 64 px network
FINER = 4  # times as finely as needed is a face sampled, as FFHQ's were

Cut = Callable[[int], tuple[np.ndarray, list[str]]]
Framing = Callable[[Image.Image, str], Cut]


@dataclass(frozen=True)
class Photo:
    """A framed photograph."""

    file: File
    pixels: np.ndarray  # uint8 [R, R, 3], what the networks are given
    shown: np.ndarray  # the same part for people to look at, uint8 [S, S, 3]
    notes: tuple[str, ...]  # what was done to it, in words that follow its name


def central_square(image: Image.Image, name: str) -> Cut:
    """The central square, whatever it shows."""

    def cut(side: int) -> tuple[np.ndarray, list[str]]:
        pixels, changes = frame(image, side, "crop")
        return pixels, [SENTENCES[change].format(resolution=side) for change in changes]

    return cut


def aligned(find: Detector) -> Framing:
    """The face that a detector finds, the largest of several, in the framing of FFHQ."""

    def framed(image: Image.Image, name: str) -> Cut:
        detected = find(image, name)
        if not detected:
            raise UserError(f"{name}: no face found.")
        middles = [points.mean(0) for points in detected]
        inside = [bool((m >= 0).all() and (m <= image.size).all()) for m in middles]
        faces = [points for points, usable in zip(detected, inside, strict=True) if usable]
        if not faces:
            raise UserError(
                f"{name}: the landmarks lie outside it ({image.width} x {image.height})."
            )
        face = sorted(faces, key=lambda points: Quad.of(points).size)[-1]
        size = Quad.of(face).size
        if size < SMALLEST:
            raise UserError(f"{name}: its face is too small ({size:.0f} px).")

        def cut(side: int) -> tuple[np.ndarray, list[str]]:
            several = f"of {len(faces)} faces the largest was taken"
            small = SENTENCES["enlarged"].format(resolution=side)
            notes = [several] * (len(faces) > 1) + [small] * (size < side)
            return align(image, face, side, FINER * side), notes

        return cut

    return framed


def automatic(otherwise: str) -> Framing:
    """Square pictures are taken as aligned; in others the detector of that name finds the face."""
    made = cache(lambda: aligned(detector(otherwise)))  # only square pictures need no weights

    def framed(image: Image.Image, name: str) -> Cut:
        if abs(image.width - image.height) <= SQUARE * max(image.size):
            return central_square(image, name)
        try:
            by_detector = made()
        except UserError as lacking:
            raise UserError(
                f"{name} is not square ({image.width} x {image.height}), and no face can be looked "
                f"for: {lacking} --align none takes the central square."
            ) from lacking
        return by_detector(image, name)

    return framed


def within(framed: Framing, box: Sequence[float]) -> Framing:
    """The part of a framing's square that a source's pictures show, a box in shares of it."""
    left, top, right, bottom = box

    def inner(image: Image.Image, name: str) -> Cut:
        outer = framed(image, name)

        def cut(side: int) -> tuple[np.ndarray, list[str]]:
            pixels, notes = outer(math.ceil(side / min(right - left, bottom - top)))
            whole = Image.fromarray(pixels)
            w, h = whole.size
            part = (left * w, top * h, right * w, bottom * h)
            inside = whole.resize((side, side), Image.Resampling.LANCZOS, box=part)
            return np.asarray(inside), notes

        return cut

    return inner


def framing(align: str, landmarks: str | Path) -> Framing:
    """The framing of that name: ``auto``, ``none``, ``landmarks`` or a detector's."""
    if align == "auto":
        return automatic("mtcnn")
    return central_square if align == "none" else aligned(detector(align, landmarks))


def photo(file: File, framed: Framing, resolution: int) -> Photo:
    """A picture file, framed; a `UserError` names one that cannot be read or has no face."""
    image, changes = upright(file.read(), str(file))
    if min(image.size) < SMALLEST:
        raise Unreadable(f"{file} is too small for a face ({image.width} x {image.height}).")
    cut = framed(image, str(file))
    pixels, notes = cut(resolution)
    shown, _ = cut(max(SHOWN, resolution))
    return Photo(file, pixels, shown, (*(SENTENCES[change] for change in changes), *notes))


def crop(file: File, framed: Framing, side: int) -> tuple[Image.Image, list[str]]:
    """The square of a picture file, ``side`` pixels wide, and what was done; see `photo`."""
    image, _ = upright(file.read(), str(file))
    pixels, notes = framed(image, str(file))(side)
    return Image.fromarray(pixels), notes
