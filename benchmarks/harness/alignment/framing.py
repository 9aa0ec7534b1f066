"""A photograph as a generator wants it: square, with the face where the source's faces are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from PIL import Image

from benchmarks.harness.alignment import Detector, Quad, align, detector
from benchmarks.harness.data.pictures import SENTENCES, File, Unreadable, frame, upright
from core.errors import UserError

SQUARE = 0.02  # share by which sides may differ: some cropping tools are a pixel off
SMALLEST = 16  # pixels; in fewer there is no face
SHOWN = 256  # pixels of the photograph in a strip, at least: people see more than a 64 px network
FINER = 4  # times as finely as needed is a face sampled, as FFHQ's were


class NoFace(UserError):
    """A photograph without a face that could be used; the message names the file."""


@dataclass(frozen=True)
class Photo:
    """A framed photograph.

    Attributes:
        file: where it came from.
        pixels: uint8 [R, R, 3], what the networks are given.
        shown: the same part of the photograph for people to look at, uint8 [S, S, 3].
        notes: what was done to it, in words that follow its name.
    """

    file: File
    pixels: np.ndarray
    shown: np.ndarray
    notes: tuple[str, ...]


class Cut(NamedTuple):
    """The square that is used of a picture.

    Attributes:
        at: pixels uint8 [S, S, 3] for a side S.
        notes: what was done, for a resolution.
    """

    at: Callable[[int], np.ndarray]
    notes: Callable[[int], list[str]]


class Framing(Protocol):
    """Chooses the square in an upright RGB picture; ``name`` is what errors call it."""

    def __call__(self, image: Image.Image, name: str) -> Cut: ...


class CentralSquare:
    """The central square, whatever it shows."""

    def __call__(self, image: Image.Image, name: str) -> Cut:
        def notes(side: int) -> list[str]:
            return [SENTENCES[c].format(resolution=side) for c in frame(image, side, "crop")[1]]

        return Cut(lambda side: frame(image, side, "crop")[0], notes)


class Aligned:
    """The face in the framing of FFHQ.

    Args:
        find: finds faces.
    """

    def __init__(self, find: Detector) -> None:
        self.find = find

    def __call__(self, image: Image.Image, name: str) -> Cut:
        found = self.find(image, name)
        if not found:
            raise NoFace(f"{name}: no face found.")
        faces = sorted((p for p in found if within(image, p)), key=lambda p: Quad.of(p).size)
        if not faces:
            raise NoFace(f"{name}: the landmarks lie outside it ({image.width} x {image.height}).")
        size = Quad.of(faces[-1]).size
        if size < SMALLEST:
            raise NoFace(f"{name}: its face is too small ({size:.0f} px).")

        def notes(side: int) -> list[str]:
            several = f"of {len(faces)} faces the largest was taken"
            small = SENTENCES["enlarged"].format(resolution=side)
            return [several] * (len(faces) > 1) + [small] * (size < side)

        return Cut(lambda side: align(image, faces[-1], side, FINER * side), notes)


def within(image: Image.Image, points: np.ndarray) -> bool:
    """Whether the middle of a face's points [4, 2] lies in the picture."""
    middle = points.mean(0)
    return bool((middle >= 0).all() and (middle <= image.size).all())


class AutoFraming:
    """Square pictures are taken as aligned; in others MTCNN looks for the face.

    Args:
        otherwise: name of the detector for pictures that are not square.
    """

    def __init__(self, otherwise: str) -> None:
        self.otherwise = otherwise
        self.central = CentralSquare()

    @cached_property
    def aligned(self) -> Aligned:
        """Made when first needed: who has only square pictures needs no weights."""
        return Aligned(detector(self.otherwise))

    def __call__(self, image: Image.Image, name: str) -> Cut:
        if abs(image.width - image.height) <= SQUARE * max(image.size):
            return self.central(image, name)
        try:
            framed = self.aligned
        except UserError as lacking:
            raise NoFace(
                f"{name} is not square ({image.width} x {image.height}), and no face can be looked "
                f"for: {lacking} --align none takes the central square."
            ) from lacking
        return framed(image, name)


class Within:
    """The part of another framing's square that a source's pictures show.

    Args:
        framed: chooses the square.
        box: left, top, right, bottom of the part, as shares of the square.
    """

    def __init__(self, framed: Framing, box: Sequence[float]) -> None:
        self.framed, self.box = framed, tuple(box)

    def __call__(self, image: Image.Image, name: str) -> Cut:
        outer = self.framed(image, name)
        left, top, right, bottom = self.box

        def larger(side: int) -> int:
            return math.ceil(side / min(right - left, bottom - top))

        def at(side: int) -> np.ndarray:
            whole = Image.fromarray(outer.at(larger(side)))
            w, h = whole.size
            part = (left * w, top * h, right * w, bottom * h)
            return np.asarray(whole.resize((side, side), Image.Resampling.LANCZOS, box=part))

        return Cut(at, lambda side: outer.notes(larger(side)))


def framing(align: str, landmarks: str | Path) -> Framing:
    """The framing of that name: ``auto``, ``none``, ``landmarks`` or a detector's.

    Raises:
        UserError: there is none, or it lacks something.
    """
    if align == "auto":
        return AutoFraming("mtcnn")
    return CentralSquare() if align == "none" else Aligned(detector(align, landmarks))


def photo(file: File, framed: Framing, resolution: int) -> Photo:
    """A picture file, framed.

    Raises:
        UserError: it cannot be read, or has no face; the message names the file.
    """
    image, changes = upright(file.read(), str(file))
    if min(image.size) < SMALLEST:
        raise Unreadable(f"{file} is too small for a face ({image.width} x {image.height}).")
    cut = framed(image, str(file))
    notes = (*(SENTENCES[change] for change in changes), *cut.notes(resolution))
    return Photo(file, cut.at(resolution), cut.at(max(SHOWN, resolution)), notes)


def crop(file: File, framed: Framing, side: int) -> tuple[Image.Image, list[str]]:
    """The square of a picture file, ``side`` pixels wide, and what was done to it.

    Raises:
        UserError: it cannot be read, or has no face; the message names the file.
    """
    image, _ = upright(file.read(), str(file))
    cut = framed(image, str(file))
    return Image.fromarray(cut.at(side)), cut.notes(side)
