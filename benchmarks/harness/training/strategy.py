"""Several processes, one training: the strategy of ``machine=ddp``."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import torch.distributed as dist
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy
from torch import nn

from core import distributed
from core.distributed import ShardedRandom
from core.errors import UserError


class MultiOptimizerDDP(DDPStrategy):
    """Processes with a share of every batch; the adapter averages the players' gradients.

    Lightning's own wrapper averages during the first backward pass of a step only, and a step of
    two players has several. The processes are started by `workers`; they find one another at the
    file ``meeting``, so there is no port to be taken. ``backend`` is that of torch.distributed:
    ``gloo`` on the CPU, ``nccl`` on GPUs. A process waits ``timeout_minutes`` for the others.
    """

    def __init__(self, *, backend: str, timeout_minutes: float) -> None:
        self.patience, self.meeting = timedelta(minutes=timeout_minutes), Path()
        # Not what a batch system's variables say: the processes are our own.
        own, patience = LightningEnvironment(), self.patience
        super().__init__(cluster_environment=own, process_group_backend=backend, timeout=patience)

    def _configure_launcher(self) -> None:
        """Nothing is started from here."""

    def setup_distributed(self) -> None:
        """Meet the other processes of this machine."""
        self.set_world_ranks()
        dist.init_process_group(
            self.process_group_backend,
            init_method=f"file://{self.meeting}",
            rank=self.global_rank,
            world_size=self.world_size,
            timeout=self.patience,
            device_id=self.root_device if self.root_device.type == "cuda" else None,
        )

    def _setup_model(self, model: nn.Module) -> Any:
        return model

    def configure_ddp(self) -> None:
        """The model stays as it is; what was prepared may differ in its last bits on GPUs."""
        assert self.model is not None
        distributed.broadcast_([*self.model.parameters(), *self.model.buffers()])

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        with ShardedRandom():  # all draws of a step, but none of preparing or evaluating
            return super().training_step(*args, **kwargs)


def check(adapter: Any, shared: int) -> None:
    """Refuse a batch that several processes cannot share (:class:`UserError`)."""
    group = adapter.source.d.config["mbstd_group"] or adapter.batch_size
    if adapter.batch_size % (shared * group):
        raise UserError(
            f"method.batch_size={adapter.batch_size} must be a multiple of "
            f"machine.devices={shared} times source.mbstd_group={group}, or the discriminator "
            "would see other groups."
        )
