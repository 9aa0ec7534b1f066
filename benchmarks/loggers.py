"""Where the curves go. The record is the result; these are mirrors of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger, Logger, WandbLogger


class Csv:
    """``curves/metrics.csv`` in the run's folder."""

    def open(self, folder: Path, name: str, config: dict[str, Any]) -> list[Logger]:
        """Lightning's loggers of this run."""
        return [CSVLogger(folder, name="", version="curves", flush_logs_every_n_steps=1)]

    def finish(self, record: dict[str, Any], picture: Path) -> None:
        """Nothing more to say: the record and the picture are files already."""


class Wandb(Csv):
    """Weights & Biases beside the CSV: kimg axis, the sheet, the record's numbers as summary.

    Args:
        project: of the W&B workspace.
        mode: offline, online or disabled; the environment's ``WANDB_MODE`` wins.
        pictures: whether the sheet, which shows the shots, is uploaded.
    """

    def __init__(self, *, project: str, mode: str, pictures: bool) -> None:
        self.project, self.mode, self.pictures = project, mode, pictures

    def open(self, folder: Path, name: str, config: dict[str, Any]) -> list[Logger]:
        """The CSV, and a W&B run grouped by method and data."""
        method, data = name.split("--")[:2]
        os.environ.setdefault("WANDB_MODE", self.mode)
        os.environ.setdefault("WANDB_SILENT", "true")
        self.logger = WandbLogger(
            project=self.project,
            name=name,
            group=f"{method}--{data}",
            tags=[method, data],
            save_dir=folder,
            config=config,
        )
        run = self.logger.experiment
        run.define_metric("kimg")
        run.define_metric("*", step_metric="kimg")
        return [*super().open(folder, name, config), self.logger]

    def finish(self, record: dict[str, Any], picture: Path) -> None:
        """The record's numbers as summary, the sheet as a picture."""
        import wandb

        run = self.logger.experiment
        for key, metric in record["metrics"].items():
            run.summary[f"metrics/{key}"] = metric["value"]
        for key, value in record["cost"].items():
            run.summary[f"cost/{key}"] = value
        if self.pictures:
            run.log({"sheet": wandb.Image(str(picture)), "kimg": record["cost"]["images"] / 1000})
        wandb.finish()
