"""Caricature: what sets each person apart is exaggerated; pen and watercolour on white paper."""

from math import sqrt
from typing import Any

import numpy as np

from benchmarks.parafaces.march import HAIR, NOTHING, PART
from benchmarks.parafaces.noise import compiled, noise2, ramp
from benchmarks.parafaces.paint import GLINT, LINE
from benchmarks.parafaces.parameters import Array
from benchmarks.parafaces.shading import backdrop, photograph
from benchmarks.parafaces.styles.ink import line_radius, outlines

INK = np.array([0.16, 0.12, 0.11])


@compiled
def draw(h: Any, g: Array, a: Array, out: Array) -> None:
    """Watercolour out [size, size, 3] of G-buffer and paint."""
    size = g.shape[1]
    photograph(h, g, a, out)
    lines = np.empty((size, size), np.float32)
    outlines(g, line_radius(size), 0.075, 0.72, lines)
    seed = int(abs(h.blob_x) * 9973 + abs(h.back_angle) * 7919) % 4096  # by picture
    c, pixel = np.zeros(3), size / 64.0
    backdrop(h, 0.5, 0.4, c)
    for i in range(size):
        for j in range(size):
            x, y = (j + 0.5) / pixel, (i + 0.5) / pixel
            cloud = noise2(x * 0.10, y * 0.10, seed) + 0.5 * noise2(x * 0.27, y * 0.27, seed + 1)
            grain = noise2(x * 1.2, y * 1.2, seed + 2) - 0.5
            if g[PART, i, j] == NOTHING:
                u, v = (j + 0.5) / size - 0.5, (i + 0.5) / size - 0.5
                r = sqrt(u * u + v * v) + 0.20 * (cloud - 0.75)
                edge = ramp(0.58, 0.52, r)
                rim = ramp(0.46, 0.53, r) * edge  # pigment gathers at the border of a wash
                grey = (c[0] + c[1] + c[2]) / 3
                for k in range(3):
                    wash = 0.80 + 1.5 * (c[k] - grey) + 0.14 * (cloud - 0.75) - 0.08 * rim
                    paper = 0.975 + 0.03 * grain
                    out[i, j, k] = min(max(paper + (wash - paper) * 0.8 * edge, 0.0), 1.0)
                continue
            light = 0.30 * out[i, j, 0] + 0.59 * out[i, j, 1] + 0.11 * out[i, j, 2]
            # Three washes with soft borders, light as paper at the top.
            level = light + 0.07 * (cloud - 0.75)
            step = 0.22 + 0.24 * ramp(0.20, 0.30, level) + 0.24 * ramp(0.40, 0.50, level)
            step += 0.26 * ramp(0.62, 0.72, level)
            share = 0.45 if g[PART, i, j] == HAIR else 0.62
            target = 0.10 + 0.95 * ((1 - share) * light + share * step)
            ink = 0.93 * max(lines[i, j], ramp(0.3, 0.8, float(a[LINE, i, j])))
            ink *= 0.80 + 0.35 * noise2(x * 0.2, y * 0.2, seed + 4)
            spark = ramp(0.3, 0.6, float(a[GLINT, i, j]))
            for k in range(3):
                value = target + (out[i, j, k] - light) * 1.20 * (target + 0.25) / (light + 0.25)
                value = value * (1 + 0.07 * grain)
                value += (INK[k] - value) * min(ink, 1.0)
                out[i, j, k] = min(max(value + (1 - value) * spark, 0.0), 1.0)
