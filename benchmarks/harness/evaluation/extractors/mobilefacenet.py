"""MobileFaceNet (arXiv:1804.07573), which tells people apart, with the parameter names of the
published file (ArcFace on CASIA-WebFace). Departs from the paper in what the file does: widths of
the first bottlenecks, and a global depthwise kernel of 7 x 6 for pictures of 112 x 96.
"""

from collections import OrderedDict
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HEIGHT, WIDTH, EMBEDDING = 112, 96, 128  # of the published file
TEMPLATE = ((30.29, 51.70), (65.53, 51.50), (48.03, 71.74), (33.55, 92.37), (62.73, 92.20))
"""Eyes, nose and corners of the mouth in the aligned face, in steps from its first pixel: the five
points of MTCNN that the file was trained with."""
KNOWN = {2: (0, 1), 4: (0, 1, 3, 4), 5: (0, 1, 2, 3, 4)}
"""Which of these are meant where so many points are given: eyes, eyes and mouth, all."""
STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
"""Expansion, width, repeats, first stride of the bottlenecks."""
EQUAL = 1e-9  # difference of scales that is rounding


def convolution(
    inputs: int,
    outputs: int,
    kernel: int | tuple[int, int],
    *,
    linear: bool = False,
    **options: Any,
) -> nn.Sequential:
    """Convolution and batch normalisation, with a rectifier unless it is linear."""
    layers: dict[str, nn.Module] = {
        "conv": nn.Conv2d(inputs, outputs, kernel, bias=False, **options),
        "bn": nn.BatchNorm2d(outputs),
    }
    if not linear:
        layers["prelu"] = nn.PReLU(outputs)
    return nn.Sequential(OrderedDict(layers))


class Bottleneck(nn.Module):
    """Inverted residual: widen, look around within channels, narrow."""

    def __init__(self, inputs: int, outputs: int, *, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.skips = stride == 1 and inputs == outputs
        self.conv = nn.Sequential(
            *convolution(inputs, wide, 1),
            *convolution(wide, wide, 3, stride=stride, padding=1, groups=wide),
            *convolution(wide, outputs, 1, linear=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.skips else self.conv(x)


class MobileFaceNetwork(nn.Module):
    """Aligned faces [N, 3, 112, 96], about -1 to 1, to embeddings [N, 128], not normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = convolution(3, 64, 3, stride=2, padding=1)
        self.dw_conv1 = convolution(64, 64, 3, padding=1, groups=64)
        blocks, before = [], 64
        for expansion, width, repeats, first in STAGES:
            for i in range(repeats):
                stride = first if i == 0 else 1
                blocks.append(Bottleneck(before, width, stride=stride, expansion=expansion))
                before = width
        self.blocks = nn.Sequential(*blocks)
        self.conv2 = convolution(before, 512, 1)
        self.linear7 = convolution(512, 512, (7, 6), groups=512, linear=True)
        self.linear1 = convolution(512, EMBEDDING, 1, linear=True)

    def forward(self, faces: Tensor) -> Tensor:
        x = self.blocks(self.dw_conv1(self.conv1(faces)))
        return self.linear1(self.linear7(self.conv2(x))).flatten(1)


def similarity(points: Tensor, template: Tensor) -> Tensor:
    """Turn, scale, shift [N, 2, 3] of least squares from points [N, P, 2] to template [P, 2]."""
    centre, goal = points.mean(1, keepdim=True), template.mean(0)
    p, q = points - centre, template - goal
    size = p.square().sum((1, 2)).clamp(min=1e-12)  # all points in one place
    cosine = (p * q).sum((1, 2)) / size
    sine = (p[..., 0] * q[:, 1] - p[..., 1] * q[:, 0]).sum(1) / size
    turn = torch.stack([cosine, -sine, sine, cosine], 1).view(-1, 2, 2)
    shift = goal - (turn @ centre[:, 0, :, None])[..., 0]
    return torch.cat([turn, shift[..., None]], 2)


def align(images: Tensor, points: Tensor) -> Tensor:
    """Faces [N, 3, 112, 96] of images [N, 3, R, R] by points [N, P, 2] in pixels, the first one's
    centre at 0.5: eyes, mouth too, or all 5; outside a picture its edge is repeated.
    """
    template = torch.tensor([TEMPLATE[i] for i in KNOWN[points.shape[1]]]).double() + 0.5
    maps = similarity(points.double(), template)
    scales = maps[:, :, :2].det().clamp(min=0).sqrt()
    if bool((scales - scales[0]).abs().max() > EQUAL):  # what a picture becomes is its own affair
        return torch.cat([align(images[i, None], points[i, None]) for i in range(len(images))])
    scale = float(scales.median())
    if scale < 1:  # reduce first, since sampling alone would skip pixels
        side = max(1, round(images.shape[-1] * scale))
        points = points.double() * side / images.shape[-1]
        images = F.interpolate(images, (side, side), mode="bilinear", antialias=True)
        maps = similarity(points, template)
    bottom = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64).expand(len(maps), 1, 3)
    back = torch.linalg.inv(torch.cat([maps, bottom], 1))[:, :2]
    y, x = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    at = torch.stack([x, y, torch.ones_like(x)], 2).double().view(-1, 3)
    grid = (at @ back.mT * 2 / images.shape[-1] - 1).view(len(images), HEIGHT, WIDTH, 2).to(images)
    return F.grid_sample(images, grid, "bilinear", "border", align_corners=False)
