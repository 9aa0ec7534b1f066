"""Deterministic noise for paint and styles: integer hashes, value noise, smooth steps."""

from collections.abc import Callable
from math import floor
from typing import Any

import numba

OPTIONS: dict[str, Any] = {"fastmath": True, "error_model": "numpy", "cache": True, "nogil": True}
compiled: Any = numba.njit(**OPTIONS)


def declared(signature: str) -> Callable[..., Any]:
    """Compile for one signature: without, every mixture of argument types is compiled by itself."""
    return numba.njit(signature, **OPTIONS)


@declared("f8(i8, i8, i8)")
def lattice(i: int, j: int, k: int) -> float:
    """Hash of a lattice point, in [0, 1)."""
    x = (i * 374761393 + j * 668265263 + k * 974634941) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x2C1B3C6D) & 0xFFFFFFFF
    x = ((x ^ (x >> 12)) * 0x297A2D39) & 0xFFFFFFFF
    return ((x ^ (x >> 15)) & 0xFFFFFF) / 16777216.0


@declared("f8(f8, f8, i8)")
def noise2(x: float, y: float, seed: int) -> float:
    """Value noise in the plane, in [0, 1), one lattice cell per unit."""
    i, j = floor(x), floor(y)
    x, y = x - i, y - j
    x, y = x * x * (3 - 2 * x), y * y * (3 - 2 * y)
    i, j = int(i), int(j)
    a = lattice(i, j, seed) * (1 - x) + lattice(i + 1, j, seed) * x
    b = lattice(i, j + 1, seed) * (1 - x) + lattice(i + 1, j + 1, seed) * x
    return a * (1 - y) + b * y


@declared("f8(f8, f8, f8)")
def noise3(x: float, y: float, z: float) -> float:
    """Value noise in space, in [0, 1)."""
    k = floor(z)
    z = z - k
    z = z * z * (3 - 2 * z)
    return noise2(x, y, int(k)) * (1 - z) + noise2(x, y, int(k) + 1) * z


@declared("f8(f8, f8, f8)")
def ramp(low: float, high: float, x: float) -> float:
    """Smooth step from 0 at low to 1 at high (low may lie above high)."""
    t = min(max((x - low) / (high - low), 0.0), 1.0)
    return t * t * (3 - 2 * t)
