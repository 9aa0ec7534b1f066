"""A configuration out of a record, as something that can be built: the one way in for records."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

from hydra.errors import InstantiationException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from benchmarks.harness.config import looked_through, signatures, validation
from benchmarks.harness.config.compose import FILE, compose
from benchmarks.harness.config.environment import is_taken
from benchmarks.harness.config.files import Config, resolved
from benchmarks.harness.records import nested
from benchmarks.harness.records.recipe import PLACES
from benchmarks.harness.records.record import Record
from core.errors import UserError, cause

TARGET = "_target_"
RESOLUTIONS = [2**n for n in range(4, 11)]
OPTION = re.compile(r"[a-z_]+(\.[a-z_]+)+")
OURS = "cache"  # where this machine keeps what it made: no record says where files are written
TRAINED_BY = ("augment", "d_optimizer", "ema", "g_optimizer", "path_length", "r1")
"""Objects of a method that a finished run does without: ours serve where it had others."""
UNBUILT = (InstantiationException, OmegaConfBaseException, TypeError, KeyError, RuntimeError)


def configuration(record: Record, *groups: str) -> Config:
    """What a run was configured by, of these groups, and its seed.
    A record may come from anywhere. Its objects are those of `conf`, of the choices that it names;
    it gives them numbers and texts, which are held against what their constructors take.
    """
    ours = composed(record, *groups)
    theirs = with_infinity(without_variables(record.to_json()["config"]))
    config: dict[str, Any] = {"seed": record.seed}
    for group in groups:
        node = theirs.get(group, {})
        if group == "swap" and not node.get("resolution"):
            node = {}  # no layer is swapped, in whichever way
        config[group] = filled(ours[group], node, group) if node else ours[group]
    for key, name, value in nested.entries(config):
        if "${" in name or (isinstance(value, str) and "${" in value):
            raise UserError(f"The record's {key} holds ${{...}}, which stands for nothing there.")
    signatures.check(config)
    options = {key: hints for key, hints in validation.PLAIN.items() if key in groups}
    signatures.check_plain(config, options)
    validation.check_numbers(nested.leaves(config))
    return OmegaConf.create(config)


def composed(record: Record, *groups: str) -> dict[str, Any]:
    """Our configuration of a record's choices; those of ``groups`` must be known here."""
    words = []
    for group, name in record.choices.items():
        if name in validation.choices_of(group):
            words.append(f"{group}={name}")
            if (group, name) == ("source", FILE):  # which one is for the record to say
                words += ["source.weights=x", f"source.resolution={resolution_of(record)}"]
        elif group in groups:
            raise UserError(f"The record's {group} is {name}, which is no choice of this version.")
    return plain(*words, *(word for word in record.overrides if chooses(word)))


def resolution_of(record: Record) -> int:
    """The side in pixels of a record's source, which decides what it is looked at through."""
    side = record.to_json()["config"].get("source", {}).get("resolution")
    if type(side) is not int or side not in RESOLUTIONS:
        raise UserError("The record's source.resolution is no power of two from 16 to 1024.")
    return side


def chooses(word: str) -> bool:
    """Whether a word of a record chooses an inverter or a network by a name of ours."""
    key, _, name = word.partition("=")
    if key == "source.invert":
        return name in validation.choices_of("source/invert")
    return OPTION.fullmatch(key) is not None and looked_through.translated(word) != word


@cache
def plain(*words: str) -> dict[str, Any]:
    """What words mean, resolved; not to be changed."""
    return resolved(compose(words).cfg)


def filled(ours: Any, theirs: Any, place: str) -> Any:
    """Our objects with a record's values; a UserError where it has another object than ours."""
    if not isinstance(theirs, dict):
        if any(name == TARGET for _, name, _ in nested.entries(theirs)):
            raise UserError(f"The record's {place} holds an object, and ours does not.")
        return theirs
    known = ours if isinstance(ours, dict) else {}
    own, named = known.get(TARGET), theirs.get(TARGET)
    if named != (own and own.rpartition(".")[2]):
        if place.partition(".")[2] in TRAINED_BY:
            return ours
        known_as = own or "no object"
        raise UserError(f"The record's {place} is {named}, and the one of this version {known_as}.")
    kept = {key: value for key, value in known.items() if str(key).startswith("_") or key == OURS}
    return kept | {
        key: filled(known.get(key), value, f"{place}.{key}")
        for key, value in theirs.items()
        if not key.startswith("_") and key not in kept
    }


def import_method(record: Record) -> None:
    """Import the file of a record's method, so that networks which it defines can be read."""
    if record.method in validation.choices_of("method"):
        import_module(composed(record)["method"][TARGET].rpartition(".")[0])


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
