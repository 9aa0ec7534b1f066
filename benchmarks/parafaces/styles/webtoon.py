"""Webtoon: large eyes, small nose and mouth, cel shading in two tones, ink outlines, pastels."""

from typing import Any

import numpy as np

from benchmarks.parafaces import paint
from benchmarks.parafaces.march import AO, HAIR, NOTHING, NX, PART, PX, SHADE
from benchmarks.parafaces.noise import compiled, noise2, ramp
from benchmarks.parafaces.paint import hair_colour, mix, skin_colour, whiskers
from benchmarks.parafaces.parameters import Array, Doubles
from benchmarks.parafaces.shading import backdrop, band
from benchmarks.parafaces.styles.ink import line_radius, outlines

INK = np.array([0.13, 0.085, 0.11])


@compiled
def palette(h: Any, skin: Doubles, mane: Doubles) -> None:
    """Clearer and lighter colours than a photograph has."""
    skin_colour(h, skin)
    hair_colour(h, mane)
    skin[0] = min(1.0, skin[0] * 1.04 + 0.05)
    skin[1] = min(1.0, skin[1] * 1.04 + 0.055)
    skin[2] = min(1.0, skin[2] * 1.04 + 0.055)
    grey = (mane[0] + mane[1] + mane[2]) / 3
    for k in range(3):
        mane[k] = min(max(grey + (mane[k] - grey) * 1.35, 0.0), 1.0) * 1.04 + 0.045
    mane[2] += 0.035 * ramp(0.25, 0.08, grey)


@compiled
def shadowed(h: Any, g: Array, i: int, j: int) -> float:
    """1 in the shadow tone, 0 in the light one."""
    lit = g[NX, i, j] * h.light_x + g[NX + 1, i, j] * h.light_y + g[NX + 2, i, j] * h.light_z
    lit = lit * (0.35 + 0.65 * g[SHADE, i, j])
    return ramp(0.30, 0.24, lit + 0.25 * (g[AO, i, j] - 0.8))


@compiled
def complexion(
    h: Any, x: float, y: float, z: float, shadow: float, skin: Doubles, mane: Doubles, c: Doubles
) -> None:
    """Skin in two tones, with blush, nostrils and a flat beard."""
    c[0], c[1], c[2] = skin[0], skin[1], skin[2]
    mix(c, skin[0] * 0.87, skin[1] * 0.73, skin[2] * 0.73, shadow)
    u, v = (abs(x) - 0.40) / 0.14, (y + 0.33) / 0.065
    mix(c, skin[0], skin[1] * 0.74, skin[2] * 0.74, 0.75 * h.blush * ramp(1.2, 0.6, u * u + v * v))
    u, v = (abs(x) - 0.5 * h.nose_width) / 0.022, (y - h.nose_y + 0.07) / 0.016
    nostril = 0.75 * ramp(1.3, 0.7, u * u + v * v) * ramp(0.5, 0.6, z)
    mix(c, skin[0] * 0.5, skin[1] * 0.36, skin[2] * 0.36, nostril)
    grown = whiskers(h, x, y, z)
    shaved = 0.7 * h.stubble * ramp(0.35, 0.45, grown)
    mix(c, skin[0] * 0.78, skin[1] * 0.76, skin[2] * 0.80, shaved)
    bearded = ramp(0.35, 0.45, grown * min(1.0, 2.0 * h.beard))
    tone = 0.95 - 0.3 * shadow
    mix(c, mane[0] * tone, mane[1] * tone, mane[2] * tone, bearded)


@compiled
def flat(
    h: Any, g: Array, a: Array, i: int, j: int, skin: Doubles, mane: Doubles, c: Doubles
) -> None:
    """The flat colour of a sample, in light or in shadow."""
    label, shadow = int(a[paint.LABEL, i, j]), shadowed(h, g, i, j)
    x, y, z = float(g[PX, i, j]), float(g[PX + 1, i, j]), float(g[PX + 2, i, j])
    c[0], c[1], c[2] = a[paint.RED, i, j], a[paint.RED + 1, i, j], a[paint.RED + 2, i, j]
    if label in (paint.EYE, paint.MOUTH):
        mix(c, 1.0, 1.0, 1.0, 0.25 if label == paint.EYE else 0.1)
    elif label == paint.IRIS:
        grey = (c[0] + c[1] + c[2]) / 3
        for k in range(3):
            c[k] = min(max(grey + (c[k] - grey) * 1.7, 0.0), 1.0) * 1.1
    elif label == paint.LIPS:
        mix(c, skin[0] * 0.93, skin[1] * 0.62, skin[2] * 0.64, 0.55)
    elif label == paint.BROW:
        c[0], c[1], c[2] = mane[0] * 0.62, mane[1] * 0.60, mane[2] * 0.62
    elif label == paint.RIMS:
        mix(c, 0.1, 0.09, 0.12, 0.5)
    elif label == paint.CLOTHES:
        c[0], c[1], c[2] = h.cloth_light, h.cloth_light, h.cloth_light
        c[0] += 0.20 * h.cloth_warm + 0.06
        c[1] += 0.09 * h.cloth_green + 0.03
        c[2] += 0.06 - 0.20 * h.cloth_warm
        mix(c, c[0] * 0.70, c[1] * 0.68, c[2] * 0.78, shadow)
    elif g[PART, i, j] == HAIR:
        c[0], c[1], c[2] = mane[0], mane[1], mane[2]
        mix(c, mane[0] * 0.66, mane[1] * 0.62, mane[2] * 0.70, shadow)
    else:
        complexion(h, x, y, z, shadow, skin, mane, c)
        mix(c, INK[0], INK[1], INK[2], ramp(0.25, 0.55, float(a[paint.LINE, i, j])))


@compiled
def gleam(h: Any, g: Array, i: int, j: int) -> float:
    """The jagged highlight across the hair."""
    x, y, z = float(g[PX, i, j]), float(g[PX + 1, i, j]), float(g[PX + 2, i, j])
    vx, vy, vz = h.origin_x - x, h.origin_y - y, h.origin_z - z
    s = 1 / (vx * vx + vy * vy + vz * vz) ** 0.5
    # The normal of the smooth volume: locks and curls would break the shape up.
    nx, ny = x / h.hair_w**2, max(y - h.hair_y, 0.0) / h.hair_h**2
    nz = (z - h.hair_z) / h.hair_d**2
    n = 1 / (nx * nx + ny * ny + nz * nz + 1e-9) ** 0.5
    t = band(h, x, y, z, nx * n, ny * n, nz * n, vx * s, vy * s, vz * s)
    jag = 0.016 * (noise2(x * 9 + h.texture * 61, z * 9, 3) - 0.5)
    return ramp(0.987, 0.991, t + jag) * (1 - h.afro) * ramp(-0.2, 0.1, y)


@compiled
def draw(h: Any, g: Array, a: Array, out: Array) -> None:
    """Webtoon picture out [size, size, 3] of G-buffer and paint."""
    size = g.shape[1]
    skin, mane, c = np.zeros(3), np.zeros(3), np.zeros(3)
    lines = np.empty((size, size), np.float32)
    outlines(g, line_radius(size), 0.085, -2.0, lines)
    palette(h, skin, mane)
    for i in range(size):
        for j in range(size):
            if g[PART, i, j] == NOTHING:
                u, v = (j + 0.5) / size, (i + 0.5) / size
                backdrop(h, 0.5, 0.75 if u * 0.35 + v > 0.62 + 0.4 * h.blob_x else 0.2, c)
                grey = (c[0] + c[1] + c[2]) / 3
                for k in range(3):
                    c[k] = min(max(0.62 + 0.36 * grey + 0.95 * (c[k] - grey), 0.0), 1.0)
            else:
                flat(h, g, a, i, j, skin, mane, c)
                if g[PART, i, j] == HAIR and shadowed(h, g, i, j) < 0.5:
                    shine = 0.62 * gleam(h, g, i, j)
                    r, gr, b = 0.35 + 0.7 * mane[0], 0.35 + 0.7 * mane[1], 0.36 + 0.7 * mane[2]
                    mix(c, r, gr, b, shine)
                mix(c, 1.0, 1.0, 1.0, ramp(0.3, 0.6, float(a[paint.GLINT, i, j])))
                mix(c, INK[0], INK[1], INK[2], 0.92 * lines[i, j])
            for k in range(3):
                out[i, j, k] = c[k]
