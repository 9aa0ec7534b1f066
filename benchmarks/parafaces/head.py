"""The head as a signed distance field, in float32 and without branches.

`parts` gives the distances to skin, hair, clothes and glasses. It is straight-line code, so that
the loops of `march` over many points are turned into vector instructions by the compiler; a literal
would be float64 and halve their width, hence the named constants.
"""

from math import floor, sqrt
from typing import Any

import numba
import numpy as np

from benchmarks.parafaces.noise import OPTIONS

F: Any = np.float32
ZERO, ONE, HALF, QUARTER, TINY = F(0), F(1), F(0.5), F(0.25), F(1e-6)
C002, C004, C006, C008, C012 = F(0.02), F(0.04), F(0.06), F(0.08), F(0.12)
C003, C005, C010, C014 = F(0.03), F(0.05), F(0.1), F(0.14)
C016, C018, C020 = F(0.16), F(0.18), F(0.2)
C024, C030, C035, C040, C055 = F(0.24), F(0.3), F(0.35), F(0.4), F(0.55)
C060, C070, C090, TWO = F(0.6), F(0.7), F(0.9), F(2)
# The skull is an ellipsoid, jaw, nose and brow are bones (capsules of varying radius), cheeks and
# muzzle further ellipsoids; all are joined with fillets, and the sockets of the eyes are cut out.
# What differs from person to person comes with `h`; numbers that stand here are the same for all.
NECK_Y, NECK_Z = F(-1.25), F(-0.30)  # where head and body turn against each other

# The cache of compiled code looks at the file of the outermost function only: after a change here,
# delete the *.nbi files of this package.
inline: Any = numba.njit(forceinline=True, **OPTIONS)


@inline
def ellipsoid(x: float, y: float, z: float, rx: float, ry: float, rz: float) -> float:
    """First-order distance to an ellipsoid."""
    ix, iy, iz = ONE / rx, ONE / ry, ONE / rz
    x, y, z = x * ix, y * iy, z * iz
    k0 = sqrt(x * x + y * y + z * z)
    x, y, z = x * ix, y * iy, z * iz
    k1 = sqrt(x * x + y * y + z * z)
    return k0 * (k0 - ONE) / (k1 + TINY)


@inline
def smin(a: float, b: float, k: float) -> float:
    """Union with a fillet of width k (quadratic)."""
    h = max(k - abs(a - b), ZERO)
    return min(a, b) - h * h * QUARTER / k


@inline
def smax(a: float, b: float, k: float) -> float:
    """Intersection with a fillet of width k."""
    h = max(k - abs(a - b), ZERO)
    return max(a, b) + h * h * QUARTER / k


@inline
def bone(
    x: float, y: float, z: float,
    ax: float, ay: float, az: float, ra: float, bx: float, by: float, bz: float, rb: float,
) -> float:  # fmt: skip
    """Segment from a to b whose radius goes from ra to rb."""
    dx, dy, dz = bx - ax, by - ay, bz - az
    x, y, z = x - ax, y - ay, z - az
    t = (x * dx + y * dy + z * dz) / (dx * dx + dy * dy + dz * dz)
    t = min(max(t, ZERO), ONE)
    x, y, z = x - dx * t, y - dy * t, z - dz * t
    return sqrt(x * x + y * y + z * z) - ra - (rb - ra) * t


@inline
def wave(t: float) -> float:
    """Smooth wave of period 1 in [-1, 1]; a parabola, because sin does not vectorise."""
    t = t - F(floor(t))
    s = t - HALF
    s = abs(s) * TWO
    return (s * s * (F(3) - TWO * s)) * TWO - ONE


@inline
def features(h: Any, d: float, ax: float, y: float, z: float) -> float:
    """Nose, lips, mouth and ears on a face at distance d."""
    nose = bone(ax, y, z, ZERO, C010, h.root_z, C005, ZERO, h.nose_y, h.nose_z, h.nose_bulb)
    d = smin(d, nose, C018)
    ala = ellipsoid(ax - h.nose_width, y - h.ala_y, z - h.ala_z, h.ala_r, h.ala_r, C010)
    d = smin(d, ala, C008)
    curve = h.corner * (ax / h.mouth_w) * (ax / h.mouth_w)
    v = y - h.mouth_y - curve  # above the line between the lips
    upper = ellipsoid(ax, v - h.lip_u * HALF, z - h.lip_z + C003, h.mouth_w, h.lip_u, C010)
    d = smin(d, upper, C004)
    lower = ellipsoid(
        ax, v + h.gap + h.lip_l * HALF, z - h.lip_z + C003, h.mouth_w * C090, h.lip_l, C012
    )
    d = smin(d, lower, C004)
    slot = ellipsoid(
        ax, v + h.gap * HALF, z - h.lip_z - C004, h.mouth_w * C090, h.gap * HALF + C002 * HALF, C008
    )
    d = smax(d, -slot, C002)
    px, pz = ax - h.ear_x, z + C012
    qx, qz = px * h.ear_c + pz * h.ear_s, pz * h.ear_c - px * h.ear_s
    ey = y + C010 + qz * C024
    ear = ellipsoid(qx - C004, ey, qz, C006, h.ear_size, h.ear_size * C060)
    bowl = ellipsoid(qx - C010, ey - C002, qz - C002, C006, h.ear_size * C070, h.ear_size * C035)
    ear = smax(ear, -bowl, C003)
    return smin(d, ear, C005)


@inline
def face(h: Any, ax: float, x: float, y: float, z: float) -> float:
    """Skull, jaw, cheeks, brow, sockets and features of the face. ``ax`` is |x|."""
    d = ellipsoid(ax, y - h.skull_y, z - h.skull_z, h.skull_width, h.skull_height, h.skull_d)
    front = ellipsoid(ax, y - h.face_y, z - C012, h.face_width, h.face_h, C055)
    d = smin(d, front, C024)
    rounded = sqrt(ax * ax + C002 * HALF)  # no crease in the middle of the chin
    jaw = bone(
        rounded, y, z, h.jaw_width, h.jaw_y, C002, C018, h.chin_width, h.chin_y, h.chin_z, C014
    )
    d = smin(d, jaw, C024)
    cheek = ellipsoid(ax - h.bone_x + C010, y - h.cheek_y, z - h.cheek_z, h.cheek_r, C020, C020)
    d = smin(d, cheek, C018)
    muzzle = ellipsoid(ax, y - h.mouth_y, z - h.lip_z + C024, C030, C030, C024)
    d = smin(d, muzzle, C018)
    brow = bone(ax, y, z, C006, C016, h.brow_z, C010, C040, C014, h.brow_z - C014, C008)
    d = smin(d, brow, C014)
    ex, ey = ax - h.eye_distance, y
    ez = z - h.eye_z - F(0.42)
    socket = sqrt(ex * ex + ey * ey * F(1.7) + ez * ez) - C024
    d = smax(d, -socket, C018)
    ez = z - h.eye_z
    lid = sqrt(ex * ex + ey * ey + ez * ez) - h.eye_r
    d = smin(d, lid, C005)
    return features(h, d, ax, y, z)


@inline
def hair(h: Any, ax: float, x: float, y: float, z: float) -> float:
    """One volume for every cut: an ellipsoid drawn downwards, a bottom, a window for the face."""
    below = max(h.hair_y - y, ZERO)
    above = max(y - h.hair_y, ZERO)
    flare = ONE - h.hair_flare * below
    d = ellipsoid(x * flare, above, (z - h.hair_z) * flare, h.hair_w, h.hair_h, h.hair_d)
    f = h.curl_f
    clump = wave(x * F(3.1) + z * F(1.7) + HALF * wave(y + x))
    ripple = wave(x * f + HALF * wave(y * f)) + wave(y * f * F(0.8) + x * F(0.7)) + wave(z * f + y)
    d = d - h.curl_a * ripple - h.ragged * HALF * clump
    d = smax(d, h.hair_bottom - y + h.hair_slope * z, C016)
    wx = (x - h.window_x) * h.window_c + (y - h.window_y) * h.window_s
    wy = (y - h.window_y) * h.window_c - (x - h.window_x) * h.window_s
    wy = max(wy, ZERO)
    ix, iy = wx / h.window_w, wy / h.window_h
    window = (sqrt(ix * ix + iy * iy) - ONE) * min(h.window_w, h.window_h)
    window = window + h.ragged * wave(x * F(2.6) + wave(z + y) * QUARTER)
    window = smax(window, h.window_z - z, C030)
    d = smax(d, -window, C018)
    px, py, pz = ax - h.ear_x - C004, y + C010, z + C010
    d = smax(d, h.ear_clear - sqrt(px * px + py * py * C070 + pz * pz), C008)
    by, bz = y - h.skull_y - h.hair_h - C006, z + C055
    bun = sqrt(x * x + by * by + bz * bz) - h.bun_r
    return smin(d, bun, C006)


@inline
def spectacles(h: Any, ax: float, y: float, z: float) -> float:
    """Rims, bridge and temples; nowhere when the rim's thickness is negative."""
    gx, gy = ax - h.rim_x, y - h.rim_y
    plane = z - h.rim_z + C024 * ax * ax
    qx = max(abs(gx) - h.rim_w + h.rim_r, ZERO)
    qy = max(abs(gy) - h.rim_h + h.rim_r, ZERO)
    ring = abs(sqrt(qx * qx + qy * qy) - h.rim_r)
    rim = sqrt(ring * ring + plane * plane)
    far = h.rim_x + h.rim_w
    temple = bone(ax, gy, z, far, C005, h.rim_z - C012, ZERO, h.ear_x + C006, C005, -C010, ZERO)
    near = h.rim_x - h.rim_w
    bx = max(ax - near, ZERO)
    by = gy - C005
    bridge = sqrt(bx * bx + by * by + plane * plane)
    return min(min(rim, temple), bridge) - h.rim_t


@inline
def parts(h: Any, x: float, y: float, z: float) -> tuple[float, float, float, float]:
    """Distances to skin, hair, clothes and glasses of a point in head space."""
    ax = abs(x)
    skin = face(h, ax, x, y, z)
    # Neck and shoulders turn less than the head does.
    ny, nz = y - NECK_Y, z - NECK_Z
    qx = h.b00 * x + h.b01 * ny + h.b02 * nz
    qy = h.b10 * x + h.b11 * ny + h.b12 * nz + NECK_Y
    qz = h.b20 * x + h.b21 * ny + h.b22 * nz + NECK_Z
    aqx = abs(qx)
    neck = bone(
        qx, qy, qz, ZERO, -C055, -C018, h.neck_width * C090, ZERO, F(-1.7), -C035, h.neck_width
    )
    skin = smin(skin, neck, C010)
    torso = bone(aqx, qy, qz, F(0.3), F(-1.74), -C035, C035, h.shoulders, F(-1.96), -C040, C035)
    torso = smin(torso, neck, C035)
    skin = min(skin, torso)
    cloth = torso - C003
    # The neckline: a cone around the neck, cut lower in front.
    r = sqrt(qx * qx + (qz + C035) * (qz + C035) * C060)
    line = F(-1.28) - h.neckline * C030 - max(qz + C030, ZERO) * (HALF + h.neckline) + r * C010
    cloth = smax(cloth, qy - line, C002)
    return skin, hair(h, ax, x, y, z), cloth, spectacles(h, ax, y, z)
