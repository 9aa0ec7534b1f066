"""Where the curves go. The record is the result; these are mirrors of it."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from benchmarks import disk
from benchmarks.progress import console


class Curves(Logger):
    """A CSV with one row a point, always whole; a resumed run keeps the rows up to its beginning.

    Args:
        path: of the file.
        seen: images that were shown before; later rows are of a run that was cut off.
    """

    name, version = "", "curves"

    def __init__(self, path: Path, seen: int) -> None:
        super().__init__()
        self.path, self.failed = path, False
        self.rows = [row for row in self.earlier() if int(row["step"]) <= seen] if seen else []

    def earlier(self) -> list[dict[str, Any]]:
        """The rows of the file that is there, as far as they can be read."""
        try:
            with self.path.open(encoding="utf-8", newline="") as file:
                return [row for row in csv.DictReader(file) if (row.get("step") or "").isdigit()]
        except (OSError, ValueError, csv.Error):
            return []

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add a row and write the file anew: it has few rows."""
        self.rows.append({**metrics, "step": step})
        names = sorted({name for row in self.rows for name in row})
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        writer.writerows(self.rows)
        try:
            disk.put(self.path, text.getvalue().encode())
        except OSError as error:
            if not self.failed:
                console.print(f"{self.path} cannot be written: {error.strerror}.", markup=False)
            self.failed = True

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """They are in the record."""


class Csv:
    """``curves/metrics.csv`` in the run's folder."""

    def open(
        self, folder: Path, name: str, config: dict[str, Any], memory: dict[str, Any], seen: int
    ) -> list[Logger]:
        """Lightning's loggers of this run, of which ``seen`` images were shown before.

        ``memory`` is kept in checkpoints: what a logger writes there, it finds again.
        """
        return [Curves(folder / "curves" / "metrics.csv", seen)]

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

    def open(
        self, folder: Path, name: str, config: dict[str, Any], memory: dict[str, Any], seen: int
    ) -> list[Logger]:
        """The CSV, and a W&B run grouped by method and data: after a break, the same one."""
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
            id=memory.get("wandb"),
            resume="allow",
        )
        run = self.logger.experiment
        memory["wandb"] = run.id
        run.define_metric("kimg")
        run.define_metric("*", step_metric="kimg")
        return [*super().open(folder, name, config, memory, seen), self.logger]

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
