"""Published encoders' ``.pt`` files (pSp's, e4e's, ReStyle's): the entries ``encoder.*`` of
``state_dict``, which may also stand alone, ``latent_avg``, to which codes are added, and ``opts``,
the options of their training.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.convert.checkpoint_file import opened
from core.convert.format import CheckpointError, Network
from core.convert.names import FORMATS
from core.convert.stand_ins import TensorReader, TensorView
from core.convert.states import from_state_dict
from core.errors import UserError

PREFIX = "encoder."
CLASSES = {name: FORMATS[name].network.__name__ for name in
           ("psp", "e4e", "restyle_psp", "restyle_e4e")}  # fmt: skip
"""What ``opts.encoder_type`` calls the encoder of each."""


class EncoderFile:
    """A file whose encoder is of ``format``, of which only the shapes are read until it is used."""

    def __init__(self, path: Path, format: str) -> None:
        self.path, self.format = path, format
        if not path.is_file():
            raise UserError(f"There is no encoder at {path}.")
        try:
            with opened(path) as file:
                tree = _tree(file.tree)
                entries = _entries(tree)
                _check_kind(_options(tree).get("encoder_type"), entries, format)
                views = {k: v for k, v in entries.items() if isinstance(v, TensorView)}
                shapes = {name: view.shape for name, view in views.items()}
                self.config = FORMATS[format].architecture(shapes)
        except CheckpointError as error:
            raise self.refused(error) from error

    def read(self) -> tuple[Network, Tensor | None]:
        """The encoder, and what it adds to its codes: rows [L, W] or one [W]; or None where that is
        the generator's own average.
        """
        try:
            with opened(self.path) as file:
                tree = _tree(file.tree)
                state = file.tensors.state_dict(_entries(tree), "state_dict")
                average = _average(tree, file.tensors)
            encoder = from_state_dict(state, format=self.format)
        except CheckpointError as error:
            raise self.refused(error) from error
        return encoder.eval().requires_grad_(False), average

    def refused(self, error: CheckpointError) -> CheckpointError:
        reason = str(error).removeprefix(f"{self.format}: ").rstrip(".")
        return CheckpointError(f"{self.path}, source.invert={self.format}: {reason}.")


def _tree(tree: Any) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise CheckpointError("it holds no state dicts")
    return tree


def _entries(tree: dict[str, Any]) -> dict[str, Any]:
    """The encoder's own entries, without what stands before their names."""
    state = tree.get("state_dict", tree)
    if not isinstance(state, dict):
        raise CheckpointError("entry 'state_dict' is no state dict")
    state = {str(name).removeprefix("module."): value for name, value in state.items()}
    own = {k.removeprefix(PREFIX): v for k, v in state.items() if k.startswith(PREFIX)}
    return own or state


def _options(tree: dict[str, Any]) -> Mapping[str, Any]:
    """The options of the training, a dictionary or what stands for argparse's namespace."""
    options = tree.get("opts")
    options = getattr(options, "state", options)
    return options if isinstance(options, dict) else {}


def _check_kind(written: Any, entries: Mapping[str, Any], format: str) -> None:
    """Refuse another encoder than one of ``format``, by what the file says of it and by its names.
    pSp's and e4e's have the same ones, so where ``opts`` are missing both are believed.
    """
    pyramid = "latlayer1.weight" in entries
    like = [name for name in CLASSES if name.startswith("restyle") != pyramid]
    kinds = [name for name in like if written in (None, CLASSES[name])]
    if "styles.0.linear.weight" in entries and format not in kinds:
        known = written is None or written in CLASSES.values()
        what = f"a {written}" if written else "one with a pyramid" if pyramid else "one without"
        use = f", which source.invert={' or '.join(kinds)} reads" if known and kinds else ""
        raise CheckpointError(f"its encoder is {what}{use}, and not a {CLASSES[format]}")


def _average(tree: dict[str, Any], tensors: TensorReader) -> Tensor | None:
    """``latent_avg`` where it is there; zero where the training did not start from an average."""
    if _options(tree).get("start_from_latent_avg") is False:
        return torch.zeros(1)
    value = tree.get("latent_avg")
    if value is None:
        return None
    average = tensors.tensor(value, "latent_avg")
    if not average.is_floating_point() or not average.isfinite().all():
        raise CheckpointError("entry 'latent_avg' holds numbers that are not finite")
    return average.float()
