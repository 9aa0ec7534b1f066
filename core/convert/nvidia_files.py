"""NVIDIA's ``.pkl`` files: of the stylegan2-ada-pytorch and stylegan3 lineage, and TensorFlow's.
In the first a module is a class name, the source text of its class, which is passed over, and its
attributes. Parameters and buffers are joined under their names (a layer frozen by FreezeD has only
buffers), and what shapes cannot tell is read from the attributes of the layers, or the
constructor's arguments.
TensorFlow's are a tuple (G, D, average of G) of variables by name. Weights are stored height,
width, in, out; dense ones in, out. The kernels that upsample are flipped, the styles' biases stored
without their 1. Written from descriptions; no published file was at hand to try.
"""

import math
import re
from typing import Any

import torch
from torch import Tensor

from core.convert.format import GROUP, CheckpointError, Network, group_of
from core.convert.restricted_unpickler import StandIn
from core.convert.stand_ins import PersistentModule, TensorReader
from core.convert.states import from_state_dict
from core.networks.generator import LR_MULTIPLIER

MODULES = {"G_ema": "g_ema", "G": "g", "D": "d"}
MISSING = object()

UNUSED = ("lod",)  # level of detail, of progressive growing
PIECES = {"weight": "weight", "bias": "bias", "mod_weight": "affine.weight",
          "mod_bias": "affine.bias", "noise_strength": "noise_strength"}  # fmt: skip
G_LAYERS = {"Conv0_up": "conv0", "Conv1": "conv1", "Conv": "conv1", "ToRGB": "torgb"}
D_LAYERS = {"FromRGB": "fromrgb", "Conv0": "conv0", "Conv1_down": "conv1", "Skip": "skip"}
D_LAST = {"4x4/Conv": "b4.conv", "4x4/Dense0": "b4.fc", "Output": "b4.out"}


def read(tree: Any, tensors: TensorReader) -> tuple[dict[str, Network], str]:
    """Networks of a file's tree, and what kind of file it is."""
    if isinstance(tree, tuple):
        return _of_variables(tree, tensors), "NVIDIA, TensorFlow pickle"
    return _of_modules(tree, tensors), "NVIDIA, PyTorch pickle"


def _of_modules(tree: Any, tensors: TensorReader) -> dict[str, Network]:
    parts = {part: tree.get(part) for part in MODULES} if isinstance(tree, dict) else {}
    present = {part: module for part, module in parts.items() if module is not None}
    if not present:
        raise CheckpointError("it holds none of G, D and G_ema")
    networks: dict[str, Network] = {}
    for part, module in present.items():
        if not isinstance(module, PersistentModule):
            raise CheckpointError(f"its {part} is no network")
        networks[MODULES[part]] = _network(module, tensors.module(module), part)
    return networks


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
    group = group_of(GROUP if group is MISSING else group)
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
        layer = f"its layer {'.'.join(path)} has {name} {shown}"
        raise CheckpointError(f"{layer}; only {expected!r} is known")


def _clamp(value: Any) -> float | None:
    if value is MISSING or value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise CheckpointError("its layers clamp at something that is no positive number")
    return value


def _of_variables(tree: tuple[Any, ...], tensors: TensorReader) -> dict[str, Network]:
    if len(tree) != 3 or not all(isinstance(network, StandIn) for network in tree):
        raise CheckpointError("it is no tuple of G, D and the average of G")
    networks: dict[str, Network] = {}
    for part, network in zip(("g", "d", "g_ema"), tree, strict=True):
        variables = _variables(network, tensors)
        if any("LabelConcat" in name for name in variables):
            raise CheckpointError("networks with labels are not supported")
        kwargs = network.state.get("static_kwargs", {})
        group = kwargs.get("mbstd_group_size", GROUP) if isinstance(kwargs, dict) else GROUP
        arch = {"mbstd_group": group_of(group)} if part == "d" else {}
        renamed = _d if part == "d" else _g
        state = dict(renamed(name, value) for name, value in variables.items())
        networks[part] = from_state_dict(state, format=f"nvidia_{part[0]}", **arch)
    return {part: networks[part] for part in ("g_ema", "g", "d")}


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


def _g(name: str, value: Tensor) -> tuple[str, Tensor]:
    if name == "dlatent_avg":
        return "mapping.w_avg", value
    if name == "synthesis/4x4/Const/const":
        return "synthesis.b4.const", value.squeeze(0)
    if dense := re.fullmatch(r"mapping/Dense([0-9]{1,3})/(weight|bias)", name):
        return f"mapping.fc{dense[1]}.{dense[2]}", _oriented(dense[2], value)
    if noise := re.fullmatch(r"synthesis/noise([0-9]{1,2})", name):
        step = int(noise[1])  # noise0 is b4.conv1's, noise1 and noise2 those of b8, ...
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
        side = re.fullmatch(r"([0-9]{1,4})x\1/([A-Za-z01_]+)", layer)
        if side and side[2] in D_LAYERS:
            return f"b{side[1]}.{D_LAYERS[side[2]]}.{piece}", _oriented(piece, value)
    raise CheckpointError(f"variable {name[:80]!r} belongs to no layer")


def _oriented(piece: str, value: Tensor) -> Tensor:
    if not piece.endswith("weight"):
        return value
    if value.ndim not in (2, 4):
        raise CheckpointError("a weight has neither two nor four axes")
    return value.permute(3, 2, 0, 1) if value.ndim == 4 else value.t()
