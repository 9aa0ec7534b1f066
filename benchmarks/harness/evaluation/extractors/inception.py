"""Inception-v3 of 2015, the network of FID: its 2,048 pooled features (arXiv:1706.08500).

Two published files hold the same network: a state dict (pytorch-fid's port) and a TorchScript
program with its own resizing. A TorchScript file is run, a state dict is only read: take the former
from its official place alone.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.harness.evaluation.extractors import resize
from benchmarks.harness.evaluation.extractors.inception_network import InceptionV3
from benchmarks.harness.evaluation.extractors.published import Published, fill, read
from benchmarks.harness.io import external_weights
from benchmarks.harness.io.contact_sheet import to_uint8
from core.errors import UserError

SIDE, WIDTH = 299, 2048
RESIZES = ("clean", "legacy-pytorch", "legacy-tensorflow")


class Inception(Published):
    """Pooled features [N, 2048], with the resizing that a published number names.

    Args:
        weights: names in the list of optional files; the first one that is there is used.
        resize: ``clean`` (clean-fid), ``legacy-pytorch`` (pytorch-fid) or ``legacy-tensorflow``
            (TTUR, stylegan2-ada).
    """

    def __init__(self, *, weights: list[str], resize: str) -> None:
        if resize not in RESIZES:
            raise UserError(f"resize={resize} must be {', '.join(RESIZES)}.")
        there = [name for name in weights if external_weights.entry(name).state == "present"]
        super().__init__(weights=(there or list(weights))[0])
        self.resize = resize
        self.name = f"{self.path.stem}:{resize}"
        self.network = self.shared("inception", script if scripted(self.path) else stated)

    def prepare(self, images: Tensor) -> Tensor:
        """Pictures [N, 3, 299, 299] as the first layer wants them, about -1 to 1."""
        if self.resize == "clean":
            rows = [resize.clean(picture, SIDE) for picture in to_uint8(images)]
            return (resize.each(images, rows) - 128) / 128
        if self.resize == "legacy-pytorch":
            return resize.legacy_pytorch(resize.levels(images), SIDE) / 255 * 2 - 1
        return (resize.legacy_tensorflow(resize.levels(images), SIDE) - 128) / 128

    def look(self, prepared: Tensor) -> dict[str, Tensor]:
        """``features`` [N, 2048]."""
        seen = self.network.to(prepared.device)(prepared)
        return {"features": seen.reshape(len(prepared), WIDTH).float()}


def scripted(path: Path) -> bool:
    """Whether a file holds a TorchScript program rather than tensors by name."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any("/code/" in name for name in archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def stated(path: Path) -> nn.Module:
    """The network of a state dict."""
    with torch.random.fork_rng(devices=[]):
        return fill(InceptionV3(), read(path), path.name)


def script(path: Path) -> nn.Module:
    """The layers of a TorchScript file, without its resizing.

    Raises:
        UserError: it is none, or has no layers.
    """
    try:
        whole = torch.jit.load(str(path), map_location="cpu")
        layers = whole.layers
        with torch.no_grad():
            width = layers(torch.zeros(1, 3, SIDE, SIDE)).numel()
    except (OSError, RuntimeError, AttributeError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise UserError(f"{path} is no TorchScript Inception ({first}).") from error
    if width != WIDTH:
        raise UserError(f"{path} gives {width} features, not {WIDTH}.")
    return layers.eval()
