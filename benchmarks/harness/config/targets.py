"""Which objects a configuration may name: those of this project and of the libraries it is made of.

A yaml or a command line that somebody sends must not be able to call whatever Python can import.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from core.errors import UserError
from core.paths import CONF

PACKAGES = ("core", "adapters", "benchmarks", "torch", "lightning", "timm")
CLOSED = (
    "torch.classes",
    "torch.distributed",
    "torch.hub",
    "torch.jit",
    "torch.load",
    "torch.ops",
    "torch.package",
    "torch.serialization",
    "torch.utils",
    "lightning.fabric",
    "lightning.pytorch.cli",
)
"""Parts of the libraries that load or run what a file holds."""

TARGET = re.compile(r"_target_: *([\w.]+)")


def check(node: Any) -> None:
    """Refuse a configuration that names what it may not.

    Raises:
        UserError: names the key and the target.
    """
    plain = OmegaConf.to_container(node, resolve=True) if isinstance(node, DictConfig) else node
    for key, name, value in entries(plain, ""):
        if name == "_args_":
            raise UserError(f"{key}: arguments have names here; _args_ is refused.")
        if name == "_target_":
            allowed(key, value)


def allowed(key: str, target: Any) -> None:
    """Refuse a target outside the packages, also where one of their modules only imported it."""
    words = str(target).split(".")
    known = (
        isinstance(target, str) and words[0] in PACKAGES and all(w.isidentifier() for w in words)
    )
    if not known or any(word.startswith("_") for word in words):
        raise UserError(f"{key}={target} is refused: it must be in {', '.join(PACKAGES)}.")
    if any(f"{target}.".startswith(f"{closed}.") for closed in CLOSED):
        raise UserError(f"{key}={target} is refused: it can run what a file holds.")
    try:
        found = get_object(str(target))
    except Exception as error:  # whatever importing a module of that name may raise
        raise UserError(f"{key}={target} does not exist.") from error
    owner = str(getattr(found, "__module__", ""))
    if not callable(found) or owner.split(".")[0] not in PACKAGES:
        raise UserError(f"{key}={target} is refused: it is no class or function of {words[0]}.")


def entries(node: Any, prefix: str) -> Iterator[tuple[str, str, Any]]:
    """Dotted key, last word of it and value of every entry, of branches as well."""
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        dotted = f"{prefix}.{key}" if prefix else str(key)
        yield dotted, str(key), value
        if isinstance(value, dict | list):
            yield from entries(value, dotted)


@cache
def table() -> dict[str, str]:
    """Every class and function that a yaml of the project names: its own name to its address.

    Raises:
        ValueError: two of them have the same name, so that a record could mean either.
    """
    found: dict[str, str] = {}
    for path in sorted(CONF.rglob("*.yaml")):
        for target in TARGET.findall(path.read_text(encoding="utf-8")):
            name = target.rpartition(".")[2]
            if found.setdefault(name, target) != target:
                raise ValueError(f"{found[name]} and {target} have the same name.")
    return found


def addressed(node: Any) -> Any:
    """A configuration out of a record, whose classes stand under their own names, to be built.

    Raises:
        UserError: it names something that no yaml of the project names.
    """
    if isinstance(node, list):
        return [addressed(value) for value in node]
    if not isinstance(node, dict):
        return node
    made = {key: addressed(value) for key, value in node.items()}
    if "_target_" in made:
        name = made["_target_"]
        if not isinstance(name, str) or name not in table():
            raise UserError(f"The record names {name}, which no configuration of this version has.")
        made["_target_"] = table()[name]
    return made
