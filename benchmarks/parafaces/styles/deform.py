"""Maps from the parameters of a person to those of the drawing; the numbers are in deform.yaml."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.parafaces.parameters import BLOCKS, INDEX, NAMES, TABLE, Array

Change = tuple[float, float]  # value -> first * value + second
Deformation = Callable[[Array], Array]


def deformation(style: str) -> Deformation:
    """What deform.yaml says of a style, as a map; without an entry people are as they are."""
    numbers = _content().get(style)
    if numbers is None:
        return lambda params: params
    return exaggerated(**numbers) if "factor" in numbers else affine(**numbers)


@cache
def _content() -> dict[str, Any]:
    return yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


def affine(**changes: Change) -> Deformation:
    """The map that changes the named parameters and leaves the others."""
    scale, offset = np.ones(len(NAMES), np.float32), np.zeros(len(NAMES), np.float32)
    for name, (factor, term) in changes.items():
        scale[INDEX[name]], offset[INDEX[name]] = factor, term
    return lambda params: params * scale + offset


def exaggerated(factor: float, *, keep: Sequence[str], weaker: dict[str, float]) -> Deformation:
    """The map that multiplies each person's deviation from the mean.
    Not that of the parameters to ``keep``, nor of expression, pose, light and background;
    ``weaker`` names the factors of parameters that the full one would turn inside out.
    """
    mean = np.array([parameter.mean for parameter in TABLE], np.float32)
    identity = np.zeros(len(NAMES), bool)
    identity[BLOCKS["identity"]] = True
    identity[[INDEX[name] for name in keep]] = False
    scale = np.where(identity, np.float32(factor), np.float32(1))
    for name, less in weaker.items():
        scale[INDEX[name]] = less
    return lambda params: mean + (params - mean) * scale
