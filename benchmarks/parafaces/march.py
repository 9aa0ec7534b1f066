"""Ray marching to a G-buffer, shared by every domain.

A coarse grid of cones finds where each block of samples may start (or that it sees only
background); then all rays of a band march together: the distance field is evaluated over contiguous
arrays of the rays still under way, which the compiler turns into vector instructions.
"""

from math import sqrt
from typing import Any

import numpy as np

from benchmarks.parafaces.head import HALF, ONE, ZERO, F, parts
from benchmarks.parafaces.noise import compiled
from benchmarks.parafaces.parameters import Array, Integers
from benchmarks.parafaces.shape import DISTANCE

CHANNELS = ("depth", "nx", "ny", "nz", "px", "py", "pz", "part", "ao", "shade", "fringe")
DEPTH, NX, NY, NZ, PX, PY, PZ, PART, AO, SHADE, FRINGE = range(len(CHANNELS))
NOTHING, SKIN, HAIR, CLOTH, GLASSES = range(5)
BLOCK = 8  # samples a side of a cone
COARSE_STEPS, COARSE_NEAR = 24, 0.01  # of a cone, which need not come as near as a ray
BAND = 16384  # rays that march together, in 1 MB of working arrays
NEAR, FAR = F(DISTANCE - 1.6), F(DISTANCE + 1.8)
STEPS = 56  # of a ray, after which it has found nothing
HIT = F(0.0015)  # a sample of the largest picture (512 a side) is 0.005 wide at the head
RELAX = F(0.92)  # of a distance is walked: those of ellipsoids are estimates and may be too long
DELTA, LIFT = F(0.006), F(0.02)  # of the normals; of shadow rays above the surface
CAMERA = F(DISTANCE)
# Taps of the occlusion along the normal, and of the shadow towards the light: distances, weights.
AO_TAPS = np.array([0.05, 0.13, 0.30], np.float32)
AO_WEIGHTS = np.array([4.0, 2.0, 0.9], np.float32)
SHADOW_TAPS = np.array([0.06, 0.13, 0.24, 0.40, 0.62], np.float32)
SOFTNESS = F(5.0)

Work = tuple[Array, Array, Integers]


@compiled
def part_distances(h: Any, p: Array, n: int, out: Array) -> None:
    """Distances [n * 4] to skin, hair, clothes and glasses of points p [3, n].
    Flat and interleaved, or the loop is not turned into vector instructions and takes ten times as
    long: stores to four rows would have to be proved apart.
    """
    xs, ys, zs = p[0], p[1], p[2]
    for i in range(n):
        skin, hair, cloth, glasses = parts(h, xs[i], ys[i], zs[i])
        k = 4 * i
        out[k], out[k + 1], out[k + 2], out[k + 3] = skin, hair, cloth, glasses


@compiled
def nearest(d: Array, i: int) -> float:
    """Distance to anything at all, from distances [n * 4]."""
    return min(min(d[4 * i], d[4 * i + 1]), min(d[4 * i + 2], d[4 * i + 3]))


@compiled
def aim(h: Any, u: float, v: float) -> tuple[float, float, float]:
    """Unit direction in head space of the ray through (u, v), both in [-0.5, 0.5], v upwards."""
    x, y = F(u) * h.extent / CAMERA, F(v) * h.extent / CAMERA
    s = ONE / sqrt(x * x + y * y + ONE)
    x, y, z = x * s, y * s, -s
    u, v = h.r00 * x + h.r10 * y + h.r20 * z, h.r01 * x + h.r11 * y + h.r21 * z
    return u, v, h.r02 * x + h.r12 * y + h.r22 * z


@compiled
def walk(
    h: Any, ways: Array, t: Array, n: int, spread: float, near: float, steps: int, work: Work
) -> None:
    """March n rays (spread 0) or cones (spread: half their width per depth); FAR where nothing is.
    A ray ends closer to a surface than ``near``, a cone as close as its own width.
    """
    p, d, live = work
    count = n
    for k in range(n):
        live[k] = k
    for _ in range(steps):
        for i in range(count):
            k = live[i]
            p[0, i] = h.origin_x + ways[0, k] * t[k]
            p[1, i] = h.origin_y + ways[1, k] * t[k]
            p[2, i] = h.origin_z + ways[2, k] * t[k]
        part_distances(h, p, count, d)
        kept = 0
        for i in range(count):
            k = live[i]
            room = nearest(d, i) - F(spread) * t[k]
            if room < F(near):
                continue
            t[k] += room * RELAX
            if t[k] < FAR:
                live[kept] = k
                kept += 1
            else:
                t[k] = FAR
        count = kept
        if count == 0:
            break


@compiled
def coarse(h: Any, side: int, ways: Array, t: Array) -> None:
    """Aim one cone at every block of a picture of side x side blocks."""
    for k in range(side * side):
        t[k] = NEAR
        u, v = (k % side + 0.5) / side - 0.5, 0.5 - (k // side + 0.5) / side
        ways[0, k], ways[1, k], ways[2, k] = aim(h, u, v)


@compiled
def band(
    h: Any, size: int, top: int, rows: int, start: Array, ways: Array, t: Array, place: Integers
) -> int:
    """Aim a ray at every sample of some rows whose block holds anything; their number."""
    count = 0
    for i in range(top, min(top + rows, size)):
        for j in range(size):
            s = start[i // BLOCK * (size // BLOCK) + j // BLOCK]
            if s < FAR:
                u, v = (j + 0.5) / size - 0.5, 0.5 - (i + 0.5) / size
                ways[0, count], ways[1, count], ways[2, count] = aim(h, u, v)
                t[count] = s
                place[count] = i * size + j
                count += 1
    return count


@compiled
def keep_hits(ways: Array, t: Array, place: Integers, n: int) -> int:
    """Move the rays that found a surface to the front; their number."""
    hits = 0
    for k in range(n):
        if t[k] < FAR:
            for c in range(3):
                ways[c, hits] = ways[c, k]
            t[hits] = t[k]
            place[hits] = place[k]
            hits += 1
    return hits


def trace(h: Any, g: Array) -> None:
    """Fill the G-buffer g [channels, size, size] of one picture; depth FAR where there is nothing.
    Python holds the compiled pieces together: called from one another, each would be compiled again
    with everything below it.
    """
    size = g.shape[1]
    side, rows = size // BLOCK, max(BLOCK, min(size, BAND // size // BLOCK * BLOCK))
    n = max(rows * size, side * side)
    p, ways, d = np.empty((3, n), F), np.empty((3, n), F), np.empty(4 * n, F)
    t, place = np.empty(n, F), np.empty(n, np.int64)
    work = (p, d, np.empty(n, np.int64))
    # Half the diagonal of a block per unit of depth, and more, for the distances are estimates.
    spread = 0.90 * float(h["extent"]) / DISTANCE / side
    coarse(h, side, ways, t)
    walk(h, ways, t, side * side, spread, COARSE_NEAR, COARSE_STEPS, work)
    start = t[: side * side].copy()
    g[:] = 0
    g[DEPTH] = FAR
    for top in range(0, size, rows):
        count = band(h, size, top, rows, start, ways, t, place)
        walk(h, ways, t, count, 0.0, HIT, STEPS, work)
        survey(h, ways, t, place, keep_hits(ways, t, place, count), p, d, g)


@compiled
def probe(h: Any, kind: int, normal: Array, i: int) -> tuple[float, float, float]:
    """Where the kind-th evaluation around surface point i lies, relative to it."""
    if kind < 4:  # the corners of a tetrahedron
        dx, dy = DELTA if kind in (0, 3) else -DELTA, DELTA if kind in (2, 3) else -DELTA
        return dx, dy, DELTA if kind in (1, 3) else -DELTA
    nx, ny, nz = normal[0, i], normal[1, i], normal[2, i]
    if kind < 4 + len(AO_TAPS):
        far = AO_TAPS[kind - 4]
        return nx * far, ny * far, nz * far
    far = SHADOW_TAPS[kind - 4 - len(AO_TAPS)]
    return (h.light_x * far + nx * LIFT, h.light_y * far + ny * LIFT, h.light_z * far + nz * LIFT)


@compiled
def survey(
    h: Any, ways: Array, t: Array, place: Integers, n: int, p: Array, d: Array, g: Array
) -> None:
    """Normal, part, occlusion and shadow of n surface points."""
    size = g.shape[1]
    at, normal = np.empty((3, n), F), np.zeros((3, n), F)
    occlusion, light = np.zeros(n, F), np.zeros(n, F)
    for i in range(n):
        at[0, i] = h.origin_x + ways[0, i] * t[i]
        at[1, i] = h.origin_y + ways[1, i] * t[i]
        at[2, i] = h.origin_z + ways[2, i] * t[i]
    probes = 4 + len(AO_TAPS) + len(SHADOW_TAPS)
    for kind in range(probes + 1):  # the last one at the point itself
        for i in range(n):
            dx = dy = dz = ZERO
            if kind < probes:
                dx, dy, dz = probe(h, kind, normal, i)
            p[0, i], p[1, i], p[2, i] = at[0, i] + dx, at[1, i] + dy, at[2, i] + dz
        part_distances(h, p, n, d)
        for i in range(n):
            room = nearest(d, i)
            if kind < 4:
                dx, dy, dz = probe(h, kind, normal, i)
                normal[0, i] += dx * room
                normal[1, i] += dy * room
                normal[2, i] += dz * room
            elif kind < 4 + len(AO_TAPS):
                occlusion[i] += AO_WEIGHTS[kind - 4] * max(AO_TAPS[kind - 4] - room, ZERO)
            elif kind < probes:
                far = SHADOW_TAPS[kind - 4 - len(AO_TAPS)]
                light[i] = max(light[i], ONE - max(HALF + SOFTNESS * HALF * room / far, ZERO))
        if kind == 3:
            for i in range(n):
                x, y, z = normal[0, i], normal[1, i], normal[2, i]
                s = ONE / (sqrt(x * x + y * y + z * z) + F(1e-12))
                normal[0, i], normal[1, i], normal[2, i] = x * s, y * s, z * s
    for i in range(n):
        row, column = place[i] // size, place[i] % size
        best, part = d[4 * i], SKIN
        for k in range(1, 4):
            if d[4 * i + k] < best:
                best, part = d[4 * i + k], k + 1
        g[DEPTH, row, column] = t[i]
        for c in range(3):
            g[NX + c, row, column] = normal[c, i]
            g[PX + c, row, column] = at[c, i]
        g[PART, row, column] = part
        g[AO, row, column] = ONE / (ONE + occlusion[i])
        g[SHADE, row, column] = ONE - light[i]
        g[FRINGE, row, column] = d[4 * i + 1]
