"""Work in steps that is kept on disk: a finished stage as safetensors, named by all that determines
it, an unfinished one by its state beside it, from which it is continued.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from safetensors.torch import save as serialise
from torch import Tensor

from core import hashing, output

VERSION = 2  # of what the files mean


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


def run_or_load(
    stage: Stage, path: Path, every: int, progress: Callable[[int], None], key: str
) -> dict[str, Tensor]:
    """The outcome of a stage, in full precision: from its file, or made now and written, with
    ``key`` in it. Its state is kept every so many steps; ``progress`` is told how many are done.
    """
    if saved := load(path):
        return saved
    unfinished = path.with_suffix(".unfinished")
    for number in range(_first_step(stage, unfinished), stage.steps):
        stage.step(number)
        progress(number + 1)
        if (number + 1) % every == 0 and number + 1 < stage.steps:
            buffer = io.BytesIO()
            torch.save({"step": number + 1, "stage": stage.state()}, buffer)
            output.write(unfinished, buffer.getvalue())
    save(path, stage.outcome(), key)
    unfinished.unlink(missing_ok=True)
    return load(path)  # as every later run will have it: rounded to half precision


def load(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, in full precision; none where there is no sound file."""
    try:
        return {name: tensor.float() for name, tensor in load_file(path).items()}
    except (OSError, SafetensorError):
        return {}


def save(path: Path, tensors: Mapping[str, Tensor], key: str) -> None:
    """Write tensors in half precision, with the key of what they are."""
    halved = {k: v.detach().cpu().half().contiguous().clone() for k, v in tensors.items()}
    output.write(path, serialise(halved, metadata={"key": key}))


def key_of(path: Path) -> str:
    """The key that a file was saved under; empty where there is no sound file."""
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("key", "")
    except (OSError, SafetensorError):
        return ""


def _first_step(stage: Stage, unfinished: Path) -> int:
    if not unfinished.is_file():
        return 0
    try:
        saved = torch.load(unfinished, map_location="cpu", weights_only=True)
        stage.restore(saved["stage"])
    except Exception:  # of another version of torch, or damaged: torch may raise anything
        return 0
    return saved["step"]


def cache_key(**determining: Any) -> str:
    """A file name's part that changes with anything that determines a stage."""
    return hashing.of_json([VERSION, canonical(determining)])[:20]  # 80 bits


def canonical(thing: Any) -> Any:
    """What an object is determined by, as JSON has it, the same in every process: a plain value
    itself, a partial its function and keywords, a dataclass its fields, any other its ``config``.
    """
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    if isinstance(thing, Mapping):
        return {str(key): canonical(value) for key, value in thing.items()}
    if isinstance(thing, Sequence):
        return [canonical(value) for value in thing]
    if isinstance(thing, partial):
        return [canonical(thing.func), canonical(thing.keywords)]
    if isinstance(thing, type) or (callable(thing) and hasattr(thing, "__qualname__")):
        return thing.__qualname__
    name = type(thing).__qualname__
    if is_dataclass(thing):
        return [name, {f.name: canonical(getattr(thing, f.name)) for f in fields(thing)}]
    if not hasattr(thing, "config"):
        raise TypeError(f"{name} has no config that says what it is determined by.")
    return [name, canonical(thing.config)]
