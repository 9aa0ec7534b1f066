"""Tensors of a file's tree, never more of them than the file can hold."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from core.convert.foreign_names import Array, PersistentModule, TensorView
from core.convert.format import CheckpointError
from core.convert.restricted_unpickler import LONGEST_KEY, Limits

DEEPEST = 16  # modules in modules; published networks have four


class TensorReader:
    """Reads tensors, counting modules, names and bytes against the limits of the file."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def tensor(self, value: Any, name: str) -> Tensor:
        """The tensor that a stand-in describes."""
        if not isinstance(value, TensorView | Array):
            raise CheckpointError(f"entry {name[:80]!r} is no tensor")
        try:
            if len(name) > LONGEST_KEY:
                raise CheckpointError("its name is too long")
            self.limits.count_bytes(len(name) + value.nbytes)
            return value.tensor()
        except CheckpointError as error:
            raise CheckpointError(f"entry {name[:80]!r}: {error}") from error

    def state_dict(self, tree: Any, title: str) -> dict[str, Tensor]:
        """A state dict, without the prefix that data parallel training leaves."""
        if not isinstance(tree, dict):
            raise CheckpointError(f"entry {title!r} is no state dict")
        state = {name: self.tensor(value, name) for name, value in tree.items()}
        if state and all(name.startswith("module.") for name in state):
            state = {name.removeprefix("module."): value for name, value in state.items()}
        return state

    def module(self, module: PersistentModule, prefix: str = "") -> dict[str, Tensor]:
        """Parameters and buffers of a module and those in it; frozen layers have only buffers."""
        self.enter(prefix, ".")
        state = {}
        for kind in ("_parameters", "_buffers"):
            for name, value in _members(module, kind).items():
                if value is not None:
                    state[prefix + name] = self.tensor(value, prefix + name)
        for name, child in _members(module, "_modules").items():
            if isinstance(child, PersistentModule):
                state |= self.module(child, f"{prefix}{name}.")
            elif child is not None:
                raise CheckpointError(f"entry {(prefix + name)[:80]!r} is no module")
        return state

    def enter(self, prefix: str, separator: str) -> None:
        """Count one more module; one that lies in itself is refused."""
        self.limits.count_read()
        if prefix.count(separator) > DEEPEST:
            raise CheckpointError("its modules lie too deep in one another")


def _members(module: PersistentModule, kind: str) -> dict[str, Any]:
    members = module.state.get(kind, {})
    if not isinstance(members, dict):
        raise CheckpointError(f"a module's {kind} cannot be read")
    return members
