"""Where the features are: anchors on the skin, marched to, projected and tested for visibility."""

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.parafaces.head import F, face
from benchmarks.parafaces.march import compiled
from benchmarks.parafaces.paint import BROW_BEYOND, BROW_INNER, brow_line, gaze
from benchmarks.parafaces.parameters import Array, Doubles
from benchmarks.parafaces.shape import DISTANCE

# Left and right are those of the picture. Anchors are given in head space: seen from the front
# (x, y), or from the side (height, depth).
_PAIRS = ("eye_outer", "eye_inner", "eye_top", "eye_bottom", "pupil", "brow_inner", "brow_middle",
          "brow_outer", "nose_wing", "mouth_corner", "cheek")  # fmt: skip
_MIDDLE = ("forehead", "nose_root", "nose_tip", "nose_base", "lip_top", "lip_bottom", "chin")
_SIDES = ("jaw", "temple", "ear")
_BOTH = [[f"{name}_{side}" for name in names for side in ("left", "right")]
         for names in (_PAIRS, _SIDES)]  # fmt: skip
LANDMARKS = (*_BOTH[0], *_MIDDLE, *_BOTH[1])
TOLERANCE = 0.06  # head units a landmark may lie behind the depth map and still be seen


@compiled
def anchors(h: Any) -> tuple[Doubles, Doubles, Doubles]:
    """Pairs [11, 2, 2] (feature, left/right, xy), middle [7, 2], sides [3, 2] (height, depth)."""
    pairs, middle, sides = np.zeros((11, 2, 2)), np.zeros((7, 2)), np.zeros((3, 2))
    gx, gy = gaze(h)
    for k in range(2):
        x, y, s = pairs[:, k, 0], pairs[:, k, 1], 2.0 * k - 1
        span = h.eye_distance + BROW_BEYOND - BROW_INNER
        wide, low = h.eye_distance + h.eye_size, h.eye_tilt * h.eye_size
        x[0], y[0] = s * wide, low
        x[1], y[1] = s * (h.eye_distance - h.eye_size), -low
        x[2], y[2] = s * h.eye_distance, h.lid_up
        x[3], y[3] = s * h.eye_distance, -h.lid_low
        x[4], y[4] = s * h.eye_distance + gx, gy
        for n in range(3):
            x[5 + n], y[5 + n] = s * (BROW_INNER + 0.5 * n * span), brow_line(h, 0.5 * n)
        x[8], y[8] = s * (h.nose_width + 0.75 * h.ala_r), h.ala_y
        x[9], y[9] = s * h.mouth_w, h.mouth_y + h.corner
        x[10], y[10] = s * h.bone_x, h.cheek_y
    middle[0, 1], middle[1, 1], middle[2, 1] = 0.55, 0.10, h.nose_y
    middle[3, 1] = h.nose_y - 0.95 * h.nose_bulb
    middle[4, 1], middle[5, 1] = h.mouth_y + 0.78 * h.lip_u, h.mouth_y - h.gap - h.lip_l
    middle[6, 1] = h.chin_y - 0.07
    sides[0, 0], sides[0, 1] = h.jaw_y, 0.15
    sides[1, 0], sides[1, 1] = 0.25, 0.10
    sides[2, 0], sides[2, 1] = -0.10, -0.12
    return pairs, middle, sides


@compiled
def surface(
    h: Any, x: float, y: float, z: float, axis: int, sign: float
) -> tuple[float, float, float]:
    """First point of the skin from (x, y, z) along -sign of the axis (0 or 2)."""
    for _ in range(60):
        d = face(h, F(abs(x)), F(x), F(y), F(z))
        if d < 0.001:
            break
        if axis == 0:
            x -= sign * d
        else:
            z -= sign * d
    return x, y, z


@compiled
def project(h: Any, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Picture coordinates in [0, 1] (v downwards) and distance from the camera of a head point."""
    cx = h.r00 * x + h.r01 * y + h.r02 * z + h.shift_x_
    cy = h.r10 * x + h.r11 * y + h.r12 * z + h.shift_y_
    cz = h.r20 * x + h.r21 * y + h.r22 * z
    s = DISTANCE / (DISTANCE - cz) / h.extent
    return (0.5 + cx * s, 0.5 - cy * s, sqrt(cx * cx + cy * cy + (DISTANCE - cz) * (DISTANCE - cz)))


@compiled
def locate(h: Any, points: Array, distance: Array) -> None:
    """Fill points [K, 2], fractions of the picture (x right, y down), and distances [K]."""
    pairs, middle, sides = anchors(h)
    first, second = 2 * len(pairs), 2 * len(pairs) + len(middle)
    for k in range(second + 2 * len(sides)):
        if k < first:
            x, y, z = surface(h, pairs[k // 2, k % 2, 0], pairs[k // 2, k % 2, 1], 1.4, 2, 1.0)
        elif k < second:
            x, y, z = surface(h, 0.0, middle[k - first, 1], 1.4, 2, 1.0)
        else:
            m, sign = (k - second) // 2, 2.0 * ((k - second) % 2) - 1
            x, y, z = surface(h, 1.5 * sign, sides[m, 0], sides[m, 1], 0, sign)
        points[k, 0], points[k, 1], distance[k] = project(h, x, y, z)


@compiled
def landmark_truth(h: Any, depth: Array, points: Array, visible: NDArray[np.bool_]) -> None:
    """Fill points [K, 2] in pixels (pixel centres at .5) and visible [K] from the depth [R, R]."""
    size, distance = depth.shape[0], np.empty(len(points), np.float32)
    locate(h, points, distance)
    for k in range(len(points)):
        u, v = points[k, 0], points[k, 1]
        points[k, 0], points[k, 1] = u * F(size), v * F(size)
        visible[k] = False
        if 0 <= u < 1 and 0 <= v < 1:
            visible[k] = distance[k] < depth[int(v * size), int(u * size)] + TOLERANCE
