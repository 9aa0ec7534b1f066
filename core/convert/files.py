"""Checkpoint files: read whatever is published, write ours, rosinality's and DualStyleGAN's."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from core import atomic, weights
from core.convert import nvidia_files, rosinality_file
from core.convert.checkpoint_file import opened
from core.convert.format import CheckpointError
from core.errors import UserError
from core.networks.dualstylegan import DualStyleGAN
from core.networks.registry import self_contained

OURS, THEIRS = ".safetensors", (".pt", ".pth")


class Networks(dict[str, Any]):
    """Networks by name (``g_ema``, ``g``, ``d``), from a kind of file, with notes by topic."""

    def __init__(self, networks: Mapping[str, Any], origin: str, notes: dict[str, str]) -> None:
        super().__init__(networks)
        self.origin, self.notes = origin, notes


def load(path: str | os.PathLike[str]) -> Networks:
    """The networks of a file, recognised by its content, with their average styles: of rosinality's
    and DualStyleGAN's ``.pt`` (zip or older), NVIDIA's ``.pkl`` (PyTorch or TensorFlow) or ours, or
    of a folder that holds one of ours, as a finished run's and one of a model hub do.
    Raises `CheckpointError` for anything else; nothing in the file is ever executed.
    """
    path = Path(path)
    if path.is_dir():
        ours = sorted(path.glob(f"*{OURS}"))
        if len(ours) != 1:
            raise CheckpointError(f"{path} holds {len(ours)} files *{OURS}, where one is loaded.")
        path = ours[0]
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}.")
    try:
        with path.open("rb") as file:
            start = file.read(9)
        # safetensors: 8 bytes of the header's length, little end first, then the header, a JSON.
        if start[4:] == b"\0\0\0\0{":
            networks, notes = weights.read(path, self_contained())
            return Networks(networks, "safetensors", notes)
        return _foreign(path)
    except UserError as error:
        sentence = str(error).replace(str(path), "").lstrip(",: ").rstrip(".")
        raise CheckpointError(f"{path}: {sentence}.") from error


def save(path: str | os.PathLike[str], networks: Mapping[str, Any]) -> list[str]:
    """Write networks in the format that the name ends in: ``.safetensors`` is ours, ``.pt``
    rosinality's or, where the generator is one, DualStyleGAN's. What that cannot express is
    returned.
    """
    path = Path(path)
    if path.suffix == OURS:
        notes = networks.notes if isinstance(networks, Networks) else {}
        weights.write(path, dict(networks), notes)
        return []
    if path.suffix not in THEIRS:
        known = ".safetensors (ours) or .pt (rosinality's)"
        raise CheckpointError(f"{path} should end in {known}: other formats are not written.")
    tree, lost = rosinality_file.tree_of(networks)
    try:
        with atomic.writing(path) as file:
            torch.save(tree, file)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{path} cannot be written ({error}).") from error
    return lost


def _foreign(path: Path) -> Networks:
    with opened(path) as file:
        if file.kind != "pickle":
            networks, notes = rosinality_file.read(file.tree, file.tensors)
            dual = any(isinstance(network, DualStyleGAN) for network in networks.values())
            author = "DualStyleGAN" if dual else "rosinality"
            return Networks(networks, f"{author}, {file.kind}", notes)
        networks, origin = nvidia_files.read(file.tree, file.tensors)
        return Networks(networks, origin, {})
