"""Work in steps that is kept on disk: done once, and continued where a process was ended.

A finished stage is a safetensors file, named by all that determines it. An unfinished one leaves
its state beside it every so often.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from core import atomic, hashing
from core.errors import UserError

Progress = Callable[[int, int], None]
VERSION = 1  # of what the files mean


class Stage(Protocol):
    """Something that takes many steps and has an outcome."""

    steps: int

    def step(self, number: int) -> None:
        """Do step ``number``, from 0."""

    def state(self) -> dict[str, Any]:
        """All that the remaining steps need."""

    def restore(self, state: dict[str, Any]) -> None:
        """Take it back."""

    def outcome(self) -> dict[str, Tensor]:
        """What is kept after the last step."""


def completed(
    stage: Stage, path: Path, every: int, progress: Progress, name: str
) -> dict[str, Tensor]:
    """The outcome of a stage, in full precision: from its file, or made now and written.

    Args:
        stage: not begun yet.
        path: of the outcome.
        every: steps between two states of an unfinished stage.
        progress: is told how many steps of how many are done.
        name: what :func:`named` gave, kept in the file.
    """
    found = kept(path)
    if found:
        return found
    unfinished = path.with_suffix(".unfinished")
    for number in range(_resumed(stage, unfinished), stage.steps):
        stage.step(number)
        progress(number + 1, stage.steps)
        if (number + 1) % every == 0 and number + 1 < stage.steps:
            buffer = io.BytesIO()
            torch.save({"step": number + 1, "stage": stage.state()}, buffer)
            put(unfinished, buffer.getvalue())
    keep(path, stage.outcome(), name)
    unfinished.unlink(missing_ok=True)
    return kept(path)


def kept(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, in full precision; none where there is no sound file."""
    try:
        return {name: tensor.float() for name, tensor in load_file(path).items()}
    except (OSError, SafetensorError):
        return {}


def keep(path: Path, tensors: Mapping[str, Tensor], name: str) -> None:
    """Write tensors in half precision, with the name of what they are."""
    halved = {k: v.detach().cpu().half().contiguous().clone() for k, v in tensors.items()}
    put(path, save(halved, metadata={"name": name}))


def name_in(path: Path) -> str:
    """The name that a file was kept under; empty where there is no sound file."""
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("name", "")
    except (OSError, SafetensorError):
        return ""


def put(path: Path, data: bytes) -> None:
    """Write a file, or say in one sentence that it cannot be written."""
    try:
        atomic.write(path, data)
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}.") from error


def _resumed(stage: Stage, unfinished: Path) -> int:
    """The step to begin with."""
    if not unfinished.is_file():
        return 0
    try:
        saved = torch.load(unfinished, map_location="cpu", weights_only=True)
        stage.restore(saved["stage"])
    except Exception:  # of another version of torch, or damaged: torch may raise anything
        return 0
    return saved["step"]


def named(**determining: Any) -> str:
    """A file name's part that changes with anything that determines a stage."""
    return hashing.of_json([VERSION, described(determining)])[:20]


def described(thing: Any) -> Any:
    """Numbers and texts that an object is made of: as JSON has them, the same in every process."""
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    if isinstance(thing, Mapping):
        return {str(key): described(value) for key, value in thing.items()}
    if isinstance(thing, partial):
        return [described(thing.func), described(thing.keywords)]
    if isinstance(thing, Sequence):
        return [described(value) for value in thing]
    if isinstance(thing, type) or (callable(thing) and hasattr(thing, "__qualname__")):
        return thing.__qualname__
    own = {key: value for key, value in vars(thing).items() if not key.startswith("_")}
    inside = {k: v for k, v in own.items() if not isinstance(v, Tensor | nn.Module | None)}
    return [type(thing).__qualname__, described(inside)]
