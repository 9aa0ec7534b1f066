"""Maps from the parameters of a person to those of the drawing; the numbers are in deform.yaml."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from benchmarks.parafaces.parameters import BLOCKS, INDEX, NAMES, TABLE, Array

Change = tuple[float, float]  # value -> first * value + second


def numbers(style: str) -> dict[str, Any]:
    """What deform.yaml says of a style."""
    return _content()[style]


@cache
def _content() -> dict[str, Any]:
    content: Any = OmegaConf.to_container(OmegaConf.load(Path(__file__).with_suffix(".yaml")))
    return content


def unchanged(params: Array) -> Array:
    """The people as they are."""
    return params


def affine(**changes: Change) -> Callable[[Array], Array]:
    """The map that changes the named parameters and leaves the others."""
    scale, offset = np.ones(len(NAMES), np.float32), np.zeros(len(NAMES), np.float32)
    for name, (factor, term) in changes.items():
        scale[INDEX[name]], offset[INDEX[name]] = factor, term

    def deform(params: Array) -> Array:
        return params * scale + offset

    return deform


def exaggerated(
    factor: float, *, keep: Sequence[str], weaker: dict[str, float]
) -> Callable[[Array], Array]:
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

    def deform(params: Array) -> Array:
        return mean + (params - mean) * scale

    return deform
