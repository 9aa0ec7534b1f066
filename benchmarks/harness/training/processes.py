"""Processes that train one run together: how they begin, and that none outlives the others.

They are started fresh, not forked from a process that has computed: threads, locks and GPU contexts
do not survive a fork. Each watches the process that started it and ends with it; that one watches
them, and when one ends too early, the others have a short while to end by themselves.
"""

from __future__ import annotations

import json
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
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from lightning.pytorch.utilities import rank_zero_only
from torch import distributed as dist

from benchmarks.harness.evaluation import outcome
from benchmarks.harness.records.run_id import RunId
from benchmarks.harness.training import strategy as ddp
from benchmarks.harness.training.loop import Training
from benchmarks.harness.training.monitor import Diverged
from benchmarks.harness.training.setup import world
from benchmarks.harness.training.signals import ANEW, Signals, Stopped
from core import progress
from core.errors import UserError

START = "forkserver"  # one process imports everything once, and is never used itself
GRACE_SECONDS = 20.0  # for the others to notice that one is gone
TICK_SECONDS = 0.2
GO_ON = "the same command goes on from the last checkpoint"


def train(training: Training) -> None:
    """Train in this process, or in as many as the configuration wants.

    Raises:
        Stopped: a signal came; a checkpoint is written.
        Diverged: the run is no run any more.
        UserError: the batch cannot be shared, or one of several processes ended and with it all.
    """
    count = training.trainer.num_devices
    if count == 1:
        training.fit(training.open())
        return
    ddp.check(training.adapter, count)
    ranks = Ranks(count)
    try:
        with training.signals.held():
            ranks.start(training.cell, training.keep.memory)
            told = ranks.ended(training.signals)
    finally:
        ranks.end()
    state = training.keep.found()
    if not state or state["adapter"]["images_seen"] < told["images"]:
        raise UserError(
            f"What {count} processes trained could not be written to {training.cell.folder}; "
            f"{GO_ON}."
        )
    training.take(state)
    training.prepared_in, training.peak_bytes = told["prepared_in"], told["peak_bytes"]
    training.open()


@dataclass
class Rank:
    """One of the processes, and what it has told."""

    number: int
    process: Any
    report: Connection
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process.exitcode is None

    def listen(self) -> None:
        """Take what it told."""
        if not self.told and self.report.poll():
            with suppress(EOFError):
                self.told = json.loads(self.report.recv_bytes())


class Ranks:
    """The processes of one training.

    Args:
        count: how many.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.folder = Path(tempfile.mkdtemp(prefix="styleshift-"))
        self.all: list[Rank] = []

    def start(self, cell: RunId, memory: dict[str, Any]) -> None:
        """Let them begin to train a cell; its checkpoints keep the memory for whoever goes on."""
        context: Any = multiprocessing.get_context(START)
        context.set_forkserver_preload([__name__])
        for number in range(self.count):
            listening, telling = context.Pipe(duplex=False)
            given = (cell, number, self.folder / "meeting", memory, telling)
            process = context.Process(target=run, args=given, name=f"rank {number}")
            process.start()
            telling.close()
            self.all.append(Rank(number, process, listening))

    def ended(self, signals: Signals) -> dict[str, Any]:
        """Wait for all; what the first one tells of a finished training.

        A signal is passed on as SIGTERM: from a terminal they hear SIGINT themselves, and take no
        notice of it.
        """
        deadline, passed_on = float("inf"), False
        while any(rank.alive for rank in self.all) and time.monotonic() < deadline:
            wait([rank.process.sentinel for rank in self.all if rank.alive], TICK_SECONDS)
            if signals.asked and not passed_on:
                passed_on = True
                for rank in self.all:
                    rank.process.terminate()
            if deadline == float("inf") and any(rank.process.exitcode for rank in self.all):
                deadline = time.monotonic() + GRACE_SECONDS
        for rank in self.all:
            rank.listen()
        failed = [rank for rank in self.all if rank.process.exitcode]
        if not failed:
            return self.all[0].told
        told = [rank.told for rank in failed if rank.told]
        stops = [one["text"] for one in told if one["kind"] == Stopped.__name__]
        if signals.asked:
            raise Stopped(signals.asked, stops[0] if stops else ANEW)
        raise self.reason(failed)

    def reason(self, failed: list[Rank]) -> BaseException:
        """What ended it: a kill from outside before all, else the first thing that was told."""
        others = "the others were ended" if self.count > 2 else "the other was ended"
        silent = [rank for rank in failed if not rank.told]
        if silent:
            number, status = silent[0].number, silent[0].process.exitcode
            how = f"ended with status {status}"
            if status < 0:
                how = f"was ended by {signal.Signals(-status).name}"
            return UserError(f"Process {number} of {self.count} {how}, so {others}; {GO_ON}.")
        first = min(failed, key=lambda rank: rank.told["at"])
        kind, text = first.told["kind"], first.told["text"]
        if kind == Stopped.__name__:
            return Stopped(first.told["number"], text)
        if kind == Diverged.__name__:
            return Diverged(first.told["number"], text)
        if kind == UserError.__name__:
            return UserError(text)
        print(first.told["trace"], file=sys.stderr)
        return UserError(
            f"Process {first.number} of {self.count} failed ({kind}: {text}), so {others}; {GO_ON}."
        )

    def end(self) -> None:
        """None of them runs after this."""
        for rank in self.all:
            if rank.alive:
                rank.process.kill()
            rank.process.join()
            rank.report.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def run(cell: RunId, number: int, meeting: Path, memory: dict[str, Any], tell: Connection) -> None:
    """One of the processes, from its beginning to its end."""
    threading.Thread(target=follow, daemon=True).start()
    os.environ |= {"LOCAL_RANK": str(number), "NODE_RANK": "0"}
    loopback = [name for _, name in socket.if_nameindex() if name.startswith("lo")]
    if loopback:  # they are all here, whatever the machine's name may resolve to
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback[0])
    rank_zero_only.rank = number  # type: ignore[attr-defined]
    outcome.console.quiet = True  # whoever started this one has said it
    progress.console.quiet = number > 0
    try:
        with Signals() as signals:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            told = trained(cell, number, meeting, memory, signals)
    except BaseException as error:  # a stop, a divergence, a fault: the starter says it
        leave(tell, failure(error), 1)
    leave(tell, told, 0)


def trained(
    cell: RunId, number: int, meeting: Path, memory: dict[str, Any], signals: Signals
) -> dict[str, Any]:
    """Train with the others; what the starter has to know."""
    training = Training(cell, world(cell.cfg), signals)
    training.keep.memory = memory
    strategy: Any = training.trainer.strategy
    strategy.meeting = meeting
    training.fit(training.open() if number == 0 else [])
    dist.destroy_process_group()
    if number == 0:
        training.logger.leave()
    return {
        "images": training.adapter.images_seen,
        "prepared_in": training.prepared_in,
        "peak_bytes": training.peak_bytes,
    }


def failure(error: BaseException) -> dict[str, Any]:
    """An end too early, in plain words."""
    kinds = (Stopped, Diverged, UserError)
    kind = next((k for k in kinds if isinstance(error, k)), type(error))
    return {
        "kind": kind.__name__,
        "text": error.where if isinstance(error, Stopped) else str(error).split("\n")[0],
        "number": getattr(error, "number", getattr(error, "images", 0)),
        "at": time.monotonic(),
        "trace": "".join(traceback.format_exception(error))[-8000:],
    }


def leave(tell: Connection, told: dict[str, Any], status: int) -> None:
    """End at once: threads of the libraries may wait for processes that are gone."""
    tell.send_bytes(json.dumps(told).encode())
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def follow() -> None:
    """End with the process that started this one."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
