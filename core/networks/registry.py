"""The network classes that a weights file may name: those that were registered when their module
was imported. A file cannot have a module imported.
"""

from typing import TypeVar

from torch import nn

M = TypeVar("M", bound=type[nn.Module])

NETWORKS: dict[str, type[nn.Module]] = {}  # all of them, by name
LIBRARY_BUILT: set[str] = set()  # whose layers a library builds by their configuration (timm's)


def network(kind: M) -> M:
    """Class decorator: ``kind(**network.config)`` has the same architecture, whoever wrote it. A
    file is read wherever the class has been imported; `core.weights` imports those of `core`.
    """
    known = NETWORKS.setdefault(kind.__name__, kind)
    if known is not kind and known.__module__ != kind.__module__:
        raise TypeError(f"{known.__module__} and {kind.__module__} both name {kind.__name__}.")
    NETWORKS[kind.__name__] = kind
    return kind


def library_network(kind: M) -> M:
    """The same for a class whose layers a library builds: not for files of unknown origin."""
    LIBRARY_BUILT.add(kind.__name__)
    return network(kind)


def self_contained() -> dict[str, type[nn.Module]]:
    """Those that a file of unknown origin may name."""
    return {name: kind for name, kind in NETWORKS.items() if name not in LIBRARY_BUILT}
