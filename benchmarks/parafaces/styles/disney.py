"""Disney: smooth three-dimensional cartoon; large eyes, small nose, round shapes, gloss."""

from typing import Any

import numpy as np

from benchmarks.parafaces import paint
from benchmarks.parafaces.march import HAIR, NOTHING, PART, SKIN
from benchmarks.parafaces.noise import compiled, noise2, ramp
from benchmarks.parafaces.paint import hair_colour, skin_colour
from benchmarks.parafaces.parameters import Array
from benchmarks.parafaces.shading import photograph


@compiled
def smooth(h: Any, g: Array, a: Array, b: Array) -> None:
    """Paint b: that of the photograph with simple clean colours and more gloss."""
    skin, mane = np.zeros(3), np.zeros(3)
    skin_colour(h, skin)
    hair_colour(h, mane)
    for i in range(g.shape[1]):
        for j in range(g.shape[2]):
            part, label = int(g[PART, i, j]), int(a[paint.LABEL, i, j])
            if part == HAIR:
                lock = 1 + 0.45 * (a[paint.STRAND, i, j] - 1)
                for k in range(3):
                    b[paint.RED + k, i, j] = min(mane[k] * lock * 1.20 + 0.02, 1.0)
                b[paint.STRAND, i, j] = lock * 1.6
            elif label in (paint.EYE, paint.MOUTH, paint.IRIS):
                lift = 1.35 if label == paint.IRIS else 1.06
                for k in range(3):
                    b[paint.RED + k, i, j] = min(1.0, a[paint.RED + k, i, j] * lift)
            elif part == SKIN and label != paint.BROW and label != paint.LIPS:
                # Most of the mottling goes; what is much darker (beard, lashes, nostrils) stays.
                light = (a[paint.RED, i, j] + a[paint.RED + 1, i, j]) / (skin[0] + skin[1])
                keep = 0.40 + 0.60 * ramp(0.86, 0.70, light)
                for k in range(3):
                    b[paint.RED + k, i, j] = skin[k] + (a[paint.RED + k, i, j] - skin[k]) * keep
                b[paint.GLOSS, i, j] = 1.5 * a[paint.GLOSS, i, j]


@compiled
def draw(h: Any, g: Array, a: Array, out: Array) -> None:
    """Cartoon still out [size, size, 3] of G-buffer and paint."""
    size = g.shape[1]
    b = a.copy()
    smooth(h, g, a, b)
    photograph(h, g, b, out)
    for i in range(size):
        for j in range(size):
            light = 0.30 * out[i, j, 0] + 0.59 * out[i, j, 1] + 0.11 * out[i, j, 2]
            boost = 1.42
            if g[PART, i, j] == NOTHING:
                boost = 1.6
                light += 0.02 * (noise2(5.0 * j / size, 5.0 * i / size, 17) - 0.5)
            spark = ramp(0.25, 0.6, float(a[paint.GLINT, i, j]))
            for k in range(3):
                c = min(max(light + (out[i, j, k] - light) * boost, 0.0), 1.0)
                c += 0.30 * c * (1 - c)  # soft light: lifted middle tones
                if k == 0:
                    c += 0.015
                out[i, j, k] = c + (1 - c) * spark
