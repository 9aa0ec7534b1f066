"""Where the curves go. The record is the result; these are mirrors of it."""

import csv
import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from benchmarks.harness.io import contact_sheet
from benchmarks.harness.records import nested
from benchmarks.harness.records.recipe import public
from benchmarks.harness.records.record import Node, Record
from core import output, regular
from core.errors import UserError
from core.progress import console

PICTURES = ("made", "all", "none")


class CurvesCsv(Logger):
    """A CSV with one row a point, always whole; a resumed run keeps those up to ``seen`` images."""

    name, version = "", "curves"

    def __init__(self, path: Path, seen: int) -> None:
        super().__init__()
        self.path, self.failed = path, False
        self.rows: list[dict[str, Any]] = []
        # As far as they can be read: a run is not lost for its curves.
        with suppress(OSError, ValueError, csv.Error):
            text = io.StringIO(regular.read(path).decode(), newline="")
            rows = [row for row in csv.DictReader(text) if (row.get("step") or "").isdigit()]
            self.rows = [row for row in rows if seen and int(row["step"]) <= seen]

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Add a row and write the file anew: it has few rows."""
        self.rows.append({**metrics, "step": step})
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, sorted({name for row in self.rows for name in row}))
        writer.writeheader()
        writer.writerows(self.rows)
        try:
            output.write(self.path, text.getvalue().encode())
        except UserError as error:
            if not self.failed:
                console.print(str(error), markup=False)
            self.failed = True

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """They are in the record."""


class Csv:
    """``curves/metrics.csv`` in the run's folder; ``callbacks`` are for the trainer."""

    callbacks: tuple[Callback, ...] = ()

    def open(self, folder: Path, name: str, config: Node, memory: Node, seen: int) -> list[Logger]:
        """Lightning's loggers; what they write to ``memory``, a resumed run finds there again."""
        return [CurvesCsv(folder / "curves" / "metrics.csv", seen)]

    def leave(self) -> None:
        """The process ends before the run does; another one opens it again."""

    def finish(self, record: Record, picture: Path | None) -> None:
        """Nothing more to say: the record and the picture, if it was kept, are files already."""


class Wandb(Csv):
    """W&B beside the CSV: curves over kimg, the record's numbers as summary, pictures."""

    def __init__(
        self,
        *,
        project: str,
        mode: str,  # offline, online or disabled; the environment's WANDB_MODE wins
        pictures: str,  # made by networks, and shots that this project rendered; all; or none
        early_metrics: list[Callback],  # that log beside the curves
    ) -> None:
        if pictures not in PICTURES:
            raise UserError(f"logger.pictures={pictures} must be {', '.join(PICTURES)}.")
        self.project, self.mode, self.pictures = project, mode, pictures
        self.callbacks = tuple(early_metrics)

    def open(self, folder: Path, name: str, config: Node, memory: Node, seen: int) -> list[Logger]:
        method, data, source, recipe = name.split("--")[:4]
        os.environ.setdefault("WANDB_MODE", self.mode)
        os.environ.setdefault("WANDB_SILENT", "true")
        # The words of an agent's sweep name its run; a checkpoint knows that of an earlier process.
        known = {} if "WANDB_SWEEP_ID" in os.environ else memory
        # Under the names of the command line, which are those of a sweep's parameters as well.
        chosen = {"method": method, "data": data, "source": source, "recipe": recipe}
        self.logger = WandbLogger(
            project=self.project,
            name=name,
            group=f"{method}--{data}",
            tags=[method, data, source],
            save_dir=folder,
            config=nested.leaves(public({"config": config})["config"], branches=(dict,)) | chosen,
            id=known.get("wandb"),
            resume="allow",
        )
        # Lightning says that nobody is anonymous, and W&B warns of the word.
        self.logger._wandb_init.pop("anonymous", None)
        run = self.logger.experiment
        memory["wandb"] = run.id
        run.define_metric("kimg")
        run.define_metric("*", step_metric="kimg")
        return [*super().open(folder, name, config, memory, seen), self.logger]

    def leave(self) -> None:
        import wandb

        wandb.finish()

    @rank_zero_only
    def finish(self, record: Record, picture: Path | None) -> None:
        import wandb

        run, cost = self.logger.experiment, record.to_json()["cost"]
        run.summary["state"] = record.state
        for key, metric in record.metrics.items():
            run.summary[f"metrics/{key}"] = metric.value
        for key, value in cost.items():
            run.summary[f"cost/{key}"] = value
        pictures = self.publishable_pictures(record, picture) if picture else {}
        for name, shown in pictures.items():
            run.log({name: shown, "kimg": cost["images"] / 1000})
        wandb.finish(exit_code=int(record.failed))

    def publishable_pictures(self, record: Record, picture: Path) -> dict[str, Any]:
        """What of the sheet may leave the machine: of what networks made, and of the shots."""
        import wandb

        if self.pictures == "none":
            return {}
        rendered = bool(record.config.data.get("style"))  # ParaFaces, nobody's face
        whole = {"sheet": wandb.Image(str(picture))} if rendered or self.pictures == "all" else {}
        if not whole and record.failed:  # shots may stand for what is missing
            return {}
        rows = contact_sheet.cut(picture)[1]  # below the shots
        columns: list[str | int] = ["latent", *(["source"] if len(rows) > 1 else []), "adapted"]
        pairs = [[i, *map(wandb.Image, pair)] for i, pair in enumerate(zip(*rows, strict=True))]
        return whole | {"pictures": wandb.Table(columns=columns, data=pairs)}
