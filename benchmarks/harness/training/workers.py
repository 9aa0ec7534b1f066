"""Processes that train one run together: how they begin, and that none outlives the others. They
are started fresh, not forked from a process that has computed: threads, locks and GPU contexts do
not survive a fork. Each watches the process that started it and ends with it; that one watches
them, and when one ends too early, the others have a short while to end by themselves.
"""

import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Annotated, Any, NamedTuple, NoReturn

from annotated_types import Gt, Le
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities import rank_zero_only
from torch import distributed as dist
from torch import nn

from benchmarks.harness.io import terminal
from benchmarks.harness.io.signals import ANEW, Signals, Stopped
from benchmarks.harness.training.loop import Training
from benchmarks.harness.training.monitor import Diverged
from core import distributed, progress
from core.distributed import ShardedRandom
from core.errors import UserError

FORKED = "forkserver" in multiprocessing.get_all_start_methods()  # not on Windows
START = "forkserver" if FORKED else "spawn"  # its server imports everything once, for all
GRACE_SECONDS = 20.0  # for the others to notice that one is gone
TICK_SECONDS = 0.2  # between two looks at signals; an end of a process is heard at once
TRACE = 8000  # characters of a traceback that are passed on
GO_ON = "the same command goes on from the last checkpoint"

MakeTraining = Callable[[Signals], Training]


class MultiOptimizerDDP(DDPStrategy):
    """Processes with a share of every batch; the adapter averages the players' gradients.
    Lightning's own wrapper averages during the first backward pass of a step only, and a step of
    two players has several. The processes are started by `workers`; they find one another at the
    file ``meeting``, so there is no port to be taken. ``backend`` is that of torch.distributed:
    ``gloo`` on the CPU, ``nccl`` on GPUs. A process waits ``timeout_minutes`` for the others.
    """

    def __init__(self, *, backend: str, timeout_minutes: Annotated[float, Gt(0), Le(1e6)]) -> None:
        self.patience, self.meeting = timedelta(minutes=timeout_minutes), Path()
        # Not what a batch system's variables say: the processes are our own.
        own, patience = LightningEnvironment(), self.patience
        super().__init__(cluster_environment=own, process_group_backend=backend, timeout=patience)

    def _configure_launcher(self) -> None:
        """Nothing is started from here."""

    def setup_distributed(self) -> None:
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


class Finished(NamedTuple):
    """What a process reports at the end of a training, whose weights are in the checkpoint."""

    images: int
    prepared_in: float
    peak_bytes: int


class Failed(NamedTuple):
    """What a process reports of an end too early."""

    error: Stopped | Diverged | UserError  # that ended it; of a fault its kind and first line
    at: float  # of the monotonic clock, which the processes of a machine share
    trace: str = ""  # of a fault of ours, for whoever mends it


def train(training: Training) -> None:
    """Train in this process, or in as many as the trainer has devices; ends as one does."""
    count = training.trainer.num_devices
    if count == 1:
        training.fit(training.open_loggers())
        return
    judge = training.adapter.source.discriminator
    group = (judge and judge.config["mbstd_group"]) or training.adapter.batch_size
    if training.adapter.batch_size % (count * group):
        raise UserError(
            f"method.batch_size={training.adapter.batch_size} must be a multiple of "
            f"machine.devices={count} times source.mbstd_group={group}, or the discriminator "
            "would see other groups."
        )
    workers = WorkerGroup(count)
    try:
        with training.signals.held():
            workers.start(training.in_process, training.checkpoints.memory)
            report = workers.join(training.signals)
    finally:
        workers.end()
    state = training.checkpoints.newest()
    if not state or state["adapter"]["images_seen"] < report.images:
        trained = f"What {count} processes trained"
        raise UserError(f"{trained} could not be written to {training.run_id.folder}; {GO_ON}.")
    training.load(state)
    training.prepared_in, training.peak_bytes = report.prepared_in, report.peak_bytes
    training.open_loggers()


@dataclass
class Worker:
    """One of the processes, and what it has reported."""

    rank: int
    process: Any
    connection: Connection
    report: Finished | Failed | None = None

    @property
    def alive(self) -> bool:
        return self.process.exitcode is None


class WorkerGroup:
    """The processes of one training."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.folder = Path(tempfile.mkdtemp(prefix="styleshift-"))
        self.workers: list[Worker] = []

    def start(self, make: MakeTraining, memory: dict[str, Any]) -> None:
        """Let them begin; their checkpoints keep the memory for whoever goes on."""
        context: Any = multiprocessing.get_context(START)
        if FORKED:
            context.set_forkserver_preload([__name__])
        for rank in range(self.count):
            listening, reporting = context.Pipe(duplex=False)
            inputs = (make, rank, self.folder / "meeting", memory, reporting)
            process = context.Process(target=work, args=inputs, name=f"rank {rank}")
            process.start()
            reporting.close()  # so that its end is heard here
            self.workers.append(Worker(rank, process, listening))

    def join(self, signals: Signals) -> Finished:
        """Wait for all; what the first one reports of a finished training."""
        deadline, passed_on = float("inf"), False
        while any(worker.alive for worker in self.workers) and time.monotonic() < deadline:
            wait([w.process.sentinel for w in self.workers if w.alive], TICK_SECONDS)
            # As SIGTERM: from a terminal they hear SIGINT themselves, and take no notice of it.
            if signals.asked and not passed_on:
                passed_on = True
                for worker in self.workers:
                    worker.process.terminate()
            if deadline == float("inf") and any(w.process.exitcode for w in self.workers):
                deadline = time.monotonic() + GRACE_SECONDS
        for worker in self.workers:
            if worker.connection.poll():
                with suppress(EOFError):  # it was killed before it could report
                    worker.report = worker.connection.recv()
        failed = [worker for worker in self.workers if worker.process.exitcode]
        first = self.workers[0].report
        if not failed and isinstance(first, Finished):
            return first
        if signals.asked:
            errors = [w.report.error for w in failed if isinstance(w.report, Failed)]
            stops = [error.where for error in errors if isinstance(error, Stopped)]
            raise Stopped(signals.asked, stops[0] if stops else ANEW)
        raise self.reason(failed)

    def reason(self, failed: list[Worker]) -> BaseException:
        """What ended it: a kill from outside before all, else the first fault that was reported."""
        others = "the others were ended" if self.count > 2 else "the other was ended"
        for worker in failed:
            if worker.report is None:
                status = worker.process.exitcode
                by_signal = status < 0 and f"was ended by {signal.Signals(-status).name}"
                how = f"Process {worker.rank} of {self.count} "
                how += by_signal or f"ended with status {status}"
                return UserError(f"{how}, so {others}; {GO_ON}.")
        reports = [(w.report.at, w.rank, w.report) for w in failed if isinstance(w.report, Failed)]
        _, rank, report = min(reports, key=lambda one: one[:2])
        if not report.trace:
            return report.error
        print(report.trace, file=sys.stderr)
        which = f"Process {rank} of {self.count} failed ({report.error})"
        return UserError(f"{which}, so {others}; {GO_ON}.")

    def end(self) -> None:
        """None of them runs after this."""
        for worker in self.workers:
            if worker.alive:
                worker.process.kill()
            worker.process.join()
            worker.connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def work(
    make: MakeTraining, rank: int, meeting: Path, memory: dict[str, Any], connection: Connection
) -> None:
    """One of the processes, from its beginning to its end."""
    threading.Thread(target=die_with_parent, daemon=True).start()
    os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0"}
    loopback = [name for _, name in socket.if_nameindex() if name.startswith("lo")]
    if loopback:  # they are all here, whatever the machine's name may resolve to
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback[0])
    rank_zero_only.rank = rank  # type: ignore[attr-defined]
    terminal.console.quiet = True  # whoever started this one has said it
    progress.console.quiet = rank > 0
    report: Finished | Failed
    try:
        with Signals() as signals:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started this one passes it on
            training = make(signals)
            training.checkpoints.memory = memory
            strategy: Any = training.trainer.strategy
            strategy.meeting = meeting
            training.fit(training.open_loggers() if rank == 0 else [])
            dist.destroy_process_group()
            if rank == 0:
                training.logger.leave()
            seen = training.adapter.images_seen
            report = Finished(seen, training.prepared_in, training.peak_bytes)
    except (Stopped, Diverged, UserError) as error:  # the starter says it
        report = Failed(error.with_traceback(None), time.monotonic())
    except BaseException as error:  # of a library: it need not survive being sent
        first = str(error).split("\n")[0]
        named = UserError(f"{type(error).__name__}: {first}")
        trace = "".join(traceback.format_exception(error))[-TRACE:]
        report = Failed(named, time.monotonic(), trace)
    connection.send(report)
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: threads of the libraries may wait for processes that are gone.
    os._exit(int(isinstance(report, Failed)))


def die_with_parent() -> NoReturn:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
