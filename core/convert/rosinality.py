"""Names of rosinality's stylegan2-pytorch; its filters carry the gain of 4 where they upsample."""

from __future__ import annotations

from typing import Any

from core.convert.format import Format, Shapes, Table, doubled, greatest, shape_of, sizes
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator, resolutions


def _rosinality_g(shapes: Shapes) -> dict[str, Any]:
    layers = max(greatest(shapes, r"style\.(\d+)\."), 0)
    top = doubled(greatest(shapes, r"to_rgbs\.(\d+)\.") + 1)
    w_dim = shape_of(shapes, "conv1.conv.modulation.weight", 2)[1]
    channels = {4: shape_of(shapes, "conv1.conv.weight", 5)[1]}
    for i, r in enumerate(sizes(top)[1:]):
        channels[r] = shape_of(shapes, f"convs.{2 * i}.conv.weight", 5)[1]
    return {
        "z_dim": shape_of(shapes, "style.1.weight", 2)[1] if layers else w_dim,
        "w_dim": w_dim,
        "img_resolution": top,
        "img_channels": shape_of(shapes, "to_rgb1.bias", 4)[1],
        "channels": channels,
        "mapping_layers": layers,
    }


def _rosinality_d(shapes: Shapes) -> dict[str, Any]:
    top = doubled(max(greatest(shapes, r"convs\.(\d+)\."), 0))
    channels = {4: shape_of(shapes, "final_conv.0.weight", 4)[0]}
    for k, r in enumerate(reversed(sizes(top)[1:]), start=1):
        channels[r] = shape_of(shapes, f"convs.{k}.conv1.0.weight", 4)[0]
    return {
        "img_resolution": top,
        "img_channels": shape_of(shapes, "convs.0.0.weight", 4)[1],
        "channels": channels,
    }


def _rosinality_g_names(config: dict[str, Any]) -> Table:
    names = {}
    for i in range(config["mapping_layers"]):
        for part in ("weight", "bias"):
            names[f"style.{i + 1}.{part}"] = f"mapping.fc{i}.{part}"
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
    for theirs, ours in colours.items():
        names[f"{theirs}.bias"] = f"{ours}.bias"
    for theirs, ours in {**layers, **colours}.items():
        names[f"{theirs}.conv.weight"] = f"{ours}.weight"
        names[f"{theirs}.conv.modulation.weight"] = f"{ours}.affine.weight"
        names[f"{theirs}.conv.modulation.bias"] = f"{ours}.affine.bias"
    return names


def _rosinality_g_filters(config: dict[str, Any]) -> dict[str, float]:
    steps = range(len(resolutions(config["img_resolution"])) - 1)
    blurs = [f"convs.{2 * i}.conv.blur.kernel" for i in steps]
    return dict.fromkeys([*blurs, *(f"to_rgbs.{i}.upsample.kernel" for i in steps)], 4.0)


def _rosinality_d_names(config: dict[str, Any]) -> Table:
    top = config["img_resolution"]
    names = {"convs.0.0.weight": f"b{top}.fromrgb.weight", "convs.0.1.bias": f"b{top}.fromrgb.bias"}
    for k, r in enumerate(reversed(resolutions(top)[1:]), start=1):
        names[f"convs.{k}.conv1.0.weight"] = f"b{r}.conv0.weight"
        names[f"convs.{k}.conv1.1.bias"] = f"b{r}.conv0.bias"
        names[f"convs.{k}.conv2.1.weight"] = f"b{r}.conv1.weight"
        names[f"convs.{k}.conv2.2.bias"] = f"b{r}.conv1.bias"
        names[f"convs.{k}.skip.1.weight"] = f"b{r}.skip.weight"
    names |= {"final_conv.0.weight": "b4.conv.weight", "final_conv.1.bias": "b4.conv.bias"}
    for i, ours in enumerate(("fc", "out")):
        for part in ("weight", "bias"):
            names[f"final_linear.{i}.{part}"] = f"b4.{ours}.{part}"
    return names


def _rosinality_d_filters(config: dict[str, Any]) -> dict[str, float]:
    steps = range(1, len(resolutions(config["img_resolution"])))
    return {f"convs.{k}.{part}.0.kernel": 1.0 for k in steps for part in ("conv2", "skip")}


def _foreign_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    if name.startswith("noises."):
        return (1, 1, *shape)
    if name.startswith("to_rgb") and name.endswith(".bias") and "modulation" not in name:
        return (1, *shape, 1, 1)
    if name == "input.input" or name.endswith((".conv.weight", ".noise.weight")):
        return (1, *shape)
    return shape


ROSINALITY_G = Format(
    Generator, _rosinality_g, _rosinality_g_names, _rosinality_g_filters, _foreign_shape
)
ROSINALITY_D = Format(Discriminator, _rosinality_d, _rosinality_d_names, _rosinality_d_filters)
