"""What published networks have in common: a file, a way to prepare pictures, and heads."""

import pickle
import zipfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast
from weakref import WeakValueDictionary

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from benchmarks.harness.io import external_weights
from core import hashing
from core.errors import UserError

N = TypeVar("N", bound=nn.Module)
Stamp = tuple[Path, int, int]  # a file as it is now: where, when it was changed, how long it is
NETWORKS: WeakValueDictionary[tuple[str, Stamp], nn.Module] = WeakValueDictionary()
"""What is in use, by architecture and file: many metrics look through one network."""


class Published:
    """An extractor of an optional file; ``files`` are checksums of what prepares its pictures."""

    name: str
    network: nn.Module

    def __init__(self, *, weights: str) -> None:
        self.path = external_weights.require(weights)  # refuses a missing file before anything runs
        status = self.path.stat()
        self.stamp: Stamp = self.path, status.st_mtime_ns, status.st_size
        self.files: dict[str, str] = {}

    @property
    def sha256(self) -> str:
        return digest(self.stamp)

    def shared(self, architecture: str, make: Callable[[Path], N]) -> N:
        """The network that ``make`` reads from the file, once for all that look through it."""
        key = architecture, self.stamp
        return cast(N, NETWORKS.setdefault(key, NETWORKS.get(key) or make(self.path)))

    def prepare(self, images: Tensor) -> Tensor:
        """What the network takes, of images [N, 3, R, R] in [-1, 1]; on the CPU."""
        raise NotImplementedError(f"{type(self).__name__} prepares nothing.")

    def output(self, prepared: Tensor) -> Tensor:
        """What the network makes of prepared pictures, in float32; where they are."""
        output: Tensor = self.network.to(prepared.device)(prepared)
        return output.float()

    def look(self, prepared: Tensor) -> dict[str, Tensor]:
        """What the network sees in prepared pictures, by head; where they are."""
        return {"features": self.output(prepared)}

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """What the network sees in images [N, 3, R, R] in [-1, 1], by head."""
        return self.look(self.prepare(images.cpu()).to(images.device))


@lru_cache(maxsize=64)  # more than the list of optional files has
def digest(stamp: Stamp) -> str:
    """Checksum of a file as it is now; another time or length makes another file of it."""
    return hashing.of_file(stamp[0])


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a weights file by name, themselves or under ``state_dict``, ``net_state_dict``
    or ``model``; nothing in it is executed. UserError where it cannot be read or holds others.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        tree: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, KeyError, SafetensorError,
            pickle.UnpicklingError, zipfile.BadZipFile) as error:  # fmt: skip
        first = str(error).partition("\n")[0]
        raise UserError(f"{path} cannot be read as weights ({first}).") from error
    for key in ("state_dict", "net_state_dict", "model"):
        if isinstance(tree, Mapping) and isinstance(tree.get(key), Mapping):
            tree = tree[key]
    if not isinstance(tree, Mapping) or not all(isinstance(v, Tensor) for v in tree.values()):
        raise UserError(f"{path} holds no state dict.")
    return {str(name).removeprefix("module."): value for name, value in tree.items()}


def fill(network: nn.Module, state: Mapping[str, Tensor], what: str) -> nn.Module:
    """The network with all of these weights, frozen, to evaluate; UserError if one misfits."""
    try:
        network.load_state_dict(dict(state), strict=True)
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise UserError(f"{what} does not fit its network: {' '.join(lines[1:])[:300]}") from error
    return network.eval().requires_grad_(False)
