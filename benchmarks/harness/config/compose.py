"""What the words of a command line mean, as Hydra composes them from ``conf``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from benchmarks.harness.config import validation
from core.errors import UserError
from core.paths import CONF


@dataclass(frozen=True)
class Composition:
    """A composed configuration.

    Attributes:
        cfg: interpolations are still in it; Hydra's own node is not.
        choices: name of the yaml of each group.
        words: of the command line.
    """

    cfg: DictConfig
    choices: dict[str, str]
    words: tuple[str, ...]


def compose(words: Sequence[str] = ()) -> Composition:
    """What words ``key=value`` mean; nothing is built.

    Raises:
        UserError: a word names a choice or an option that there is not.
    """
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        try:
            cfg = hydra.compose("config", list(words), return_hydra_config=True)
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(validation.sentence(error)) from error
    chosen: Any = cfg.hydra.runtime.choices
    choices = {group: str(chosen[group]) for group in validation.GROUPS}
    with open_dict(cfg):
        cfg.pop("hydra")
    return Composition(cfg, choices, tuple(words))


def preferring(usual: dict[str, str], words: Sequence[str]) -> list[str]:
    """The words, behind the usual choice of every group that they do not name."""
    named = {word.split("=")[0] for word in words}
    return [*(f"{group}={name}" for group, name in usual.items() if group not in named), *words]
