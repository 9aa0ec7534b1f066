"""Sketch: graphite on paper; contours of varying weight, hatching by tone along the form, grain."""

from math import cos, floor, sin, sqrt
from typing import Any

import numpy as np

from benchmarks.parafaces.march import HAIR, NOTHING, NX, PART
from benchmarks.parafaces.noise import compiled, noise2, ramp
from benchmarks.parafaces.paint import GLINT, LABEL, LINE, SEGMENTS, STRAND
from benchmarks.parafaces.parameters import Array
from benchmarks.parafaces.shading import photograph
from benchmarks.parafaces.styles.ink import line_radius, outlines

PAPER, GRAPHITE = np.array([0.965, 0.957, 0.938]), np.array([0.165, 0.165, 0.180])
SOFT = np.array([label in ("skin", "nose", "neck") for label in SEGMENTS])


@compiled
def stroke(s: float, t: float, density: float, seed: int) -> float:
    """Hatching at (s across, t along the strokes), in stroke widths: ink in [0, 1]."""
    s += 0.35 * (noise2(s * 0.23, t * 0.10, seed) - 0.5)
    row = floor(s)
    weight = 0.65 + 0.7 * noise2(row * 1.7, t * 0.16, seed + 1)
    half = 0.48 * density * weight
    return ramp(half + 0.16, half - 0.16, abs(s - row - 0.5))


@compiled
def hatching(h: Any, g: Array, i: int, j: int, dark: float, seed: int) -> float:
    """Pencil cover in [0, 1] of a sample whose darkness is in [0, 1]."""
    size = g.shape[1]
    x, y = 40.0 * (j + 0.5) / size, 40.0 * (i + 0.5) / size
    bend = 0.0
    if g[PART, i, j] != NOTHING:  # strokes lean with the form
        bend = 0.7 * (h.r00 * g[NX, i, j] + h.r01 * g[NX + 1, i, j] + h.r02 * g[NX + 2, i, j])
    a = 0.80 + 0.35 * bend
    first = stroke(x * cos(a) + y * sin(a), y * cos(a) - x * sin(a), 0.30 + 0.9 * dark, seed)
    cover = first * ramp(0.10, 0.45, dark) * (0.35 + 0.65 * dark)
    if dark > 0.45:
        a = -0.55 + 0.3 * bend
        second = stroke(x * cos(a) + y * sin(a), y * cos(a) - x * sin(a), dark, seed + 7)
        cover = max(cover, second * ramp(0.45, 0.80, dark) * 0.9)
    # A tone rubbed with the finger lies under the strokes.
    return min(1.0, 0.42 * dark + 0.58 * cover)


@compiled
def draw(h: Any, g: Array, a: Array, out: Array) -> None:
    """Pencil drawing out [size, size, 3] of G-buffer and paint."""
    size = g.shape[1]
    lines = np.empty((size, size), np.float32)
    outlines(g, line_radius(size), 0.07, 0.80, lines)
    photograph(h, g, a, out)
    seed = int(abs(h.blob_x) * 9973 + abs(h.back_angle) * 7919) % 4096  # by picture
    wash = sqrt(h.light_key)
    for i in range(size):
        for j in range(size):
            light = 0.30 * out[i, j, 0] + 0.59 * out[i, j, 1] + 0.11 * out[i, j, 2]
            px, py = 64.0 * (j + 0.5) / size, 64.0 * (i + 0.5) / size
            label, cover = int(a[LABEL, i, j]), 0.0
            if g[PART, i, j] == NOTHING:
                # Some shade beside the shoulder away from the light.
                side = (j + 0.5) / size if h.light_azimuth < 0 else 1 - (j + 0.5) / size
                dark = 0.34 * ramp(0.55, 0.95, side) * ramp(0.15, 0.75, (i + 0.5) / size)
                cover = hatching(h, g, i, j, dark, seed) if dark > 0.02 else 0.0
            else:
                base = 0.50 + 0.24 * h.skin_tone if SOFT[label] else 0.0
                dark = min(max(1.02 - light / wash - 0.30 * base, 0.0), 1.0)
                if g[PART, i, j] == HAIR:
                    dark = min(max(dark * 0.82 + 1.0 * (1.0 - a[STRAND, i, j]) * 0.55, 0.0), 1.0)
                cover = hatching(h, g, i, j, dark**1.1, seed)
                if not SOFT[label]:
                    cover = 0.55 * cover + 0.45 * dark
                weight = 0.60 + 0.55 * noise2(px * 0.11, py * 0.11, seed + 3)
                cover = max(cover, lines[i, j] * weight)
                cover = max(cover, 0.95 * ramp(0.2, 0.7, float(a[LINE, i, j])))
                cover *= 1 - ramp(0.3, 0.6, float(a[GLINT, i, j]))
            grain = noise2(px * 1.35, py * 1.35, seed + 5)
            tooth = noise2(px * 0.5, py * 0.5, seed + 6) - 0.5
            cover = min(max(cover * (0.80 + 0.36 * grain), 0.0), 1.0) * 0.96
            for k in range(3):
                paper = PAPER[k] * (1 + 0.020 * tooth + 0.025 * (grain - 0.5))
                out[i, j, k] = paper + (GRAPHITE[k] - paper) * cover
