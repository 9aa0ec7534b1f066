"""What the user typed, checked before anything is built or written."""

from __future__ import annotations

import difflib
import math
import re
from typing import Any

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from benchmarks.harness.config import kinds, targets
from core.errors import UserError
from core.paths import CONF

GROUPS = ("method", "data", "source", "swap", "eval", "machine", "logger")
POSITIVE = ("method.images", "method.batch_size", "eval.samples", "data.shots")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
METRIC = re.compile(r"""eval\.metrics\.["']?([^\s"'.=]+@[^\s"'.=]+)["']?\.(\w+)=(\S*)""")
"""A number of one metric, as a user would write it first."""


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
    usual = compose("config", [f"{group}={choices[group]}" for group in GROUPS])
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


def sentence(error: Exception) -> str:
    """One clear sentence from what Hydra or OmegaConf say of a bad command line."""
    text = str(error)
    if found := re.search(r"Could not (?:find|load) 'hydra/launcher/((ray|submitit)\w*)'", text):
        name, extra = found[1], {"ray": "ray", "submitit": "slurm"}[found[2]]
        return f"hydra/launcher={name} needs a package more: pip install -e '.[{extra}]'."
    if found := re.search(r"Could not find '(\w+)/([^']*)'", text):
        group, name = found.groups()
        return f"There is no {group} {name!r}; the choices are {', '.join(choices_of(group))}."
    if found := METRIC.search(text):
        name, key, value = found.groups()
        return f"Write 'eval.metrics={{{name}: {{{key}: {value}}}}}': Hydra keeps @ for itself."
    if found := re.search(r"Could not override '([^']+)'", text):
        inner = re.search(r"full_key: (\S+)", str(error.__cause__))  # of a group in braces
        key = (inner or found)[1].removesuffix(".")
        group, dot, _ = key.partition(".")
        near = difflib.get_close_matches(key, known(), n=1)
        others = f"; see --cfg job for those of {group}." if dot else "; see --cfg job for all."
        hint = f"; did you mean {near[0]}?" if near else others
        return f"There is no option {key!r}{hint}"
    first = " ".join(line.strip() for line in text.splitlines() if line.strip())
    return first[:300]


def printable(text: str) -> str:
    """One line that a terminal only shows, whatever a file is named."""
    return CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", " ".join(text.split("\n")))


def known() -> list[str]:
    """Every option of the default configuration and of all methods and data sets, dotted."""
    names: set[str] = set()
    for group in GROUPS:
        for name in choices_of(group):
            loaded = OmegaConf.load(CONF / group / f"{name}.yaml")
            plain = OmegaConf.to_container(loaded, resolve=False)
            names |= {f"{group}.{key}" for key in keys(plain)}
    top = OmegaConf.to_container(OmegaConf.load(CONF / "config.yaml"), resolve=False)
    return sorted(names | set(keys(top)))


def keys(node: Any, prefix: str = "") -> list[str]:
    """Dotted names of all entries of nested dictionaries."""
    if not isinstance(node, dict):
        return []
    out: list[str] = []
    for key, value in node.items():
        out += [f"{prefix}{key}", *keys(value, f"{prefix}{key}.")]
    return out
