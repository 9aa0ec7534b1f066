"""Stop anywhere, go on there: one file with everything that a run needs to continue."""

import io
import signal
import time
from pathlib import Path
from typing import Any

import lightning as L
import torch

from benchmarks.harness.io.signals import Signals
from benchmarks.harness.records.provenance import TRAINED_FROM, changes
from benchmarks.harness.training import seeds
from benchmarks.harness.training.monitor import TrainingMonitor
from core import atomic, distributed, hashing, regular
from core.errors import UserError
from core.progress import console

MAGIC = b"styleshift checkpoint 1 "  # 1 is the version of the format
KEPT = 2  # the second one is for where the newest is damaged


class Checkpoints(L.Callback):
    """Writes the run's state every so often and takes it back at the start.
    ``checkpoint-IMAGES.pt`` holds the adapter (networks, optimisers, statistics, random stream),
    the generators of the process, and ``memory``: what else the run wants to find again, plain
    numbers and texts. Its first line is its checksum. Each file is moved into place when it is
    whole, and the last two are kept. ``seconds`` are of training, breaks not counted.
    """

    def __init__(
        self,
        *,
        folder: Path,  # of this run
        every_kimg: float,  # thousands of images between two files
        resume: str,  # auto: where there is a checkpoint; must: or refuse; never: begin anew
        identity: dict[str, str],  # what must not have changed: the recipe, and `TRAINED_FROM`
        signals: Signals,  # of the process; a file is written as soon as one has come
        monitor: TrainingMonitor,  # raises when the state is not finite, and has a state of its own
    ) -> None:
        self.folder, self.every, self.identity = folder, int(every_kimg * 1000), identity
        self.signals, self.monitor = signals, monitor
        self.saved, self.begun, self.seconds, self.kept = -1, time.monotonic(), 0.0, [Path()]
        self.generators: dict[str, Any] = {}
        self.state = {} if resume == "never" else self.newest()
        if resume == "must" and not self.state:
            raise UserError(f"There is no checkpoint in {folder}; resume=auto begins anew.")
        self.memory: dict[str, Any] = self.state.get("memory", {"seconds": 0.0})
        if self.state:
            monitor.restore(self.state["watch"])

    @property
    def seen(self) -> int:
        """Images of the checkpoint that the run will begin with; 0 without one."""
        return self.state["adapter"]["images_seen"] if self.state else 0

    def files(self) -> list[Path]:
        """The checkpoints in the folder, the newest first: by its images, not by any clock."""
        return sorted(self.folder.glob("checkpoint-*.pt"), reverse=True)

    def newest(self) -> dict[str, Any]:
        for path in self.files():
            try:
                state = decode(regular.read(path, 2**40))
            except (OSError, ValueError) as error:
                console.print(f"{path} is damaged and passed over: {error}.", markup=False)
                continue
            then = state["identity"]
            if then["recipe"] != self.identity["recipe"]:
                continue
            unsaid = dict.fromkeys(TRAINED_FROM, "")  # by earlier versions
            if other := changes(unsaid | then, self.identity, TRAINED_FROM):
                raise UserError(
                    f"{path} cannot be continued, for {other}; resume=never begins anew."
                )
            self.kept = [path]
            return state
        return {}

    # In the order in which Lightning calls them.

    def setup(self, trainer: L.Trainer, pl_module: Any, stage: str) -> None:
        """Before the data is laid out: which image comes next."""
        if self.state:
            self.saved = self.seen
            pl_module.start_at(self.seen)
            console.print(f"Going on after {pl_module.images_seen:,} images.")
        trainer.datamodule.set_position(pl_module.images_seen)  # type: ignore[attr-defined]

    def on_fit_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Give the adapter its state back; the optimisers are there by now."""
        self.begun = time.monotonic() - self.memory["seconds"]
        if self.state:
            pl_module.restore(self.state["adapter"])
            self.generators = self.state["generators"]
            self.state = {}

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        self.signals.alone()  # Lightning has put its handlers by now

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: Any, *step: Any) -> None:
        """The process's generators, after all that drew before the first step."""
        self.seconds = time.monotonic() - self.begun
        if self.generators:
            seeds.restore(self.generators)
            self.generators = {}

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: Any, *step: Any) -> None:
        seen, stop = pl_module.images_seen, bool(self.signals.asked)
        if trainer.world_size > 1:
            # All stop at the same step or none: a signal that comes from here on is for the next
            # one, or this process would leave while another waits for it.
            stop = trainer.strategy.reduce_boolean_decision(stop, all=False)
            self.signals.asked = self.signals.asked or stop * signal.SIGTERM
        if stop or seen - max(self.saved, 0) >= self.every:
            self.save(pl_module)
        if stop:
            what = f" from {self.saved:,} on" if self.saved > 0 else ", from the beginning"
            self.signals.check(f" after {seen:,} images; the same command goes on{what}")

    def on_train_end(self, trainer: L.Trainer, pl_module: Any) -> None:
        """What was trained is safe before it is measured."""
        if self.saved != pl_module.images_seen:
            self.save(pl_module)

    on_fit_end = on_train_batch_start  # there may have been no step left to do

    def on_exception(self, trainer: L.Trainer, pl_module: Any, exception: BaseException) -> None:
        self.seconds = time.monotonic() - self.begun

    def save(self, pl_module: Any) -> None:
        """Write the state; a disk that does not take it is no reason to lose the run."""
        self.monitor.assert_finite()
        # All processes hold the same; none goes on, or leaves, before the first one wrote it.
        exists = distributed.rank() > 0 or self.write(pl_module)
        written = torch.tensor(float(exists), device=pl_module.device)
        distributed.broadcast_([written])
        if written:
            self.saved = pl_module.images_seen

    def write(self, pl_module: Any) -> bool:
        self.memory["seconds"] = time.monotonic() - self.begun
        state = {
            "identity": self.identity,
            "adapter": pl_module.state(),
            "generators": seeds.state(),
            "watch": self.monitor.state(),
            "memory": self.memory,
        }
        path = self.folder / f"checkpoint-{pl_module.images_seen:012d}.pt"
        try:
            atomic.write(path, encode(state))
        except OSError as error:
            last = f"the last one is of {self.saved:,} images"
            last = last if self.saved >= 0 else "there is none"
            console.print(
                f"The checkpoint of {pl_module.images_seen:,} images cannot be written to "
                f"{self.folder}: {error.strerror}; {last}. The run goes on.",
                markup=False,
            )
            return False
        self.kept = [*self.kept, path][-KEPT:]
        self.clear(self.kept)
        return True

    def clear(self, kept: list[Path] | None = None) -> None:
        """Remove the files but those that are kept; a finished run needs none."""
        for path in self.files():
            if path not in (kept or ()):
                path.unlink(missing_ok=True)


def encode(state: dict[str, Any]) -> bytes:
    """A state as the bytes of a file: checksum, line end, what torch writes."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getvalue()
    return MAGIC + hashing.of_bytes(data).encode() + b"\n" + data


def decode(raw: bytes) -> dict[str, Any]:
    """The state of a file's bytes, on the CPU; a ValueError where these are not as written."""
    head, _, data = raw.partition(b"\n")
    if not head.startswith(MAGIC):
        raise ValueError("it does not begin like a checkpoint")
    if head != MAGIC + hashing.of_bytes(data).encode():
        raise ValueError("its checksum is not that of its content")
    try:
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # whole, but of another version of torch, which may raise anything
        kind = type(error).__name__
        raise ValueError(f"this version of torch cannot read it ({kind})") from error
