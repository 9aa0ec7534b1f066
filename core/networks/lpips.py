"""LPIPS, version 0.1: a perceptual distance learnt from human judgements (arXiv:1801.03924).

Unit-normalised channels of five depths of a classifier are compared, weighted per channel and
averaged over places. As an embedding: squared Euclidean distances of its vectors are the distance.
The weights are those of the authors' package and of torchvision, read from files.

Departs from the paper in: nothing. Pictures are taken as they come: their size is part of a result.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from core.errors import UserError

SIDES = {"alex": 3, "vgg": 2}  # of the pooling windows, which move by 2
# channels, kernel, stride, padding of a convolution and its rectifier; "tap" after what is compared
Layer = tuple[int, int, int, int] | str
ALEX: tuple[Layer, ...] = (
    (64, 11, 4, 2), "tap", "pool", (192, 5, 1, 2), "tap", "pool",
    (384, 3, 1, 1), "tap", (256, 3, 1, 1), "tap", (256, 3, 1, 1), "tap",
)  # fmt: skip
VGG: tuple[Layer, ...] = (
    *2 * ((64, 3, 1, 1),), "tap", "pool", *2 * ((128, 3, 1, 1),), "tap", "pool",
    *3 * ((256, 3, 1, 1),), "tap", "pool", *3 * ((512, 3, 1, 1),), "tap", "pool",
    *3 * ((512, 3, 1, 1),), "tap",
)  # fmt: skip
URLS = {
    "alex": "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "vgg": "https://download.pytorch.org/models/vgg16-397923af.pth",
}
SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
EPS = 1e-10


def layers(net: str) -> tuple[nn.ModuleList, list[int]]:
    """Torchvision's ``features`` as far as they are used, and the indices of the taps."""
    found: list[nn.Module] = []
    taps: list[int] = []
    before = 3
    for what in ALEX if net == "alex" else VGG:
        if what == "tap":
            taps.append(len(found) - 1)
        elif what == "pool":
            found.append(nn.MaxPool2d(SIDES[net], 2))
        elif isinstance(what, tuple):
            channels, kernel, stride, padding = what
            found += [nn.Conv2d(before, channels, kernel, stride, padding), nn.ReLU()]
            before = channels
    return nn.ModuleList(found), taps


class LPIPS(nn.Module):
    """The distance and its embedding; frozen.

    Args:
        net: ``alex`` (for measuring) or ``vgg`` (for losses), as the authors advise.
        trunk: torchvision's state dict, of which ``features.*`` are used.
        heads: the authors' state dict, ``lin0.model.1.weight`` to ``lin4.model.1.weight``.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, net: str, trunk: Mapping[str, Tensor], heads: Mapping[str, Tensor]) -> None:
        super().__init__()
        if net not in URLS:
            raise UserError(f"LPIPS has the networks {', '.join(URLS)}, not {net!r}.")
        self.features, self.taps = layers(net)
        used = {
            k.removeprefix("features."): v for k, v in trunk.items() if k.startswith("features")
        }
        self.features.load_state_dict(used)
        for i in range(len(self.taps)):
            weight = heads[f"lin{i}.model.1.weight"]
            if (weight < 0).any():
                raise UserError(f"LPIPS: lin{i}.model.1.weight is negative somewhere.")
            self.register_buffer(f"root{i}", weight.sqrt())
        self.register_buffer("shift", torch.tensor(SHIFT)[:, None, None])
        self.register_buffer("scale", torch.tensor(SCALE)[:, None, None])
        self.eval().requires_grad_(False)

    def embed(self, images: Tensor) -> Tensor:
        """Vectors [N, V] of images [N, 3, R, R] in [-1, 1]."""
        x = (images - self.shift) / self.scale
        parts: list[Tensor] = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in self.taps:
                root = getattr(self, f"root{len(parts)}")
                unit = x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + EPS)
                parts.append((unit * root).flatten(1) / x[0, 0].numel() ** 0.5)
        return torch.cat(parts, 1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Distance [N] of images [N, 3, R, R] in [-1, 1]."""
        return (self.embed(a) - self.embed(b)).square().sum(1)


def load_lpips(net: str, folder: str) -> LPIPS:
    """LPIPS with torchvision's classifier from a folder and the heads of the ``lpips`` package.

    Args:
        net: ``alex`` or ``vgg``.
        folder: where the classifier's file lies, under the name that torchvision gives it.
    """
    if net not in URLS:
        raise UserError(f"LPIPS has the networks {', '.join(URLS)}, not {net!r}.")
    trunk = Path(folder).expanduser() / URLS[net].rsplit("/", 1)[1]
    if not trunk.is_file():
        raise UserError(f"LPIPS needs {trunk}; it is published at {URLS[net]}.")
    package = importlib.util.find_spec("lpips")
    if package is None or package.origin is None:
        raise UserError("LPIPS needs the package lpips, which holds its weights.")
    heads = Path(package.origin).parent / "weights" / "v0.1" / f"{net}.pth"
    read = [torch.load(path, map_location="cpu", weights_only=True) for path in (trunk, heads)]
    return LPIPS(net, *read)
