"""Light: the photographic look, the background, and the step from samples to pixels.

Light adds up linearly; `tone` makes display values of it, the power of 1 / 2.2 that screens expect.
Where a style asks how light a colour is, it weighs red, green and blue by 0.30, 0.59 and 0.11
(ITU-R BT.601).
"""

from math import cos, exp, sin, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.parafaces.march import AO, HAIR, NOTHING, NX, PART, PX, SHADE, SKIN
from benchmarks.parafaces.noise import compiled, declared, ramp
from benchmarks.parafaces.paint import GLINT, GLOSS, LABEL, RED, STRAND
from benchmarks.parafaces.parameters import Array, Doubles

WRAP = np.array([0.34, 0.20, 0.14])  # light bleeds around the terminator of skin, red the farthest


@compiled
def backdrop(h: Any, u: float, v: float, c: Doubles) -> None:
    """Out-of-focus background at (u, v) in [0, 1], v downwards: a gradient and three soft discs."""
    a = h.back_angle
    along = (u - 0.5) * sin(a) - (v - 0.5) * cos(a)
    light = h.back_light + h.back_contrast * along * 1.6
    warm, green = h.back_warm, h.back_green
    near = exp(-((u - h.blob_x) ** 2 + (v - h.blob_y) ** 2) / h.blob_size**2)
    ou, ov = u - 1.15 + 0.8 * h.blob_x, v - 0.9 + 0.6 * h.blob_y
    other = exp(-(ou**2 + ov**2) / (0.6 * h.blob_size) ** 2)
    low = ramp(0.35, 1.0, v + 0.3 * h.back_contrast * (u - 0.5))
    light += h.blob_light * near - 0.6 * h.blob_light * other - 0.10 * low * h.blob_warm
    warm += (h.blob_warm - warm) * 0.7 * near
    light *= 1 - 0.25 * ((u - 0.5) ** 2 + (v - 0.5) ** 2)
    light = min(max(light, 0.04), 0.95)
    c[0] = min(max(light * (1 + 0.17 * warm - 0.03 * green), 0.0), 1.0)
    c[1] = min(max(light * (1 + 0.02 * warm + 0.08 * green), 0.0), 1.0)
    c[2] = min(max(light * (1 - 0.20 * warm - 0.06 * green), 0.0), 1.0)


@compiled
def band(
    h: Any, x: float, y: float, z: float,
    nx: float, ny: float, nz: float, vx: float, vy: float, vz: float,
) -> float:  # fmt: skip
    """Highlight across the strands (Kajiya and Kay 1989); they run down from the crown."""
    tx, ty, tz = x - 0.5 * h.window_x, y - 1.6, z + 0.35
    d = tx * nx + ty * ny + tz * nz
    tx, ty, tz = tx - d * nx, ty - d * ny, tz - d * nz
    s = 1 / sqrt(tx * tx + ty * ty + tz * tz + 1e-9)
    hx, hy, hz = h.light_x + vx, h.light_y + vy, h.light_z + vz
    m = 1 / sqrt(hx * hx + hy * hy + hz * hz + 1e-9)
    t = (tx * hx + ty * hy + tz * hz) * s * m
    return sqrt(max(1 - t * t, 0.0))


@declared("f8(f8)")
def tone(x: float) -> float:
    """Linear light to display value: a soft shoulder, for highlights keep a shape, then gamma."""
    x = max(x, 0.0)
    if x > 0.60:
        x = 0.60 + 0.40 * (1 - exp(-(x - 0.60) / 0.40))
    return x ** (1 / 2.2)


@compiled
def sheen(h: Any, g: Array, a: Array, i: int, j: int) -> float:
    """Highlight of a sample: strands, oily skin with its rim, or polish."""
    nx, ny, nz = g[NX, i, j], g[NX + 1, i, j], g[NX + 2, i, j]
    x, y, z = g[PX, i, j], g[PX + 1, i, j], g[PX + 2, i, j]
    vx, vy, vz = h.origin_x - x, h.origin_y - y, h.origin_z - z
    s = 1 / sqrt(vx * vx + vy * vy + vz * vz)
    vx, vy, vz = vx * s, vy * s, vz * s
    facing = nx * h.light_x + ny * h.light_y + nz * h.light_z
    part, ao, shade, gloss = int(g[PART, i, j]), g[AO, i, j], g[SHADE, i, j], a[GLOSS, i, j]
    if part == HAIR:
        t = band(h, x, y, z, nx, ny, nz, vx, vy, vz)
        soft = (1 - 0.8 * h.afro) * (0.5 + 0.5 * ao)
        lit = max(facing + 0.5, 0.0) * a[STRAND, i, j]
        return soft * (0.55 * t**28 + 0.25 * t**7) * lit
    x, y, z = h.light_x + vx, h.light_y + vy, h.light_z + vz  # half way between light and view
    half = max((nx * x + ny * y + nz * z) / sqrt(x * x + y * y + z * z + 1e-9), 0.0)
    if part == SKIN:
        shine = gloss * (0.10 * half**16 + 0.05 * half**60) * shade * max(facing, 0.0)
        up = h.r10 * nx + h.r11 * ny + h.r12 * nz
        rim = (1 - max(nx * vx + ny * vy + nz * vz, 0.0)) ** 3
        return shine + 0.05 * rim * ao * max(up + 0.6, 0.0)
    return gloss * (0.20 * half**40) * shade


@compiled
def lit(
    h: Any, g: Array, a: Array, i: int, j: int, key: Doubles, fill: Doubles, c: Doubles
) -> None:
    """Display colour c of a sample under the key light and the light of the surroundings."""
    nx, ny, nz = g[NX, i, j], g[NX + 1, i, j], g[NX + 2, i, j]
    part, ao, shade = int(g[PART, i, j]), g[AO, i, j], g[SHADE, i, j]
    facing = nx * h.light_x + ny * h.light_y + nz * h.light_z
    up = h.r10 * nx + h.r11 * ny + h.r12 * nz
    shine, spark = sheen(h, g, a, i, j), a[GLINT, i, j]
    for k in range(3):
        bleeding = part == SKIN and k == 0
        albedo = a[RED + k, i, j] ** 2.2
        w = WRAP[k] if part == SKIN else (0.30 if part == HAIR else 0.08)
        diffuse = max(facing + w, 0.0) / (1 + w)
        dim = shade + (1 - shade) * (0.10 if bleeding else 0.0)
        sky = fill[k] * ao ** (1.0 if bleeding else 1.25) * (0.74 + 0.26 * up + 0.12 * nz)
        value = albedo * (key[k] * diffuse * dim + sky)
        value += shine * key[k] * ((0.10 * 0.5 + 0.75 * albedo) if part == HAIR else 1.0)
        if spark > 0.002:
            value += 0.9 * spark * h.light_key
        c[k] = tone(value)


@compiled
def photograph(h: Any, g: Array, a: Array, out: Array) -> None:
    """Photographic picture out [size, size, 3] of G-buffer and paint."""
    size = g.shape[1]
    c, key, fill = np.zeros(3), np.zeros(3), np.zeros(3)
    backdrop(h, 0.5, 0.3, c)
    for k in range(3):
        key[k] = (1 + 0.09 * h.light_warmth * (1 - k)) * h.light_key * 0.92
        # The surroundings colour the shadows.
        fill[k] = h.light_fill * 0.66 * (0.75 + 0.5 * c[k] / (c[0] + c[1] + c[2] + 0.05))
    for i in range(size):
        for j in range(size):
            if g[PART, i, j] == NOTHING:
                backdrop(h, (j + 0.5) / size, (i + 0.5) / size, c)
            else:
                lit(h, g, a, i, j, key, fill, c)
            out[i, j, 0], out[i, j, 1], out[i, j, 2] = c[0], c[1], c[2]


@compiled
def downsample(
    samples: Array,
    a: Array,
    depth: Array,
    s: int,
    image: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    depths: Array,
) -> None:
    """Average s x s samples to pixels; labels by majority, depth of the nearest sample."""
    votes = np.zeros(32, np.int64)
    for i in range(image.shape[0]):
        for j in range(image.shape[1]):
            votes[:] = 0
            near = depth[i * s, j * s]
            r = g = b = 0.0
            for m in range(i * s, i * s + s):
                for n in range(j * s, j * s + s):
                    r += samples[m, n, 0]
                    g += samples[m, n, 1]
                    b += samples[m, n, 2]
                    votes[int(a[LABEL, m, n])] += 1
                    near = min(near, depth[m, n])
            scale = 255.0 / (s * s)
            image[i, j, 0] = int(min(max(r * scale, 0.0), 255.0) + 0.5)
            image[i, j, 1] = int(min(max(g * scale, 0.0), 255.0) + 0.5)
            image[i, j, 2] = int(min(max(b * scale, 0.0), 255.0) + 0.5)
            best = 0
            for k in range(1, len(votes)):
                if votes[k] > votes[best]:
                    best = k
            labels[i, j] = best
            depths[i, j] = near
