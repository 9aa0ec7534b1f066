"""Where a run belongs: its name, its place, and what its record begins with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from benchmarks.harness.records import record as records


@dataclass(frozen=True)
class Cell:
    """One row of a table to be: its configuration, what its record begins with, where it lies."""

    cfg: DictConfig
    head: dict[str, Any]
    folder: Path
    published: Path

    @classmethod
    def of(cls, cfg: DictConfig, choices: dict[str, str], overrides: list[str]) -> Cell:
        """The cell of a resolved configuration; ``overrides`` are the words that made it."""
        if not cfg.swap.resolution:
            overrides = [word for word in overrides if not word.startswith("swap")]
        recipe = records.recipe(cfg, choices)
        name = records.name(choices, recipe, cfg.seed)
        head = {
            "schema": records.SCHEMA,
            **{group: choices[group] for group in ("method", "data", "source", "eval")},
            "seed": cfg.seed,
            "recipe": recipe,
            "overrides": overrides,
        }
        root = Path(cfg.folder)
        return cls(cfg, head, root / "out" / name, root / "runs" / f"{name}.json")

    @property
    def plain(self) -> dict[str, Any]:
        """The resolved configuration as JSON has it, classes under their own names."""
        return records.unaddressed(records.strict(OmegaConf.to_container(self.cfg, resolve=True)))

    @property
    def title(self) -> str:
        """What a reader of the picture should know."""
        upto = self.cfg.swap.resolution
        swapped = [f"up to {upto} px the source's layers"] if upto else []
        return " / ".join([self.head["method"], self.head["data"], *swapped])
