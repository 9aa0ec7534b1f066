"""Names of stylegan2-ada-pytorch (training/networks.py): ours, and a filter in every layer."""

from __future__ import annotations

from typing import Any

from core.convert.format import (
    CheckpointError,
    Format,
    Shapes,
    greatest,
    own_names,
    shape_of,
    sizes,
)
from core.networks.discriminator import Discriminator
from core.networks.generator import Generator, resolutions


def _refuse_labels(shapes: Shapes) -> None:
    if "mapping.embed.weight" in shapes:
        raise CheckpointError(
            "Entry 'mapping.embed.weight': networks with labels are not supported."
        )


def _nvidia_g(shapes: Shapes) -> dict[str, Any]:
    _refuse_labels(shapes)
    top = greatest(shapes, r"synthesis\.b(\d+)\.")
    layers = greatest(shapes, r"mapping\.fc(\d+)\.") + 1
    (w_dim,) = shape_of(shapes, "mapping.w_avg", 1)
    channels = {r: shape_of(shapes, f"synthesis.b{r}.conv1.weight", 4)[0] for r in sizes(top)}
    return {
        "z_dim": shape_of(shapes, "mapping.fc0.weight", 2)[1] if layers else w_dim,
        "w_dim": w_dim,
        "img_resolution": top,
        "img_channels": shape_of(shapes, "synthesis.b4.torgb.bias", 1)[0],
        "channels": channels,
        "mapping_layers": layers,
    }


def _nvidia_d(shapes: Shapes) -> dict[str, Any]:
    _refuse_labels(shapes)
    top = greatest(shapes, r"b(\d+)\.")
    channels = {r: shape_of(shapes, f"b{r}.conv0.weight", 4)[0] for r in sizes(top)[1:]}
    return {
        "img_resolution": top,
        "img_channels": shape_of(shapes, f"b{top}.fromrgb.weight", 4)[1],
        "channels": {4: shape_of(shapes, "b4.conv.weight", 4)[0], **channels},
    }


def _nvidia_g_filters(config: dict[str, Any]) -> dict[str, float]:
    blocks = [f"synthesis.b{r}" for r in resolutions(config["img_resolution"])]
    owners = [*blocks, *(f"{b}.conv1" for b in blocks), *(f"{b}.conv0" for b in blocks[1:])]
    return {f"{owner}.resample_filter": 1.0 for owner in owners}


def _nvidia_d_filters(config: dict[str, Any]) -> dict[str, float]:
    top = config["img_resolution"]
    blocks = [f"b{r}" for r in resolutions(top)[1:]]
    layers = [f"{b}.{layer}" for b in blocks for layer in ("conv0", "conv1", "skip")]
    owners = [*blocks, *layers, f"b{top}.fromrgb", "b4.conv"]
    return {f"{owner}.resample_filter": 1.0 for owner in owners}


NVIDIA_G = Format(Generator, _nvidia_g, own_names(Generator), _nvidia_g_filters)
NVIDIA_D = Format(Discriminator, _nvidia_d, own_names(Discriminator), _nvidia_d_filters)
