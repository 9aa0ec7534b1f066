"""Which objects a configuration may name: those of this project and of the libraries it is made of.

A yaml or a command line that somebody sends must not be able to call whatever Python can import.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hydra.utils import get_object
from omegaconf import DictConfig, OmegaConf

from core.errors import UserError

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
