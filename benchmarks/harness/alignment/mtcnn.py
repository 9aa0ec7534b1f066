"""Finds faces and five points in each with MTCNN's cascade of three networks.

A pyramid of the picture goes through the first network; what it takes for faces is cut out and
looked at by the second at 24 and by the third at 48 pixels. After each, windows that overlap better
ones are dropped and the others are moved to where the network says that the face is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from benchmarks.harness.alignment.landmarks import faces
from benchmarks.harness.alignment.mtcnn_networks import ONet, PNet, RNet, WindowOutputs

CELL, STRIDE = 12, 2  # of the first network: side of its windows, and from one to the next
MIDDLE = 127.5  # grey, which the networks see as 0
PORTION = 512  # windows at once, to bound memory where a picture is full of faces
# Overlaps that the published code allows: within a scale of the pyramid, between scales and after
# the second network, and after the third, where it is a share of the smaller window.
OVERLAP_SCALE, OVERLAP, OVERLAP_LAST = 0.5, 0.7, 0.7


class MTCNN:
    """Faces of a picture, the surest first.

    Args:
        networks: of `mtcnn_networks.load`.
        smallest: side in pixels of the smallest face that is looked for.
        factor: from one picture of the pyramid to the next smaller one.
        thresholds: probability that a window must reach, by network.
        longest: a picture with a longer side is looked at in this size.
        margin: share of the longer side that is laid around a picture in which nothing was found,
            since a face that fills it has no window of its own.
    """

    name = "mtcnn"

    def __init__(
        self,
        networks: tuple[PNet, RNet, ONet],
        *,
        smallest: float,
        factor: float,
        thresholds: Sequence[float],
        longest: int,
        margin: float,
    ) -> None:
        self.networks = networks
        self.smallest, self.factor, self.thresholds = smallest, factor, tuple(thresholds)
        self.longest, self.margin = longest, margin

    def __call__(self, image: Image.Image, file: str) -> list[np.ndarray]:
        """Points [4, 2] of every face: eyes and corners of the mouth, in pixels; see `Quad.of`."""
        del file
        factor = min(1.0, self.longest / max(image.size))
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        shown = image if factor == 1 else image.resize(size, Image.Resampling.LANCZOS)
        pixels = torch.from_numpy(np.array(shown)).permute(2, 0, 1).float()
        _, points = self.detect(pixels)
        if not len(points):
            border = round(self.margin * max(size))
            _, points = self.detect(F.pad(pixels, (border,) * 4, value=MIDDLE))
            points = points - border
        scale = points.new_tensor([image.width / size[0], image.height / size[1]])
        return faces((points * scale).double().numpy())

    @torch.no_grad()
    def detect(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Faces in pixels [3, H, W] of 0..255, the surest first.

        Returns:
            Boxes [n, 5] (left, top, right, bottom, probability) and points [n, 5, 2].
        """
        first, second, third = self.networks
        image = (pixels - MIDDLE) / 128
        found = [self._candidates(first, small, scale) for small, scale in self._pyramid(image)]
        boxes = torch.cat([torch.zeros(0, 9), *found])
        boxes = boxes[non_maximum_suppression(boxes, OVERLAP, of_smaller=False)]
        boxes = make_square(shift_boxes(boxes[:, :5], boxes[:, 5:]))
        boxes, outputs = self._refined(second, image, boxes, 24, self.thresholds[1])
        keep = non_maximum_suppression(boxes, OVERLAP, of_smaller=False)
        boxes = make_square(shift_boxes(boxes[keep], outputs.shift[keep]))
        boxes, outputs = self._refined(third, image, boxes, 48, self.thresholds[2])
        x, y = outputs.points.view(-1, 2, 5).unbind(1)
        left, top = boxes[:, None, 0], boxes[:, None, 1]
        wide, high = sides(boxes).T[..., None]
        points = torch.stack([left + wide * x, top + high * y], 2)
        boxes = shift_boxes(boxes, outputs.shift)
        keep = non_maximum_suppression(boxes, OVERLAP_LAST, of_smaller=True)
        return boxes[keep], points[keep]

    def _pyramid(self, image: Tensor) -> Iterator[tuple[Tensor, float]]:
        """The picture [3, H, W] in smaller and smaller sizes, and their scales."""
        scale = CELL / self.smallest
        while min(image.shape[1:]) * scale >= CELL:
            size = [int(side * scale + 1) for side in image.shape[1:]]
            yield F.interpolate(image[None], size, mode="area")[0], scale
            scale *= self.factor

    def _candidates(self, network: PNet, image: Tensor, scale: float) -> Tensor:
        """Boxes and their shifts [n, 5 + 4] in the whole picture that may be faces."""
        outputs = network(image[None])
        row, column = (outputs.face[0] >= self.thresholds[0]).nonzero().T
        corner = torch.stack([column, row], 1) * STRIDE
        edges = torch.cat([corner, corner + CELL], 1) / scale
        sure, shift = outputs.face[0, row, column][:, None], outputs.shift[0, row, column]
        boxes = torch.cat([edges, sure, shift], 1)
        return boxes[non_maximum_suppression(boxes, OVERLAP_SCALE, of_smaller=False)]

    def _refined(
        self, network: RNet | ONet, image: Tensor, boxes: Tensor, side: int, least: float
    ) -> tuple[Tensor, WindowOutputs]:
        """The boxes [n, 5] that a closer look confirms, and what it saw in them."""
        looks = [
            network(torch.stack([crop_window(image, box, side) for box in part]))
            for part in boxes.split(PORTION)
            if len(part)
        ] or [network(image.new_zeros(0, 3, side, side))]
        outputs = WindowOutputs(*(torch.cat(values) for values in zip(*looks, strict=True)))
        sure = outputs.face >= least
        boxes = torch.cat([boxes[sure, :4], outputs.face[sure, None]], 1)
        return boxes, WindowOutputs(*(values[sure] for values in outputs))


def sides(boxes: Tensor) -> Tensor:
    """Width and height [n, 2] of boxes [n, 4 or more]."""
    return boxes[:, 2:4] - boxes[:, :2]


def shift_boxes(boxes: Tensor, shift: Tensor) -> Tensor:
    """Boxes [n, 5] with their edges moved by shares [n, 4] of their sides."""
    return torch.cat([boxes[:, :4] + shift * sides(boxes).repeat(1, 2), boxes[:, 4:]], 1)


def make_square(boxes: Tensor) -> Tensor:
    """Boxes [n, 5] made square about their centres, as long as the longer side."""
    middle = (boxes[:, :2] + boxes[:, 2:4]) / 2
    half = sides(boxes).amax(1, keepdim=True) / 2
    return torch.cat([middle - half, middle + half, boxes[:, 4:]], 1)


def non_maximum_suppression(boxes: Tensor, limit: float, *, of_smaller: bool) -> Tensor:
    """Which boxes [n, 5 or more] stay, the surest first, when those that overlap a surer one go.

    The overlap is a share of the union of both or, with ``of_smaller``, of the smaller one.
    """
    order = boxes[:, 4].argsort(descending=True, stable=True)
    area = sides(boxes).prod(1)
    kept = []
    while len(order):
        best, others = order[0], order[1:]
        kept.append(best)
        low = torch.maximum(boxes[best, :2], boxes[others, :2])
        high = torch.minimum(boxes[best, 2:4], boxes[others, 2:4])
        shared = (high - low).clamp(min=0).prod(1)
        if of_smaller:
            whole = torch.minimum(area[best], area[others])
        else:
            whole = area[best] + area[others] - shared
        order = others[shared / whole <= limit]
    return torch.stack(kept) if kept else order


def crop_window(image: Tensor, box: Tensor, side: int) -> Tensor:
    """What a box [5] holds of an image [3, H, W], grey outside it, as [3, side, side]."""
    left, top, right, bottom = (int(edge) for edge in box[:4].round())
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    cut = image.new_zeros(3, bottom - top, right - left)
    height, width = image.shape[1:]
    inner = image[:, max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    x, y = max(-left, 0), max(-top, 0)
    cut[:, y : y + inner.shape[1], x : x + inner.shape[2]] = inner
    return F.interpolate(cut[None], (side, side), mode="area")[0]
