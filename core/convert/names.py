"""What other implementations call the entries of their state dicts, by format.

- NVIDIA's stylegan2-ada-pytorch (training/networks.py): as here, and a filter in every layer.
- Rosinality's stylegan2-pytorch (model.py): filters carry the gain of 4 where they upsample.
- DualStyleGAN: rosinality's generator behind ``generator.``; ``res.R`` is row R of the extrinsic
  path, a residual block or a colour transform, ``style`` the structure transform.
- pixel2style2pixel, encoder4editing (the same names and shapes, so that only the user knows which
  it is), ReStyle on either, all behind ``encoder.`` (``encoder_file``), and ``model_ir_se50.pth``:
  as here.
"""

import re
from collections.abc import Callable

import torch

from core.convert.format import CheckpointError, Config, Format, Network, Shapes, Table
from core.networks.discriminator import Discriminator
from core.networks.dualstylegan import LAYERS, DualStyleGAN
from core.networks.encoders.ir_se import IRSE50
from core.networks.encoders.psp import (
    SHARE,
    WIDTH,
    BackboneEncoder,
    Encoder4Editing,
    GradualStyleEncoder,
    ProgressiveBackboneEncoder,
)
from core.networks.generator import Generator, resolutions

LARGEST = 1024  # number in a name: the resolution of the largest published network
PREFIX = "generator."  # of DualStyleGAN's inner generator
RESIDUAL = re.compile(r"res\.(\d+)\.conv\.0\.weight")
PARTS = ("weight", "bias")
MODULATED = {"conv.weight": "weight", "conv.modulation.weight": "affine.weight",
             "conv.modulation.bias": "affine.bias"}  # fmt: skip
D_BLOCK = {"conv1.0.weight": "conv0.weight", "conv1.1.bias": "conv0.bias",
           "conv2.1.weight": "conv1.weight", "conv2.2.bias": "conv1.bias",
           "skip.1.weight": "skip.weight"}  # fmt: skip


def _unreadable(reason: str) -> CheckpointError:
    return CheckpointError(f"The architecture cannot be read: {reason}.")


def _shape_of(shapes: Shapes, name: str, axes: int) -> tuple[int, ...]:
    if name not in shapes:
        raise _unreadable(f"entry {name!r} is missing")
    if len(shapes[name]) != axes:
        raise _unreadable(f"entry {name!r} has shape {shapes[name]}")
    return shapes[name]


def _greatest(shapes: Shapes, pattern: str) -> int:
    """The greatest number in entries that begin like this, whole or not; -1 without any."""
    matches = [match for match in (re.match(pattern, name) for name in shapes) if match]
    for match in matches:
        if int(match[1]) > LARGEST:
            raise _unreadable(f"entry {match.string!r} belongs to no layer")
    return max((int(match[1]) for match in matches), default=-1)


def _doubled(steps: int) -> int:
    """4 px doubled so many times; beyond what any network has, it stops."""
    return 4 * 2 ** min(steps, 20)  # 20: 4 million px; a damaged file may name any layer


def _sizes(top: int) -> list[int]:
    """4, 8, ..., top."""
    try:
        return resolutions(top)
    except ValueError as error:
        raise _unreadable(str(error)) from error


def _own_names(network: type[Network]) -> Callable[[Config], Table]:
    def names(config: Config) -> Table:
        with torch.device("meta"):  # takes no memory, whatever the shapes say
            return {name: name for name in network(**config).state_dict()}

    return names


def _refuse_labels(shapes: Shapes) -> None:
    entry = "mapping.embed.weight"
    if entry in shapes:
        raise CheckpointError(f"Entry {entry!r}: networks with labels are not supported.")


def _nvidia_g(shapes: Shapes) -> Config:
    _refuse_labels(shapes)
    top = _greatest(shapes, r"synthesis\.b(\d+)\.")
    layers = _greatest(shapes, r"mapping\.fc(\d+)\.") + 1
    (w_dim,) = _shape_of(shapes, "mapping.w_avg", 1)
    channels = {r: _shape_of(shapes, f"synthesis.b{r}.conv1.weight", 4)[0] for r in _sizes(top)}
    z_dim = _shape_of(shapes, "mapping.fc0.weight", 2)[1] if layers else w_dim
    colours = _shape_of(shapes, "synthesis.b4.torgb.bias", 1)[0]
    pictures = {"img_resolution": top, "img_channels": colours, "channels": channels}
    return {"z_dim": z_dim, "w_dim": w_dim, **pictures, "mapping_layers": layers}


def _nvidia_d(shapes: Shapes) -> Config:
    _refuse_labels(shapes)
    top = _greatest(shapes, r"b(\d+)\.")
    channels = {r: _shape_of(shapes, f"b{r}.conv0.weight", 4)[0] for r in _sizes(top)[1:]}
    colours = _shape_of(shapes, f"b{top}.fromrgb.weight", 4)[1]
    channels = {4: _shape_of(shapes, "b4.conv.weight", 4)[0], **channels}
    return {"img_resolution": top, "img_channels": colours, "channels": channels}


def _nvidia_g_filters(config: Config) -> dict[str, float]:
    blocks = [f"synthesis.b{r}" for r in resolutions(config["img_resolution"])]
    owners = [*blocks, *(f"{b}.conv1" for b in blocks), *(f"{b}.conv0" for b in blocks[1:])]
    return {f"{owner}.resample_filter": 1.0 for owner in owners}


def _nvidia_d_filters(config: Config) -> dict[str, float]:
    top = config["img_resolution"]
    blocks = [f"b{r}" for r in resolutions(top)[1:]]
    layers = [f"{b}.{layer}" for b in blocks for layer in ("conv0", "conv1", "skip")]
    owners = [*blocks, *layers, f"b{top}.fromrgb", "b4.conv"]
    return {f"{owner}.resample_filter": 1.0 for owner in owners}


def _ros_g(shapes: Shapes) -> Config:
    layers = max(_greatest(shapes, r"style\.(\d+)\."), 0)  # style.0 normalises and has no weights
    top = _doubled(_greatest(shapes, r"to_rgbs\.(\d+)\.") + 1)
    w_dim = _shape_of(shapes, "conv1.conv.modulation.weight", 2)[1]
    channels = {4: _shape_of(shapes, "conv1.conv.weight", 5)[1]}
    for i, r in enumerate(_sizes(top)[1:]):
        channels[r] = _shape_of(shapes, f"convs.{2 * i}.conv.weight", 5)[1]
    z_dim = _shape_of(shapes, "style.1.weight", 2)[1] if layers else w_dim
    colours = _shape_of(shapes, "to_rgb1.bias", 4)[1]
    pictures = {"img_resolution": top, "img_channels": colours, "channels": channels}
    return {"z_dim": z_dim, "w_dim": w_dim, **pictures, "mapping_layers": layers}


def _ros_d(shapes: Shapes) -> Config:
    top = _doubled(max(_greatest(shapes, r"convs\.(\d+)\."), 0))
    channels = {4: _shape_of(shapes, "final_conv.0.weight", 4)[0]}
    for k, r in enumerate(reversed(_sizes(top)[1:]), start=1):
        channels[r] = _shape_of(shapes, f"convs.{k}.conv1.0.weight", 4)[0]
    colours = _shape_of(shapes, "convs.0.0.weight", 4)[1]
    return {"img_resolution": top, "img_channels": colours, "channels": channels}


def _ros_g_names(config: Config) -> Table:
    fc = range(config["mapping_layers"])
    names = {f"style.{i + 1}.{part}": f"mapping.fc{i}.{part}" for i in fc for part in PARTS}
    names["input.input"] = "synthesis.b4.const"
    layers, colours = {"conv1": "synthesis.b4.conv1"}, {"to_rgb1": "synthesis.b4.torgb"}
    for i, r in enumerate(resolutions(config["img_resolution"])[1:]):
        layers[f"convs.{2 * i}"] = f"synthesis.b{r}.conv0"
        layers[f"convs.{2 * i + 1}"] = f"synthesis.b{r}.conv1"
        colours[f"to_rgbs.{i}"] = f"synthesis.b{r}.torgb"
    for i, (theirs, ours) in enumerate(layers.items()):
        names[f"{theirs}.noise.weight"] = f"{ours}.noise_strength"
        names[f"{theirs}.activate.bias"] = f"{ours}.bias"
        names[f"noises.noise_{i}"] = f"{ours}.noise_const"
    names |= {f"{theirs}.bias": f"{ours}.bias" for theirs, ours in colours.items()}
    for theirs, ours in {**layers, **colours}.items():
        names |= {f"{theirs}.{part}": f"{ours}.{own}" for part, own in MODULATED.items()}
    return names


def _ros_g_filters(config: Config) -> dict[str, float]:
    steps = range(len(resolutions(config["img_resolution"])) - 1)
    blurs = [f"convs.{2 * i}.conv.blur.kernel" for i in steps]
    return dict.fromkeys([*blurs, *(f"to_rgbs.{i}.upsample.kernel" for i in steps)], 4.0)


def _ros_d_names(config: Config) -> Table:
    top = config["img_resolution"]
    names = {"convs.0.0.weight": f"b{top}.fromrgb.weight", "convs.0.1.bias": f"b{top}.fromrgb.bias"}
    for k, r in enumerate(reversed(resolutions(top)[1:]), start=1):
        names |= {f"convs.{k}.{theirs}": f"b{r}.{ours}" for theirs, ours in D_BLOCK.items()}
    names |= {"final_conv.0.weight": "b4.conv.weight", "final_conv.1.bias": "b4.conv.bias"}
    linear = enumerate(("fc", "out"))
    return names | {f"final_linear.{i}.{p}": f"b4.{ours}.{p}" for i, ours in linear for p in PARTS}


def _ros_d_filters(config: Config) -> dict[str, float]:
    steps = range(1, len(resolutions(config["img_resolution"])))
    return {f"convs.{k}.{part}.0.kernel": 1.0 for k in steps for part in ("conv2", "skip")}


def _ros_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Rosinality's parameters keep the axes of length 1 with which they are broadcast."""
    if name.startswith("noises."):
        return (1, 1, *shape)
    if name.startswith("to_rgb") and name.endswith(".bias") and "modulation" not in name:
        return (1, *shape, 1, 1)
    if name == "input.input" or name.endswith((".conv.weight", ".noise.weight")):
        return (1, *shape)
    return shape


def _dual(shapes: Shapes) -> Config:
    inside = {k.removeprefix(PREFIX): v for k, v in shapes.items() if k.startswith(PREFIX)}
    if not inside:
        raise _unreadable("no entry begins with 'generator.'")
    blocks = {int(match[1]) for match in map(RESIDUAL.fullmatch, shapes) if match}
    if blocks != set(range(len(blocks))) or len(blocks) % 2 == 0:
        raise _unreadable(f"there are residual blocks {sorted(blocks)[:20]}")
    return {**_ros_g(inside), "res_index": len(blocks) - 1}


def _dual_names(config: Config) -> Table:
    inside = _ros_g_names(config)
    table = {PREFIX + theirs: f"generator.{ours}" for theirs, ours in inside.items()}
    rows, structure = 2 * len(config["channels"]), config["res_index"] + 1
    for row in range(structure):
        for i in ("", "2"):
            theirs, ours = f"res.{row}.conv{i}", f"residuals.{row}.conv{i}"
            table |= {f"{theirs}.0.weight": f"{ours}.weight", f"{theirs}.1.bias": f"{ours}.bias"}
            norm = f"{row}.norm{i}.style"
            table |= {f"res.{norm}.{part}": f"residuals.{norm}.{part}" for part in PARTS}
    for part in PARTS:
        for row in range(structure, rows):
            table[f"res.{row}.{part}"] = f"colours.{row - structure}.{part}"
        for layer in range(LAYERS):
            table[f"style.{layer + 1}.{part}"] = f"structure.layers.{layer}.{part}"
    return table


def _dual_filters(config: Config) -> dict[str, float]:
    return {PREFIX + name: total for name, total in _ros_g_filters(config).items()}


def _dual_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    return _ros_shape(name.removeprefix(PREFIX), shape) if name.startswith(PREFIX) else shape


def _style_encoder(shapes: Shapes) -> Config:
    first = "styles.0.linear.weight"
    if first not in shapes and f"encoder.{first}" in shapes:
        raise CheckpointError(
            "The names begin with 'encoder.': give the encoder's part, without this prefix."
        )
    w_dim, width = _shape_of(shapes, first, 2)
    stem, channels, *_ = _shape_of(shapes, "input_layer.0.weight", 4)
    if width != SHARE * stem:
        raise _unreadable(f"entry {first!r} has width {width}")
    rows = _greatest(shapes, r"styles\.(\d+)\.") + 1
    for row in range(rows):
        _shape_of(shapes, f"styles.{row}.linear.weight", 2)
    config = {"rows": rows, "w_dim": w_dim, "input_channels": channels}
    return config | ({"width": width} if width != WIDTH else {})


def _ir_se50(shapes: Shapes) -> Config:
    _shape_of(shapes, "input_layer.0.weight", 4)
    return {}


def _encoder(network: type[Network], architecture: Callable[[Shapes], Config]) -> Format:
    counters = ("num_batches_tracked",)  # older torch had none
    return Format(network, architecture, _own_names(network), optional=counters)


FORMATS = {
    "nvidia_g": Format(Generator, _nvidia_g, _own_names(Generator), _nvidia_g_filters),
    "nvidia_d": Format(Discriminator, _nvidia_d, _own_names(Discriminator), _nvidia_d_filters),
    "rosinality_g": Format(Generator, _ros_g, _ros_g_names, _ros_g_filters, _ros_shape),
    "rosinality_d": Format(Discriminator, _ros_d, _ros_d_names, _ros_d_filters),
    "psp": _encoder(GradualStyleEncoder, _style_encoder),
    "e4e": _encoder(Encoder4Editing, _style_encoder),
    "restyle_psp": _encoder(BackboneEncoder, _style_encoder),
    "restyle_e4e": _encoder(ProgressiveBackboneEncoder, _style_encoder),
    "ir_se50": _encoder(IRSE50, _ir_se50),
    "dualstylegan": Format(DualStyleGAN, _dual, _dual_names, _dual_filters, _dual_shape),
}
