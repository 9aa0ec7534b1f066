"""Several processes, one training: the strategy of ``machine=ddp``."""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.strategies import DDPStrategy
from torch import nn
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

from benchmarks.checkpoint import Checkpoints
from benchmarks.signals import Signals
from benchmarks.watch import Diverged
from core.errors import UserError
from core.parallel import Rows


class Together(DDPStrategy):
    """Forked processes with a share of every batch; the adapter averages the players' gradients.

    Lightning's own wrapper averages during the first backward pass of a step only, and a step of
    two players has several.

    Args:
        backend: of torch.distributed: ``gloo`` on the CPU, ``nccl`` on GPUs.
    """

    def __init__(self, *, backend: str) -> None:
        super().__init__(start_method="fork", process_group_backend=backend)

    def _setup_model(self, model: nn.Module) -> Any:
        return model

    def configure_ddp(self) -> None:
        """The model stays as it is."""

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """One step on this process's rows."""
        with Rows():
            return super().training_step(*args, **kwargs)


def fit(trainer: L.Trainer, adapter: Any, domain: Any, signals: Signals, keep: Checkpoints) -> None:
    """Train, in as many processes as the trainer has.

    Raises:
        Stopped: a signal came; a checkpoint is written.
        Diverged: as in one process.
        UserError: the batch cannot be shared, or one of several processes ended and with it all.
    """
    shared = trainer.num_devices
    group = adapter.source.d.config["mbstd_group"] or adapter.batch_size
    if shared > 1 and adapter.batch_size % (shared * group):
        raise UserError(
            f"method.batch_size={adapter.batch_size} must be a multiple of "
            f"machine.devices={shared} times source.mbstd_group={group}, or the discriminator "
            "would see other groups."
        )
    try:
        with signals.held():
            trainer.fit(adapter, datamodule=domain)
    except (ProcessRaisedException, ProcessExitedException) as error:
        signals.check("; the same command goes on from the last checkpoint")
        last = str(error).strip().splitlines()[-1]
        name, _, reason = last.partition(": ")
        if name.endswith(Diverged.__name__):
            raise Diverged(keep.reached(), reason) from error
        raise UserError(
            f"One of {shared} processes ended ({last}), so the others were ended; the "
            "same command goes on from the last checkpoint."
        ) from error
    if isinstance(trainer.strategy, Together):  # what was trained is in the processes' files
        state = keep.found()
        adapter.recall(state["adapter"])
        keep.watch.restore(state["watch"])
        keep.seconds = state["memory"]["seconds"]
