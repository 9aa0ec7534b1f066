"""Reads the golden cases of groups A, B, D, E, F and M and compares arrays with them."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core import convert
from core.allocator import keep_freed_memory
from core.networks.generator import channel_table
from tests.golden import formula
from tests.golden.held import hold

keep_freed_memory()
EXHAUSTIVE = pytest.mark.exhaustive
PRECISIONS = pytest.mark.parametrize("double", [False, pytest.param(True, marks=EXHAUSTIVE)])
"""Of networks: float64 takes twice the time, so `make test` holds the limits of float32 alone."""
FOLDER = Path(__file__).parent
MANIFEST = json.loads((FOLDER / "networks.json").read_text())
CARTOON, CDC, RSSA, JOJO = (
    json.loads((FOLDER / f"{name}.json").read_text())
    for name in ("D_cartoon", "E_cdc", "E_rssa", "F_jojo")
)
CASES: dict[str, Any] = MANIFEST["cases"]
for group in (CARTOON, CDC, RSSA, JOJO):
    CASES |= group["cases"]
for path in sorted(FOLDER.glob("M_*.json")):  # of further few-shot methods
    CASES |= json.loads(path.read_text())["cases"]
ROSINALITY_32 = {4: 512, 8: 512, 16: 512, 32: 512}
ROSINALITY_256 = {**ROSINALITY_32, 64: 512, 128: 256, 256: 128}
GENERATOR_32 = {
    "z_dim": 512,
    "w_dim": 512,
    "img_resolution": 32,
    "channels": ROSINALITY_32,
    "mapping_layers": 8,
}
NVIDIA_32 = channel_table(32, 2048, 64)


@functools.cache
def _arrays(file: str) -> dict[str, np.ndarray]:
    return dict(np.load(FOLDER / file))


def ids(prefix: str) -> list[str]:
    return [name for name in CASES if name.startswith(prefix)]


def check(
    case: str, key: str, found: Tensor | np.ndarray, double: bool, rtol32: float = 0.0
) -> None:
    """Holds an array, and its statistics where they are stored, to a case's limits.

    ``rtol32`` widens the relative limit in float32: a second derivative jumps where rounding flips
    the sign of one activation, so only float64 tells a wrong constant from another rounding.
    """
    whole = np.asarray(found.detach() if isinstance(found, Tensor) else found, dtype=np.float64)
    limits = CASES[case]["keys"]
    view = "[...]" if key.endswith(".stats") else limits[key].get("view", "[...]")
    _compare(case, key, cut(whole, view), double, rtol32)
    if f"{key}.stats" in limits:
        _compare(case, f"{key}.stats", statistics(whole), double, rtol32)


def cut(whole: np.ndarray, view: str) -> np.ndarray:
    """The part of an array that a text like ``[..., ::3, :8]`` names."""

    def one(part: str) -> Any:
        if part == "...":
            return ...
        ends = [int(end) if end else None for end in part.split(":")]
        return slice(*ends) if len(ends) > 1 else ends[0]

    return whole[tuple(one(part.strip()) for part in view.strip("[]").split(","))]


def statistics(found: Tensor | np.ndarray) -> np.ndarray:
    """Mean, population standard deviation and length."""
    whole = np.asarray(found.detach() if isinstance(found, Tensor) else found, dtype=np.float64)
    return np.array([whole.mean(), whole.std(), np.sqrt(np.square(whole).sum())])


def _compare(case: str, key: str, found: np.ndarray, double: bool, rtol32: float) -> None:
    limit = CASES[case]["keys"][key]
    reference = _arrays(CASES[case]["file"])[f"{case}.{key}"]
    atol, rtol = limit["atol"], max(limit.get("rtol", 0), rtol32)
    if double and "atol64" in limit:
        atol, rtol = limit["atol64"], limit.get("rtol64", 0)
    hold(f"{case}.{key}", found, reference, atol=atol, rtol=rtol, double=double)


def norms(value: Tensor, parameters: list[Tensor]) -> np.ndarray:
    """Lengths of d value / d parameter; zero where there is none."""
    slopes = torch.autograd.grad(value, parameters, allow_unused=True, materialize_grads=True)
    return np.array([s.double().norm().item() for s in slopes])


def network(kind: str, salt: str, config: dict[str, Any], double: bool) -> Any:
    """A network filled by formula under its foreign names."""
    blank = convert.FORMATS[kind].network(**config)
    names = convert.FORMATS[kind].names(blank.config)
    own = blank.state_dict()
    shapes = {
        name: convert.FORMATS[kind].foreign_shape(name, tuple(own[ours].shape))
        for name, ours in names.items()
    }
    state = formula.fill(shapes, salt, kind)
    arch = {k: v for k, v in config.items() if k in ("conv_clamp", "mbstd_group")}
    module = convert.from_state_dict(state, format=kind, **arch)
    return module.double() if double else module
