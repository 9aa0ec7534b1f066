"""What the user typed, checked before anything is built or written."""

from __future__ import annotations

import math
from typing import Any

from omegaconf import DictConfig, OmegaConf

from benchmarks.harness.config import kinds, targets
from core.errors import UserError
from core.paths import CONF

GROUPS = ("method", "data", "source", "swap", "eval", "machine", "logger")
POSITIVE = ("method.images", "method.batch_size", "eval.samples", "data.shots")


def choices_of(group: str) -> list[str]:
    """The names of a group: its yaml files, less the abstract ones."""
    return sorted(p.stem for p in (CONF / group).glob("*.yaml") if not p.stem.startswith("_"))


def flat(cfg: DictConfig) -> dict[str, Any]:
    """Dotted name to plain value, resolved; what is still missing (``???``) is an error."""
    out: dict[str, Any] = {}

    def visit(prefix: str, node: Any) -> None:
        items = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in items:
            dotted = f"{prefix}.{key}" if prefix else str(key)
            if isinstance(value, dict | list):
                visit(dotted, value)
            else:
                out[dotted] = value

    visit("", OmegaConf.to_container(cfg, resolve=True))
    return out


def check(cfg: DictConfig, choices: dict[str, str]) -> None:
    """Refuse values that cannot be meant, naming the option."""
    targets.check(cfg)
    values = flat(cfg)
    missing = [key for key, value in values.items() if value == "???"]
    if missing:
        raise UserError(f"{missing[0]} must be given: {missing[0]}=VALUE.")
    from benchmarks.harness.config.compose import compose

    usual = compose([f"{group}={choices[group]}" for group in GROUPS]).cfg
    given, meant = (OmegaConf.to_container(c, resolve=True) for c in (cfg, usual))
    kinds.check(given, meant)
    for key, value in values.items():
        if isinstance(value, float) and (
            math.isnan(value) or (math.isinf(value) and not key.endswith(".every"))
        ):
            raise UserError(f"{key}={value} is not a finite number.")
        if isinstance(value, int | float) and value < 0:
            raise UserError(f"{key}={value} is negative.")
    for key in POSITIVE:
        value = values.get(key)
        if value is not None and (not isinstance(value, int) or value < 1):
            raise UserError(f"{key}={value} must be a whole number of at least 1.")
    size = values["source.resolution"]
    if size & (size - 1) or not 16 <= size <= 1024:
        raise UserError(f"source.resolution={size} is no power of two from 16 to 1024.")
    asked = values.get("data.resolution", size)
    if asked & (asked - 1) or not 16 <= asked <= 1024:
        raise UserError(f"data.resolution={asked} is no power of two from 16 to 1024.")
    if asked != size:
        raise UserError(f"data.resolution={asked} is not the source's, which is {size}.")
    swap = values["swap.resolution"]
    if swap and (swap & (swap - 1) or not 4 <= swap <= size):
        raise UserError(f"swap.resolution={swap} is neither 0 nor a power of two from 4 to {size}.")
    if values["existing"] not in ("auto", "compare", "skip", "replace"):
        raise UserError("existing must be auto, compare, skip or replace.")
    if values["resume"] not in ("auto", "must", "never"):
        raise UserError("resume must be auto, must or never.")
