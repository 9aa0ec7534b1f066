"""Tensors taken out of a file's tree, never more of them than the file can hold."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from core.convert.format import CheckpointError
from core.convert.stand_ins import Array, Claim, Persistent

NAMES = 20_000  # of all networks in a file; the largest published ones have 1,500
TIMES = 4  # a file may name a tensor more than once: g_ema and g can be the same
DEEPEST = 16  # modules in modules


class Taker:
    """Takes tensors, counting names and bytes.

    Args:
        size: of the file in bytes.
    """

    def __init__(self, size: int) -> None:
        self.names, self.bytes = NAMES, TIMES * size

    def tensor(self, value: Any, name: str) -> Tensor:
        """The tensor that a stand-in describes."""
        if not isinstance(value, Claim | Array):
            raise CheckpointError(f"entry {name[:80]!r} is no tensor")
        try:
            if isinstance(value, Claim):
                self._count(value.count * value.storage.dtype.itemsize)
                return value.tensor()
            found = value.tensor()
        except CheckpointError as error:
            raise CheckpointError(f"entry {name[:80]!r}: {error}") from error
        self._count(found.nbytes)
        return found

    def state(self, tree: Any, title: str) -> dict[str, Tensor]:
        """A state dict, without the prefix that data parallel training leaves."""
        if not isinstance(tree, dict) or not all(isinstance(name, str) for name in tree):
            raise CheckpointError(f"entry {title!r} is no state dict")
        state = {name: self.tensor(value, name) for name, value in tree.items()}
        if state and all(name.startswith("module.") for name in state):
            state = {name.removeprefix("module."): value for name, value in state.items()}
        return state

    def module(self, module: Persistent, prefix: str = "", depth: int = 0) -> dict[str, Tensor]:
        """Parameters and buffers of a module and those in it; frozen layers have only buffers."""
        if depth > DEEPEST:
            raise CheckpointError("its modules lie too deep in one another")
        self._count(0)
        state = {}
        for kind in ("_parameters", "_buffers"):
            for name, value in _members(module, kind):
                if value is not None:
                    state[prefix + name] = self.tensor(value, prefix + name)
        for name, child in _members(module, "_modules"):
            if child is None:
                continue
            if not isinstance(child, Persistent):
                raise CheckpointError(f"entry {(prefix + name)[:80]!r} is no module")
            state |= self.module(child, f"{prefix}{name}.", depth + 1)
        return state

    def _count(self, size: int) -> None:
        self.names -= 1
        self.bytes -= size
        if self.names < 0 or self.bytes < 0:
            raise CheckpointError("its tensors are more than the file can hold")


def _members(module: Persistent, kind: str) -> list[tuple[str, Any]]:
    found = module.state.get(kind, {})
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise CheckpointError(f"a module's {kind} cannot be read")
    return list(found.items())
