"""Clay: stop-motion puppets; matte simple colours, dents and fingerprints, coloured card behind."""

from math import sin, sqrt
from typing import Any

import numpy as np

from benchmarks.parafaces import paint
from benchmarks.parafaces.march import CLOTH, GLASSES, HAIR, NOTHING, NX, PART, PX, SKIN
from benchmarks.parafaces.noise import compiled, lattice, noise3, ramp
from benchmarks.parafaces.paint import hair_colour, skin_colour, whiskers
from benchmarks.parafaces.parameters import Array
from benchmarks.parafaces.shading import photograph


@compiled
def prints(x: float, y: float) -> float:
    """Fingerprints: whorls in scattered patches, in [-1, 1]."""
    best, ridge = 0.0, 0.0
    i, j = int(np.floor(x * 2.2)), int(np.floor(y * 2.2))
    for m in range(i - 1, i + 2):
        for n in range(j - 1, j + 2):
            if lattice(m, n, 31) < 0.45:
                continue
            dx = x * 2.2 - m - lattice(m, n, 32)
            dy = (y * 2.2 - n - lattice(m, n, 33)) * (0.6 + 0.5 * lattice(m, n, 34))
            r = sqrt(dx * dx + dy * dy)
            w = ramp(0.75, 0.30, r)
            if w > best:
                best, ridge = w, sin(34.0 * r + 3 * dx)
    return best * ridge


@compiled
def modelled(h: Any, g: Array, bent: Array) -> None:
    """G-buffer with dents and fingerprints in its normals."""
    step, seed = 0.02, h.texture * 61.0
    for i in range(g.shape[1]):
        for j in range(g.shape[2]):
            part = g[PART, i, j]
            if part in (NOTHING, GLASSES):
                continue
            x, y, z = float(g[PX, i, j]), float(g[PX + 1, i, j]), float(g[PX + 2, i, j])
            f = 6.5 if part == HAIR else 3.6
            amount = 1.0 if part == HAIR else 0.42
            here = noise3(x * f + seed, y * f, z * f)
            px = (noise3((x + step) * f + seed, y * f, z * f) - here) / step / f
            py = (noise3(x * f + seed, (y + step) * f, z * f) - here) / step / f
            ridge = prints(x + 0.3 * seed, y)
            nx = g[NX, i, j] - amount * px + 0.11 * ridge
            ny = g[NX + 1, i, j] - amount * py + 0.11 * ridge
            nz = g[NX + 2, i, j]
            s = 1 / sqrt(nx * nx + ny * ny + nz * nz + 1e-9)
            bent[NX, i, j], bent[NX + 1, i, j], bent[NX + 2, i, j] = nx * s, ny * s, nz * s


@compiled
def draw(h: Any, g: Array, a: Array, out: Array) -> None:
    """Puppet out [size, size, 3] of G-buffer and paint."""
    skin, mane = np.zeros(3), np.zeros(3)
    skin_colour(h, skin)
    hair_colour(h, mane)
    for colour in (skin, mane):  # plasticine is bright and pure
        grey = (colour[0] + colour[1] + colour[2]) / 3
        for k in range(3):
            colour[k] = min(max(grey + (colour[k] - grey) * 1.45, 0.0), 1.0) * 0.92 + 0.07
    b, bent = a.copy(), g.copy()
    modelled(h, g, bent)
    for i in range(g.shape[1]):
        for j in range(g.shape[2]):
            part, label = int(g[PART, i, j]), int(a[paint.LABEL, i, j])
            if part == NOTHING:
                continue
            x, y, z = float(g[PX, i, j]), float(g[PX + 1, i, j]), float(g[PX + 2, i, j])
            glossy = part == GLASSES or label in (paint.EYE, paint.IRIS)
            b[paint.GLOSS, i, j] = 0.9 if glossy else 0.12
            bearded = part == SKIN and label != paint.LIPS and h.beard * whiskers(h, x, y, z) > 0.25
            if part == HAIR or label == paint.BROW or bearded:
                for k in range(3):
                    b[paint.RED + k, i, j] = min(mane[k] * 1.15 + 0.04, 1.0)
                b[paint.STRAND, i, j] = 0.12
            elif label == paint.LIPS:
                b[paint.RED, i, j] = skin[0] * 0.92
                b[paint.RED + 1, i, j] = skin[1] * 0.58
                b[paint.RED + 2, i, j] = skin[2] * 0.60
            elif part == CLOTH:
                b[paint.RED, i, j] = min(max(h.cloth_light + 0.24 * h.cloth_warm, 0.05), 0.95)
                b[paint.RED + 1, i, j] = min(max(h.cloth_light + 0.12 * h.cloth_green, 0.05), 0.95)
                b[paint.RED + 2, i, j] = min(max(h.cloth_light - 0.24 * h.cloth_warm, 0.05), 0.95)
            elif part == SKIN and label not in (paint.EYE, paint.IRIS, paint.MOUTH):
                rosy = h.blush * ramp(0.06, 0.0, (abs(x) - 0.40) ** 2 + (y + 0.33) ** 2)
                line = ramp(0.3, 0.8, float(a[paint.LINE, i, j]))
                b[paint.RED, i, j] = skin[0] * (1.03 - 0.25 * line)
                b[paint.RED + 1, i, j] = skin[1] * (0.98 - 0.24 * rosy) * (1 - 0.35 * line)
                b[paint.RED + 2, i, j] = skin[2] * (0.92 - 0.24 * rosy) * (1 - 0.35 * line)
    photograph(h, bent, b, out)
