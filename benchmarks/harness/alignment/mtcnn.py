"""Finds faces and five points in each with MTCNN's cascade of three networks.
A pyramid of the picture goes through the first network; what it takes for faces is cut out and
looked at by the second at 24 and by the third at 48 pixels. After each, windows that overlap better
ones are dropped and the others are moved to where the network says that the face is
(Zhang et al., IEEE Signal Processing Letters 2016).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from benchmarks.harness.alignment.landmarks import faces
from core.convert.checkpoint_file import opened
from core.convert.format import CheckpointError
from core.errors import UserError

CELL, STRIDE = 12, 2  # of the first network: side of its windows, and from one to the next
SECOND, THIRD = 24, 48  # sides in pixels at which the others look at a window
MIDDLE, SPAN = 127.5, 128  # grey, which the networks see as 0, and what they see as 1 above it
PORTION = 512  # windows at once, to bound memory where a picture is full of faces
# Overlaps that the published code allows: within a scale of the pyramid, between scales and after
# the second network, and after the third, where it is a share of the smaller window.
OVERLAP_SCALE, OVERLAP, OVERLAP_LAST = 0.5, 0.7, 0.7


class WindowOutputs(NamedTuple):
    """What a network says of each window; the first network gives maps [N, h, w, ...]."""

    face: Tensor  # probability that it holds a face
    shift: Tensor  # of left, top, right and bottom edge, in shares of the side
    points: Tensor  # x of five points, then y, in shares of the side; empty but for the last


class WindowNetwork(nn.Module):
    """Layers one after the other, then heads, in whose names there is a ``_``, side by side.
    Tensors are named as in the weights that people have (facenet-pytorch, MIT): they load strictly.
    """

    def __init__(self, **layers: nn.Module) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, images: Tensor) -> WindowOutputs:
        """Face [N, ...], shift [N, ..., 4] and points [N, 10] of images in about [-1, 1]."""
        x, heads = images, []
        for name, layer in self.named_children():
            if "_" in name:
                heads.append(layer(x))
            else:
                x = layer(x)
        face, shift, *points = heads
        shift = shift.movedim(1, -1)
        return WindowOutputs(face.softmax(1)[:, 1], shift, points[0] if points else shift[..., :0])


class ColumnsFirst(nn.Module):
    """Maps [N, C, H, W] as vectors in the order W, H, C of the framework they were trained in."""

    def forward(self, maps: Tensor) -> Tensor:
        return maps.permute(0, 3, 2, 1).flatten(1)


def pool(kernel: int) -> nn.Module:
    return nn.MaxPool2d(kernel, 2, ceil_mode=True)  # as Caffe rounds


def pnet() -> WindowNetwork:
    """Looks at every window of 12 pixels, 2 apart: [N, 3, H, W] to maps [N, h, w, ...]."""
    return WindowNetwork(
        conv1=nn.Conv2d(3, 10, 3), prelu1=nn.PReLU(10), pool1=pool(2),
        conv2=nn.Conv2d(10, 16, 3), prelu2=nn.PReLU(16),
        conv3=nn.Conv2d(16, 32, 3), prelu3=nn.PReLU(32),
        conv4_1=nn.Conv2d(32, 2, 1), conv4_2=nn.Conv2d(32, 4, 1),
    )  # fmt: skip


def rnet() -> WindowNetwork:
    """Looks again at windows [N, 3, 24, 24]."""
    return WindowNetwork(
        conv1=nn.Conv2d(3, 28, 3), prelu1=nn.PReLU(28), pool1=pool(3),
        conv2=nn.Conv2d(28, 48, 3), prelu2=nn.PReLU(48), pool2=pool(3),
        conv3=nn.Conv2d(48, 64, 2), prelu3=nn.PReLU(64), columns=ColumnsFirst(),
        dense4=nn.Linear(576, 128), prelu4=nn.PReLU(128),
        dense5_1=nn.Linear(128, 2), dense5_2=nn.Linear(128, 4),
    )  # fmt: skip


def onet() -> WindowNetwork:
    """Looks closest, at windows [N, 3, 48, 48], and places the points."""
    return WindowNetwork(
        conv1=nn.Conv2d(3, 32, 3), prelu1=nn.PReLU(32), pool1=pool(3),
        conv2=nn.Conv2d(32, 64, 3), prelu2=nn.PReLU(64), pool2=pool(3),
        conv3=nn.Conv2d(64, 64, 3), prelu3=nn.PReLU(64), pool3=pool(2),
        conv4=nn.Conv2d(64, 128, 2), prelu4=nn.PReLU(128), columns=ColumnsFirst(),
        dense5=nn.Linear(1152, 256), prelu5=nn.PReLU(256),
        dense6_1=nn.Linear(256, 2), dense6_2=nn.Linear(256, 4), dense6_3=nn.Linear(256, 10),
    )  # fmt: skip


NETWORKS = {"pnet.pt": pnet, "rnet.pt": rnet, "onet.pt": onet}


def load(folder: Path) -> list[WindowNetwork]:
    """The three networks with the weights in a folder; nothing in their files is executed.
    A file that is missing or holds something else is a `UserError`.
    """
    networks = []
    for name, untrained in NETWORKS.items():
        path, network = folder / name, untrained()
        try:
            with opened(path) as file:
                state = file.tensors.state_dict(file.tree, path.stem)
            network.load_state_dict(state)
        except (CheckpointError, RuntimeError) as fault:
            reason = " ".join(str(fault).split())
            raise UserError(f"{path} holds no weights of MTCNN's {path.stem}: {reason}.") from fault
        networks.append(network.eval().requires_grad_(False))
    return networks


class MTCNN:
    """Faces of a picture, the surest first."""

    def __init__(
        self,
        networks: Sequence[WindowNetwork],  # of `load`
        *,
        smallest: float,  # side in pixels of the smallest face that is looked for
        factor: float,  # from one picture of the pyramid to the next smaller one
        thresholds: Sequence[float],  # probability that a window must reach, by network
        longest: int,  # a picture with a longer side is looked at in this size
        margin: float,  # share of the longer side laid around a picture in which nothing was found,
        # since a face that fills it has no window of its own
    ) -> None:
        self.networks = networks
        self.smallest, self.factor, self.thresholds = smallest, factor, tuple(thresholds)
        self.longest, self.margin = longest, margin

    def __call__(self, image: Image.Image, file: str) -> list[np.ndarray]:
        """Points [4, 2] of every face: eyes and corners of the mouth, in pixels; see `Quad.of`."""
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
        Boxes [n, 5] (left, top, right, bottom, probability) and points [n, 5, 2].
        """
        image = (pixels - MIDDLE) / SPAN
        windows = [self._candidates(small, scale) for small, scale in self._pyramid(image)]
        boxes = torch.cat([torch.zeros(0, 9), *windows])
        boxes = boxes[non_maximum_suppression(boxes, OVERLAP, of_smaller=False)]
        boxes = make_square(shift_boxes(boxes[:, :5], boxes[:, 5:]))
        boxes, outputs = self._refined(1, image, boxes, SECOND)
        keep = non_maximum_suppression(boxes, OVERLAP, of_smaller=False)
        boxes = make_square(shift_boxes(boxes[keep], outputs.shift[keep]))
        boxes, outputs = self._refined(2, image, boxes, THIRD)
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

    def _candidates(self, image: Tensor, scale: float) -> Tensor:
        """Boxes and their shifts [n, 5 + 4] in the whole picture that may be faces."""
        outputs = self.networks[0](image[None])
        row, column = (outputs.face[0] >= self.thresholds[0]).nonzero().T
        corner = torch.stack([column, row], 1) * STRIDE
        edges = torch.cat([corner, corner + CELL], 1) / scale
        sure, shift = outputs.face[0, row, column][:, None], outputs.shift[0, row, column]
        boxes = torch.cat([edges, sure, shift], 1)
        return boxes[non_maximum_suppression(boxes, OVERLAP_SCALE, of_smaller=False)]

    def _refined(
        self, number: int, image: Tensor, boxes: Tensor, side: int
    ) -> tuple[Tensor, WindowOutputs]:
        """The boxes [n, 5] that a closer look confirms, and what it saw in them."""
        network = self.networks[number]
        looks = [
            network(torch.stack([crop_window(image, box, side) for box in part]))
            for part in boxes.split(PORTION)
            if len(part)
        ] or [network(image.new_zeros(0, 3, side, side))]
        outputs = WindowOutputs(*(torch.cat(values) for values in zip(*looks, strict=True)))
        sure = outputs.face >= self.thresholds[number]
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
        smaller, both = torch.minimum(area[best], area[others]), area[best] + area[others]
        order = others[shared / (smaller if of_smaller else both - shared) <= limit]
    return torch.stack(kept) if kept else order


def crop_window(image: Tensor, box: Tensor, side: int) -> Tensor:
    """What a box [5] holds of an image [3, H, W], grey outside it, as [3, side, side]."""
    left, top, right, bottom = (int(edge) for edge in box[:4].round())
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    cut = image.new_zeros(3, bottom - top, right - left)
    height, width = image.shape[1:]
    low, far = max(min(bottom, height), 0), max(min(right, width), 0)  # a negative end would wrap
    inner = image[:, max(top, 0) : low, max(left, 0) : far]
    x, y = max(-left, 0), max(-top, 0)
    cut[:, y : y + inner.shape[1], x : x + inner.shape[2]] = inner
    return F.interpolate(cut[None], (side, side), mode="area")[0]
