"""Stop anywhere, go on there: one file with everything that a run needs to continue."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import lightning as L
import torch

from benchmarks.progress import console


class Checkpoints(L.Callback):
    """Writes the run's state every so often and takes it back at the start.

    The file is written beside and moved into place, so that a kill leaves the old one; the one
    before is kept in case the newest cannot be read.

    Args:
        folder: of this run.
        every_kimg: thousands of images between two files.
        recipe: hash of what defines the run; a file of another recipe is passed over.
    """

    def __init__(self, *, folder: Path, every_kimg: float, recipe: str) -> None:
        self.path = folder / "checkpoint.pt"
        self.every, self.recipe = int(every_kimg * 1000), recipe
        self.saved = 0

    def found(self) -> dict[str, Any] | None:
        """The newest readable state of this recipe, or None."""
        for path in (self.path, self.previous):
            if not path.is_file():
                continue
            try:
                state = torch.load(path, map_location="cpu", weights_only=True)
            except (RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
                console.print(f"{path} is damaged and passed over ({type(error).__name__}).")
                continue
            if state["recipe"] == self.recipe:
                return state
        return None

    @property
    def previous(self) -> Path:
        """The file before the newest."""
        return self.path.with_suffix(".previous.pt")

    def setup(self, trainer: L.Trainer, pl_module: Any, stage: str) -> None:
        """Before the data is laid out: which image comes next."""
        self.state = self.found()
        if self.state:
            pl_module.images_seen.copy_(self.state["adapter"]["module"]["images_seen"])
            console.print(f"Going on after {int(pl_module.images_seen):,} images.")
        self.saved = int(pl_module.images_seen)
        trainer.datamodule.set_position(self.saved)  # type: ignore[attr-defined]

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Give the adapter its state back."""
        if self.state:
            pl_module.restore(self.state.pop("adapter"))

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write when it is time."""
        seen = int(pl_module.images_seen)
        if seen - self.saved >= self.every:
            self.saved = seen
            self.write(pl_module)

    def write(self, pl_module: Any) -> None:
        """Write the state atomically and keep the file before."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_suffix(".part")
        with part.open("wb") as file:
            torch.save({"recipe": self.recipe, "adapter": pl_module.state()}, file)
            file.flush()
            os.fsync(file.fileno())
        if self.path.is_file():
            self.path.replace(self.previous)
        part.replace(self.path)

    def clear(self) -> None:
        """A finished run needs no checkpoint."""
        self.path.unlink(missing_ok=True)
        self.previous.unlink(missing_ok=True)
