"""MetFaces: an oil painting; chiaroscuro, strokes that follow the form, varnish and craquelure."""

from math import cos, exp, sin, sqrt
from typing import Any

import numpy as np

from benchmarks.parafaces.march import HAIR, NOTHING, NX, PART
from benchmarks.parafaces.noise import compiled, lattice, noise2, ramp
from benchmarks.parafaces.paint import LABEL, SEGMENTS
from benchmarks.parafaces.parameters import Array
from benchmarks.parafaces.shading import photograph

FINE = np.array([label in ("eye", "iris", "brow", "lips", "mouth") for label in SEGMENTS])
REACH = 4  # taps of a stroke to either side


@compiled
def flow(h: Any, g: Array, i: int, j: int, seed: int) -> float:
    """Direction in the picture (radians) in which the brush goes."""
    size = g.shape[1]
    if g[PART, i, j] == NOTHING:
        return 6.3 * noise2(4.0 * j / size, 4.0 * i / size, seed)  # any direction: a full turn
    nx = h.r00 * g[NX, i, j] + h.r01 * g[NX + 1, i, j] + h.r02 * g[NX + 2, i, j]
    ny = h.r10 * g[NX, i, j] + h.r11 * g[NX + 1, i, j] + h.r12 * g[NX + 2, i, j]
    if g[PART, i, j] == HAIR:  # with the strands, mostly downwards
        return 1.57 + 0.9 * nx  # a quarter turn is downwards
    turn = 0.8 * (noise2(9.0 * j / size, 9.0 * i / size, seed + 1) - 0.5)
    return np.arctan2(-ny, nx) + 1.57 + turn


@compiled
def cracks(x: float, y: float, seed: int) -> float:
    """Craquelure at (x, y) in cells: 1 on a crack, borders between jittered cells (Worley 1996)."""
    i, j = int(np.floor(x)), int(np.floor(y))
    first = second = 9.0
    for m in range(i - 1, i + 2):
        for n in range(j - 1, j + 2):
            dx = m + lattice(m, n, seed) - x
            dy = n + lattice(m, n, seed + 1) - y
            d = sqrt(dx * dx + dy * dy)
            second = min(second, max(first, d))
            first = min(first, d)
    return ramp(0.09, 0.0, second - first)


@compiled
def draw(h: Any, g: Array, a: Array, out: Array) -> None:
    """Oil painting out [size, size, 3] of G-buffer and paint."""
    size = g.shape[1]
    photo = np.empty_like(out)
    photograph(h, g, a, photo)
    seed = int(abs(h.blob_x) * 9973 + abs(h.back_angle) * 7919) % 4096  # by picture
    pixel = size / 64.0
    for i in range(size):
        for j in range(size):
            x, y = (j + 0.5) / pixel, (i + 0.5) / pixel
            angle = flow(h, g, i, j, seed)
            fine = 0.35 if FINE[int(a[LABEL, i, j])] else 1.0
            # A stroke takes its colour from where it was begun.
            shift = 0.85 * pixel * fine
            ci = i + shift * (noise2(x * 0.55, y * 0.55, seed + 2) - 0.5)
            cj = j + shift * (noise2(x * 0.55, y * 0.55, seed + 3) - 0.5)
            dx, dy = cos(angle) * 0.30 * pixel * fine, sin(angle) * 0.30 * pixel * fine
            r = gr = b = bristle = total = 0.0
            for t in range(-REACH, REACH + 1):
                m = min(max(int(ci + dy * t + 0.5), 0), size - 1)
                n = min(max(int(cj + dx * t + 0.5), 0), size - 1)
                w = 1.0 if fine < 1 else exp(-0.06 * t * t)
                r += w * photo[m, n, 0]
                gr += w * photo[m, n, 1]
                b += w * photo[m, n, 2]
                bx, by = (x + t * cos(angle) * 0.45) * 1.7, (y + t * sin(angle) * 0.45) * 1.7
                bristle += w * noise2(bx, by, seed + 4)
                total += w
            relief = 1 + (0.06 if fine < 1 else 0.24) * (bristle / total - 0.5)
            light = (0.30 * r + 0.59 * gr + 0.11 * b) / total
            u, v = (j + 0.5) / size - 0.5, (i + 0.5) / size - 0.45
            frame = 1 - 0.75 * ramp(0.30, 0.80, sqrt(u * u + v * v))
            wx, wy = x * 0.30 + 0.8 * noise2(x * 0.3, y * 0.3, seed + 6), y * 0.22
            crack = 0.085 * cracks(wx, wy, seed + 5) * noise2(x * 0.12, y * 0.12, seed + 7)
            for k in range(3):
                c = (r if k == 0 else (gr if k == 1 else b)) / total
                c = (light + (c - light) * 0.98) * relief * frame
                c = max(c, 0.0) ** 1.10 * 1.06  # contrast of old varnish
                tint = 1.06 if k == 0 else (0.935 if k == 1 else 0.80)
                dark = 0.055 if k == 0 else (0.040 if k == 1 else 0.026)
                out[i, j, k] = min((dark + c * tint * (1 - dark)) * (1 - crack), 1.0)
