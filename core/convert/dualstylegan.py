"""Names of the published DualStyleGAN: rosinality's generator behind ``generator.``, and more.

``res.R`` is row R of the extrinsic path, a residual block or a colour transform; ``style`` is the
structure transform.
"""

from __future__ import annotations

import re
from typing import Any

from core.convert.format import CheckpointError, Format, Shapes, Table
from core.convert.rosinality import ROSINALITY_G
from core.networks.dualstylegan import LAYERS, DualStyleGAN

PREFIX = "generator."
RESIDUAL = re.compile(r"res\.(\d+)\.conv\.0\.weight")


def architecture(shapes: Shapes) -> dict[str, Any]:
    """That of the generator, and the last structure row."""
    inside = {k.removeprefix(PREFIX): v for k, v in shapes.items() if k.startswith(PREFIX)}
    if not inside:
        raise CheckpointError("The architecture cannot be read: no entry begins with 'generator.'.")
    found = {int(match[1]) for match in map(RESIDUAL.fullmatch, shapes) if match}
    if found != set(range(len(found))) or len(found) % 2 == 0:
        raise CheckpointError(
            f"The architecture cannot be read: there are residual blocks {sorted(found)[:20]}."
        )
    return {**ROSINALITY_G.architecture(inside), "res_index": len(found) - 1}


def names(config: dict[str, Any]) -> Table:
    """Their names to ours."""
    generator = {key: value for key, value in config.items() if key != "res_index"}
    inside = ROSINALITY_G.names(generator)
    table = {PREFIX + theirs: f"generator.{ours}" for theirs, ours in inside.items()}
    rows, structure = 2 * len(config["channels"]), config["res_index"] + 1
    for row in range(structure):
        for part in ("", "2"):
            theirs, ours = f"res.{row}.conv{part}", f"residuals.{row}.conv{part}"
            table |= {f"{theirs}.0.weight": f"{ours}.weight", f"{theirs}.1.bias": f"{ours}.bias"}
            for kind in ("weight", "bias"):
                norm = f"norm{part}.style.{kind}"
                table[f"res.{row}.{norm}"] = f"residuals.{row}.{norm}"
    for kind in ("weight", "bias"):
        for row in range(structure, rows):
            table[f"res.{row}.{kind}"] = f"colours.{row - structure}.{kind}"
        for layer in range(LAYERS):
            table[f"style.{layer + 1}.{kind}"] = f"structure.layers.{layer}.{kind}"
    return table


def filters(config: dict[str, Any]) -> dict[str, float]:
    return {PREFIX + name: total for name, total in ROSINALITY_G.filters(config).items()}


def foreign_shape(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The generator keeps axes of length 1; the rest is as here."""
    if not name.startswith(PREFIX):
        return shape
    return ROSINALITY_G.foreign_shape(name.removeprefix(PREFIX), shape)


DUALSTYLEGAN = Format(DualStyleGAN, architecture, names, filters, foreign_shape)
