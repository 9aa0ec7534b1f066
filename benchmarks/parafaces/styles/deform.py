"""Maps from the parameters of a person to those of the drawing; the numbers are in deform.yaml."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.parafaces.parameters import BLOCKS, INDEX, NAMES, TABLE, Array


@cache
def _numbers() -> dict[str, Any]:
    text = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def unchanged(params: Array) -> Array:
    """The people as they are."""
    return params


def affine(style: str) -> Callable[[Array], Array]:
    """The map that gives some parameters a factor and an offset, and leaves the others."""
    scale, offset = np.ones(len(NAMES), np.float32), np.zeros(len(NAMES), np.float32)
    for name, (factor, term) in _numbers()[style].items():
        scale[INDEX[name]], offset[INDEX[name]] = factor, term

    def deform(params: Array) -> Array:
        return params * scale + offset

    return deform


def exaggerated(style: str) -> Callable[[Array], Array]:
    """The map that multiplies each person's deviation from the mean.

    Not that of the parameters to ``keep``, nor of expression, pose, light and background;
    ``weaker`` names the factors of parameters that the full one would turn inside out.
    """
    numbers = _numbers()[style]
    mean = np.array([parameter.mean for parameter in TABLE], np.float32)
    identity = np.zeros(len(NAMES), bool)
    identity[BLOCKS["identity"]] = True
    identity[[INDEX[name] for name in numbers["keep"]]] = False
    scale = np.where(identity, np.float32(numbers["factor"]), np.float32(1))
    for name, less in numbers["weaker"].items():
        scale[INDEX[name]] = less

    def deform(params: Array) -> Array:
        return mean + (params - mean) * scale

    return deform
