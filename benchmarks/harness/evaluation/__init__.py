"""A generator in numbers: which pictures are compared, what networks see in them, and metrics.
`evaluate` makes of a finished run its numbers and its picture. A `gallery` holds every picture and
every feature once, in a `feature_store`; `extractors` see, `metrics` measure. Nothing here trains.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazily(package: str, modules: dict[str, str]) -> tuple[list[str], Callable[[str], Any]]:
    """``__all__``, ``__getattr__`` of a package whose ``modules`` wait until one is asked for."""
    homes = {name: module for module, names in modules.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return [*homes], get
