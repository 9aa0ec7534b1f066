"""Check and convert a set of pictures: ``python -m benchmarks.prepare data=NAME source=PATH``.

Writes a zip in NVIDIA's layout, a report beside it, and lists of shots where none are committed
for this copy of the set. With ``data.reference_root=PATH`` the pictures to compare with are looked
at too, and whether a shot is among them; ``held_out=N`` puts N pictures that a source trained on
the others has not seen into a zip of their own. Other words are those of ``conf/prepare.yaml`` and
of the set: ``data.framing=fit``, ``data.filter=box``, ``data.skip_broken=true``.
"""

from __future__ import annotations

import sys

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from benchmarks.harness.config import kinds, validation
from benchmarks.harness.data.preparation.preparation import UNKNOWN, Preparation, known
from benchmarks.harness.training.signals import Signals, Stopped
from benchmarks.run import refuse
from core.errors import UserError
from core.paths import CONF

PLACES = ("source", "out", "md5", "data.root", "data.reference_root")


def composed(words: list[str]) -> DictConfig:
    """The configuration of a command line; what says a place is taken as it stands.

    Raises:
        UserError: a word is none, its value is of another kind than usual, or there is nothing to
            prepare.
    """
    own = {}
    others = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise UserError(f"{word!r} is no word like data=NAME or source=PATH.")
        if key in (f"data.{option}" for option in UNKNOWN):
            raise UserError(f"{key} counts in a run only; here the zip's side is resolution=N.")
        if key in PLACES:
            own[key] = value
        else:
            others.append(word)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        cfg = compose("prepare", others)
        usual = compose("prepare", [word for word in others if word.startswith("data=")])
    if "style" in cfg.data:
        raise UserError("ParaFaces are drawn, not obtained: there is nothing to prepare.")
    whole = (OmegaConf.create({**c, "data": known(c.data)}) for c in (cfg, usual))
    given, meant = (OmegaConf.to_container(c) for c in whole)
    kinds.check(given, meant)
    for key, value in own.items():
        OmegaConf.update(cfg, key, value)
    return cfg


def main() -> None:
    """Prepare one set; what cannot be is refused in one sentence."""
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__)
        return
    try:
        with Signals():
            for line in Preparation(composed(sys.argv[1:])).run():
                print(validation.printable(line))
    except Stopped as stop:
        print("styleshift: stopped; of what was being made nothing is left.", file=sys.stderr)
        sys.exit(stop.status)
    except UserError as error:
        refuse(str(error))
    except (HydraException, OmegaConfBaseException) as error:
        refuse(validation.sentence(error))


if __name__ == "__main__":
    main()
