"""Pop art: four flat screen-print colours, halftone dots in the half tones, black outlines."""

from math import cos, floor, sin, sqrt
from typing import Any

import numpy as np

from benchmarks.parafaces.march import CLOTH, GLASSES, HAIR, NOTHING, PART
from benchmarks.parafaces.noise import compiled, lattice, ramp
from benchmarks.parafaces.paint import BROW, EYE, GLINT, IRIS, LABEL, LINE, LIPS, MOUTH
from benchmarks.parafaces.parameters import Array
from benchmarks.parafaces.shading import photograph
from benchmarks.parafaces.styles.ink import line_radius, outlines

# Background, skin, hair, clothes: six printings.
PALETTES = np.array([
        [[0.98, 0.80, 0.16], [0.99, 0.72, 0.66], [0.13, 0.22, 0.55], [0.88, 0.20, 0.27]],
        [[0.10, 0.65, 0.72], [1.00, 0.84, 0.62], [0.93, 0.33, 0.20], [0.98, 0.82, 0.20]],
        [[0.93, 0.30, 0.52], [0.99, 0.90, 0.42], [0.16, 0.13, 0.20], [0.15, 0.62, 0.60]],
        [[0.33, 0.71, 0.36], [0.98, 0.66, 0.76], [0.97, 0.84, 0.22], [0.20, 0.32, 0.66]],
        [[0.97, 0.50, 0.16], [0.72, 0.87, 0.90], [0.20, 0.20, 0.46], [0.95, 0.90, 0.78]],
        [[0.47, 0.33, 0.66], [0.98, 0.82, 0.72], [0.95, 0.38, 0.44], [0.30, 0.76, 0.72]],
])  # fmt: skip
BLACK, WHITE = np.array([0.09, 0.075, 0.10]), np.array([0.98, 0.97, 0.94])
RED_INK = np.array([0.86, 0.13, 0.22])


@compiled
def dots(x: float, y: float, cover: float) -> float:
    """Halftone screen at 45 degrees, (x, y) in dots: ink in [0, 1] for a cover in [0, 1]."""
    # 45 degrees, as the black plate of a print has it: the eye sees it least.
    s, t = x * cos(0.785) + y * sin(0.785), y * cos(0.785) - x * sin(0.785)
    dx, dy = s - floor(s) - 0.5, t - floor(t) - 0.5
    r = 0.72 * sqrt(min(max(cover, 0.0), 1.0))
    return ramp(r + 0.08, r - 0.08, sqrt(dx * dx + dy * dy))


@compiled
def draw(h: Any, g: Array, a: Array, out: Array) -> None:
    """Screen print out [size, size, 3] of G-buffer and paint."""
    size = g.shape[1]
    lines = np.empty((size, size), np.float32)
    outlines(g, line_radius(size), 0.085, -2.0, lines)
    photograph(h, g, a, out)
    inks = PALETTES[int(6 * lattice(int(h.texture * 65536), int(abs(h.back_angle) * 4096), 41))]
    exposure = 0.5 + 0.25 * h.skin_tone
    for i in range(size):
        for j in range(size):
            part, label = int(g[PART, i, j]), int(a[LABEL, i, j])
            light = 0.30 * out[i, j, 0] + 0.59 * out[i, j, 1] + 0.11 * out[i, j, 2]
            light *= 1 + exposure * 0.6
            x, y = 21.0 * (j + 0.5) / size, 21.0 * (i + 0.5) / size
            black, tint, ink, second = 0.0, 0.0, inks[0], inks[3]
            if part == NOTHING:
                tint = 0.75 * dots(x, y, 0.45 * ramp(0.1, 1.1, (i + 0.5) / size))
                second = WHITE
            elif label == EYE:
                ink = WHITE
            elif label in (IRIS, BROW) or part == GLASSES:
                ink = inks[2] if label != IRIS else BLACK
                black = ramp(0.42, 0.30, light) if label != BROW else 0.85
            elif label == LIPS:
                ink = RED_INK
                black = ramp(0.22, 0.16, light)
            elif label == MOUTH:
                ink = WHITE if light > 0.55 else BLACK
            elif part == HAIR:
                ink, second = inks[2], WHITE
                black = dots(x * 1.15, y * 1.15, ramp(0.46, 0.10, light))
                tint = 0.55 * ramp(0.68, 0.76, light)
            elif part == CLOTH:
                ink = inks[3]
                black = dots(x, y, ramp(0.35, 0.05, light))
            else:
                ink, second = inks[1], RED_INK
                tint = 0.85 * dots(x, y, 0.62 * ramp(0.78, 0.46, light))
                black = ramp(0.36, 0.28, light)
            black = max(black, max(lines[i, j], ramp(0.25, 0.6, float(a[LINE, i, j]))))
            spark = ramp(0.3, 0.6, float(a[GLINT, i, j]))
            for k in range(3):
                c = ink[k] + (second[k] - ink[k]) * tint
                c += (BLACK[k] - c) * black
                out[i, j, k] = c + (1 - c) * spark
