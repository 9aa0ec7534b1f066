"""Who is in a picture: the distribution of the parameters.

A person is an integer. The identity block is a pure function of the person, the other blocks of the
pair (person, picture). Every number comes from a counter-based hash, so that no order, thread or
machine changes anybody.

Lengths are in head units: the pupils of the mean head are 0.62 apart, its chin is 1.05 below them.
A unit is thus a tenth of a metre (pupils are 63 mm apart on average: Dodgson, SPIE 5291, 2004).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

Array = NDArray[np.float32]
Normals = NDArray[np.float64]


class Parameter(NamedTuple):
    """A truncated normal: mean, standard deviation, bounds, correlation with the softness."""

    name: str
    mean: float
    sd: float
    low: float
    high: float
    soft: float = 0.0


# "soft" is the loading on a hidden trait of each person (angular .. soft features), which makes the
# features of one face agree with each other. Angles are in radians.
IDENTITY = (
    Parameter("skull_width", 0.735, 0.028, 0.66, 0.81, -0.2),
    Parameter("skull_height", 0.86, 0.035, 0.76, 0.95),
    Parameter("face_width", 0.635, 0.030, 0.56, 0.71, -0.3),
    Parameter("face_length", 1.05, 0.055, 0.91, 1.19, -0.4),
    Parameter("jaw_width", 0.385, 0.042, 0.28, 0.54, -0.7),
    Parameter("chin_width", 0.088, 0.030, 0.03, 0.19, -0.7),
    Parameter("chin_forward", 0.60, 0.035, 0.51, 0.69, -0.3),
    Parameter("cheek_fullness", 0.0, 0.030, -0.07, 0.08, 0.3),
    Parameter("cheekbone", 0.0, 0.022, -0.05, 0.06),
    Parameter("brow_ridge", 0.0, 0.022, -0.04, 0.06, -0.7),
    Parameter("eye_distance", 0.312, 0.014, 0.275, 0.35),
    Parameter("eye_size", 0.168, 0.012, 0.135, 0.20, 0.5),
    Parameter("eye_height", 0.44, 0.05, 0.32, 0.60, 0.4),
    Parameter("eye_tilt", 0.10, 0.07, -0.08, 0.30, 0.3),
    Parameter("eye_depth", 0.0, 0.020, -0.045, 0.045, -0.3),
    Parameter("lid_crease", 0.55, 0.25, 0.0, 1.0),
    Parameter("iris_size", 0.080, 0.004, 0.070, 0.092),
    Parameter("iris_light", 0.32, 0.20, 0.0, 1.0),
    Parameter("iris_green", 0.4, 0.3, 0.0, 1.0),
    Parameter("lashes", 0.5, 0.22, 0.05, 1.0, 0.8),
    Parameter("nose_length", 0.37, 0.033, 0.28, 0.46, -0.3),
    Parameter("nose_width", 0.115, 0.017, 0.075, 0.165, -0.4),
    Parameter("nose_bridge", 0.70, 0.026, 0.63, 0.77, -0.3),
    Parameter("nose_tip", 0.90, 0.034, 0.80, 0.99, -0.3),
    Parameter("nose_bulb", 0.088, 0.010, 0.062, 0.115, -0.4),
    Parameter("mouth_drop", 0.655, 0.030, 0.58, 0.73, -0.2),
    Parameter("mouth_width", 0.245, 0.024, 0.185, 0.31),
    Parameter("lip_upper", 0.058, 0.013, 0.022, 0.09, 0.4),
    Parameter("lip_lower", 0.078, 0.014, 0.035, 0.11, 0.4),
    Parameter("ear_size", 0.19, 0.018, 0.14, 0.24, -0.2),
    Parameter("ear_out", 0.35, 0.12, 0.05, 0.70),
    Parameter("neck_width", 0.42, 0.035, 0.33, 0.51, -0.8),
    Parameter("shoulders", 1.10, 0.07, 0.92, 1.30, -0.7),
    Parameter("brow_height", 0.215, 0.024, 0.155, 0.28, 0.5),
    Parameter("brow_arch", 0.030, 0.016, -0.01, 0.075, 0.5),
    Parameter("brow_tilt", 0.06, 0.06, -0.12, 0.2),
    Parameter("brow_thickness", 0.040, 0.009, 0.018, 0.065, -0.6),
    Parameter("skin_tone", 0.0, 1.0, 0.0, 1.0),
    Parameter("skin_warmth", 0.0, 0.5, -1.2, 1.2),
    Parameter("blush", 0.45, 0.22, 0.0, 1.0, 0.3),
    Parameter("freckles", 0.12, 0.22, 0.0, 0.9),
    Parameter("age", 0.30, 0.22, 0.0, 1.0),
    Parameter("lip_colour", 0.38, 0.24, 0.0, 1.0, 0.7),
    Parameter("hair_length", 0.0, 1.0, 0.0, 1.0),
    Parameter("hair_volume", 0.135, 0.040, 0.05, 0.25, 0.3),
    Parameter("hairline", 0.82, 0.06, 0.66, 0.98),
    Parameter("hair_part", 0.0, 0.20, -0.45, 0.45),
    Parameter("fringe", 0.0, 1.0, 0.0, 1.0),
    Parameter("hair_curl", 0.0, 1.0, 0.0, 1.0),
    Parameter("hair_tone", 0.0, 1.0, 0.0, 1.0),
    Parameter("hair_red", 0.25, 0.22, 0.0, 1.0),
    Parameter("hair_grey", 0.0, 1.0, 0.0, 1.0),
    Parameter("afro", 0.0, 1.0, 0.0, 1.0),
    Parameter("bun", 0.0, 1.0, 0.0, 1.0),
    Parameter("bald", 0.0, 1.0, 0.0, 1.0),
    Parameter("beard", 0.0, 1.0, 0.0, 1.0),
    Parameter("stubble", 0.0, 1.0, 0.0, 1.0),
    Parameter("glasses", 0.0, 1.0, 0.0, 1.0),
    Parameter("glasses_size", 0.215, 0.016, 0.18, 0.255),
    Parameter("glasses_round", 0.5, 0.25, 0.0, 1.0),
    Parameter("glasses_light", 0.25, 0.22, 0.0, 0.9),
    Parameter("cloth_light", 0.40, 0.20, 0.06, 0.92),
    Parameter("cloth_warm", 0.0, 0.5, -1.0, 1.0),
    Parameter("cloth_green", 0.0, 0.35, -0.8, 0.8),
    Parameter("neckline", 0.5, 0.28, 0.0, 1.0, 0.4),
    Parameter("texture", 0.5, 0.29, 0.0, 1.0),
)
EXPRESSION = (
    Parameter("smile", 0.48, 0.32, -0.3, 1.0),
    Parameter("mouth_open", 0.0, 1.0, 0.0, 1.0),
    Parameter("lids", 1.0, 0.11, 0.45, 1.18),
    Parameter("gaze_x", 0.0, 0.14, -0.40, 0.40),
    Parameter("gaze_y", 0.0, 0.08, -0.22, 0.22),
    Parameter("brow_raise", 0.0, 0.022, -0.04, 0.06),
    Parameter("frown", 0.0, 0.35, -0.6, 1.0),
)
POSE = (
    Parameter("yaw", 0.0, 0.26, -0.61, 0.61),
    Parameter("pitch", 0.02, 0.11, -0.28, 0.30),
    Parameter("roll", 0.0, 0.055, -0.17, 0.17),
    Parameter("shift_x", 0.0, 0.010, -0.025, 0.025),
    Parameter("shift_y", 0.0, 0.008, -0.02, 0.02),
    Parameter("zoom", 1.0, 0.030, 0.92, 1.08),
)
LIGHT = (
    Parameter("light_azimuth", 0.0, 0.50, -1.1, 1.1),
    Parameter("light_elevation", 0.62, 0.18, 0.2, 1.05),
    Parameter("light_key", 1.0, 0.13, 0.68, 1.35),
    Parameter("light_fill", 0.50, 0.10, 0.27, 0.78),
    Parameter("light_warmth", 0.1, 0.35, -0.8, 0.9),
)
BACKGROUND = (
    Parameter("back_light", 0.46, 0.19, 0.07, 0.93),
    Parameter("back_warm", 0.05, 0.45, -1.0, 1.0),
    Parameter("back_green", 0.0, 0.35, -0.8, 0.8),
    Parameter("back_contrast", 0.0, 0.11, -0.3, 0.3),
    Parameter("back_angle", 0.0, 0.9, -2.0, 2.0),
    Parameter("blob_x", 0.5, 0.35, -0.2, 1.2),
    Parameter("blob_y", 0.35, 0.28, -0.2, 1.0),
    Parameter("blob_size", 0.33, 0.09, 0.14, 0.55),
    Parameter("blob_light", 0.06, 0.14, -0.3, 0.4),
    Parameter("blob_warm", 0.0, 0.5, -1.0, 1.0),
)
TABLE = IDENTITY + EXPRESSION + POSE + LIGHT + BACKGROUND
NAMES = tuple(parameter.name for parameter in TABLE)
INDEX = {name: column for column, name in enumerate(NAMES)}


def _blocks() -> dict[str, slice]:
    sizes = {
        "identity": IDENTITY,
        "expression": EXPRESSION,
        "pose": POSE,
        "light": LIGHT,
        "background": BACKGROUND,
    }
    blocks, start = {}, 0
    for name, table in sizes.items():
        blocks[name] = slice(start, start + len(table))
        start += len(table)
    return blocks


BLOCKS = _blocks()
_HIDDEN = len(TABLE)  # hash columns after the parameters: hidden traits


def uniforms(keys: NDArray[np.uint64], columns: int, stream: int) -> NDArray[np.float64]:
    """Uniform numbers [n, columns] in (0, 1), a pure function of key, column and stream.

    SplitMix64 (Steele, Lea, Flood 2014) used as a counter-based generator.
    """
    counter = np.arange(columns, dtype=np.uint64)[None] + np.uint64(stream * 4096 + 1)
    x = _mix(keys.astype(np.uint64)[:, None] + np.uint64(0x632BE59BD9B4E019))
    x = _mix(x ^ (counter * np.uint64(0x9E3779B97F4A7C15)))
    return ((x >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def normals(person_ids: NDArray[np.integer], picture_ids: NDArray[np.integer]) -> Normals:
    """Independent standard normals [n, P + 1] that pictures are made of: a pure function of both.

    One for each parameter of `TABLE`, and last the hidden softness of the person. With `parameters`
    they make a ParaFaces picture a function of a Gaussian latent.
    """
    people = np.asarray(person_ids, np.uint64)
    pictures = np.asarray(picture_ids, np.uint64)
    pairs = _mix(people * np.uint64(0xD1342543DE82EF95) + np.uint64(1)) ^ (pictures + np.uint64(1))
    person = ndtri(uniforms(people, _HIDDEN + 4, stream=0))
    picture = ndtri(uniforms(pairs, _HIDDEN + 4, stream=1))
    own = np.arange(_HIDDEN + 1) < len(IDENTITY)
    own[_HIDDEN] = True
    return np.where(own, person[:, : _HIDDEN + 1], picture[:, : _HIDDEN + 1])


def parameters(person_ids: NDArray[np.integer], picture_ids: NDArray[np.integer]) -> Array:
    """Parameters [n, P] of the pictures [n] of the people [n], in the units of `TABLE`."""
    made = normals(person_ids, picture_ids)
    z, soft = made[:, :_HIDDEN], made[:, _HIDDEN]
    table = np.array([parameter[1:] for parameter in TABLE])
    mean, sd, low, high, load = table.T
    value = mean + sd * (load * soft[:, None] + np.sqrt(1 - load**2) * z)
    _traits(value, soft)
    return np.clip(value, low, high).astype(np.float32)


def _traits(value: NDArray[np.float64], soft: NDArray[np.float64]) -> None:
    """Replace the standard normals of the traits that have a shape or a partner of their own."""
    column = {name: value[:, i] for name, i in INDEX.items()}
    normal = {name: column[name].copy() for name in NAMES}
    skin = expit(1.15 * normal["skin_tone"] - 0.85)
    column["skin_tone"][:] = skin
    column["hair_tone"][:] = expit(1.1 * normal["hair_tone"] + 0.2 - 3.6 * skin)
    column["iris_light"][:] += 0.95 * (column["hair_tone"] - 0.35)
    column["freckles"][:] *= 1.4 * (1 - skin)
    column["hair_grey"][:] = expit(8.0 * (column["age"] - 0.70) + normal["hair_grey"]) - 0.08
    column["hair_length"][:] = expit(1.9 * soft + 0.7 * normal["hair_length"] - 0.3)
    column["fringe"][:] = expit(1.3 * normal["fringe"] - 1.9)
    column["hair_curl"][:] = expit(1.3 * normal["hair_curl"] - 1.3 + 1.6 * (skin - 0.3))
    afro = np.clip(2.2 * (normal["afro"] + 2.6 * skin - 2.35), 0, 1)
    column["afro"][:] = afro
    column["bald"][:] = normal["bald"] - 0.9 * soft > 1.89  # 8 % of the people
    column["bun"][:] = (normal["bun"] > 1.2) & (column["hair_length"] > 0.45) & (afro < 0.1)
    column["beard"][:] = np.clip(1.6 * (normal["beard"] - 0.9 * soft - 1.39), 0, 1)  # 15 %
    column["stubble"][:] = np.clip(0.5 * (normal["stubble"] - 1.6 * soft - 0.4), 0, 1)
    column["glasses"][:] = normal["glasses"] > 0.84  # 20 %
    column["mouth_open"][:] = expit(1.35 * normal["mouth_open"] - 2.0)
    # Away from a strong side light, and a smile closes the lids a little.
    column["lids"][:] -= 0.10 * np.clip(column["smile"], 0, 1)
