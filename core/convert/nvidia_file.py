"""NVIDIA's ``.pkl`` files of the stylegan2-ada-pytorch and stylegan3 lineage.

A module is a class name, the source text of its class, and its attributes. The text is passed
over; parameters and buffers are joined under their names (a layer frozen by FreezeD has only
buffers), and what shapes cannot tell is read from the attributes of the layers, or from the
arguments of the constructor.
"""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from core.convert.foreign_names import PersistentModule
from core.convert.format import CheckpointError, Network
from core.convert.states import from_state_dict
from core.convert.tensor_reader import TensorReader
from core.networks.generator import LR_MULTIPLIER

PARTS = {"G_ema": "g_ema", "G": "g", "D": "d"}
GROUP = 4  # training/networks.py: mbstd_group_size of DiscriminatorEpilogue
MISSING = object()

Contents = tuple[dict[str, Network], dict[str, str]]


def read(tree: Any, tensors: TensorReader) -> Contents:
    """Networks and notes of a file's tree."""
    parts = {part: tree.get(part) for part in PARTS} if isinstance(tree, dict) else {}
    present = {part: module for part, module in parts.items() if module is not None}
    if not present:
        raise CheckpointError("it holds none of G, D and G_ema")
    networks: dict[str, Network] = {}
    for part, module in present.items():
        if not isinstance(module, PersistentModule):
            raise CheckpointError(f"its {part} is no network")
        networks[PARTS[part]] = _network(module, tensors.module(module), part)
    return networks, {}


def _network(module: PersistentModule, state: dict[str, Tensor], part: str) -> Network:
    if any(name.startswith("synthesis.L") for name in state):
        raise CheckpointError(f"its {part} is a network of StyleGAN3; only StyleGAN2's are read")
    if part != "D":
        first = ("synthesis", "b4", "conv1")
        _expect(module, ("mapping", "fc0"), "bias_gain", LR_MULTIPLIER)
        _expect(module, first, "activation", "lrelu")
        clamp = _clamp(_setting(module, first, "conv_clamp", ("synthesis_kwargs", "conv_clamp")))
        return from_state_dict(state, format="nvidia_g", conv_clamp=clamp)
    last = ("b4", "conv")
    _expect(module, last, "activation", "lrelu")
    clamp = _clamp(_setting(module, last, "conv_clamp", ("conv_clamp",)))
    group = _setting(module, ("b4", "mbstd"), "group_size", ("epilogue_kwargs", "mbstd_group_size"))
    if group is MISSING:
        group = GROUP
    if group is not None and (not isinstance(group, int) or not 1 <= group <= 4096):
        raise CheckpointError("its D has a minibatch deviation that cannot be")
    return from_state_dict(state, format="nvidia_d", conv_clamp=clamp, mbstd_group=group)


def _setting(
    module: PersistentModule, path: tuple[str, ...], name: str, kwargs: tuple[str, ...]
) -> Any:
    value = _layer(module, path).get(name, MISSING)
    if value is not MISSING:
        return value
    node: Any = module.state.get("_init_kwargs")
    for key in kwargs:
        node = node.get(key, MISSING) if isinstance(node, dict) else MISSING
    return node


def _layer(module: PersistentModule, path: tuple[str, ...]) -> dict[Any, Any]:
    for name in path:
        child = module.state.get("_modules", {}).get(name)
        if not isinstance(child, PersistentModule):
            return {}
        module = child
    return module.state


def _expect(
    module: PersistentModule, path: tuple[str, ...], name: str, expected: str | float
) -> None:
    value = _layer(module, path).get(name, expected)
    if isinstance(value, int | float) and isinstance(expected, float):
        same = math.isclose(value, expected, rel_tol=1e-6)  # written as a float32, or not
    else:
        same = value == expected
    if not same:
        shown = repr(value)[:40] if isinstance(value, str | int | float) else "of another kind"
        raise CheckpointError(
            f"its layer {'.'.join(path)} has {name} {shown}; only {expected!r} is known"
        )


def _clamp(value: Any) -> float | None:
    if value is MISSING or value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise CheckpointError("its layers clamp at something that is no positive number")
    return value
