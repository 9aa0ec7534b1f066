"""Who is in a picture: the distribution of the parameters.
A person is an integer. The identity block is a pure function of the person, the other blocks of the
pair (person, picture). Every number comes from a counter-based hash, so that no order, thread or
machine changes anybody.

Lengths are in head units: the pupils of the mean head are 0.62 apart, its chin is 1.05 below them.
A unit is thus a tenth of a metre (pupils are 63 mm apart on average: Dodgson, SPIE 5291, 2004).
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import yaml
from numpy.typing import NDArray
from scipy.special import expit, ndtri

Array = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]


class Parameter(NamedTuple):
    """A truncated normal: mean, standard deviation, bounds, correlation with the softness."""

    name: str
    mean: float
    sd: float
    low: float
    high: float
    soft: float = 0.0


_CONTENT: Any = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
_TABLES = {
    block: tuple(Parameter(name, *row) for name, row in rows.items())
    for block, rows in _CONTENT.items()
}
IDENTITY = _TABLES["identity"]
TABLE = tuple(parameter for table in _TABLES.values() for parameter in table)
NAMES = tuple(parameter.name for parameter in TABLE)
INDEX = {name: column for column, name in enumerate(NAMES)}
_ENDS = np.cumsum([len(table) for table in _TABLES.values()]).tolist()
BLOCKS = {
    block: slice(end - len(table), end)
    for (block, table), end in zip(_TABLES.items(), _ENDS, strict=True)
}
_HIDDEN = len(TABLE)  # hash columns after the parameters: hidden traits


def uniforms(keys: NDArray[np.uint64], columns: int, stream: int) -> Doubles:
    """Uniform numbers [n, columns] in (0, 1), a pure function of key, column and stream.
    SplitMix64 used as a counter-based generator; the odd constants only have to differ.
    """
    counter = np.arange(columns, dtype=np.uint64)[None] + np.uint64(stream * 4096 + 1)
    x = mixed(keys.astype(np.uint64)[:, None] + np.uint64(0x632BE59BD9B4E019))
    x = mixed(x ^ (counter * np.uint64(0x9E3779B97F4A7C15)))
    return ((x >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53


def mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def normals(person_ids: NDArray[np.integer], picture_ids: NDArray[np.integer]) -> Doubles:
    """Independent standard normals [n, P + 1] that pictures are made of: a pure function of both.
    One for each parameter of `TABLE`, and last the hidden softness of the person. With `parameters`
    they make a ParaFaces picture a function of a Gaussian latent.
    """
    people = np.asarray(person_ids, np.uint64)
    pictures = np.asarray(picture_ids, np.uint64)
    pairs = mixed(people * np.uint64(0xD1342543DE82EF95) + np.uint64(1)) ^ (pictures + np.uint64(1))
    person = ndtri(uniforms(people, _HIDDEN + 4, stream=0))
    picture = ndtri(uniforms(pairs, _HIDDEN + 4, stream=1))
    own = np.arange(_HIDDEN + 1) < len(IDENTITY)
    own[_HIDDEN] = True
    return np.where(own, person[:, : _HIDDEN + 1], picture[:, : _HIDDEN + 1])


def parameters(person_ids: NDArray[np.integer], picture_ids: NDArray[np.integer]) -> Array:
    """Parameters [n, P] of the pictures [n] of the people [n], in the units of `TABLE`."""
    return parameters_of(normals(person_ids, picture_ids))


def parameters_of(made: Doubles) -> Array:
    """Parameters [n, P] that `normals` [n, P + 1] stand for."""
    z, soft = made[:, :_HIDDEN], made[:, _HIDDEN]
    mean, sd, low, high, load = np.array([parameter[1:] for parameter in TABLE]).T
    value = mean + sd * (load * soft[:, None] + np.sqrt(1 - load**2) * z)
    _traits(value, soft)
    return np.clip(value, low, high).astype(np.float32)


def _traits(value: Doubles, soft: Doubles) -> None:
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
