"""The square that FFHQ cuts out of a photograph, and the picture in it.
Four points decide: the eyes and the corners of the mouth. The square is turned with the line of the
eyes and is as large as the larger of 4 distances of the eyes and 3.6 from eyes to mouth
(arXiv:1812.04948, appendix C, as the data set was made).

What lies outside the photograph is its mirror image, blurred, and fades into the median colour the
further out it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

# All numbers are those of FFHQ's script, so that faces lie where its generators put them.
EYES_WIDE, MOUTH_DEEP = 2.0, 1.8  # half the side in distances of the eyes, and from eyes to mouth
BELOW_EYES = 0.1  # the centre, from the eyes towards the mouth
BORDER = 0.1  # kept around the square, of its side
PADDED = 0.3  # at least, of the side, on every edge once one edge lacks something
BLUR = 0.02  # standard deviation, of the side
CLEAR = 4  # pixels that may be missing before anything is filled


@dataclass(frozen=True)
class Quad:
    """Corners [4, 2] as (x, y): upper left, lower left, lower right, upper right; in pixels."""

    corners: np.ndarray

    @classmethod
    def of(cls, points: np.ndarray) -> Quad:
        """The square of points [4, 2]: left eye, right eye, left and right corner of the mouth.
        Left and right are those of the picture.
        """
        left_eye, right_eye, left_mouth, right_mouth = np.asarray(points, dtype=np.float64)
        eyes = (left_eye + right_eye) / 2
        across = right_eye - left_eye
        down = (left_mouth + right_mouth) / 2 - eyes
        x = across + turned(down) * (-1)
        x *= max(EYES_WIDE * math.hypot(*across), MOUTH_DEEP * math.hypot(*down)) / math.hypot(*x)
        y = turned(x)
        centre = eyes + BELOW_EYES * down
        return cls(np.stack([centre - x - y, centre - x + y, centre + x + y, centre + x - y]))

    @property
    def size(self) -> float:
        """Length of a side."""
        return math.dist(self.corners[0], self.corners[3])

    def moved(self, x: int, y: int) -> Quad:
        return Quad(self.corners + np.array([x, y]))

    def bounds(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the whole pixels that hold it."""
        low, high = np.floor(self.corners.min(0)), np.ceil(self.corners.max(0))
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def align(image: Image.Image, points: np.ndarray, output: int, transformed: int) -> np.ndarray:
    """The face in an upright RGB picture as pixels uint8 [output, output, 3].
    ``points`` are eyes and corners of the mouth [4, 2], see `Quad.of`. The square is sampled at
    ``transformed`` pixels a side before it becomes smaller; FFHQ took 4 times the output, most code
    that aligns photographs takes the output itself.
    """
    quad = Quad.of(points)
    shrink = math.floor(quad.size / output * 0.5)  # what bilinear sampling would alias
    if shrink > 1:
        size = (max(1, round(image.width / shrink)), max(1, round(image.height / shrink)))
        image = image.resize(size, Image.Resampling.LANCZOS)
        quad = Quad(quad.corners * (1 / shrink))
    border = max(round(quad.size * BORDER), 3)
    image, quad = _filled(*_cropped(image, quad, border), border)
    corners = (quad.corners + 0.5).ravel().tolist()  # of pixels, where Pillow counts from edges
    side = (transformed, transformed)
    image = image.transform(side, Image.Transform.QUAD, corners, Image.Resampling.BILINEAR)
    if transformed != output:
        image = image.resize((output, output), Image.Resampling.LANCZOS)
    return np.asarray(image)


def turned(vector: np.ndarray) -> np.ndarray:
    """A vector [2] turned by a right angle, from x to y."""
    return np.array([-vector[1], vector[0]])


def _cropped(image: Image.Image, quad: Quad, border: int) -> tuple[Image.Image, Quad]:
    left, top, right, bottom = quad.bounds()
    left, top = max(left - border, 0), max(top - border, 0)
    right, bottom = min(right + border, image.width), min(bottom + border, image.height)
    if right - left >= image.width and bottom - top >= image.height:
        return image, quad
    return image.crop((left, top, right, bottom)), quad.moved(-left, -top)


def _filled(image: Image.Image, quad: Quad, border: int) -> tuple[Image.Image, Quad]:
    left, top, right, bottom = quad.bounds()
    missing = (-left, -top, right - image.width, bottom - image.height)
    pads = [max(gap + border, 0) for gap in missing]
    if max(pads) <= border - CLEAR:
        return image, quad
    left, top, right, bottom = (max(pad, round(quad.size * PADDED)) for pad in pads)
    pixels = np.asarray(image, dtype=np.float32)
    pixels = np.pad(pixels, ((top, bottom), (left, right), (0, 0)), "reflect")
    outside = _outside(pixels.shape[0], pixels.shape[1], (left, top, right, bottom))
    sigma = quad.size * BLUR
    blurred = ndimage.gaussian_filter(pixels, [sigma, sigma, 0])
    pixels += (blurred - pixels) * np.clip(3 * outside + 1, 0, 1)
    pixels += (np.median(pixels, axis=(0, 1)) - pixels) * np.clip(outside, 0, 1)
    filled = Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8))
    return filled, quad.moved(left, top)


def _outside(height: int, width: int, pads: tuple[int, int, int, int]) -> np.ndarray:
    """How far out a pixel is [height, width, 1]: 1 at the edge, 0 on the photograph's border."""
    left, top, right, bottom = (np.float32(pad) for pad in pads)
    x, y = np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)[:, None]
    across = np.minimum(x / left, x[::-1] / right)
    down = np.minimum(y / top, y[::-1] / bottom)
    return (1 - np.minimum(across, down))[..., None]
