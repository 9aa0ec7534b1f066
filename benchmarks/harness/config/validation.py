"""What the user typed, checked before anything is built or written."""

import math
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from benchmarks.harness.config import looked_through, targets
from benchmarks.harness.records import nested
from core.bounds import Count, Natural, Pair, Positive, Seed, Weight
from core.errors import UserError
from core.paths import CONF

GROUPS = ("method", "data", "source", "swap", "eval", "machine", "logger")


def choices_of(group: str) -> list[str]:
    """The names of a group: its yaml files, less the abstract ones."""
    return sorted(p.stem for p in (CONF / group).glob("*.yaml") if not p.stem.startswith("_"))


PLAIN: dict[str, dict[str, Any]] = {
    "": {
        "seed": Seed,
        "folder": str,
        "existing": Literal["auto", "compare", "skip", "replace"],
        "resume": Literal["auto", "must", "never"],
    },
    "checkpoint": {"every_kimg": Positive},
    "machine": {"threads": Count, "devices": Count, "deterministic": bool}
    | {"ops": str, "cache": str, "precision": str, "streams": Literal["device", "cpu"]}
    | {"tf32": bool, "fp16_resolutions": Natural},
    "eval": {
        **{"samples": Pair, "photos": Natural, "seed": Seed, "batch_size": Count},
        **{"tolerance": Weight, "keep": Literal["memory", "disk"], "metrics": dict[str, Any]},
    },
}
"""What no constructor takes: annotations of the words without a group, and of some groups."""


def check(cfg: DictConfig) -> None:
    """Refuse values that cannot be meant, by a :class:`UserError` that names the option."""
    targets.check(cfg)
    plain: Any = OmegaConf.to_container(cfg, resolve=True)
    typed: Any = OmegaConf.to_container(cfg, resolve=False)
    values = nested.leaves(plain)
    for key, value in values.items():
        if value == "???":
            raise UserError(f"{key} must be given: {key}=VALUE.")
    from benchmarks.harness.config import signatures  # pydantic, which no page of help needs

    signatures.check_plain(plain, PLAIN)
    referring = {key for key, _, value in nested.entries(typed) if "${" in str(value)}
    signatures.check(plain, referring=referring)
    check_numbers(values)
    check_resolutions(values)
    looked_through.check(plain, typed)


def check_numbers(values: dict[str, Any]) -> None:
    """Refuse what no option of any method means, whatever its annotation."""
    for key, value in values.items():
        endless = value == math.inf and key.endswith(".every")  # a penalty that is never due
        if isinstance(value, float) and not (math.isfinite(value) or endless):
            raise UserError(f"{key}={value} is not a finite number.")
        if isinstance(value, int | float) and value < 0:
            raise UserError(f"{key}={value} is negative.")


def check_resolutions(values: dict[str, Any]) -> None:
    """Refuse resolutions that the source does not have."""

    def power_of_two(value: int, lowest: int, highest: int) -> bool:
        return lowest <= value <= highest and not value & (value - 1)

    size = values["source.resolution"]
    asked = values.get("data.resolution", size)
    for key, pixels in (("source", size), ("data", asked)):
        if not power_of_two(pixels, 16, 1024):  # blocks begin at 4 px; 1024 is the largest known
            raise UserError(f"{key}.resolution={pixels} is no power of two from 16 to 1024.")
    if asked != size:
        raise UserError(f"data.resolution={asked} is not the source's, which is {size}.")
    swap = values["swap.resolution"]
    if swap and not power_of_two(swap, 4, size):
        raise UserError(f"swap.resolution={swap} is neither 0 nor a power of two from 4 to {size}.")
