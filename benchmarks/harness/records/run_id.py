"""Where a run belongs: its name, its place, and what its record begins with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness.records import ids
from benchmarks.harness.records.record import SCHEMA

if TYPE_CHECKING:
    from omegaconf import DictConfig


@dataclass(frozen=True)
class RunId:
    """A run to be: its configuration, what its record begins with, where it lies."""

    cfg: DictConfig
    head: dict[str, Any]
    folder: Path
    published: Path

    @classmethod
    def of(cls, cfg: DictConfig, choices: dict[str, str], overrides: list[str]) -> RunId:
        """The run of a resolved configuration; ``overrides`` are the words that made it."""
        from omegaconf import OmegaConf  # not at the top: readers of records need no configuration

        if not cfg.swap.resolution:
            overrides = [word for word in overrides if not word.startswith("swap")]
        config: Any = OmegaConf.to_container(cfg, resolve=False)
        recipe = ids.recipe(config, choices)
        name = ids.name(choices, recipe, cfg.seed)
        head = {
            "schema": SCHEMA,
            **{group: choices[group] for group in ids.GROUPS},
            "seed": cfg.seed,
            "recipe": recipe,
            "overrides": overrides,
        }
        root = Path(cfg.folder)
        return cls(cfg, head, root / "out" / name, root / "runs" / f"{name}.json")

    @property
    def plain(self) -> dict[str, Any]:
        """The resolved configuration as JSON has it, classes under their own names."""
        from omegaconf import OmegaConf

        whole = OmegaConf.to_container(self.cfg, resolve=True)
        return ids.unaddressed(ids.spell_infinity(whole))

    @property
    def title(self) -> str:
        """What a reader of the picture should know."""
        upto = self.cfg.swap.resolution
        swapped = [f"up to {upto} px the source's layers"] if upto else []
        return " / ".join([self.head["method"], self.head["data"], *swapped])
