"""From parameters to the numbers that the distance field, the camera and the paint read.
One record a picture; the fields are named, the marcher reads them as ``h.jaw_y``. Head space: the
origin lies between the pupils (z is on the axis of the neck), x to the picture's right, y up, z to
the viewer.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.parafaces.parameters import INDEX, Array, Doubles

DISTANCE = 7.5  # camera to head, in head units: three quarters of a metre, as portraits are taken
VIEW = 2.58  # height of the picture at the head
EYES_X, EYES_Y = 0.5, 0.478  # where the middle of the eyes falls, as in FFHQ's alignment

Fields = dict[str, Any]  # by name, a number for each picture [n] or one for all


def shapes(params: Array) -> NDArray[np.void]:
    """Records [n] of float32 fields for parameters [n, P]."""
    p = {name: params[:, column].astype(np.float64) for name, column in INDEX.items()}
    fields: Fields = dict(p)  # the paint reads parameters too
    for part in (_skull, _eyes, _nose, _mouth, _hair, _glasses, _camera):
        fields |= part(p)
    records = np.zeros(len(params), np.dtype([(name, np.float32) for name in fields]))
    for name, value in fields.items():
        records[name] = value
    return records


def _skull(p: Fields) -> Fields:
    smile, drop = p["smile"].clip(0), 0.12 * p["mouth_open"]
    chin = -p["face_length"] - drop
    return {
        "skull_y": 0.26,
        "skull_z": -0.16,
        "skull_d": 0.88,
        "face_y": -0.26 - 0.3 * (p["face_length"] - 1.05),
        "face_h": 0.74 + 0.4 * (-chin - 1.05),
        "jaw_y": -0.60 - 0.4 * (p["face_length"] - 1.05) - 0.4 * drop,
        "chin_y": chin + 0.13,
        "chin_z": p["chin_forward"] - 0.09 - 0.3 * drop,
        "cheek_y": -0.30 + 0.035 * smile,
        "cheek_z": 0.42 + 0.25 * p["cheek_fullness"],
        "cheek_r": 0.25 + p["cheek_fullness"] + 0.025 * smile,
        "bone_x": 0.40 + p["cheekbone"],
        "brow_z": 0.56 + p["brow_ridge"],
        "ear_x": p["skull_width"] * 0.97,
        "ear_c": np.cos(p["ear_out"]),
        "ear_s": np.sin(p["ear_out"]),
        "wrinkle": (p["age"] - 0.35).clip(0) + 0.45 * smile,
    }


def _eyes(p: Fields) -> Fields:
    tall = p["eye_size"] * p["eye_height"]
    return {
        "eye_z": 0.435 - p["eye_depth"],
        "eye_r": 0.155 + 0.35 * (p["eye_size"] - 0.168),
        "lid_up": tall * p["lids"],
        "lid_low": tall * (0.62 - 0.16 * p["smile"].clip(0)),
        "brow_y": p["brow_height"] + p["brow_raise"],
        "brow_in": -0.035 * p["frown"] - 0.3 * p["brow_tilt"],
    }


def _nose(p: Fields) -> Fields:
    y = -p["nose_length"]
    return {
        "nose_y": y,
        "nose_z": p["nose_tip"] - p["nose_bulb"],
        "ala_y": y - 0.025,
        "ala_z": p["nose_tip"] - 0.20,
        "ala_r": 0.055 + 0.15 * p["nose_width"],
        "root_z": p["nose_bridge"] - 0.065,
    }


def _mouth(p: Fields) -> Fields:
    smile, opened = p["smile"], p["mouth_open"]
    return {
        "mouth_y": -p["mouth_drop"] + 0.012 * smile.clip(0),
        "mouth_w": p["mouth_width"] * (1 + 0.20 * smile - 0.12 * opened),
        "corner": 0.055 * smile - 0.012,
        "gap": 0.125 * opened + 0.035 * (smile - 0.45).clip(0),
        "lip_z": p["chin_forward"] + 0.045,
        "lip_u": p["lip_upper"] * (1 - 0.18 * smile.clip(0)),
        "lip_l": p["lip_lower"] * (1 - 0.12 * smile.clip(0)),
    }


def _hair(p: Fields) -> Fields:
    length, afro, bald = p["hair_length"], p["afro"], p["bald"]
    long = length * (1 - afro) * (1 - p["bun"])
    volume = p["hair_volume"] * (1 - 0.30 * (1 - long)) + 0.30 * afro - 0.03 * p["bun"] - 0.6 * bald
    bottom = np.interp(long, [0, 0.25, 0.6, 1], [-0.03, -0.20, -0.85, -1.75])
    bottom += 4 * bald - 0.25 * afro
    line = p["hairline"] - 0.50 * p["fringe"] * (1 - afro) * (1 - p["bun"])
    round_ = 0.56 - 0.20 * p["fringe"] + 0.06 * afro
    return {
        "hair_w": p["skull_width"] + volume * (0.40 + 0.45 * np.maximum(long, afro)) + 0.03,
        "hair_z": -0.16 - 0.05 * (1 - long) * (1 - afro),
        "hair_y": 0.26 + 0.02 * (1 - long),
        "hair_h": p["skull_height"] + volume + 0.04 * (1 - long),
        "hair_d": 0.88 + volume,
        "hair_bottom": bottom,
        "hair_slope": 0.55 * (1 - long) ** 2,
        "hair_flare": np.interp(long, [0, 0.5, 1], [0, 0.05, 0.02]),
        "window_y": line - round_,
        "window_h": round_,
        "window_w": 0.62 + 0.03 * (1 - long) - 0.05 * p["fringe"] * long + 0.03 * afro,
        "window_z": 0.16 - 0.16 * long + 0.04 * afro,
        "window_c": np.cos(p["hair_part"]),
        "window_s": np.sin(p["hair_part"]),
        "window_x": -0.25 * p["hair_part"] * (1 - 0.5 * p["fringe"]),
        "ear_clear": np.where((long < 0.45) & (bald < 0.5), 0.20 - 0.45 * long, -1.0),
        "curl_a": 0.045 * (p["hair_curl"] - 0.15).clip(0) * (1 - afro) + 0.035 * afro,
        "curl_f": 1.3 + 1.1 * p["hair_curl"] + 1.6 * afro,
        "bun_r": np.where(
            (p["bun"] > 0.5) & (bald < 0.5), 0.30 + 0.6 * (p["hair_volume"] - 0.12), -2.0
        ),
        "ragged": 0.030 - 0.022 * np.maximum(long, afro),
    }


def _glasses(p: Fields) -> Fields:
    size = p["glasses_size"]
    return {
        "rim_z": np.maximum(p["nose_bridge"], 0.62) + 0.12,
        "rim_w": size,
        "rim_h": size * (0.66 + 0.28 * p["glasses_round"]),
        "rim_r": size * (0.30 + 0.36 * p["glasses_round"]),
        "rim_t": np.where(p["glasses"] > 0.5, 0.020, -5.0),
        "rim_x": np.maximum(p["eye_distance"], size + 0.055),
        "rim_y": -0.035,
    }


def _rotation(yaw: Doubles, pitch: Doubles, roll: Doubles) -> Doubles:
    """Camera-from-head rotations [n, 3, 3]: nod, then turn, then tilt."""
    zero, one = np.zeros_like(yaw), np.ones_like(yaw)

    def matrix(*rows: tuple[Doubles, ...]) -> Doubles:
        return np.stack([np.stack(row, -1) for row in rows], -2)

    cos, sin = np.cos, np.sin
    nod = matrix((one, zero, zero), (zero, cos(pitch), sin(pitch)), (zero, -sin(pitch), cos(pitch)))
    turn = matrix((cos(yaw), zero, sin(yaw)), (zero, one, zero), (-sin(yaw), zero, cos(yaw)))
    tilt = matrix((cos(roll), sin(roll), zero), (-sin(roll), cos(roll), zero), (zero, zero, one))
    return tilt @ turn @ nod


def _camera(p: Fields) -> Fields:
    """Where head, body and light are, seen from the camera."""
    head = _rotation(p["yaw"], p["pitch"], p["roll"])
    body = _rotation(0.4 * p["yaw"], 0.1 * p["pitch"], 0.3 * p["roll"])  # follows in part
    view = VIEW / p["zoom"]
    eyes = head @ np.array([0.0, 0.0, 0.50])  # their middle, on the surface
    right = (EYES_X + p["shift_x"] - 0.5) * view * (1 - eyes[:, 2] / DISTANCE) - eyes[:, 0]
    up = (0.5 - EYES_Y - p["shift_y"]) * view * (1 - eyes[:, 2] / DISTANCE) - eyes[:, 1]
    shift = np.stack([right, up, np.zeros_like(view)], -1)
    origin = np.einsum("nji,nj->ni", head, np.array([0, 0, DISTANCE]) - shift)
    relative = np.swapaxes(body, 1, 2) @ head
    a, e = p["light_azimuth"], p["light_elevation"]
    light = np.stack([np.sin(a) * np.cos(e), np.sin(e), np.cos(a) * np.cos(e)], -1)
    fields = {"extent": view}
    for i, axis in enumerate("xyz"):
        fields |= {f"shift_{axis}_": shift[:, i], f"origin_{axis}": origin[:, i]}
        for j in range(3):
            fields |= {f"r{i}{j}": head[:, i, j], f"b{i}{j}": relative[:, i, j]}
    for j, axis in enumerate("xyz"):  # the light turns into head space
        fields[f"light_{axis}"] = sum(head[:, i, j] * light[:, i] for i in range(3))
    return fields
