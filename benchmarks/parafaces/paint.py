"""What colour things are before any light falls on them, and what they are called.

`paint` turns the G-buffer into an albedo buffer and a label for every sample. Eyes, lids, brows,
lips, teeth, nostrils, beard and freckles are painted in head coordinates on the surface that the
distance field shapes underneath them; colours are display values in [0, 1].
"""

from math import atan2, exp, sqrt
from typing import Any

import numpy as np

from benchmarks.parafaces.march import CLOTH, FRINGE, GLASSES, HAIR, NOTHING, NX, PART, PX
from benchmarks.parafaces.noise import compiled, declared, noise2, noise3, ramp
from benchmarks.parafaces.parameters import Array, Doubles

SEGMENTS = ("background", "skin", "nose", "neck", "hair", "brow", "eye", "iris", "lips", "mouth",
            "clothes", "glasses")  # fmt: skip
(BACKGROUND, FACE, NOSE, NECK, HAIRS, BROW, EYE, IRIS, LIPS, MOUTH, CLOTHES, RIMS) = range(12)
BROW_INNER, BROW_BEYOND = 0.105, 0.185  # from the middle of the face; beyond the pupil
LAYERS = ("red", "green", "blue", "label", "gloss", "glint", "strand", "line")
RED, GREEN, BLUE, LABEL, GLOSS, GLINT, STRAND, LINE = range(len(LAYERS))


@declared("void(f8[::1], f8, f8, f8, f8)")
def mix(c: Doubles, r: float, g: float, b: float, a: float) -> None:
    """Lay a colour over c with opacity a."""
    c[0] += (r - c[0]) * a
    c[1] += (g - c[1]) * a
    c[2] += (b - c[2]) * a


@compiled
def skin_colour(h: Any, c: Doubles) -> None:
    """From fair through olive and brown to dark."""
    t = h.skin_tone
    c[0], c[1], c[2] = 0.925, 0.765, 0.680
    mix(c, 0.835, 0.640, 0.520, ramp(0.0, 0.38, t))
    mix(c, 0.625, 0.430, 0.320, ramp(0.30, 0.66, t))
    mix(c, 0.365, 0.235, 0.175, ramp(0.60, 1.0, t))
    c[0] *= 1 + 0.020 * h.skin_warmth
    c[2] *= 1 - 0.045 * h.skin_warmth


@compiled
def hair_colour(h: Any, c: Doubles) -> None:
    """From black through brown to blond, then red and grey."""
    t = h.hair_tone
    c[0], c[1], c[2] = 0.085, 0.070, 0.068
    mix(c, 0.235, 0.155, 0.115, ramp(0.05, 0.30, t))
    mix(c, 0.430, 0.290, 0.185, ramp(0.28, 0.55, t))
    mix(c, 0.760, 0.600, 0.390, ramp(0.52, 0.92, t))
    mix(c, 0.50, 0.215, 0.10, ramp(0.35, 0.95, h.hair_red) * ramp(0.05, 0.45, t))
    mix(c, 0.66, 0.65, 0.64, 0.92 * h.hair_grey)


@compiled
def skin(h: Any, x: float, y: float, z: float, c: Doubles) -> None:
    """Blush, mottling, freckles, shadows under the eyes, folds, nostrils."""
    ax, seed = abs(x), h.texture * 61.0
    dark = 1 - 0.75 * h.skin_tone
    mottle = noise3(x * 5 + seed, y * 5, z * 5) - 0.5
    mottle += 0.6 * (noise3(x * 13, y * 13 + seed, z * 13) - 0.5)
    for k in range(3):
        c[k] *= 1 + 0.075 * mottle
    cheek = exp(-((ax - 0.40) ** 2 + (y + 0.33) ** 2) / 0.035)
    tip = exp(-(x * x + (y - h.nose_y) ** 2) / 0.02) * ramp(0.6, 0.85, z)
    red = (h.blush * (0.75 * cheek + 0.55 * tip) + 0.25 * mottle * h.blush) * (0.5 + 0.5 * dark)
    mix(c, c[0] * 1.0, c[1] * 0.78, c[2] * 0.76, min(max(red, 0.0), 1.0))
    mix(c, c[0] * 1.0, c[1] * 0.97, c[2] * 0.90, 0.5 * ramp(0.25, 0.5, y))
    spot = ramp(0.70, 0.80, noise3(x * 26 + seed, y * 26, z * 9))
    spot *= exp(-((ax - 0.25) ** 2 / 0.08 + (y + 0.25) ** 2 / 0.03))
    mix(c, c[0] * 0.74, c[1] * 0.60, c[2] * 0.52, min(1.0, 1.1 * h.freckles * spot))
    if z > 0.2:
        eye = exp(-(((ax - h.eye_distance) / 0.16) ** 2) - ((y + 0.135) / 0.045) ** 2)
        mix(c, c[0] * 0.80, c[1] * 0.74, c[2] * 0.78, (0.25 + 0.5 * h.age) * eye)
        bend = 0.215 + 0.20 * (-0.36 - y)
        fold = exp(-(((ax - bend) / 0.022) ** 2)) * ramp(-0.36, -0.42, y) * ramp(-0.68, -0.58, y)
        mix(c, c[0] * 0.72, c[1] * 0.62, c[2] * 0.58, min(0.75, 0.8 * h.wrinkle) * fold)
        nostril = exp(
            -(((ax - 0.52 * h.nose_width) / 0.030) ** 2) - ((y - h.nose_y + 0.082) / 0.021) ** 2
        ) * ramp(0.5, 0.62, z)
        mix(c, c[0] * 0.30, c[1] * 0.20, c[2] * 0.18, min(1.0, 1.1 * nostril))


@compiled
def whiskers(h: Any, x: float, y: float, z: float) -> float:
    """Where a beard grows, in [0, 1]."""
    if z < -0.1 or y > -0.2:
        return 0.0
    ax = abs(x)
    cheek = -0.40 + 0.05 - 0.95 * max(0.50 - ax, 0.0) + 0.25 * max(0.20 - ax, 0.0)
    grown = ramp(cheek + 0.10, cheek - 0.12, y) * ramp(0.0, 0.16, z)
    top = h.nose_y - 0.105
    lip = ramp(top + 0.03, top - 0.04, y) * ramp(0.36, 0.28, ax) * ramp(0.4, 0.6, z)
    below = ramp(h.chin_y - 0.20, h.chin_y - 0.08, y)
    return max(grown, lip) * below


@compiled
def brow_line(h: Any, t: float) -> float:
    """Height of the middle of a brow, t from 0 (inner end) to 1."""
    middle = h.brow_y + h.brow_arch * (1 - ((t - 0.62) / 0.62) ** 2) + h.brow_in * (1 - t)
    return middle + h.brow_tilt * 0.12 * t - 0.05 * ramp(0.7, 1.05, t)


@compiled
def brow(h: Any, x: float, y: float, c: Doubles, hair: Doubles) -> float:
    """Paint a brow; its opacity here."""
    inner, outer = BROW_INNER, h.eye_distance + BROW_BEYOND
    t = (abs(x) - inner) / (outer - inner)
    if t < -0.1 or t > 1.05:
        return 0.0
    middle = brow_line(h, t)
    half = h.brow_thickness * (1 - 0.72 * ramp(0.45, 1.05, t)) * ramp(-0.12, 0.10, t)
    v = (y - middle) / (half + 1e-4)
    a = ramp(1.25, 0.55, abs(v)) * ramp(-0.10, 0.05, t) * ramp(1.05, 0.9, t)
    a *= 0.72 + 0.45 * noise2((x + 0.5 * y) * 60, y * 14, 7)
    a = min(1.0, a) * (0.92 - 0.22 * h.lashes)
    mix(c, hair[0] * 0.72, hair[1] * 0.70, hair[2] * 0.68, a)
    return a


@compiled
def lips(h: Any, x: float, y: float, c: Doubles) -> int:
    """Paint lips, mouth and teeth; the label."""
    u = x / h.mouth_w
    if abs(u) > 1.12:
        return FACE
    arc = max(1 - u * u, 0.0)
    seam = h.mouth_y + h.corner * u * u
    bow = 1 - 0.22 * exp(-((x / 0.035) ** 2)) + 0.06 * exp(-(((abs(x) - 0.06) / 0.04) ** 2))
    upper = seam + h.lip_u * sqrt(arc) * (0.35 + 0.65 * arc) * bow + 0.12 * h.gap * arc
    open_top, open_low = seam + 0.12 * h.gap * arc, seam - h.gap * arc
    lower = open_low - h.lip_l * sqrt(arc) * (0.30 + 0.70 * arc)
    if y > upper + 0.02 or y < lower - 0.02:
        return FACE
    rosy, tone = h.lip_colour, h.skin_tone
    lr, lg, lb = c[0] * 0.90, c[1] * (0.66 - 0.14 * rosy), c[2] * (0.68 - 0.08 * rosy)
    lr, lg, lb = lr * (1 - 0.05 * tone), lg * (1 + 0.1 * tone), lb * (1 + 0.1 * tone)
    a = ramp(upper + 0.012, upper - 0.012, y) * ramp(lower - 0.014, lower + 0.014, y)
    shade = 0.95 if y > seam else 1.0
    mix(c, lr * shade, lg * shade, lb * shade, a * 0.92)
    line = exp(-(((y - open_top) / 0.010) ** 2)) * ramp(1.12, 0.98, abs(u))
    mix(c, lr * 0.42, lg * 0.34, lb * 0.36, 0.68 * line)
    if open_low < y < open_top and h.gap > 0.012:
        depth = (open_top - y) / 0.075
        mix(c, 0.26, 0.085, 0.085, 1.0)
        bite = ramp(1.1, 0.75, depth) * ramp(0.86, 0.70, abs(u))
        mix(c, 0.90, 0.87, 0.82, bite * (0.97 - 0.35 * u * u))
        mix(c, 0.60, 0.27, 0.26, 0.55 * ramp(1.2, 1.7, depth) * ramp(0.7, 0.3, abs(u)))
        return MOUTH
    return LIPS if a > 0.5 else FACE


@compiled
def iris(h: Any, dx: float, dy: float, c: Doubles) -> float:
    """Paint iris and pupil around (0, 0); opacity."""
    r = sqrt(dx * dx + dy * dy) / h.iris_size
    a = ramp(1.04, 0.92, r)
    if a <= 0:
        return 0.0
    t, green = h.iris_light, h.iris_green
    ir, ig, ib = 0.20 + 0.16 * t, 0.115 + 0.10 * t, 0.07 + 0.03 * t
    pale = ramp(0.42, 0.62, t)
    ir += (0.36 + 0.06 * green - ir) * pale
    ig += (0.47 + 0.02 * green - ig) * pale
    ib += (0.58 - 0.22 * green - ib) * pale
    light = (0.80 + 0.45 * ramp(0.5, -0.9, dy / h.iris_size)) * (1 - 0.5 * ramp(0.72, 1.0, r))
    dark = ramp(0.52, 0.40, r)
    mix(c, ir * light, ig * light, ib * light, a)
    mix(c, 0.03, 0.025, 0.025, dark)
    return a


@compiled
def gaze(h: Any) -> tuple[float, float]:
    """Where the iris is, from the middle of the eye; eyes tend to look into the camera."""
    down = h.eye_size * h.gaze_y - 0.06 * h.r12 + 0.25 * (h.lid_up - h.lid_low)
    return h.eye_size * h.gaze_x - 0.085 * h.r02, down


@compiled
def eye(h: Any, x: float, y: float, c: Doubles, out: Array) -> int:
    """Paint lid, lashes and eyeball; the label. Glint and line go into the layers."""
    side = 1.0 if x > 0 else -1.0
    ex = abs(x) - h.eye_distance
    u, v = ex / h.eye_size, y - h.eye_tilt * ex
    if abs(u) > 1.35 or abs(v) > 0.30:
        return FACE
    arc = max(1 - u * u, 0.0)
    top = h.lid_up * arc**0.8 * (1 - 0.18 * u)
    low = -h.lid_low * arc * (1 + 0.15 * u)
    dim = 1 - 0.55 * ramp(0.55, 1.0, h.skin_tone)
    crease = top + 0.040 + 0.012 * (1 - u)
    fold = exp(-(((v - crease) / 0.013) ** 2)) * ramp(1.3, 0.8, abs(u + 0.1))
    mix(c, c[0] * 0.62, c[1] * 0.52, c[2] * 0.50, 0.75 * fold * h.lid_crease)
    lid = ramp(crease + 0.01, crease - 0.01, v) * ramp(low - 0.03, low, v) * ramp(1.2, 0.9, abs(u))
    mix(c, c[0] * 0.86, c[1] * 0.78, c[2] * 0.77, 0.5 * lid * (0.3 + h.lashes))
    label = FACE
    if abs(u) < 1 and low < v < top:
        label = EYE
        edge = ramp(0.0, 0.05, top - v)
        white = 0.70 + 0.22 * edge
        mix(c, white, white * 0.965, white * 0.95, 1.0)
        mix(c, 0.78, 0.56, 0.52, 0.55 * ramp(-0.72, -0.98, u) + 0.25 * ramp(0.8, 1.0, u))
        gx, gy = gaze(h)
        dx, dy = side * ex - gx, v - gy
        if iris(h, dx, dy, c) > 0.5:
            label = IRIS
        mix(c, c[0] * 0.55, c[1] * 0.52, c[2] * 0.52, 1 - ramp(-0.01, 0.035, top - v))
        sx, sy = 0.40 * h.iris_size * (1 if h.light_azimuth > 0 else -1), 0.42 * h.iris_size
        spark = ramp(0.40, 0.22, sqrt((dx - sx) ** 2 + (dy - sy) ** 2) / h.iris_size)
        out[GLINT] = spark
    width = (0.011 + 0.015 * h.lashes) * (0.7 + 0.5 * ramp(-1, 1, u))
    lash = ramp(1.25, 0.65, abs(v - top - 0.35 * width) / width) * ramp(1.14, 1.0, abs(u))
    lash = lash * (0.78 + 0.2 * h.lashes)
    under = exp(-(((v - low) / 0.011) ** 2)) * ramp(1.1, 0.9, abs(u)) * (0.25 + 0.3 * h.lashes)
    mix(c, 0.10 * dim, 0.07 * dim, 0.065 * dim, min(1.0, lash))
    mix(c, c[0] * 0.45, c[1] * 0.36, c[2] * 0.34, min(1.0, under))
    out[LINE] = max(lash, under)
    return label


@compiled
def strands(h: Any, x: float, y: float, z: float) -> float:
    """Brightness of the single strands around 1, drawn from the crown downwards."""
    angle, seed = atan2(x - 0.35 * h.window_x, z + 0.32), h.texture * 61.0
    bend = 0.10 * noise3(x * 2 + seed, y * 2, z * 2) * (0.4 + 2.2 * h.hair_curl)
    fine = noise2((angle + bend) * 34 + seed, y * 2.2 + seed, 3)
    coarse = noise2((angle + bend) * 11 + seed, y * 1.3, 5)
    tuft = noise3(x * 9 + seed, y * 9, z * 9)
    woolly = min(1.0, h.afro + 0.35 * h.hair_curl)
    finer = noise2((angle + 0.5 * bend) * 75 - seed, y * 3.0, 13)
    value = (0.45 * fine + 0.43 * coarse + 0.32 * finer) * (1 - 0.6 * woolly) + 0.75 * woolly * tuft
    return 0.50 + 0.86 * value


@compiled
def cloth(h: Any, x: float, y: float, z: float, c: Doubles) -> None:
    """Muted plain cloth, sometimes striped."""
    light, warm, green = h.cloth_light, 0.11 * h.cloth_warm, 0.05 * h.cloth_green
    weave = 0.95 + 0.10 * noise3(x * 20, y * 20, z * 20)
    if h.texture > 0.80:
        weave *= 0.80 + 0.35 * ramp(0.35, 0.65, abs(((y * 5.0) % 1.0) * 2 - 1))
    c[0] = min(max((light + warm) * weave, 0.03), 0.97)
    c[1] = min(max((light + green) * weave, 0.03), 0.97)
    c[2] = min(max((light - warm) * weave, 0.03), 0.97)


@compiled
def person(h: Any, g: Array, base: Doubles, mane: Doubles, c: Doubles, out: Array) -> int:
    """Paint a sample of skin; the label."""
    x, y, z = float(g[PX]), float(g[PX + 1]), float(g[PX + 2])
    c[0], c[1], c[2] = base[0], base[1], base[2]
    skin(h, x, y, z, c)
    out[GLOSS] = 0.55 + 0.5 * exp(-(x * x / 0.02)) * ramp(0.6, 0.8, z)
    label = FACE
    if (y < h.chin_y + 0.05 and z < 0.35 + 0.6 * (y - h.chin_y)) or y < h.chin_y - 0.16:
        label = NECK
    elif (
        abs(x) < h.nose_width + 0.07
        and h.nose_y - 0.11 < y < 0.02
        and z > 0.60
        and (abs(x) < 0.06 + (h.nose_width + 0.01) * ramp(-0.05, h.nose_y, y))
    ):
        label = NOSE
    grown = whiskers(h, x, y, z)
    if grown > 0:
        hairs = 0.62 + 0.9 * noise3(x * 38, y * 15, z * 15)
        a = min(0.90, 1.35 * h.beard * grown) * min(1.0, 1.25 - 0.4 * hairs)
        mix(c, mane[0] * hairs, mane[1] * hairs, mane[2] * hairs, a)
        mix(c, 0.5 * c[0] + 0.06, 0.5 * c[1] + 0.06, 0.5 * c[2] + 0.08, 0.6 * h.stubble * grown)
        out[GLOSS] *= 1 - 0.7 * h.beard * grown
    # The hairline fades into the scalp.
    fade = ramp(0.075, 0.0, g[FRINGE]) * 0.85 * ramp(-0.40, 0.0, y)
    if fade > 0:
        rough = 0.55 + 0.75 * noise2(atan2(x, z + 0.3) * 40, y * 5, 11)
        mix(c, mane[0], mane[1], mane[2], min(1.0, fade * rough))
    if z > 0.25 and g[NX + 2] > -0.2:
        if y < -0.3:
            part = lips(h, x, y, c)
            if part != FACE:
                out[GLOSS] = 1.5 if part == LIPS else 0.6
                return part
        elif y > -0.3:
            part = eye(h, x, y, c, out)
            if part != FACE:
                out[GLOSS] = 2.0
                return part
            if brow(h, x, y, c, mane) > 0.45:
                return BROW
    return label


@compiled
def paint(h: Any, g: Array, out: Array) -> None:
    """Fill the layers out [8, size, size] from the G-buffer g [11, size, size]."""
    base, mane, c = np.zeros(3), np.zeros(3), np.zeros(3)
    skin_colour(h, base)
    hair_colour(h, mane)
    layers, sample = np.zeros(len(LAYERS), np.float32), np.zeros(g.shape[0], np.float32)
    rim = 0.06 + 0.5 * h.glasses_light
    out[:] = 0
    for i in range(g.shape[1]):
        for j in range(g.shape[2]):
            part = int(g[PART, i, j])
            if part == NOTHING:
                continue
            for k in range(g.shape[0]):
                sample[k] = g[k, i, j]
            layers[:] = 0
            x, y, z = float(sample[PX]), float(sample[PX + 1]), float(sample[PX + 2])
            label = CLOTHES
            if part == HAIR:
                label, tone = HAIRS, strands(h, x, y, z)
                c[0], c[1], c[2] = mane[0] * tone, mane[1] * tone, mane[2] * tone
                layers[STRAND] = tone
            elif part == CLOTH:
                cloth(h, x, y, z, c)
                layers[GLOSS] = 0.1
            elif part == GLASSES:
                label = RIMS
                c[0], c[1], c[2] = rim, rim * 0.86, rim * 0.78
                layers[GLOSS] = 1.6
            else:
                label = person(h, sample, base, mane, c, layers)
            out[LABEL, i, j] = label
            for k in range(3):
                out[RED + k, i, j] = c[k]
            for k in (GLOSS, GLINT, STRAND, LINE):
                out[k, i, j] = layers[k]
