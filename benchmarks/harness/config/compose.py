"""Words of a command line to a configuration: Hydra's composition, and the choices behind it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import hydra
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, open_dict

from benchmarks.harness.config import targets
from benchmarks.harness.config.validation import GROUPS
from core.paths import CONF

OWN = ("method.", "data.", "source.", "eval.", "swap.", "swap=")
"""How the words begin that change an experiment beyond its choices."""


@dataclass(frozen=True)
class Composition:
    """A composed configuration.

    Attributes:
        cfg: interpolations are still in it; Hydra's own node is not.
        choices: name of the yaml of each group.
        words: of the command line, without Hydra's own.
    """

    cfg: DictConfig
    choices: dict[str, str]
    words: tuple[str, ...] = ()

    @property
    def overrides(self) -> list[str]:
        """The words that change the experiment beyond its choices, as a record keeps them."""
        return [word for word in self.words if word.lstrip("+~").startswith(OWN)]


@contextmanager
def our_hydra() -> Iterator[ConfigLoader]:
    """Hydra on ``conf/``, whatever it was set to; its loader."""
    state = GlobalHydra.instance()
    before = state.hydra
    state.clear()
    try:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            yield GlobalHydra.instance().config_loader()
    finally:
        GlobalHydra.instance().hydra = before


def compose(words: Sequence[str] = (), name: str = "config") -> Composition:
    """What the words of a command line mean; nothing is built.

    Raises:
        UserError: a word names a class or function that no configuration may name.
        HydraException: see :func:`complaints.sentence`.
    """
    with our_hydra():
        cfg = hydra.compose(name, list(words), return_hydra_config=True)
    return composition(cfg, cfg.hydra)


def composition(cfg: DictConfig, job: Any) -> Composition:
    """A configuration and Hydra's node of it, which is checked and taken out."""
    targets.check_hydra(job)
    choices = {group: str(job.runtime.choices[group]) for group in GROUPS
               if group in job.runtime.choices}  # fmt: skip
    words = tuple(job.overrides.task)
    with open_dict(cfg):
        cfg.pop("hydra", None)
    return Composition(cfg, choices, words)
