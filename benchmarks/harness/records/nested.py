"""Nested dictionaries and lists, as configurations and records are: walked, flattened, copied."""

from collections.abc import Callable, Iterator
from typing import Any

BRANCHES = (dict, list)
Entry = tuple[str, str, Any]


def entries(node: Any, prefix: str = "", branches: Any = BRANCHES) -> Iterator[Entry]:
    """Dotted key, last word of it and value of every entry, of branches before what they hold."""
    pairs: Any = ()
    if isinstance(node, branches):
        pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in pairs:
        dotted = f"{prefix}.{key}" if prefix else str(key)
        yield dotted, str(key), value
        yield from entries(value, dotted, branches)


def leaves(node: Any, branches: tuple[type, ...] = BRANCHES) -> dict[str, Any]:
    """Dotted key to value, of every entry that is no branch."""
    every = entries(node, branches=branches)
    return {dotted: value for dotted, _, value in every if not isinstance(value, branches)}


def changed(node: Any, change: Callable[[str, Any], Any], key: str = "") -> Any:
    """A copy with ``change(key, value)`` for every value that is no branch; "" in a list."""
    if isinstance(node, dict):
        return {key: changed(value, change, key) for key, value in node.items()}
    if isinstance(node, list):
        return [changed(value, change) for value in node]
    return change(key, node)
