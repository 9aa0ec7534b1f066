"""Whether the adapted generator paints with the colours of its shots."""

import math
from typing import Annotated

import torch
import torch.nn.functional as F
from annotated_types import Le
from torch import Tensor

from benchmarks.harness.evaluation.gallery import Gallery
from benchmarks.harness.evaluation.measure import Measure
from core.bounds import Count, Few

TO_XYZ = ((0.4124564, 0.3575761, 0.1804375),  # from linear sRGB, IEC 61966-2-1
          (0.2126729, 0.7151522, 0.0721750),
          (0.0193339, 0.1191920, 0.9503041))  # fmt: skip
WHITE = (0.95047, 1.0, 1.08883)  # D65
TOGETHER = 1 << 25  # projections of colours that are sorted at once


def lab(images: Tensor) -> Tensor:
    """CIELAB colours [n, 3] (L 0 to 100) of all pixels of sRGB images [N, 3, R, R] in [-1, 1]."""
    rgb = ((images.double() + 1) / 2).clamp(0, 1).permute(0, 2, 3, 1).reshape(-1, 3)
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = linear @ linear.new_tensor(TO_XYZ).T / linear.new_tensor(WHITE)
    cut = (6 / 29) ** 3  # here and below the numbers of sRGB's and of CIELAB's definition
    x, y, z = torch.where(xyz > cut, xyz ** (1 / 3), xyz / (3 * (6 / 29) ** 2) + 4 / 29).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def directions(count: int) -> Tensor:
    """Unit vectors [count, 3], evenly over the half sphere (a Fibonacci lattice)."""
    i = torch.arange(count, dtype=torch.float64)
    height, angle = (i + 0.5) / count, i * math.pi * (3 - math.sqrt(5))
    radius = (1 - height**2).sqrt()
    return torch.stack([height, radius * angle.cos(), radius * angle.sin()], 1)


def sliced_wasserstein(a: Tensor, b: Tensor, axes: Tensor, quantiles: int) -> float:
    """Mean over axes [A, D] of the Wasserstein-1 distance of the projections of [n, D], [m, D]."""
    at = (torch.arange(quantiles, dtype=torch.float64) + 0.5) / quantiles
    differences = []
    for some in axes.split(max(1, TOGETHER // max(len(a), len(b)))):
        first, second = (quantile(cloud @ some.T, at) for cloud in (a, b))
        differences.append((first - second).abs())
    return float(torch.cat(differences, 1).mean())


def quantile(values: Tensor, at: Tensor) -> Tensor:
    """Quantiles [Q, A] of columns [n, A]; like ``torch.quantile``, which refuses large inputs."""
    ordered = values.sort(0).values
    place = at * (len(ordered) - 1)
    low = place.floor().long()
    high = (low + 1).clamp(max=len(ordered) - 1)
    return torch.lerp(ordered[low], ordered[high], (place - low)[:, None])


class Palette:
    """Sliced Wasserstein distance of the colours of fakes and of shots, in CIELAB units. A
    difference of 2 is just seen (CIE 1976). Pictures are reduced to ``side`` px first, so that it
    is the palette that counts and not its grain. ``held_out`` is the same distance of the domain's
    reference pictures, the best that few shots allow; ``source`` that of the unadapted source.
    """

    better = "lower"
    needs = ("fakes", "shots")

    def __init__(self, *, side: Annotated[Count, Le(1024)], axes: Few, quantiles: Few) -> None:
        self.side, self.axes, self.quantiles = side, directions(axes), quantiles

    def colours(self, gallery: Gallery, stream: str) -> Tensor:
        return lab(torch.cat([F.adaptive_avg_pool2d(x, self.side) for x in gallery.images(stream)]))

    def __call__(self, gallery: Gallery) -> Measure:
        shots = self.colours(gallery, "shots")

        def distance(stream: str) -> float:
            colours = self.colours(gallery, stream)
            return sliced_wasserstein(colours, shots, self.axes, self.quantiles)

        value = distance("fakes")
        beside = {"held_out": "reference", "source": "sources"}
        details = {name: distance(one) for name, one in beside.items() if gallery.has(one)}
        return Measure(value, self.better, len(gallery.pictures("fakes")), details)
