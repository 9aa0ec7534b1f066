"""TensorFlow's StyleGAN2 ``.pkl`` files: a tuple (G, D, average of G) of variables by name.

Weights are stored height, width, in, out; dense ones in, out. The kernels that upsample are
flipped, the styles' biases stored without their 1. The networks' source text is passed over.

Written from descriptions of the layout; no published file was at hand to try.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from core.convert.format import CheckpointError, Network
from core.convert.restricted_unpickler import StandIn
from core.convert.states import from_state_dict
from core.convert.tensor_reader import TensorReader

PARTS = ("g", "d", "g_ema")
GROUP = 4  # of config-e and config-f, which leave it to TensorFlow's default
UNUSED = ("lod",)  # level of detail, of progressive growing
PIECES = {
    "weight": "weight",
    "bias": "bias",
    "mod_weight": "affine.weight",
    "mod_bias": "affine.bias",
    "noise_strength": "noise_strength",
}
G_LAYERS = {"Conv0_up": "conv0", "Conv1": "conv1", "Conv": "conv1", "ToRGB": "torgb"}
D_LAYERS = {"FromRGB": "fromrgb", "Conv0": "conv0", "Conv1_down": "conv1", "Skip": "skip"}
D_LAST = {"4x4/Conv": "b4.conv", "4x4/Dense0": "b4.fc", "Output": "b4.out"}

Contents = tuple[dict[str, Network], dict[str, str]]


def read(tree: Any, tensors: TensorReader) -> Contents:
    """Networks and notes of a file's tree."""
    if (
        not isinstance(tree, tuple)
        or len(tree) != 3
        or not all(isinstance(n, StandIn) for n in tree)
    ):
        raise CheckpointError("it is no tuple of G, D and the average of G")
    networks: dict[str, Network] = {}
    for part, network in zip(PARTS, tree, strict=True):
        variables = _variables(network, tensors)
        if part == "d":
            arch = {"mbstd_group": _group(network)}
            networks[part] = from_state_dict(_renamed(variables, _d), format="nvidia_d", **arch)
        else:
            networks[part] = from_state_dict(_renamed(variables, _g), format="nvidia_g")
    return {part: networks[part] for part in ("g_ema", "g", "d")}, {}


def _variables(network: StandIn, tensors: TensorReader, prefix: str = "") -> dict[str, Tensor]:
    tensors.enter(prefix, "/")
    state = network.state if isinstance(network.state, dict) else {}
    pairs, components = state.get("variables"), state.get("components", {})
    if not isinstance(pairs, list) or not isinstance(components, dict):
        raise CheckpointError("a network has no variables")
    variables = {}
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2 or not isinstance(pair[0], str):
            raise CheckpointError("a network's variables are no pairs of name and array")
        name, value = prefix + pair[0], pair[1]
        if name.rpartition("/")[2] not in UNUSED:
            scalar = isinstance(value, float)  # how numpy writes an array without axes
            variables[name] = torch.tensor(value) if scalar else tensors.tensor(value, name)
    for name, part in components.items():
        if not isinstance(part, StandIn):
            raise CheckpointError("a network's components cannot be read")
        variables |= _variables(part, tensors, f"{prefix}{name}/")
    return variables


def _group(network: StandIn) -> int | None:
    kwargs = network.state.get("static_kwargs", {})
    group = kwargs.get("mbstd_group_size", GROUP) if isinstance(kwargs, dict) else GROUP
    if group is not None and (not isinstance(group, int) or not 1 <= group <= 4096):
        raise CheckpointError("its D has a minibatch deviation that cannot be")
    return group


Rename = Callable[[str, Tensor], tuple[str, Tensor]]


def _renamed(variables: dict[str, Tensor], rename: Rename) -> dict[str, Tensor]:
    if any("LabelConcat" in name for name in variables):
        raise CheckpointError("networks with labels are not supported")
    return dict(rename(name, value) for name, value in variables.items())


def _g(name: str, value: Tensor) -> tuple[str, Tensor]:
    if name == "dlatent_avg":
        return "mapping.w_avg", value
    if name == "synthesis/4x4/Const/const":
        return "synthesis.b4.const", value.squeeze(0)
    if dense := re.fullmatch(r"mapping/Dense([0-9]{1,3})/(weight|bias)", name):
        return f"mapping.fc{dense[1]}.{dense[2]}", _oriented(dense[2], value)
    if noise := re.fullmatch(r"synthesis/noise([0-9]{1,2})", name):
        step = int(noise[1])
        layer = f"b{4 * 2 ** ((step + 1) // 2)}.conv{(step + 1) % 2}"
        return f"synthesis.{layer}.noise_const", value.squeeze(0).squeeze(0)
    layer_of = re.fullmatch(r"synthesis/([0-9]{1,4})x\1/([A-Za-z01_]+)/([a-z_]+)", name)
    if layer_of and layer_of[2] in G_LAYERS and layer_of[3] in PIECES:
        side, layer, piece = layer_of.groups()
        value = _oriented(piece, value)
        if layer == "Conv0_up" and piece == "weight":
            value = value.flip(2, 3)
        if piece == "mod_bias":
            value = value + 1
        return f"synthesis.b{side}.{G_LAYERS[layer]}.{PIECES[piece]}", value
    raise CheckpointError(f"variable {name[:80]!r} belongs to no layer")


def _d(name: str, value: Tensor) -> tuple[str, Tensor]:
    layer, _, piece = name.rpartition("/")
    if piece in ("weight", "bias"):
        if layer in D_LAST:
            return f"{D_LAST[layer]}.{piece}", _oriented(piece, value)
        found = re.fullmatch(r"([0-9]{1,4})x\1/([A-Za-z01_]+)", layer)
        if found and found[2] in D_LAYERS:
            return f"b{found[1]}.{D_LAYERS[found[2]]}.{piece}", _oriented(piece, value)
    raise CheckpointError(f"variable {name[:80]!r} belongs to no layer")


def _oriented(piece: str, value: Tensor) -> Tensor:
    if not piece.endswith("weight"):
        return value
    if value.ndim not in (2, 4):
        raise CheckpointError("a weight has neither two nor four axes")
    return value.permute(3, 2, 0, 1) if value.ndim == 4 else value.t()
