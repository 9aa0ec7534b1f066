"""A configuration out of a record, as something that can be built: the one way in for records."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from hydra.errors import InstantiationException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from benchmarks.harness.config import signatures, targets
from benchmarks.harness.config.environment import is_taken
from benchmarks.harness.records import nested
from benchmarks.harness.records.recipe import PLACES
from core.errors import UserError, cause

TARGET = "_target_"
BUILT = {"source", "method", "swap", "data"}  # of a record, to use its weights again
UNBUILT = (InstantiationException, OmegaConfBaseException, TypeError, KeyError, RuntimeError)


def configuration(record: dict[str, Any]) -> Any:
    """What a run was configured by, as `OmegaConf` has it; ``record`` is its JSON object.
    A record may come from anywhere: its classes are those that a yaml of the project names, and its
    texts are texts, for an interpolation could make another class of them. All else is refused.
    Places that a variable of the environment named are not known any more.
    """
    config = without_variables(with_infinity(record["config"]))
    for _, key, value in nested.entries(config):
        if "${" in key or (isinstance(value, str) and "${" in value):
            raise UserError(
                "The record's configuration holds ${...}, which stands for nothing in a record."
            )
    config = targets.addressed(config)
    for group in BUILT & config.keys():
        named = {key: value for key, value in nested.leaves(config[group]).items() if TARGET in key}
        if named and named.get(TARGET) not in targets.of_group(group):
            raise UserError(f"The record's {group} is none: {named.get(TARGET)}.")
        signatures.check({group: config[group]})
    return OmegaConf.create(config)


def import_method(record: dict[str, Any]) -> None:
    """Import the file of a record's method, so that networks which it defines can be read."""
    method = record.get("config", {}).get("method", {})
    target = targets.addressed({"_target_": method.get("_target_")})["_target_"]
    import_module(target.rpartition(".")[0])


def with_infinity(node: Any) -> Any:
    """The inverse of `benchmarks.harness.records.recipe.spell_infinity`."""
    return nested.changed(node, lambda _, value: math.inf if value == ".inf" else value)


def without_variables(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without the places that it took from the environment."""

    def emptied(key: str, value: Any) -> Any:
        return "" if key in (*PLACES, "folder", "cache") and is_taken(value) else value

    return nested.changed(config, emptied)


@contextmanager
def rebuilding(name: str) -> Iterator[None]:
    """Say in one sentence why the recorded configuration of a run builds nothing here."""
    try:
        yield
    except UNBUILT as error:
        first = cause(error)
        if isinstance(first, UserError):
            raise first from error
        reason = " ".join(str(first).split())[:200]
        raise UserError(f"{name} cannot be built by this version: {reason}.") from error
