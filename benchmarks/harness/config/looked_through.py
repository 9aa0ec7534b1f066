"""Networks that losses and inverters look through: words name them, and photographs above 64 px
are not looked at through the shipped guide, which knows rendered heads of that size, unless it is
named.
"""

import copy
import json
import re
from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from benchmarks.harness.config import files, targets
from benchmarks.harness.io import external_weights
from benchmarks.harness.records import nested
from core.errors import UserError
from core.paths import CONF

LOOKED_AT = ("source", "method")
PUBLISHED = "core.networks.published_guide.PublishedGuide"
INVERT = re.compile(r"(\+{0,2})source\.invert=(?=[A-Za-z])")
QUOTE = '"'  # which Hydra's grammar needs around no name
RENDERED = "ParaFaces"  # begins the names of the domains that are drawn


@cache
def table() -> Any:
    return files.plain(CONF / "networks.yaml")


def translated(word: str) -> str:
    """A word that names a network or an inverter, as Hydra takes it."""
    key, _, value = word.partition("=")
    names = key.lstrip("+").split(".")
    if names[0] in LOOKED_AT and names[-1] in table()["photographs"]["instead"]:
        node = table()["names"].get(value)
        return f"{key}={spelt(node)}" if node else word
    return INVERT.sub(r"\1source/invert=", word)


def spelt(node: Any) -> str:
    """A network as Hydra's grammar writes an object."""
    return json.dumps(node).replace(QUOTE, "")


def typed(word: str) -> str:
    """The word of which `translated` made another."""
    key, _, value = word.partition("=")
    for name, node in table()["names"].items() if value.startswith("{") else ():
        if value == spelt(node):
            return f"{key.lstrip('+')}={name}"
    return re.sub(r"^source/invert=", "source.invert=", word)


def large(side: Any) -> bool:
    """Whether photographs of ``side`` px are larger than a guide sees."""
    return isinstance(side, int) and side > table()["photographs"]["above"]


def suit(config: Any, named: Collection[str]) -> None:
    """Put published networks in the place of guides that are not ``named`` where what a
    configuration looks at are photographs, not rendered heads.
    """
    if not str(config["data"].get("_target_")).rpartition(".")[2].startswith(RENDERED):
        for group in LOOKED_AT:
            suit_photographs(config[group], config["source"].get("resolution"), group, named)


def suit_photographs(node: Any, side: Any, key: str = "", named: Collection[str] = ()) -> None:
    """The same of a part of one, where photographs of ``side`` px are larger than a guide sees."""
    about, names = table()["photographs"], table()["names"]
    if not large(side):
        return
    for place, name, value in list(nested.entries(node, key)):
        if value == names["guide"] and place not in named and name in about["instead"]:
            value.clear()
            value.update(copy.deepcopy(names[about["instead"][name]]))


def check(plain: Mapping[str, Any], typed: Mapping[str, Any]) -> None:
    """Refuse networks whose files are not there, all at once and before anything is built; of an
    inverter where photographs are to be inverted, shots too where a method says that it does.
    """
    inverted = plain["data"].get("photos_root", "drawn") or inverts_shots(plain["method"])
    lacking: dict[str, list[str]] = {}
    for group in LOOKED_AT if inverted else ("method",):
        for key, _, value in nested.entries(typed[group], group):  # where it is said, once
            if not isinstance(value, dict) or value.get("_target_") != PUBLISHED:
                continue
            names = [part["name"] for part in value.values() if isinstance(part, dict)]
            missing = [name for name in names if external_weights.entry(name).state != "present"]
            if missing:
                lacking[key] = missing
    if lacking:
        needs = ", ".join(f"{key} needs {' and '.join(names)}" for key, names in lacking.items())
        files = dict.fromkeys(name for names in lacking.values() for name in names)
        raise UserError(
            f"{needs}, which `python -m benchmarks.fetch {' '.join(files)}` brings; "
            f"{' '.join(f'{key}=guide' for key in lacking)} looks through the shipped network "
            "instead, which knows rendered heads at 64 px and no larger photographs."
        )


def inverts_shots(method: Mapping[str, Any]) -> bool:
    """Whether a method inverts its shots before it trains."""
    return getattr(targets.allowed("method._target_", method["_target_"]), "inverts_shots", False)
