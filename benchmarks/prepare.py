"""Check and convert a set of pictures: ``python -m benchmarks.prepare data=NAME source=PATH``.

Writes a zip in NVIDIA's layout, a report beside it, and lists of shots where none are committed
for this copy of the set. With ``data.reference_root=PATH`` the pictures to compare with are looked
at too, and whether a shot is among them; ``held_out=N`` puts N pictures that a source trained on
the others has not seen into a zip of their own. Other words are those of ``conf/prepare.yaml`` and
of the set: ``data.framing=fit``, ``data.filter=box``, ``data.skip_broken=true``.
"""

import re
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from benchmarks.harness.config import signatures
from benchmarks.harness.config.cli import command, printable
from benchmarks.harness.config.compose import compose
from benchmarks.harness.config.files import resolved
from benchmarks.harness.io.signals import Signals
from core.bounds import Count, Natural
from core.errors import UserError

PLACES = ("source", "out", "md5", "data.root", "data.reference_root")


def composed(words: list[str]) -> DictConfig:
    """The configuration of a command line; what says a place is taken as it stands. UserError where
    a word is none, its value is of another kind than usual, or nothing is to be prepared.
    """
    from benchmarks.harness.data.preparation.preparation import UNKNOWN  # and torch

    own = {}
    others = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"{word!r} is no word like data=NAME or source=PATH.")
        if key in (f"data.{option}" for option in UNKNOWN):
            raise UserError(f"{key} counts in a run only; here the zip's side is resolution=N.")
        if key in PLACES:
            own[key] = unquoted(value)
        else:
            others.append(word)
    cfg = compose(others, "prepare").cfg
    if "style" in cfg.data:
        raise UserError("ParaFaces are drawn, not obtained: there is nothing to prepare.")
    counting = (key for key in cfg.data if key == "_target_" or key not in UNKNOWN)
    data = OmegaConf.create({key: cfg.data[key] for key in counting})
    signatures.check(resolved(data) | {"_partial_": True}, "data")  # without what a run needs
    signatures.check_value(cfg.resolution, Count, "resolution")
    signatures.check_value(cfg.held_out, Natural, "held_out")
    for key, value in own.items():
        OmegaConf.update(cfg, key, value)
    return cfg


def unquoted(place: str) -> str:
    """A place as it stands, or as benchmarks.run wants it, in quotes."""
    inner = re.fullmatch(r"""(['"])(.*)\1""", place, re.DOTALL)
    if inner is None or Path(place).exists():
        return place
    return re.sub(rf"\\({inner[1]})", r"\1", inner[2])


@command(about=__doc__, interrupted="stopped; of what was being made nothing is left.")
def main(words: list[str]) -> int:
    from benchmarks.harness.data.preparation.preparation import Preparation  # and torch

    with Signals():
        for line in Preparation(composed(words)).run():
            print(printable(line))
    return 0


if __name__ == "__main__":
    main()
