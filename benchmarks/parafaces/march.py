"""Ray marching to a G-buffer, shared by every domain.

A coarse grid of cones finds where each block of samples may start (or that it sees only background);
then all rays of a band march together: the distance field is evaluated over contiguous arrays of the
rays still under way, which the compiler turns into vector instructions.
"""

from math import sqrt
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from benchmarks.parafaces.head import HALF, ONE, ZERO, F, parts
from benchmarks.parafaces.shape import DISTANCE

CHANNELS = ("depth", "nx", "ny", "nz", "px", "py", "pz", "part", "ao", "shade", "fringe")
DEPTH, NX, NY, NZ, PX, PY, PZ, PART, AO, SHADE, FRINGE = range(len(CHANNELS))
NOTHING, SKIN, HAIR, CLOTH, GLASSES = range(5)
BLOCK = 8  # samples a side of a cone
NEAR, FAR = F(DISTANCE - 1.6), F(DISTANCE + 1.8)
STEPS = 56
HIT, LOST = F(0.0015), F(0.006)
SLOPE = F(0.0025)
RELAX = F(0.92)
DELTA = F(0.006)
CAMERA = F(DISTANCE)
# Taps of the occlusion along the normal, and of the shadow towards the light: distances, weights.
AO_TAPS = np.array([0.05, 0.13, 0.30], np.float32)
AO_WEIGHTS = np.array([4.0, 2.0, 0.9], np.float32)
SHADOW_TAPS = np.array([0.06, 0.13, 0.24, 0.40, 0.62], np.float32)
SOFTNESS = F(5.0)

compiled = numba.njit(fastmath=True, error_model="numpy", cache=True, nogil=True)


@compiled
def nearest(h: Any, p: NDArray[np.float32], n: int, out: NDArray[np.float32]) -> None:
    """Distance to anything, of points p [3, n]."""
    xs, ys, zs = p[0], p[1], p[2]
    for i in range(n):
        skin, hair, cloth, glasses = parts(h, xs[i], ys[i], zs[i])
        out[i] = min(min(skin, hair), min(cloth, glasses))


@compiled
def apart(h: Any, p: NDArray[np.float32], n: int, out: NDArray[np.float32]) -> None:
    """Distances [4, n] to skin, hair, clothes and glasses of points p [3, n]."""
    xs, ys, zs = p[0], p[1], p[2]
    skins, hairs, cloths, rims = out[0], out[1], out[2], out[3]
    for i in range(n):
        skin, hair, cloth, glasses = parts(h, xs[i], ys[i], zs[i])
        skins[i] = skin
        hairs[i] = hair
        cloths[i] = cloth
        rims[i] = glasses


@compiled
def aim(h: Any, u: float, v: float) -> tuple[float, float, float]:
    """Unit direction in head space of the ray through (u, v), both in [-0.5, 0.5], v upwards."""
    x, y = F(u) * h.extent / CAMERA, F(v) * h.extent / CAMERA
    s = ONE / sqrt(x * x + y * y + ONE)
    x, y, z = x * s, y * s, -s
    return (h.r00 * x + h.r10 * y + h.r20 * z, h.r01 * x + h.r11 * y + h.r21 * z,
            h.r02 * x + h.r12 * y + h.r22 * z)


@compiled
def cones(h: Any, size: int, start: NDArray[np.float32]) -> None:
    """Depth [size/8, size/8] at which the rays of each block may start, or FAR."""
    side = size // BLOCK
    n = side * side
    p, w, d = np.empty((3, n), F), np.empty((3, n), F), np.empty(n, F)
    t, live = np.full(n, NEAR), np.arange(n)
    ways = np.empty((3, n), F)
    for k in range(n):
        u = (k % side + 0.5) / side - 0.5
        v = 0.5 - (k // side + 0.5) / side
        ways[0, k], ways[1, k], ways[2, k] = aim(h, u, v)
    # Half the diagonal of a block, per unit of depth.
    spread = F(0.90) * h.extent / CAMERA / F(side)
    count = n
    for _ in range(24):
        step(h, ways, t, live, count, p, d)
        kept = 0
        for i in range(count):
            k = live[i]
            room = d[i] - spread * t[k]
            if room > F(0.01):
                t[k] += room * RELAX
                if t[k] < FAR:
                    live[kept] = k
                    kept += 1
        count = kept
        if count == 0:
            break
    for k in range(n):
        start[k // side, k % side] = min(t[k], FAR)


@compiled
def step(h: Any, ways: NDArray[np.float32], t: NDArray[np.float32], live: NDArray[np.int64],
         count: int, p: NDArray[np.float32], d: NDArray[np.float32]) -> None:
    """Distances d [count] at the present depths of the rays under way."""
    for i in range(count):
        k = live[i]
        p[0, i] = h.origin_x + ways[0, k] * t[k]
        p[1, i] = h.origin_y + ways[1, k] * t[k]
        p[2, i] = h.origin_z + ways[2, k] * t[k]
    nearest(h, p, count, d)


@compiled
def trace(h: Any, size: int, g: NDArray[np.float32]) -> None:
    """Fill the G-buffer g [channels, size, size] of one picture; depth FAR where there is nothing."""
    side = size // BLOCK
    start = np.empty((side, side), F)
    cones(h, size, start)
    g[:] = ZERO
    g[DEPTH] = FAR
    rows = max(BLOCK, min(size, 16384 // size // BLOCK * BLOCK))
    n = rows * size
    p, ways, d4 = np.empty((3, n), F), np.empty((3, n), F), np.empty((4, n), F)
    t, live, place = np.empty(n, F), np.empty(n, np.int64), np.empty(n, np.int64)
    for top in range(0, size, rows):
        count = 0
        for i in range(top, min(top + rows, size)):
            for j in range(size):
                s = start[i // BLOCK, j // BLOCK]
                if s < FAR:
                    ways[0, count], ways[1, count], ways[2, count] = aim(
                        h, (j + 0.5) / size - 0.5, 0.5 - (i + 0.5) / size)
                    t[count] = s
                    place[count] = i * size + j
                    live[count] = count
                    count += 1
        walk(h, ways, t, live, count, p, d4[0])
        hits = 0
        for k in range(count):
            if t[k] < FAR:
                ways[0, hits], ways[1, hits], ways[2, hits] = ways[0, k], ways[1, k], ways[2, k]
                t[hits] = t[k]
                place[hits] = place[k]
                hits += 1
        survey(h, ways, t, place, hits, p, d4, g, size)


@compiled
def walk(h: Any, ways: NDArray[np.float32], t: NDArray[np.float32], live: NDArray[np.int64],
         count: int, p: NDArray[np.float32], d: NDArray[np.float32]) -> None:
    """March every ray to its surface; t becomes FAR where there is none."""
    for turn in range(STEPS):
        step(h, ways, t, live, count, p, d)
        kept = 0
        for i in range(count):
            k = live[i]
            if d[i] < HIT:
                continue
            t[k] += d[i] * RELAX
            if t[k] >= FAR:
                t[k] = FAR
            elif turn < STEPS - 1:
                live[kept] = k
                kept += 1
            elif d[i] > LOST * F(100):
                t[k] = FAR
        count = kept
        if count == 0:
            break


@compiled
def survey(h: Any, ways: NDArray[np.float32], t: NDArray[np.float32], place: NDArray[np.int64],
           n: int, p: NDArray[np.float32], d: NDArray[np.float32], g: NDArray[np.float32],
           size: int) -> None:
    """Normal, part, occlusion and shadow of n surface points."""
    at, normal = np.empty((3, n), F), np.zeros((3, n), F)
    occlusion, light = np.zeros(n, F), np.ones(n, F)
    for i in range(n):
        at[0, i] = h.origin_x + ways[0, i] * t[i]
        at[1, i] = h.origin_y + ways[1, i] * t[i]
        at[2, i] = h.origin_z + ways[2, i] * t[i]
    for corner in range(4):  # normals from the corners of a tetrahedron
        sx = ONE if corner in (0, 3) else -ONE
        sy = ONE if corner in (2, 3) else -ONE
        sz = ONE if corner in (1, 3) else -ONE
        for i in range(n):
            p[0, i] = at[0, i] + sx * DELTA
            p[1, i] = at[1, i] + sy * DELTA
            p[2, i] = at[2, i] + sz * DELTA
        nearest(h, p, n, d[0])
        for i in range(n):
            normal[0, i] += sx * d[0, i]
            normal[1, i] += sy * d[0, i]
            normal[2, i] += sz * d[0, i]
    for i in range(n):
        x, y, z = normal[0, i], normal[1, i], normal[2, i]
        s = ONE / (sqrt(x * x + y * y + z * z) + F(1e-9))
        normal[0, i], normal[1, i], normal[2, i] = x * s, y * s, z * s
    for k in range(len(AO_TAPS)):
        far = AO_TAPS[k]
        for i in range(n):
            for c in range(3):
                p[c, i] = at[c, i] + normal[c, i] * far
        nearest(h, p, n, d[0])
        for i in range(n):
            occlusion[i] += AO_WEIGHTS[k] * max(far - d[0, i], ZERO)
    for k in range(len(SHADOW_TAPS)):
        far = SHADOW_TAPS[k]
        for i in range(n):
            p[0, i] = at[0, i] + h.light_x * far + normal[0, i] * F(0.02)
            p[1, i] = at[1, i] + h.light_y * far + normal[1, i] * F(0.02)
            p[2, i] = at[2, i] + h.light_z * far + normal[2, i] * F(0.02)
        nearest(h, p, n, d[0])
        for i in range(n):
            light[i] = min(light[i], max(HALF + SOFTNESS * HALF * d[0, i] / far, ZERO))
    apart(h, at, n, d)
    for i in range(n):
        row, column = place[i] // size, place[i] % size
        best, part = d[0, i], SKIN
        for k in range(1, 4):
            if d[k, i] < best:
                best, part = d[k, i], k + 1
        g[DEPTH, row, column] = t[i]
        for c in range(3):
            g[NX + c, row, column] = normal[c, i]
            g[PX + c, row, column] = at[c, i]
        g[PART, row, column] = part
        g[AO, row, column] = ONE / (ONE + occlusion[i])
        g[SHADE, row, column] = light[i]
        g[FRINGE, row, column] = d[1, i]
